//! Forms that are kept when they cannot be saved yet: their session has ended, or their token has
//! expired. What was typed goes into a page that sends it again.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::confirmation::CONFIRMED;
use super::fields::Fields;
use super::frame::Frame;
use super::sent_form::Limits;
use super::visit::{TOKEN, Visit, is_secret};

/// Before the names of the fields in the form that keeps them.
const KEPT: &str = "kept.";
/// Where a kept form is sent to.
const PATH: &str = "kept_path";
/// The token that it had.
const OWN_TOKEN: &str = "kept_token";
/// Whether it had a secret, which has to be typed again.
const LACKS_SECRET: &str = "kept_lacks_secret";
/// The room for other fields in the form that keeps one: login and password, or a code.
const ROOM: Limits = Limits { bytes: 8 * 1024, fields: 16 };

/// What is kept of a form.
#[derive(Debug)]
pub(super) enum Kept {
    /// Its fields without secrets.
    Fields {
        /// The token that it had.
        token: String,
        fields: Fields,
        lacks_secret: bool,
    },
    /// Nothing: it has a file, or is larger than a form of a visitor may be.
    Nothing,
}

impl Kept {
    /// What is kept of the form of a visit.
    pub(super) fn of(visit: &Visit) -> Self {
        let form = &visit.form;
        let size = form.iter().map(|(name, value)| KEPT.len() + name.len() + value.len());
        let is_large = size.sum::<usize>() > Limits::VISITOR.bytes;
        if form.is_empty() || is_large || !visit.uploads.is_empty() {
            return Self::Nothing;
        }
        let fields = again(form).filter(|(name, _)| !is_secret(name));
        let kept = Self::Fields {
            token: form.raw(TOKEN).to_owned(),
            lacks_secret: has_secret(form),
            fields: fields.fold(Fields::default(), |all, (name, value)| all.with(name, value)),
        };
        let sent = kept.hidden(&visit.path);
        let most = Limits::VISITOR;
        match sent.encoded().len() + ROOM.bytes > most.bytes
            || sent.iter().count() + ROOM.fields > most.fields
        {
            true => Self::Nothing,
            false => kept,
        }
    }

    /// The fields of the form that keeps this one, which was sent to `path`.
    pub(super) fn hidden(&self, path: &str) -> Fields {
        match self {
            Self::Nothing => Fields::default(),
            Self::Fields { token, fields, lacks_secret } => {
                let mut all = Fields::default().with(PATH, path).with(OWN_TOKEN, token);
                if *lacks_secret {
                    all = all.with(LACKS_SECRET, "yes");
                }
                fields
                    .iter()
                    .fold(all, |all, (name, value)| all.with(&format!("{KEPT}{name}"), value))
            }
        }
    }
}

/// Whether a field is one of those that keep a form.
pub(super) fn is_kept(name: &str) -> bool {
    [PATH, OWN_TOKEN, LACKS_SECRET].contains(&name) || name.starts_with(KEPT)
}

/// Whether a form keeps another one.
pub(super) fn keeps_one(form: &Fields) -> bool {
    form.has(PATH)
}

/// Whether someone has typed a secret into a form.
fn has_secret(form: &Fields) -> bool {
    let mut typed = form.iter().filter(|(name, value)| *name != TOKEN && !value.is_empty());
    typed.any(|(name, _)| is_secret(name))
}

/// The fields with which a form is sent again. What was confirmed is asked about again: it may have
/// other consequences by then, and someone else may be asked.
fn again(form: &Fields) -> impl Iterator<Item = (&str, &str)> {
    form.iter().filter(|(name, _)| *name != CONFIRMED)
}

#[derive(Template)]
#[template(path = "admin/kept_form.html")]
struct KeptForm<'a> {
    frame: Frame<'a>,
    /// Where the form is sent to.
    action: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    /// Whether a secret has to be typed again.
    lacks_secret: bool,
    /// Whether it may be another account's.
    may_be_of_another: bool,
}

/// Asks whether to send a form that was sent without the token of this session.
pub(super) fn ask(visit: &Visit) -> Response {
    let fields = again(&visit.form).filter(|(name, _)| !is_secret(name)).collect();
    let lacks_secret = has_secret(&visit.form);
    page(visit, &visit.path, fields, lacks_secret, visit.form.raw(TOKEN))
}

/// Asks whether to send the form that the form of this visit keeps to `action`.
pub(super) fn ask_kept(visit: &Visit, action: &str) -> Response {
    let fields = kept_fields(&visit.form).collect();
    let lacks_secret = visit.form.has(LACKS_SECRET);
    page(visit, action, fields, lacks_secret, visit.form.raw(OWN_TOKEN))
}

/// The fields with which the form that this form keeps is sent once more, with the token that it had:
/// then it is asked whether to save it.
pub(super) fn again_later(form: &Fields) -> Vec<(&str, &str)> {
    kept_fields(form).chain([(TOKEN, form.raw(OWN_TOKEN))]).collect()
}

/// The fields of the form that this form keeps.
fn kept_fields(form: &Fields) -> impl Iterator<Item = (&str, &str)> {
    let kept = form.iter().filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?, value)));
    kept.filter(|(name, _)| !is_secret(name) && *name != CONFIRMED)
}

/// Where the form that is kept is sent to.
pub(super) fn path(form: &Fields) -> &str {
    form.get(PATH)
}

fn page(
    visit: &Visit,
    action: &str,
    fields: Vec<(&str, &str)>,
    lacks_secret: bool,
    token: &str,
) -> Response {
    let may_be_of_another = !visit.is_of_account(token);
    let frame = visit.frame();
    let page = KeptForm { frame, action, fields, lacks_secret, may_be_of_another };
    visit.page(StatusCode::CONFLICT, &page)
}
