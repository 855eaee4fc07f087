//! The form of a record that is edited: what it was opened with, and what it shows.
//!
//! The form carries the version of the record and the values that it had then. If someone else has
//! changed the record in between, only the fields that this visitor changed keep what was typed; the
//! others show the values in force, so that saving again does not revert them.

use std::collections::BTreeSet;

use askama::Template;

use super::fields::Fields;
use super::refusal::Refusal;
use super::visit::Visit;

/// The field with the version of the record.
const VERSION: &str = "version";
/// Before the names of the fields with the values that the form was opened with.
const OPENED: &str = "opened.";
/// Fields with many values, each of which is changed on its own.
const LISTS: [&str; 2] = ["permission", "organization"];

/// The form of a record. Rendered as its hidden fields.
#[derive(Debug, Template)]
#[template(path = "admin/editing.html")]
pub(super) struct Editing {
    /// The version that a change must name.
    version: String,
    /// The values of this version.
    opened: Fields,
    /// The values that the form shows.
    shown: Fields,
    is_conflict: bool,
}

/// Its parts are escaped when it is rendered.
impl askama::filters::HtmlSafe for Editing {}

impl Editing {
    /// The form of a record with these values; after a refusal with what was typed.
    pub(super) fn of(
        visit: &Visit,
        version: &str,
        stored: Fields,
        refusal: Option<&Refusal>,
    ) -> Self {
        match refusal {
            None => Self::stored(version, stored),
            // The version is that of the record that is shown beside the form.
            Some(refusal) if refusal.is_conflict() => {
                let shown = merged(&visit.form, &stored);
                let version = version.to_owned();
                Self { version, opened: stored, shown, is_conflict: true }
            }
            Some(_) => Self::again(visit),
        }
    }

    /// The form of a record with these values.
    pub(super) fn stored(version: &str, values: Fields) -> Self {
        let version = version.to_owned();
        Self { version, opened: values.clone(), shown: values, is_conflict: false }
    }

    /// The form as it was sent. The version stays the one that was read.
    pub(super) fn again(visit: &Visit) -> Self {
        let form = &visit.form;
        let version = form.get(VERSION).to_owned();
        Self { version, opened: opened(form), shown: form.clone(), is_conflict: false }
    }

    /// The values that the form shows.
    pub(super) const fn shown(&self) -> &Fields {
        &self.shown
    }

    /// Whether someone else has changed the record since the form was opened.
    pub(super) const fn is_conflict(&self) -> bool {
        self.is_conflict
    }
}

/// Whether someone has changed a form that was opened with other values than it was sent with.
pub(super) fn is_edited(form: &Fields) -> bool {
    let opened = opened(form);
    let names: BTreeSet<&str> = opened.iter().chain(form.iter()).map(|(name, _)| name).collect();
    let is_of_record = |name: &str| LISTS.contains(&name) || opened.has(name);
    names.into_iter().any(|name| is_of_record(name) && values(&opened, name) != values(form, name))
}

/// The values of a field, without empty ones: a field that is not sent equals an empty one.
fn values<'a>(of: &'a Fields, name: &str) -> BTreeSet<&'a str> {
    of.all(name).map(str::trim).filter(|value| !value.is_empty()).collect()
}

/// The values that a form was opened with.
fn opened(form: &Fields) -> Fields {
    let opened = form.iter().filter_map(|(name, value)| Some((name.strip_prefix(OPENED)?, value)));
    opened.fold(Fields::default(), |all, (name, value)| all.with(name, value))
}

/// What was typed into a form where it differs from what the form was opened with, and else what is
/// stored. Without what it was opened with, all of it was typed.
fn merged(form: &Fields, stored: &Fields) -> Fields {
    let opened = opened(form);
    if opened.is_empty() {
        return form.clone();
    }
    let names: BTreeSet<&str> = opened.iter().chain(stored.iter()).map(|(name, _)| name).collect();
    let names: Vec<&str> = names.into_iter().collect();
    names.iter().fold(form.without(&names), |all, name| {
        let (was, typed) = (values(&opened, name), values(form, name));
        let now = values(stored, name);
        let merged: BTreeSet<&str> = match LISTS.contains(name) {
            true => {
                let kept = now.into_iter().filter(|it| typed.contains(it) || !was.contains(it));
                kept.chain(typed.iter().copied().filter(|it| !was.contains(it))).collect()
            }
            false if typed == was => now,
            false => typed,
        };
        merged.into_iter().fold(all, |all, value| all.with(name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(of: &Fields) -> Vec<&str> {
        of.all("permission").collect()
    }

    #[test]
    fn only_changed_fields_keep_what_was_typed() {
        let form = Fields::parse(
            b"token=t&opened.name=Old&opened.email=a@x&name=Mine&email=a@x&default_group=&\
              opened.default_group=&opened.mfa=yes&notify=yes",
        );
        let stored = Fields::parse(b"name=Old&email=b@x&default_group=sales&mfa=yes");
        let merged = merged(&form, &stored);
        assert_eq!(merged.get("name"), "Mine");
        assert_eq!(merged.get("email"), "b@x");
        assert_eq!(merged.get("default_group"), "sales");
        assert_eq!(merged.get("token"), "t");
        assert!(!merged.has("mfa"), "it was unchecked");
        assert!(merged.has("notify"), "it was checked");
    }

    #[test]
    fn items_of_a_list_are_merged_one_by_one() {
        let form = Fields::parse(
            b"opened.name=x&name=x&opened.permission=a&opened.permission=b&permission=b&permission=c",
        );
        let stored = Fields::parse(b"name=x&permission=a&permission=b&permission=d");
        assert_eq!(permissions(&merged(&form, &stored)), ["b", "c", "d"]);
        // Someone else has taken away what this visitor left as it was.
        let stored = Fields::parse(b"name=x&permission=a");
        assert_eq!(permissions(&merged(&form, &stored)), ["c"]);
    }

    #[test]
    fn a_form_without_opened_values_is_kept_as_it_is() {
        let form = Fields::parse(b"name=Mine&email=a@x");
        assert_eq!(merged(&form, &Fields::parse(b"name=Theirs&email=b@x")), form);
    }

    #[test]
    fn a_form_is_edited_if_a_value_differs() {
        let same = b"token=t&opened.name=x&opened.permission=a&permission=a&name=x&do=default";
        assert!(!is_edited(&Fields::parse(same)));
        for edited in [
            &b"opened.name=x&name=y"[..],
            b"opened.name=x&name=x&permission=a",
            b"opened.name=x&name=x&opened.permission=a",
        ] {
            assert!(is_edited(&Fields::parse(edited)), "{}", String::from_utf8_lossy(edited));
        }
    }
}
