//! Tables and records in columns, measured as a terminal shows them: East Asian wide characters and
//! emoji take two columns, combining marks none.
//!
//! On a terminal, lines fit its width. A table shortens its widest columns first, and becomes a block
//! of lines for each row where columns would be too narrow to read; the values of a record continue
//! on further lines. Elsewhere nothing is shortened: other programs read it.
//!
//! Cells are escaped before they are measured, so no character in them moves the cursor.

use std::borrow::Cow;
use std::io;
use std::iter::repeat_n;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::screen::{Screen, Style};
use super::terminal::escaped_line;

/// Spaces between columns.
const GAP: usize = 2;
/// A column is not shortened to less.
const LEAST: usize = 8;
/// The values of a record do not continue on further lines if there are fewer columns for them.
const LEAST_VALUE: usize = 20;

/// Prints rows below a header.
pub(super) fn print<const N: usize>(
    out: &mut dyn Screen,
    header: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let rows: Vec<_> =
        rows.iter().map(|row| row.each_ref().map(|cell| escaped_line(cell))).collect();
    let mut widths = header.map(UnicodeWidthStr::width);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(columns) = out.look().width() {
        match fitted(widths, columns) {
            Some(fitted) => widths = fitted,
            None => return blocks(out, header, &rows),
        }
    }
    out.styled(Style::Heading, &line(&header, &widths))?;
    writeln!(out)?;
    for row in &rows {
        writeln!(out, "{}", line(row, &widths))?;
    }
    Ok(())
}

/// Prints labels and values, a line each.
pub(super) fn record(out: &mut dyn Screen, rows: &[(&str, String)]) -> io::Result<()> {
    let indent = rows.iter().map(|(label, _)| label.width()).max().unwrap_or(0) + GAP;
    let columns = out.look().width().and_then(|columns| columns.checked_sub(indent));
    let columns = columns.filter(|columns| *columns >= LEAST_VALUE);
    for (label, value) in rows {
        let style = if *label == "warning" { Style::Warning } else { Style::Heading };
        out.styled(style, label)?;
        let value = escaped_line(value);
        let parts = columns.map_or_else(|| vec![&*value], |columns| wrapped(&value, columns));
        let mut before = indent - label.width();
        for part in parts {
            let line = format!("{}{part}", " ".repeat(before));
            writeln!(out, "{}", line.trim_end())?;
            before = indent;
        }
    }
    Ok(())
}

/// The widths with which a line has at most this many columns: the widest are reduced to the same
/// width. `None` if that would be less than [`LEAST`].
fn fitted<const N: usize>(natural: [usize; N], columns: usize) -> Option<[usize; N]> {
    let budget = columns.checked_sub(GAP * N.saturating_sub(1))?;
    let at = |level: usize| natural.iter().map(|width| (*width).min(level)).sum::<usize>();
    let widest = natural.iter().copied().max().unwrap_or(0);
    if at(widest) <= budget {
        return Some(natural);
    }
    let level = (LEAST..widest).rev().find(|level| at(*level) <= budget)?;
    let mut rest = budget - at(level);
    Some(natural.map(|width| {
        let more = usize::from(width > level && rest > 0);
        rest -= more;
        width.min(level + more)
    }))
}

/// Cells in columns of these widths.
fn line(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let mut line = String::new();
    for (width, cell) in widths.iter().zip(cells) {
        let cell = shortened(cell.as_ref(), *width);
        line.push_str(&cell);
        line.extend(repeat_n(' ', width.saturating_sub(cell.width()) + GAP));
    }
    line.truncate(line.trim_end().len());
    line
}

/// A row as lines of a label and a value, with an empty line between rows.
fn blocks<const N: usize>(
    out: &mut dyn Screen,
    header: [&str; N],
    rows: &[[Cow<'_, str>; N]],
) -> io::Result<()> {
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let fields: Vec<_> = header
            .iter()
            .zip(row)
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(label, cell)| (*label, cell.clone().into_owned()))
            .collect();
        record(out, &fields)?;
    }
    Ok(())
}

