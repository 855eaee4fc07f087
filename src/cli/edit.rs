//! What commands that change records share.

use std::convert::Infallible;
use std::fmt::Write as _;

use clap::Args;
use http::Method;
use serde_json::{Map, Value};

use super::client::ApiError;
use super::console::{Console, Request, field, text};
use super::question::When;

/// An item of a list without surrounding spaces: `a, b` has the items `a` and `b`.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
pub(super) fn trimmed(item: &str) -> Result<String, Infallible> {
    Ok(item.trim().to_owned())
}

/// The patch of a record with a name and an optional email address.
pub(super) fn name_and_email(name: Option<String>, email: Option<String>, no_email: bool) -> Value {
    let mut patch = Map::new();
    if let Some(name) = name {
        patch.insert("name".to_owned(), name.into());
    }
    if email.is_some() || no_email {
        patch.insert("email".to_owned(), email.into());
    }
    Value::Object(patch)
}

/// The version that an edit is made to.
#[derive(Debug, Args)]
pub(super) struct ExpectedVersion {
    /// Write only if the record is still at this version, as `show --json` prints it
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
}

impl ExpectedVersion {
    /// Sends an edit of `subject` on condition that the record is at this version. `fields` are labels,
    /// and the names of fields.
    ///
    /// # Errors
    /// As [`Console::write`]. If the record was changed since, the error shows both sides.
    pub(super) fn write(
        &self,
        console: &Console<'_>,
        (subject, segments): (&str, &[&str]),
        (before, patch): (&Value, &Value),
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        console.intends(&intent(subject, (before, patch), fields));
        console
            .write(&self.request(segments, (before, patch)))
            .map_err(|error| with_both_sides(error, (before, patch), fields))
    }

    /// The same, with a question before it. `intent` is what the command does.
    ///
    /// # Errors
    /// As [`Console::carry_out`]. If the record was changed since, the error shows both sides.
    pub(super) fn carry_out(
        &self,
        console: &Console<'_>,
        (intent, when): (&str, When),
        segments: &[&str],
        (before, patch): (&Value, &Value),
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        console
            .carry_out(&self.request(segments, (before, patch)), intent, when)
            .map(|(after, _)| after)
            .map_err(|error| with_both_sides(error, (before, patch), fields))
    }

    /// By default, the record must be at the version at which it was read.
    fn request<'a>(
        &self,
        segments: &'a [&'a str],
        (before, patch): (&Value, &'a Value),
    ) -> Request<'a> {
        let version = self.if_version.or_else(|| field(before, "version").as_u64());
        Request { version, body: Some(patch), ..Request::new(Method::PATCH, segments) }
    }
}

/// What an edit does: `change ada: group limited → admin`.
pub(super) fn intent(
    subject: &str,
    (before, patch): (&Value, &Value),
    fields: &[(&str, &str)],
) -> String {
    let is_changed = |name: &str| patch.get(name).is_some_and(|new| new != field(before, name));
    let changes: Vec<_> = fields
        .iter()
        .filter(|(_, name)| is_changed(name))
        .map(|(label, name)| format!("{label} {} → {}", shown(before, name), shown(patch, name)))
        .collect();
    match changes.is_empty() {
        true => format!("change nothing: {subject} already has these values"),
        false => format!("change {subject}: {}", changes.join("; ")),
    }
}

/// Adds what this edit would have written, and what another administrator wrote.
fn with_both_sides(
    error: anyhow::Error,
    (before, patch): (&Value, &Value),
    fields: &[(&str, &str)],
) -> anyhow::Error {
    let Some(refused) = error.downcast_ref::<ApiError>().filter(|refused| refused.is("changed"))
    else {
        return error;
    };
    let theirs = refused.current();
    if theirs.is_null() {
        return error;
    }
    let mut message = format!("{refused}; nothing was written");
    for (label, name) in fields {
        let is_mine = patch.get(name).is_some();
        if is_mine || field(before, name) != field(theirs, name) {
            let mine = if is_mine { shown(patch, name) } else { "unchanged".to_owned() };
            let _ = write!(message, "\n  {label}: yours {mine}, theirs {}", shown(theirs, name));
        }
    }
    message.push_str("\nTo write yours over theirs, run the command again without --if-version.");
    anyhow::anyhow!(message)
}

/// Prints what an edit changed, or that it changed nothing; with `--json` the record. `fields` are
/// labels, and the names of fields.
pub(super) fn report_edit(
    console: &mut Console<'_>,
    subject: &str,
    (before, after): (&Value, &Value),
    fields: &[(&str, &str)],
) -> anyhow::Result<()> {
    let changes: Vec<_> = fields
        .iter()
        .filter(|(_, name)| field(before, name) != field(after, name))
        .map(|(label, name)| (*label, shown(before, name), shown(after, name)))
        .collect();
    let sentence = match &*changes {
        [] => format!("Nothing changed: {subject} already had these values."),
        [(label, old, new)] => format!("Changed {label} of {subject}: {old} → {new}."),
        several => {
            let list: Vec<_> =
                several.iter().map(|(label, old, new)| format!("{label} {old} → {new}")).collect();
            format!("Changed {subject}: {}.", list.join("; "))
        }
    };
    console.report(after, &sentence)
}

fn shown(record: &Value, name: &str) -> String {
    if field(record, name).is_null() { "none".to_owned() } else { text(record, name) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::super::console::Options;
    use super::*;

    fn reported(before: &Value, after: &Value, json: bool) -> String {
        let mut out = Vec::new();
        let mut console =
            Console::new(PathBuf::new(), Options { json, ..Options::default() }, &mut out).unwrap();
        let fields = [("login", "login"), ("group", "group"), ("name", "name")];
        report_edit(&mut console, "ada", (before, after), &fields).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_conflict_shows_both_sides() {
        let before = json!({ "login": "ada", "group": "limited", "version": 1 });
        let theirs = json!({ "login": "ada", "group": "no-access", "name": "Ada", "version": 2 });
        let problem = json!({
            "type": "urn:portcullis:problem:changed", "detail": "changed since", "current": theirs,
        });
        let error = || ApiError::new(http::StatusCode::CONFLICT, &problem).into();
        let fields = [("login", "login"), ("group", "group"), ("name", "name")];
        let patch = json!({ "group": "admin" });
        assert_eq!(
            with_both_sides(error(), (&before, &patch), &fields).to_string(),
            "changed since; nothing was written\n  group: yours admin, theirs no-access\n  name: \
             yours unchanged, theirs Ada\nTo write yours over theirs, run the command again without \
             --if-version."
        );
    }

    #[test]
    fn an_edit_reports_what_changed_or_that_nothing_did() {
        let before = json!({ "login": "ada", "group": "limited", "version": 1 });
        let group = json!({ "login": "ada", "group": "admin", "version": 2 });
        let named = json!({ "login": "ada", "group": "admin", "name": "Ada", "version": 2 });
        let same = json!({ "login": "ada", "group": "limited", "version": 2 });
        for (after, expected) in [
            (&group, "Changed group of ada: limited → admin.\n"),
            (&named, "Changed ada: group limited → admin; name none → Ada.\n"),
            (&same, "Nothing changed: ada already had these values.\n"),
        ] {
            assert_eq!(reported(&before, after, false), expected);
        }
        assert_eq!(serde_json::from_str::<Value>(&reported(&before, &group, true)).unwrap(), group);
    }
}
