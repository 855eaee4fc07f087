//! Paths in the syntax of other programs: Express, axum, nginx, Ant, Go, ASP.NET, regular
//! expressions. What cannot be meant literally is refused, with the syntax of routes; what may be is
//! reported by [`PathPattern::foreign_segment`](crate::PathPattern::foreign_segment).

use std::borrow::Cow;

/// The pattern for any number of segments, for examples.
const ANY_REST: &str = "{*rest}";

/// What to write in place of a segment that is a wildcard or a variable in other programs. `None`
/// for any other segment.
pub(super) fn in_place_of(segment: &str) -> Option<String> {
    if let Some(inner) = braced(segment) {
        return in_place_of_braces(inner);
    }
    if !segment.is_empty() && segment.bytes().all(|b| b == b'*') {
        let character = "%2A".repeat(segment.len());
        let one = if segment.len() == 1 { "`{name}` for one segment, " } else { "" };
        return Some(format!(
            "write {one}`{ANY_REST}` for any number of segments, or `{character}` for the text \
             itself"
        ));
    }
    let (name, written, mark) = match (segment.strip_prefix(':'), segment.strip_prefix('*')) {
        (Some(name), _) => (name, in_place_of_colon(name)?, "%3A"),
        (_, Some(name)) => (name, identifier(name).map(|name| format!("{{*{name}}}"))?, "%2A"),
        (None, None) => return None,
    };
    let text = name.replace('?', "%3F");
    Some(format!("write `{written}`, or `{mark}{text}` for the text itself"))
}

/// What to write in place of a path that does not begin with a slash.
pub(super) fn in_place_of_no_slash(path: &str) -> String {
    if path.contains("://") {
        return "write the path without the host".to_owned();
    }
    let inner = path.trim_start_matches('^').trim_end_matches('$');
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    match (inner == path, inner.contains(['\\', '(', '[', '+', '*', '|', '?', '.'])) {
        (true, _) => format!("write `/{inner}`"),
        (false, false) => format!("paths are not regular expressions; write `/{inner}`"),
        (false, true) => "paths are not regular expressions".to_owned(),
    }
}

/// A segment that is valid, and matches only itself although it looks like a pattern.
pub(super) fn looks_like_a_pattern(segment: &str) -> bool {
    braced(segment).is_none()
        && (segment.contains(['*', '\u{ff0a}', '|', '<', '>', '[', ']'])
            || segment.contains(".+")
            || segment.contains("...")
            || segment.starts_with('^')
            || segment.len() > 1 && segment.ends_with('$')
            || segment.starts_with('(') && segment.ends_with(')')
            || segment.strip_prefix('$').is_some_and(is_name_of_an_id)
            || has_name_after_colon(segment))
}

/// Whether a colon that does not follow a letter or digit precedes a name, as in `:id.json` and
/// `@:id`, and not in `v1:list`.
fn has_name_after_colon(segment: &str) -> bool {
    segment.match_indices(':').any(|(place, colon)| {
        let (before, after) = (segment.get(..place), segment.get(place + colon.len()..));
        let follows_text = before.is_some_and(|text| text.ends_with(char::is_alphanumeric));
        let begins_name = |c: char| c.is_ascii_alphabetic() || c == '_';
        !follows_text && after.is_some_and(|text| text.starts_with(begins_name))
    })
}

/// Names of variables after a `$`. Other names, such as `$metadata` and `$export`, are literals in
/// OData and FHIR.
fn is_name_of_an_id(name: &str) -> bool {
    let is_word = name.chars().all(is_word);
    let ends_like_one = ["Id", "ID", "_id", "-id"].iter().any(|end| name.ends_with(end));
    is_word && (["id", "slug", "uuid"].contains(&name) || ends_like_one)
}

