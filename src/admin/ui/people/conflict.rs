//! A record that someone else has changed since it was read: both versions.

use askama::Template;

use crate::admin::ui::texts::People;
use crate::web::text::Text;

/// The fields that differ. Rendered as HTML.
#[derive(Debug, Template)]
#[template(path = "admin/people/conflict.html")]
pub(in crate::admin::ui) struct Conflict<'a> {
    text: &'a People,
    fields: Vec<(&'a Text, String, String)>,
}

/// Its parts are escaped when it is rendered.
impl askama::filters::HtmlSafe for Conflict<'_> {}

impl<'a> Conflict<'a> {
    /// From the fields of both: label, value in force, own value.
    pub(in crate::admin::ui) fn of(
        text: &'a People,
        fields: impl IntoIterator<Item = (&'a Text, String, String)>,
    ) -> Self {
        let differing = fields.into_iter().filter(|(_, theirs, yours)| theirs != yours);
        Self { text, fields: differing.collect() }
    }
}
