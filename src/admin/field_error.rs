//! What is wrong with a field, in plain words.
//!
//! The messages of serde use terms of its own (`unknown variant`, `expected a sequence`). Each kind of them
//! is reworded here, in one place; messages of our own types pass unchanged.

/// The field that a message names, and what is wrong. The field is `None` if the message is about the
/// value at its path.
pub(super) fn plain(message: &str) -> (Option<&str>, String) {
    for (start, say) in [
        ("unknown field `", unknown_field as fn(&str, &str) -> String),
        ("missing field `", |_, _| "is required".to_owned()),
        ("duplicate field `", |_, _| "is given more than once".to_owned()),
    ] {
        if let Some((name, rest)) = message.strip_prefix(start).and_then(|it| it.split_once('`')) {
            return (Some(name), say(name, rest));
        }
    }
    (None, value(message))
}

/// `, expected one of `a`, `b`` and `, there are no fields`.
fn unknown_field(_: &str, rest: &str) -> String {
    match names(rest) {
        Some(names) => format!("is not a field of this document; its fields are {names}"),
        None => "is not a field of this document; it has none".to_owned(),
    }
}

/// What is wrong with a value.
fn value(message: &str) -> String {
    if let Some((given, rest)) =
        message.strip_prefix("unknown variant `").and_then(|it| it.split_once('`'))
    {
        return match names(rest) {
            Some(names) => format!("`{given}` is not one of {names}"),
            None => format!("`{given}` is not a known value"),
        };
    }
    for start in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((given, expected)) =
            message.strip_prefix(start).and_then(|it| it.rsplit_once(", expected "))
        {
            return match (given, wanted(expected)) {
                ("null", wanted) => format!("must be {wanted}, not null"),
                (_, wanted) => format!("must be {wanted}"),
            };
        }
    }
    match message {
        "invalid digit found in string"
        | "cannot parse integer from empty string"
        | "number too large to fit in target type"
        | "number too small to fit in target type" => "must be a whole number".to_owned(),
        "provided string was not `true` or `false`" => "must be `true` or `false`".to_owned(),
        "invalid IP address syntax" => "must be an IP address, such as `192.0.2.1`".to_owned(),
        other => other.to_owned(),
    }
}

/// The names after `expected`, as a list.
fn names(rest: &str) -> Option<String> {
    let names: Vec<_> = rest.split('`').skip(1).step_by(2).collect();
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match &*quoted {
        [] => None,
        [only] => Some(only.clone()),
        [first @ .., last] => Some(format!("{} or {last}", first.join(", "))),
    }
}

/// What is expected, in the words of JSON.
fn wanted(expected: &str) -> String {
    let words = match expected {
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        "option" => "a value or null",
        "u8" | "u16" | "u32" | "u64" | "usize" | "a nonzero u32" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.starts_with("enum ") => "one of the values in the description of the API",
        other => return other.trim_start_matches("expected ").to_owned(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_about_fields_name_the_field_and_the_others() {
        for (message, field, expected) in [
            (
                "unknown field `color`, expected `name` or `permissions`",
                "color",
                "is not a field of this document; its fields are `name` or `permissions`",
            ),
            (
                "unknown field `x`, there are no fields",
                "x",
                "is not a field of this document; it has none",
            ),
            ("missing field `name`", "name", "is required"),
            ("duplicate field `name`", "name", "is given more than once"),
        ] {
            assert_eq!(plain(message), (Some(field), expected.to_owned()), "{message}");
        }
    }

    #[test]
    fn messages_about_values_have_no_words_of_serde() {
        for (message, expected) in [
            (
                "unknown variant `boss`, expected one of `owner`, `administrator`, `auditor`",
                "`boss` is not one of `owner`, `administrator` or `auditor`",
            ),
            ("invalid type: integer `7`, expected a string", "must be a string"),
            ("invalid type: null, expected a string", "must be a string, not null"),
            ("invalid type: string \"a, expected b\", expected a sequence", "must be a list"),
            ("invalid type: map, expected a boolean", "must be `true` or `false`"),
            ("invalid value: integer `-1`, expected u64", "must be a whole number, 0 or more"),
            ("invalid type: string \"x\", expected struct Rights", "must be an object"),
            ("invalid digit found in string", "must be a whole number"),
            ("must be in the future", "must be in the future"),
        ] {
            let (field, said) = plain(message);
            assert_eq!((field, &*said), (None, expected), "{message}");
            for word in ["variant", "invalid type", "sequence", "struct", "EOF"] {
                assert!(!said.contains(word), "{said}");
            }
        }
    }
}
