//! The page of one's own account: password, second factor and sessions.

use askama::Template;
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{PATH, STATUS, is_about_the_form, problem};
use crate::admin::ui::client::Write;
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::{Account, Administrators};
use crate::admin::ui::visit::{PageResult, Visit};
use crate::web::text::Text;

/// The state of one's own second factor.
#[derive(Debug, Deserialize)]
pub(super) struct Factor {
    pub(super) enrolled: bool,
    pub(super) since: Option<Timestamp>,
    pub(super) recovery_codes_left: u64,
}

/// One of one's own sessions.
#[derive(Debug, Deserialize)]
struct Session {
    id: String,
    created: Timestamp,
    last_seen: Timestamp,
    address: String,
    current: bool,
}

#[derive(Debug, Deserialize)]
struct Sessions {
    items: Vec<Session>,
}

#[derive(Template)]
#[template(path = "admin/account/page.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Account,
    account_text: &'a Administrators,
    factor: Factor,
    sessions: Vec<Session>,
    done: Option<&'a Text>,
    /// What is wrong with the new password.
    password_problem: Option<String>,
    /// What is wrong with the rest.
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

/// Changes the password, or ends a session.
pub(in crate::admin::ui) async fn act(visit: Visit) -> PageResult {
    let form = &visit.form;
    let ended = format!("/api/v1/session/sessions/{}", segment(form.get("session")));
    let (write, done) = match visit.chosen(&[("end", true), ("password", false)])? {
        true => (Write::new(Method::DELETE, &ended), "ended"),
        false => {
            let code = form.get("code");
            let document = json!({
                "current": form.raw("current"),
                "code": (!code.is_empty()).then_some(code),
                "password": form.raw("password"),
            });
            (Write::new(Method::PUT, "/api/v1/session/password").with(&document), "password")
        }
    };
    match visit.client.write(write).await {
        Ok(_) => visit.go(&format!("{PATH}?done={done}")),
        Err(refusal) if is_about_the_form(&refusal) => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(STATUS, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The state of one's own second factor.
pub(super) async fn factor(visit: &Visit) -> Answer<Factor> {
    visit.client.get("/api/v1/session/mfa").await
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let text = &visit.text().account;
    let sessions: Sessions = visit.client.get("/api/v1/session/sessions?limit=50").await?;
    let password_problem = refusal.and_then(|refusal| refusal.field("password")).map(str::to_owned);
    let problem = refusal
        .filter(|_| password_problem.is_none())
        .map(|refusal| problem(refusal, text).unwrap_or_else(|| refusal.detail.clone()));
    Ok(Page {
        frame: visit.frame(),
        text,
        account_text: &visit.text().administrators,
        factor: factor(visit).await?,
        sessions: sessions.items,
        done: match visit.query.get("done") {
            "password" => Some(&text.password_done),
            "ended" => Some(&text.ended),
            _ => None,
        },
        password_problem,
        problem,
    })
}
