//! Setting up one's own second factor, and new recovery codes. Both are shown once.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{Factor, factor};
use super::{PATH, STATUS, is_about_the_form, problem};
use crate::admin::ui::client::Write;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::issued_factor::IssuedFactor;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::{Account, SecondFactor};
use crate::admin::ui::visit::{PageResult, Visit};

const API: &str = "/api/v1/session/mfa";

/// A secret for the app, which is not stored yet.
#[derive(Debug, Deserialize)]
struct Proposal {
    #[serde(flatten)]
    factor: IssuedFactor,
    proposal: String,
}

#[derive(Template)]
#[template(path = "admin/account/second_factor.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Account,
    factor_text: &'a SecondFactor,
    present: Factor,
    factor: IssuedFactor,
    proposal: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/account/recovery_codes.html")]
struct CodesPage<'a> {
    frame: Frame<'a>,
    text: &'a Account,
    present: Factor,
    problem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Issued {
    recovery_codes: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin/account/issued.html")]
struct IssuedPage<'a> {
    frame: Frame<'a>,
    text: &'a Account,
    factor_text: &'a SecondFactor,
    title: String,
    codes: Vec<String>,
    next: Next<'a>,
}

/// Where it goes on after recovery codes were shown.
#[derive(Debug)]
pub(in crate::admin::ui) enum Next<'a> {
    /// At this address.
    Page(&'a str),
    /// With a form that is sent to this address with these fields.
    Form(&'a str, Vec<(&'a str, &'a str)>),
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

pub(in crate::admin::ui) async fn set_up(visit: Visit) -> PageResult {
    let form = &visit.form;
    let code = form.get("code");
    let document = json!({
        "current": form.raw("current"),
        "code": (!code.is_empty()).then_some(code),
        "proposal": form.get("proposal"),
        "new_code": form.get("new_code"),
    });
    let write = Write::new(Method::POST, API).with(&document);
    match visit.client.write(write).await {
        Ok(issued) => {
            let title = visit.text().account.set_up_done.to_string();
            Ok(issued_page(&visit, title, issued, Next::Page(PATH))?)
        }
        Err(refusal) if is_about_the_form(&refusal) => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(STATUS, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

pub(in crate::admin::ui) async fn show_codes(visit: Visit) -> PageResult {
    let page = codes_page(&visit, None).await?;
    visit.show(&page)
}

pub(in crate::admin::ui) async fn replace_codes(visit: Visit) -> PageResult {
    let form = &visit.form;
    let document = json!({ "current": form.raw("current"), "code": form.get("code") });
    let path = format!("{API}/recovery-codes");
    match visit.client.write(Write::new(Method::POST, &path).with(&document)).await {
        Ok(issued) => {
            let title = visit.text().account.codes_done.to_string();
            Ok(issued_page(&visit, title, issued, Next::Page(PATH))?)
        }
        Err(refusal) if is_about_the_form(&refusal) => {
            let page = codes_page(&visit, Some(&refusal)).await?;
            Ok(visit.page(STATUS, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The page that shows recovery codes once.
pub(in crate::admin::ui) fn issued_page(
    visit: &Visit,
    title: String,
    issued: Value,
    next: Next<'_>,
) -> Answer<Response> {
    let Issued { recovery_codes: codes } =
        serde_json::from_value(issued).map_err(|error| Refusal::broken(&error.to_string()))?;
    let (frame, texts) = (visit.frame(), visit.text());
    let (text, factor_text) = (&texts.account, &texts.second_factor);
    Ok(visit.page(StatusCode::OK, &IssuedPage { frame, text, factor_text, title, codes, next }))
}

/// Each time the page is shown it has another secret, so after a wrong code it is scanned again: the
/// page does not keep secrets in a form.
async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let texts = visit.text();
    let Proposal { factor: new, proposal } = visit.client.get(&format!("{API}/proposal")).await?;
    Ok(Page {
        frame: visit.frame(),
        text: &texts.account,
        factor_text: &texts.second_factor,
        present: factor(visit).await?,
        factor: new,
        proposal,
        problem: said(refusal, &texts.account),
    })
}

async fn codes_page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<CodesPage<'a>> {
    let texts = visit.text();
    Ok(CodesPage {
        frame: visit.frame(),
        text: &texts.account,
        present: factor(visit).await?,
        problem: said(refusal, &texts.account),
    })
}

fn said(refusal: Option<&Refusal>, words: &Account) -> Option<String> {
    refusal.map(|refusal| problem(refusal, words).unwrap_or_else(|| refusal.detail.clone()))
}
