//! The path of a request with variables in place of what names a single thing: numbers, UUIDs, dates
//! and values that look random.
//!
//! It depends on nothing but the path, so that requests can be counted one by one without keeping
//! what was asked for. The tree of suggestions folds further, because it knows the siblings.

use super::pattern::Prefix;
use super::segment::{Kind, is_date, may_be_literal};
use crate::segment_type::{SegmentType, is_word};

/// Stands for a value that looks random.
const RANDOM: &str = "0a1b2c3d4e5f";
const DATE: &str = "2026-01-31";

/// The canonical path with variables, as a route would have them.
#[must_use]
pub fn folded_path(path: &str) -> String {
    let mut prefix = Prefix::default();
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        let slash = segment.contains("%2F");
        prefix = match Kind::of(segment) {
            Kind::Uuid => prefix.with_variable("id", ":uuid", slash),
            Kind::Int => prefix.with_variable("id", ":int", slash),
            _ if segment.is_empty() || (may_be_literal(segment) && !is_address(segment)) => {
                Prefix { path: format!("{}/{segment}", prefix.path), ..prefix }
            }
            Kind::File(extension) if !is_address(segment) => {
                prefix.with_variable("file", &format!(":*.{extension}"), slash)
            }
            _ if is_date(segment) => prefix.with_variable("date", "", slash),
            _ if is_word(segment) => prefix.with_variable("id", ":word", slash),
            _ => prefix.with_variable("x", "", slash),
        };
    }
    prefix.path
}

/// Whether a segment is an email address, which names a person.
fn is_address(segment: &str) -> bool {
    let parts = segment.split_once('@').or_else(|| segment.split_once("%40"));
    parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

/// A path that is folded to this one.
#[must_use]
pub fn example_of(folded: &str) -> String {
    let segments = folded.strip_prefix('/').unwrap_or(folded).split('/');
    segments.map(|segment| format!("/{}", example_of_segment(segment))).collect()
}

fn example_of_segment(segment: &str) -> String {
    let Some(variable) = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
        return segment.to_owned();
    };
    let (name, of_type) = match variable.split_once(':') {
        Some((name, of_type)) => (name, SegmentType::parse(of_type)),
        None => (variable, None),
    };
    match of_type {
        Some(of_type @ (SegmentType::Uuid | SegmentType::Int)) => of_type.example(),
        Some(SegmentType::Extension(extension)) => format!("{RANDOM}.{extension}"),
        Some(SegmentType::Word | SegmentType::Any) => RANDOM.to_owned(),
        None if name.starts_with("date") => DATE.to_owned(),
        None => format!("{RANDOM}~"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_variables_and_names_stay() {
        for (path, folded) in [
            ("/", "/"),
            ("/tickets/7", "/tickets/{id:int}"),
            ("/tickets/7/notes/8/", "/tickets/{id:int}/notes/{id2:int}/"),
            ("/d/0b67a8f2-0000-4000-8000-000000000001", "/d/{id:uuid}"),
            ("/reports/2026-11-26", "/reports/{date}"),
            ("/reset/q7w8e9r0t1y2u3i4", "/reset/{id:word}"),
            ("/assets/main.5f3a9c1e7b2d.js", "/assets/{file:*.js}"),
            ("/assets/site.css", "/assets/site.css"),
            ("/users/anna@acme.test", "/users/{x}"),
            ("/@vue/core.js", "/@vue/core.js"),
            ("/a%20b/5f3a9c1e7b2d~", "/a%20b/{x}"),
        ] {
            assert_eq!(folded_path(path), folded, "{path}");
            assert_eq!(folded_path(&example_of(folded)), folded, "{path}");
        }
    }
}
