//! Setting up the second factor that a sign-in requires, between the right password and the session.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::second_factor::{Next, issued_page};
use super::client::{Write, document};
use super::destination::{SIGN_IN, TO, local};
use super::frame::Frame;
use super::issued_factor::IssuedFactor;
use super::kept_form;
use super::refusal::{Answer, Refusal};
use super::texts::SecondFactor;
use super::visit::{Failure, PageResult, Visit};
use crate::web::response::add_cookie;

pub(super) const PATH: &str = "/sign-in/set-up";

/// A secret for the app, as the API proposes it to the right password.
#[derive(Debug, Deserialize)]
struct Proposal {
    #[serde(flatten)]
    factor: IssuedFactor,
    proposal: String,
}

#[derive(Template)]
#[template(path = "admin/sign_in_set_up.html")]
struct Page<'a> {
    frame: Frame<'a>,
    factor_text: &'a SecondFactor,
    factor: IssuedFactor,
    proposal: String,
    /// Where it goes on, and the form that is kept.
    hidden: Vec<(&'a str, &'a str)>,
    problem: Option<String>,
}

/// Asks for a code of the app with the proposed secret.
pub(super) fn ask(visit: &Visit, proposed: &Value, problem: Option<String>) -> Answer<Response> {
    let Proposal { factor, proposal } =
        Proposal::deserialize(proposed).map_err(|error| Refusal::broken(&error.to_string()))?;
    let (frame, factor_text) = (visit.frame(), &visit.text().second_factor);
    let hidden = visit.form.iter().filter(|(name, _)| *name == TO || kept_form::is_kept(name));
    let hidden = hidden.collect();
    // A password manager offers to save a password only if the response is not an error.
    Ok(visit.page(StatusCode::OK, &Page { frame, factor_text, factor, proposal, hidden, problem }))
}

/// Without a form, signing in starts again.
pub(super) async fn back(visit: Visit) -> PageResult {
    visit.go(SIGN_IN)
}

pub(super) async fn check(visit: Visit) -> PageResult {
    let form = &visit.form;
    let body = json!({ "proposal": form.get("proposal"), "code": form.get("code") });
    let write = Write::new(Method::POST, "/api/v1/session/set-up").with(&body);
    let words = &visit.text().account;
    let refusal = match visit.client.send(write).await {
        Ok(opened) => {
            let cookie = opened.headers().get(header::SET_COOKIE).cloned();
            let issued = document(opened).await?;
            let title = words.set_up_done.to_string();
            let next = match kept_form::keeps_one(form) {
                true => Next::Form(local(kept_form::path(form)), kept_form::again_later(form)),
                false => Next::Page(local(form.get(TO))),
            };
            let mut response = issued_page(&visit, title, issued, next)?;
            add_cookie(&mut response, cookie);
            return Ok(response);
        }
        Err(refusal) => refusal,
    };
    match &*refusal.kind {
        "wrong-credentials" => {
            Ok(ask(&visit, &refusal.set_up, Some(words.wrong_code.to_string()))?)
        }
        "session-ended" => visit.go("/sign-in?why=expired"),
        "locked-out" => visit.go("/sign-in?why=locked"),
        _ => Err(Failure::Api(refusal)),
    }
}