/// A literal in canonical form, as it is written in a route: escaped if it would be taken for the
/// syntax of another program.
pub(super) fn written(literal: &str) -> Cow<'_, str> {
    if in_place_of(literal).is_none() && !looks_like_a_pattern(literal) {
        return Cow::Borrowed(literal);
    }
    let escaped =
        [("*", "%2A"), (":", "%3A"), ("$", "%24"), ("|", "%7C"), ("+", "%2B"), ("(", "%28")];
    Cow::Owned(escaped.iter().fold(literal.to_owned(), |text, (from, to)| text.replace(from, to)))
}

/// The first variable with a slash in its braces, as in `{id:[^/]+}`.
pub(super) fn braces_with_a_slash(path: &str) -> Option<&str> {
    path.match_indices('{').find_map(|(start, _)| {
        let rest = path.get(start..)?;
        let (inner, _) = rest.split_once('}')?;
        inner.contains('/').then(|| rest.get(..=inner.len())).flatten()
    })
}

fn braced(segment: &str) -> Option<&str> {
    segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'))
}

/// `:id`, `:id?`, `:rest*` and `:id(\d+)`.
fn in_place_of_colon(name: &str) -> Option<String> {
    let end = name.find(|c: char| !is_word(c)).unwrap_or(name.len());
    let (name, modifier) = name.split_at_checked(end)?;
    let name = identifier(name)?;
    match modifier {
        "" | "?" => Some(format!("{{{name}}}")),
        "*" | "+" => Some(format!("{{*{name}}}")),
        _ => {
            let pattern = modifier.strip_prefix('(')?.trim_end_matches(['?', '*', '+']);
            let pattern = pattern.strip_suffix(')')?;
            Some(typed(name, pattern).unwrap_or_else(|| format!("{{{name}}}")))
        }
    }
}

/// The inside of braces that is not valid in a route.
fn in_place_of_braces(inner: &str) -> Option<String> {
    if let Some((name, pattern)) = inner.split_once(':') {
        let name = identifier(name)?;
        let is_regular_expression = !pattern.starts_with("*.")
            && pattern.contains(['[', ']', '(', ')', '\\', '.', '*', '+', '^', '$', '|']);
        return match typed(name, pattern) {
            Some(ours) => Some(format!("write `{ours}`")),
            None if is_regular_expression => {
                Some(format!("there are no regular expressions: write `{{{name}}}`"))
            }
            None => None,
        };
    }
    let name = inner.trim_start_matches(['*', '+']);
    let name = name.strip_suffix("...").unwrap_or(name).trim_end_matches(['*', '+', '?']);
    let name = identifier(name)?;
    let is_optional = inner.strip_suffix('?') == Some(name);
    Some(if is_optional { format!("write `{{{name}}}`") } else { format!("write `{{*{name}}}`") })
}

/// The variable with the type that is the same as a regular expression or another program's type.
fn typed(name: &str, pattern: &str) -> Option<String> {
    Some(match pattern.trim_matches(['^', '$', '(', ')']) {
        ".*" | ".+" | "*" | "**" | "path" => format!("{{*{name}}}"),
        r"\d+" | r"\d*" | "[0-9]+" | "[0-9]*" | "number" | "integer" | "long" => {
            format!("{{{name}:int}}")
        }
        r"\w+" | r"[\w-]+" | "[a-z]+" | "[a-zA-Z]+" | "[a-z0-9-]+" | "slug" | "alpha" => {
            format!("{{{name}:word}}")
        }
        "guid" => format!("{{{name}:uuid}}"),
        "[^/]+" | "[^/]*" | "string" | "str" => format!("{{{name}}}"),
        _ => return None,
    })
}

