//! A report as CSV (RFC 4180), for spreadsheets.

use std::fmt::Write as _;

use super::line::ReportLine;

/// The first row: the names of the columns.
pub const HEADER: &str = "result,kind,id,organization,end_user,user,login,line,code,reason\r\n";

/// The row of a line.
#[must_use]
pub fn row(line: &ReportLine) -> String {
    let number = line.line.map(|line| line.to_string());
    let fields = [
        Some(line.result.name()),
        Some(&*line.kind),
        line.id.as_deref(),
        line.organization.as_ref().map(AsRef::as_ref),
        line.end_user.as_ref().map(AsRef::as_ref),
        line.user.as_ref().map(AsRef::as_ref),
        line.login.as_deref(),
        number.as_deref(),
        line.code.as_deref(),
        line.reason.as_deref(),
    ];
    let mut row = String::new();
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            row.push(',');
        }
        push(&mut row, field.unwrap_or_default());
    }
    row.push_str("\r\n");
    row
}

/// Adds a field. One that a spreadsheet would take for a formula begins with an apostrophe.
fn push(row: &mut String, field: &str) {
    let mark = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    // Writing to a string cannot fail.
    let _ = match field.contains([',', '"', '\r', '\n']) {
        true => write!(row, "\"{mark}{}\"", field.replace('"', "\"\"")),
        false => write!(row, "{mark}{field}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_and_never_a_formula() {
        let line = ReportLine {
            login: Some("=cmd|' /C calc'!A0".to_owned()),
            ..ReportLine::new("user").skipped("taken", "a \"b\", c\nd")
        };
        let expected = "skipped,user,,,,,'=cmd|' /C calc'!A0,,taken,\"a \"\"b\"\", c\nd\"\r\n";
        assert_eq!(row(&line), expected);
        assert_eq!(HEADER.matches(',').count(), row(&ReportLine::new("user")).matches(',').count());
    }
}