/// The text in at most this many columns, with `…` at its end if it was shortened. Characters that
/// are drawn as one stay together (UAX #29).
fn shortened(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    for character in text.graphemes(true) {
        let before = kept.len();
        kept.push_str(character);
        if kept.width() + 1 > columns {
            kept.truncate(before);
            break;
        }
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    Cow::Owned(kept)
}

/// The text in lines of at most this many columns, broken at spaces. A longer word, such as a URL to
/// copy, keeps a line of its own.
fn wrapped(text: &str, columns: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut end) = (0, 0);
    for word in text.split_inclusive(' ') {
        let next = end + word.len();
        let whole = text.get(start..next).unwrap_or_default();
        if end > start && whole.trim_end().width() > columns {
            lines.push(text.get(start..end).unwrap_or_default());
            start = end;
        }
        end = next;
    }
    lines.push(text.get(start..).unwrap_or_default());
    lines
}

#[cfg(test)]
mod tests {
    use super::super::screen::Look;
    use super::super::screen::tests::printed;
    use super::*;

    fn table(look: Look, rows: &[[&str; 3]]) -> String {
        let rows: Vec<_> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        printed(look, |out| print(out, ["ID", "NAME", "USERS"], &rows))
    }

    const PEOPLE: [[&str; 3]; 6] = [
        ["acme", "Acme", "1"],
        ["zmo", "Zoe\u{308} M\u{fc}ller", "2"],
        ["tk", "\u{6771}\u{4eac}\u{96fb}\u{529b}", "3"],
        ["em", "\u{1f600} \u{1f44d}\u{1f3fd}", "4"],
        ["de", "\u{1f1e9}\u{1f1ea} \u{d55c}\u{ad6d}", "5"],
        ["bad", "a\u{202e}b\n", "6"],
    ];

    #[test]
    fn columns_align_for_wide_combining_and_escaped_characters() {
        let expected = "\
            ID    NAME            USERS\n\
            acme  Acme            1\n\
            zmo   Zoe\u{308} M\u{fc}ller      2\n\
            tk    \u{6771}\u{4eac}\u{96fb}\u{529b}        3\n\
            em    \u{1f600} \u{1f44d}\u{1f3fd}           4\n\
            de    \u{1f1e9}\u{1f1ea} \u{d55c}\u{ad6d}         5\n\
            bad   a\\u202eb\\u000a  6\n";
        assert_eq!(table(Look::default(), &PEOPLE), expected);
    }

    #[test]
    fn lines_fit_a_terminal_and_only_a_terminal() {
        let rows = [
            ["0123456789abcdef", "\u{6771}\u{4eac}\u{96fb}\u{529b}\u{682a}\u{5f0f}", "1"],
            ["short", "Zoe\u{308}\u{308} M\u{fc}ller-L\u{fc}denscheidt", "2"],
        ];
        assert_eq!(
            table(Look::narrow(32), &rows),
            "ID            NAME         USERS\n\
             0123456789a\u{2026}  \u{6771}\u{4eac}\u{96fb}\u{529b}\u{682a}\u{2026}  1\n\
             short         Zoe\u{308}\u{308} M\u{fc}ller\u{2026}  2\n"
        );
        for columns in 27..60 {
            for line in table(Look::narrow(columns), &rows).lines() {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
        }
        let full = table(Look::default(), &rows);
        assert!(full.contains("denscheidt") && !full.contains('\u{2026}'), "{full}");
    }

    #[test]
    fn a_row_is_a_block_of_lines_if_columns_would_be_too_narrow() {
        let rows = [["0123456789", "0123456789 0123456789", "1"], ["b", "", "2"]];
        assert_eq!(
            table(Look::narrow(20), &rows),
            "ID     0123456789\nNAME   0123456789 0123456789\nUSERS  1\n\nID     b\nUSERS  2\n"
        );
    }

    #[test]
    fn values_of_a_record_continue_at_words() {
        let rows = [
            ("url", format!("https://{}", "x".repeat(30))),
            ("has", "portal.access, tickets.create, invoices.view".to_owned()),
        ];
        let shown = printed(Look::narrow(30), |out| record(out, &rows));
        let expected = "url  https://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\
                        has  portal.access,\n     tickets.create,\n     invoices.view\n";
        assert_eq!(shown, expected);
        let shown = printed(Look::default(), |out| record(out, &rows));
        assert_eq!(shown.lines().count(), 2, "{shown}");
    }
}
