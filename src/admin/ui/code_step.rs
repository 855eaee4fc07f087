//! The page of the second step of signing in: the code.
//!
//! What the right password got is in a cookie of the browser, sealed (`site`). So the password travels
//! once, no page has it, and the address can be opened again.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::destination::{TO, leading_to, local, sign_in_for};
use super::frame::Frame;
use super::kept_form;
use super::visit::Visit;
use crate::web::response::{add_cookie, see_other};

pub(super) const PATH: &str = "/sign-in/code";

#[derive(Template)]
#[template(path = "admin/sign_in_code.html")]
struct Page<'a> {
    frame: Frame<'a>,
    problem: Option<&'a str>,
    /// Whether a form is kept, which another sign-in would lose.
    keeps_form: bool,
    /// The sign-in page, to begin again.
    again: String,
    /// Where it goes on, and the form that is kept.
    hidden: Vec<(&'a str, &'a str)>,
}

/// Leads to the page, or shows it, for a sign-in whose password was right.
pub(super) fn ask(visit: &Visit, pending: &str) -> Response {
    let mut response = match kept_form::keeps_one(&visit.form) {
        true => page(visit, None),
        // Loading the page again does not send the password again.
        false => see_other(&leading_to(PATH, local(visit.form.get(TO)))),
    };
    add_cookie(&mut response, visit.ui.site.set_pending_code(Some(pending)));
    response
}

/// The page, with what is wrong with the code.
pub(super) fn page(visit: &Visit, problem: Option<&str>) -> Response {
    let to = [visit.form.get(TO), visit.query.get(TO)].into_iter().find(|to| !to.is_empty());
    let kept = visit.form.iter().filter(|(name, _)| kept_form::is_kept(name));
    let page = Page {
        frame: visit.frame(),
        problem,
        keeps_form: kept_form::keeps_one(&visit.form),
        again: sign_in_for(local(to.unwrap_or_default())),
        hidden: to.map(|to| (TO, to)).into_iter().chain(kept).collect(),
    };
    // A password manager offers to save a password only if the response is not an error.
    visit.page(StatusCode::OK, &page)
}
