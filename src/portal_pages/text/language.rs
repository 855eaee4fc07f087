//! Which language a reader is answered in (RFC 9110, 12.5.4; RFC 4647, 3.4).

use http::header::HeaderValue;

/// More than this many ranges are not read.
const MOST_RANGES: usize = 32;

/// The place of the tag that suits an `Accept-Language` best; the first one if none does.
pub(super) fn choose<'a>(
    accepted: Option<&HeaderValue>,
    tags: &(impl Iterator<Item = &'a str> + Clone),
) -> usize {
    let ranges = ranges(accepted);
    let refused = |tag: &str| ranges.iter().any(|(range, q)| *q == 0 && same(range, tag));
    let wanted = ranges.iter().filter(|(_, weight)| *weight > 0);
    wanted.filter_map(|(range, _)| lookup(range, tags, &refused)).next().unwrap_or(0)
}

/// The language that is wanted most, if any is named.
pub(super) fn wanted(accepted: Option<&HeaderValue>) -> Option<&str> {
    let named = |(range, weight): &(&str, u16)| *range != "*" && *weight > 0;
    ranges(accepted).into_iter().find(named).map(|(range, _)| range)
}

/// The ranges with their weights, what is wanted most first.
fn ranges(accepted: Option<&HeaderValue>) -> Vec<(&str, u16)> {
    let accepted = accepted.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut ranges: Vec<(&str, u16)> =
        accepted.split(',').take(MOST_RANGES).filter_map(range).collect();
    // Stable: of two that are wanted alike, the one named first.
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges
}

/// `de-AT` finds `de-AT`, or else `de`; `de` also finds `de-AT` when there is no `de`.
fn lookup<'a>(
    range: &str,
    tags: &(impl Iterator<Item = &'a str> + Clone),
    refused: &impl Fn(&str) -> bool,
) -> Option<usize> {
    let place =
        |fits: &dyn Fn(&str) -> bool| tags.clone().position(|tag| fits(tag) && !refused(tag));
    if range == "*" {
        return place(&|_| true);
    }
    let mut shorter = range;
    loop {
        if let Some(found) = place(&|tag| same(tag, shorter)) {
            return Some(found);
        }
        match shorter.rsplit_once('-') {
            Some((start, _)) => shorter = start,
            None => break,
        }
    }
    place(&|tag| tag.split_once('-').is_some_and(|(language, _)| same(language, shorter)))
}

/// A range and its weight in thousandths; none if it cannot be read.
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

    use super::choose;

    #[test]
    fn the_reader_gets_the_language_most_wanted_of_those_there_are() {
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
            let header = HeaderValue::from_static(accepted);
            let chosen = choose(Some(&header), &tags.into_iter());
            assert_eq!(tags[chosen], language, "{accepted}");
        }
        assert_eq!(choose(None, &["en", "de"].into_iter()), 0);
        let unreadable = HeaderValue::from_bytes(b"de\xff").unwrap();
        assert_eq!(choose(Some(&unreadable), &["en", "de"].into_iter()), 0);
    }
}
