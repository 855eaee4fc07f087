//! Which language a reader gets (RFC 9110, 12.5.4; RFC 4647, 3.4): the same rule for pages and for
//! mails.
//!
//! Each range of an `Accept-Language`, the most wanted first, is looked up among the languages there
//! are: `de-AT` finds `de-AT`, else `de`, else another `de-…`. If none is found, the first language
//! is used.

use http::header::HeaderValue;

/// Ranges beyond these are ignored.
const MAX_RANGES: usize = 32;
/// How many languages are remembered of a reader who gets a mail later.
const MAX_REMEMBERED: usize = 4;

/// The index of the tag that suits an `Accept-Language` best; 0 if none does.
pub(crate) fn choose<'a>(
    accepted: Option<&str>,
    tags: &(impl Iterator<Item = &'a str> + Clone),
) -> usize {
    let ranges = ranges(accepted);
    let excluded = |tag: &str| ranges.iter().any(|(range, q)| *q == 0 && same(range, tag));
    let wanted = ranges.iter().filter(|(_, weight)| *weight > 0);
    wanted.filter_map(|(range, _)| lookup(range, tags, &excluded)).next().unwrap_or(0)
}

/// The text of an `Accept-Language`; `None` if it is not visible ASCII.
pub(crate) fn text(header: Option<&HeaderValue>) -> Option<&str> {
    header.and_then(|value| value.to_str().ok())
}

/// The most wanted languages as an `Accept-Language` of bounded length, whether there are texts in
/// them or not; `None` if no language is named.
pub(crate) fn remembered(accepted: Option<&str>) -> Option<String> {
    let wanted = ranges(accepted).into_iter().filter(|(_, weight)| *weight > 0);
    let tags: Vec<&str> =
        wanted.map(|(range, _)| range).filter(|range| is_tag(range)).take(MAX_REMEMBERED).collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}

/// Whether this is a language's tag in form (RFC 5646).
pub(crate) fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// The ranges with their weights in thousandths, the most wanted first.
fn ranges(accepted: Option<&str>) -> Vec<(&str, u16)> {
    let items = accepted.unwrap_or_default().split(',').take(MAX_RANGES);
    let mut ranges: Vec<(&str, u16)> = items.filter_map(range).collect();
    // Stable: of two with the same weight, the one named first.
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges
}

fn lookup<'a>(
    range: &str,
    tags: &(impl Iterator<Item = &'a str> + Clone),
    excluded: &impl Fn(&str) -> bool,
) -> Option<usize> {
    let index =
        |fits: &dyn Fn(&str) -> bool| tags.clone().position(|tag| fits(tag) && !excluded(tag));
    if range == "*" {
        return index(&|_| true);
    }
    let mut shorter = range;
    loop {
        if let Some(found) = index(&|tag| same(tag, shorter)) {
            return Some(found);
        }
        match shorter.rsplit_once('-') {
            Some((start, _)) => shorter = start,
            None => break,
        }
    }
    index(&|tag| tag.split_once('-').is_some_and(|(language, _)| same(language, shorter)))
}

/// A range and its weight; `None` if it is malformed.
fn range(item: &str) -> Option<(&str, u16)> {
    let mut parts = item.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let mut weight = 1000;
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("q") {
            weight = thousandths(value.trim())?;
        }
    }
    Some((range, weight))
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::{choose, remembered, text};

    #[test]
    fn the_most_wanted_language_there_is_gets_chosen() {
        for (accepted, language) in [
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("DE-at", "de"),
            ("en;q=0.2, de;q=0.8", "de"),
            ("en;q=0.8, de;q=0.8", "en"),
            ("fr, de;q=0.1", "de"),
            ("pt", "pt-BR"),
            ("pt-PT", "pt-BR"),
            ("de;q=0, *", "en"),
            ("en;q=0, *;q=0.5", "de"),
            ("fr", "en"),
            ("", "en"),
            ("*", "en"),
            ("de;q=x", "en"),
            ("de;q=1.5, en;q=0.1", "en"),
            (";;;,=,de-", "de"),
        ] {
            let tags = ["en", "de", "pt-BR"];
            let chosen = choose(Some(accepted), &tags.into_iter());
            assert_eq!(tags[chosen], language, "{accepted}");
        }
        assert_eq!(choose(None, &["en", "de"].into_iter()), 0);
    }

    #[test]
    fn a_header_that_is_not_ascii_is_ignored() {
        assert_eq!(text(Some(&HeaderValue::from_bytes(b"de\xff").unwrap())), None);
        assert_eq!(text(Some(&HeaderValue::from_static("de"))), Some("de"));
    }

    #[test]
    fn a_few_wanted_languages_are_remembered() {
        for (accepted, kept) in [
            ("de-AT,de;q=0.9,en;q=0.8", Some("de-AT, de, en")),
            ("en;q=0.2, fr", Some("fr, en")),
            ("a1, b2, en;q=0, *, de", Some("de")),
            ("de, en, fr, it, es", Some("de, en, fr, it")),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(remembered(Some(accepted)).as_deref(), kept, "{accepted}");
        }
        assert_eq!(remembered(None), None);
    }
}
