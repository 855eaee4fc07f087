//! Forms that are kept when they cannot be saved yet: their session has ended, or their token has
//! expired. What was typed goes into a page that sends it again.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::fields::Fields;
use super::frame::Frame;
use super::visit::{TOKEN, Visit};

/// Fields that are not kept: they hold secrets, which no page shows again.
const SECRET: [&str; 5] = ["password", "current", "code", "new_code", TOKEN];

#[derive(Template)]
#[template(path = "admin/kept_form.html")]
struct KeptForm<'a> {
    frame: Frame<'a>,
    /// Where the form is sent to.
    action: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    /// Whether a secret has to be typed again.
    lacks_secret: bool,
}

/// Asks whether to send a form that was sent without the token of this session.
pub(super) fn ask(visit: &Visit, form: &Fields) -> Response {
    page(visit, &visit.path, form)
}

/// The page that sends a form to `action`.
pub(super) fn page(visit: &Visit, action: &str, form: &Fields) -> Response {
    let lacks_secret =
        form.iter().any(|(name, value)| name != TOKEN && is_secret(name) && !value.is_empty());
    let fields = form.iter().filter(|(name, _)| !is_secret(name)).collect();
    let status = StatusCode::CONFLICT;
    visit.page(status, &KeptForm { frame: visit.frame(), action, fields, lacks_secret })
}

/// A form without its secrets.
pub(super) fn without_secrets(form: &Fields) -> Fields {
    form.without(&SECRET)
}

fn is_secret(name: &str) -> bool {
    SECRET.contains(&name)
}