/// A name of a variable that does not begin with a digit or a dash.
fn identifier(name: &str) -> Option<&str> {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (begins_well && name.chars().all(is_word)).then_some(name)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_syntax_has_a_counterpart_in_ours() {
        for (foreign, expected) in [
            (
                "*",
                "write `{name}` for one segment, `{*rest}` for any number of segments, or `%2A` for the text itself",
            ),
            ("**", "write `{*rest}` for any number of segments, or `%2A%2A` for the text itself"),
            (":id", "write `{id}`, or `%3Aid` for the text itself"),
            (":id?", "write `{id}`, or `%3Aid%3F` for the text itself"),
            (":rest*", "write `{*rest}`, or `%3Arest*` for the text itself"),
            (r":id(\d+)", r"write `{id:int}`, or `%3Aid(\d+)` for the text itself"),
            ("*rest", "write `{*rest}`, or `%2Arest` for the text itself"),
            ("{rest:.*}", "write `{*rest}`"),
            ("{id:[0-9]+}", "write `{id:int}`"),
            ("{id:[^/]+}", "write `{id}`"),
            ("{slug:[a-z0-9-]+}", "write `{slug:word}`"),
            ("{id:[A-F]{2}}", "there are no regular expressions: write `{id}`"),
            ("{id:guid}", "write `{id:uuid}`"),
            ("{**rest}", "write `{*rest}`"),
            ("{rest...}", "write `{*rest}`"),
            ("{rest*}", "write `{*rest}`"),
            ("{+rest}", "write `{*rest}`"),
            ("{id?}", "write `{id}`"),
        ] {
            assert_eq!(in_place_of(foreign).as_deref(), Some(expected), "{foreign}");
        }
        for literal in [
            "",
            "a",
            ":",
            ":w:",
            "a:b",
            ":1",
            "*.pdf",
            "a*",
            "%2A",
            "%3Aid",
            "{}",
            "{id:iint}",
            "{f:*.tar.gz}",
        ] {
            assert_eq!(in_place_of(literal), None, "{literal}");
        }
    }

    #[test]
    fn literals_that_look_like_patterns_are_recognized() {
        for pattern in ["*.pdf", "a*", ".*", "[0-9]+", "<int:id>", "a|b", "^a", "a$", "[id]"] {
            assert!(looks_like_a_pattern(pattern), "{pattern}");
        }
        for pattern in [":id.json", ":id.:ext", ":id-:x", "(:id)", "(id)", "@:id", ":id:int"] {
            assert!(looks_like_a_pattern(pattern), "{pattern}");
        }
        for pattern in [".+", "a.+", "...", "$id", "$userId", "$user_id", "\u{ff0a}"] {
            assert!(looks_like_a_pattern(pattern), "{pattern}");
        }
        for literal in ["v1:list", "a:b", ":", ":1", "urn:a:b", "$export", "$everything", "a..b"] {
            assert!(!looks_like_a_pattern(literal), "{literal}");
        }
        for literal in ["", "a.pdf", "$metadata", "$", "Items(5)", "%2A.pdf", "{file:*.pdf}", "a+b"]
        {
            assert!(!looks_like_a_pattern(literal), "{literal}");
        }
    }

    #[test]
    fn literals_are_escaped_where_they_look_like_patterns() {
        for (literal, expected) in
            [("*", "%2A"), (":id", "%3Aid"), ("*.pdf", "%2A.pdf"), ("a$", "a%24"), ("a:b", "a:b")]
                .into_iter()
                .chain([("$id", "%24id"), ("a.+", "a.%2B"), ("(id)", "%28id)"), ("@:id", "@%3Aid")])
        {
            assert_eq!(written(literal), expected);
            assert!(!looks_like_a_pattern(&written(literal)), "{literal}");
            assert_eq!(in_place_of(&written(literal)), None, "{literal}");
        }
    }

    #[test]
    fn a_slash_in_braces_does_not_split_them() {
        assert_eq!(braces_with_a_slash("/a/{id:[^/]+}/b"), Some("{id:[^/]+}"));
        assert_eq!(braces_with_a_slash("/a/{id}/{*rest}"), None);
        assert_eq!(braces_with_a_slash("/a/{id/b"), None);
    }
}
