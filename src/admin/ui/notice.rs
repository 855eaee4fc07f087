//! The page in place of one that cannot be shown.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::frame::Frame;
use super::refusal::Refusal;
use super::texts::Catalogue;
use super::visit::{Failure, Visit};
use crate::web::text::Text;

#[derive(Template)]
#[template(path = "admin/notice.html")]
struct Notice<'a> {
    frame: Frame<'a>,
    title: &'a Text,
    detail: String,
}

#[derive(Template)]
#[template(path = "admin/arrival.html")]
struct Arrival<'a> {
    frame: Frame<'a>,
}

/// The page of a failure.
pub(super) fn failure(visit: &Visit, failure: &Failure) -> Response {
    let text = visit.text();
    let (status, title, detail) = match failure {
        Failure::NotFound => {
            let words = &text.notice;
            (StatusCode::NOT_FOUND, &words.not_found, words.not_found_detail.to_string())
        }
        Failure::Api(refusal) => (refusal.status, title(text, refusal), detail(text, refusal)),
    };
    visit.page(status, &Notice { frame: visit.frame(), title, detail })
}

fn title<'a>(text: &'a Catalogue, refusal: &Refusal) -> &'a Text {
    let words = &text.notice;
    match refusal.status {
        StatusCode::FORBIDDEN => match &*refusal.kind {
            "role-required" | "escalation" => &words.forbidden,
            "out-of-scope" => &words.outside_scope,
            "cross-site" => &words.cross_site,
            _ => &words.refused,
        },
        StatusCode::NOT_FOUND => &words.not_found,
        StatusCode::SERVICE_UNAVAILABLE => &words.unavailable,
        StatusCode::INTERNAL_SERVER_ERROR => &words.broken,
        _ => &words.refused,
    }
}

/// What the API says, or what the role is that would do.
pub(super) fn detail(text: &Catalogue, refusal: &Refusal) -> String {
    match (&*refusal.kind, &refusal.role) {
        ("role-required", Some(role)) => {
            text.notice.role_required.with(text.names.roles.of(role)).plain()
        }
        ("not-found", _) => text.notice.not_found_detail.to_string(),
        ("internal", _) => text.notice.broken_detail.to_string(),
        ("out-of-scope", Some(_)) => text.notice.out_of_scope.to_string(),
        ("cross-site", _) => text.notice.cross_site_detail.to_string(),
        _ => text.api.sentence(&refusal.detail),
    }
}

/// The page for a visitor who follows a link on another site. The browser sends no cookie with that
/// request (`SameSite=Strict`); this page asks for the same address again, and then it does.
pub(super) fn arrival(visit: &Visit) -> Response {
    visit.page(StatusCode::OK, &Arrival { frame: visit.frame() })
}
