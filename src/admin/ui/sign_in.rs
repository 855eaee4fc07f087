//! Signing in and out as an administrator: the password first, then the code, if the account has a
//! second factor.
//!
//! The form has no token, because there is no session yet that it could be bound to; it must come from
//! a page of ours, which `site` checks for every form.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde::Serialize;
use serde_json::json;

use super::client::Write;
use super::code_step;
use super::destination::{SIGN_IN, TO, local, sign_in_for};
use super::fields;
use super::frame::Frame;
use super::kept_form::{self, Kept};
use super::set_up;
use super::visit::{Failure, PageResult, Visit};
use crate::web::response::{add_cookie, see_other};
use crate::web::text::Text;

/// The parameter with why a set-up of a second factor did not go on.
const WHY: &str = "why";

/// What the API is asked with.
#[derive(Serialize)]
struct Credentials<'a> {
    login: &'a str,
    password: &'a str,
}

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct Page<'a> {
    frame: Frame<'a>,
    login: &'a str,
    problem: Option<String>,
    /// What becomes of a form whose session has ended.
    of_form: Option<&'a Text>,
    /// What goes with the form.
    hidden: Vec<(String, String)>,
}

/// The address of the page that leads to another one.
pub(super) fn address(to: &Uri) -> String {
    sign_in_for(to.path_and_query().map_or("/", |it| it.as_str()))
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let to = local(visit.query.get(TO)).to_owned();
    let texts = visit.text();
    let problem = match visit.query.get(WHY) {
        "expired" => Some(texts.account.set_up_expired.to_string()),
        "locked" => Some(texts.sign_in.locked_out.to_string()),
        _ => None,
    };
    visit.show(&Page {
        frame: visit.frame(),
        login: "",
        problem,
        of_form: None,
        hidden: vec![(TO.to_owned(), to)],
    })
}

/// The page in place of a form whose session has ended: it keeps what can be kept.
pub(super) fn keeping(visit: &Visit, kept: &Kept) -> Response {
    let text = &visit.text().sign_in;
    let (of_form, hidden) = match kept {
        Kept::Fields { .. } => (&text.keeps_form, kept.hidden(&visit.path)),
        Kept::Nothing => (&text.loses_form, fields::Fields::default().with(TO, &*visit.path)),
    };
    let hidden = hidden.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let page = Page {
        frame: visit.frame(),
        login: "",
        problem: None,
        of_form: Some(of_form),
        hidden: hidden.collect(),
    };
    visit.page(StatusCode::UNAUTHORIZED, &page)
}

pub(super) async fn check(visit: Visit) -> PageResult {
    let (login, password) = (visit.form.get("login"), visit.form.raw("password"));
    let credentials = Credentials { login, password };
    let write = Write::new(Method::POST, "/api/v1/session").with(&credentials);
    let refusal = match visit.client.send(write).await {
        Ok(opened) => {
            let cookie = opened.headers().get(header::SET_COOKIE).cloned();
            return signed_in(visit, cookie).await;
        }
        Err(refusal) => refusal,
    };
    let text = &visit.text().sign_in;
    let problem = match &*refusal.kind {
        "code-required" => return Ok(code_step::ask(&visit, refusal.pending.expose())),
        "wrong-credentials" => text.wrong.to_string(),
        "second-factor-missing" if !refusal.set_up.is_null() => {
            return Ok(set_up::ask(&visit, &refusal.set_up, None)?);
        }
        "locked-out" => text.locked_out.to_string(),
        "busy" => text.busy.to_string(),
        _ if refusal.is_about_the_form() => refusal.detail.clone(),
        _ => return Err(Failure::Api(refusal)),
    };
    Ok(again(&visit, login, problem))
}

/// The page again, with what is wrong. It keeps where it leads, and the form that it kept.
fn again(visit: &Visit, login: &str, problem: String) -> Response {
    let (form, text) = (&visit.form, &visit.text().sign_in);
    let hidden = form.iter().filter(|(name, _)| *name == TO || kept_form::is_kept(name));
    let page = Page {
        frame: visit.frame(),
        login,
        problem: Some(problem),
        of_form: kept_form::keeps_one(form).then_some(&text.keeps_form),
        hidden: hidden.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    // A password manager offers to save a password only if the response is not an error.
    visit.page(StatusCode::OK, &page)
}

/// The page of the code; without a sign-in that needs one, signing in begins again.
pub(super) async fn show_code(visit: Visit) -> PageResult {
    match visit.ui.site.pending_code(&visit.headers) {
        Some(_) => Ok(code_step::page(&visit, None)),
        None => visit.go(&sign_in_for(local(visit.query.get(TO)))),
    }
}

pub(super) async fn check_code(visit: Visit) -> PageResult {
    let words = &visit.text().sign_in;
    let Some(pending) = visit.ui.site.pending_code(&visit.headers) else {
        return Ok(begin_again(&visit, &words.code_expired));
    };
    let code = visit.form.get("code");
    if code.is_empty() {
        return Ok(code_step::page(&visit, Some(words.code_missing.as_str())));
    }
    let body = json!({ "pending": pending, "code": code });
    let write = Write::new(Method::POST, "/api/v1/session/code").with(&body);
    let refusal = match visit.client.send(write).await {
        Ok(opened) => {
            let cookie = opened.headers().get(header::SET_COOKIE).cloned();
            let no_longer_pending = visit.ui.site.set_pending_code(None);
            let mut response = signed_in(visit, cookie).await?;
            add_cookie(&mut response, no_longer_pending);
            return Ok(response);
        }
        Err(refusal) => refusal,
    };
    let problem = match &*refusal.kind {
        "session-ended" => return Ok(begin_again(&visit, &words.code_expired)),
        "locked-out" => return Ok(begin_again(&visit, &words.locked_out)),
        "wrong-credentials" => words.wrong_code.as_str(),
        "busy" => words.busy.as_str(),
        _ if refusal.is_about_the_form() => refusal.detail.as_str(),
        _ => return Err(Failure::Api(refusal)),
    };
    Ok(code_step::page(&visit, Some(problem)))
}

/// The sign-in page in place of the code's, whose sign-in has ended. It keeps the form that was kept.
fn begin_again(visit: &Visit, problem: &Text) -> Response {
    let mut response = again(visit, "", problem.to_string());
    add_cookie(&mut response, visit.ui.site.set_pending_code(None));
    response
}

/// Continues where the visitor wanted to go, or with the form that was kept.
async fn signed_in(mut visit: Visit, cookie: Option<HeaderValue>) -> PageResult {
    let mut response = match (kept_form::keeps_one(&visit.form), &cookie) {
        (true, Some(line)) => {
            visit.enter(line).await?;
            kept_form::ask_kept(&visit, local(kept_form::path(&visit.form)))
        }
        _ => see_other(local(visit.form.get(TO))),
    };
    add_cookie(&mut response, cookie);
    Ok(response)
}

pub(super) async fn end(visit: Visit) -> PageResult {
    let write = Write::new(Method::DELETE, "/api/v1/session");
    match visit.client.send(write).await {
        Ok(ended) => {
            let mut response = see_other(SIGN_IN);
            add_cookie(&mut response, ended.headers().get(header::SET_COOKIE).cloned());
            Ok(response)
        }
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => visit.go(SIGN_IN),
        Err(refusal) => Err(refusal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_keeps_where_the_visitor_wanted_to_go() {
        assert_eq!(address(&Uri::from_static("/")), "/sign-in");
        let to = Uri::from_static("http://host/users?q=a&after=b");
        assert_eq!(address(&to), "/sign-in?to=%2Fusers%3Fq%3Da%26after%3Db");
    }
}
