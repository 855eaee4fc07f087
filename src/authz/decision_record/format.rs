//! The formats of decision records.
//!
//! Records are made as JSON while requests are answered; other formats are made of that when they
//! are written out, which no request waits for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::RecordFormat;

/// The fields of a record in their order, with their values as JSON.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// The fields of a line; none if it is not a JSON object.
    pub(super) fn of(line: &'a [u8]) -> Self {
        serde_json::from_slice(line).unwrap_or(Self(Vec::new()))
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// The fields, one after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().copied()
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(24);
                while let Some((name, value)) = map.next_entry::<&str, &RawValue>()? {
                    fields.push((name, value.get()));
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Each)
    }
}

/// Appends a line of JSON, which ends with a line break, in this format.
pub(super) fn write(format: RecordFormat, line: &[u8], to: &mut Vec<u8>) {
    let fields = Fields::of(line);
    match format {
        RecordFormat::Json => return to.extend_from_slice(line),
        RecordFormat::Logfmt => logfmt(&fields, to),
        RecordFormat::Plain => plain(&fields, to),
    }
    to.push(b'\n');
}

/// `name=value` for each field, with quotes around values that need them.
fn logfmt(fields: &Fields<'_>, to: &mut Vec<u8>) {
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            to.push(b' ');
        }
        pair(name, value, to);
    }
}

/// The fields that people look for, in a fixed order without their names, and then the others as
/// in logfmt.
fn plain(fields: &Fields<'_>, to: &mut Vec<u8>) {
    const FIRST: [&str; 7] = ["time", "client", "decision", "reason", "method", "path", "status"];
    for (at, name) in FIRST.iter().enumerate() {
        if at > 0 {
            to.push(b' ');
        }
        to.extend_from_slice(quoted(fields.get(name).unwrap_or("-")).as_bytes());
    }
    for (name, value) in fields.iter().filter(|(name, _)| !FIRST.contains(name)) {
        to.push(b' ');
        pair(name, value, to);
    }
}

fn pair(name: &str, value: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(name.as_bytes());
    to.push(b'=');
    to.extend_from_slice(quoted(value).as_bytes());
}

/// A value in logfmt: text as it is if that is one word, and as a JSON string otherwise; a list with
/// commas.
fn quoted(value: &str) -> Cow<'_, str> {
    let text = text(value);
    let is_plain = |c: char| !matches!(c, ' ' | '"' | '=' | '\\') && !c.is_control();
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    // Text can always be written as JSON.
    serde_json::to_string(&text).unwrap_or_default().into()
}

/// A JSON value as text: a string without its quotes and escapes, a list joined by commas, and
/// anything else as it is.
pub(super) fn text(value: &str) -> Cow<'_, str> {
    if value.starts_with('"') {
        return match serde_json::from_str::<Cow<'_, str>>(value) {
            Ok(text) => text.into_owned().into(),
            Err(_) => value.into(),
        };
    }
    match serde_json::from_str::<Vec<String>>(value) {
        Ok(list) => list.join(",").into(),
        Err(_) => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"time":"2026-11-27T10:00:00.000001Z","request":"r1","client":"::1","method":"GET","path":"/a b\n\"c\"","query":["q","x y"],"websocket":true,"decision":"deny","reason":"no-route","policy":"","micros":12}"#;

    fn written(format: RecordFormat, line: &str) -> String {
        let mut to = Vec::new();
        write(format, format!("{line}\n").as_bytes(), &mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn json_is_the_line_itself() {
        assert_eq!(written(RecordFormat::Json, LINE), format!("{LINE}\n"));
    }

    #[test]
    fn logfmt_quotes_what_is_not_one_word() {
        let expected = concat!(
            r#"time=2026-11-27T10:00:00.000001Z request=r1 client=::1 method=GET "#,
            r#"path="/a b\n\"c\"" query="q,x y" websocket=true decision=deny reason=no-route "#,
            r#"policy="" micros=12"#,
            "\n"
        );
        assert_eq!(written(RecordFormat::Logfmt, LINE), expected);
    }

    #[test]
    fn plain_begins_with_what_people_look_for() {
        let expected = concat!(
            r#"2026-11-27T10:00:00.000001Z ::1 deny no-route GET "/a b\n\"c\"" - "#,
            r#"request=r1 query="q,x y" websocket=true policy="" micros=12"#,
            "\n"
        );
        assert_eq!(written(RecordFormat::Plain, LINE), expected);
    }

    #[test]
    fn a_value_cannot_begin_a_field_or_a_line() {
        let line = r#"{"path":"/x decision=allow\r\nstatus=200"}"#;
        let expected = "path=\"/x decision=allow\\r\\nstatus=200\"\n";
        assert_eq!(written(RecordFormat::Logfmt, line), expected);
    }
}
