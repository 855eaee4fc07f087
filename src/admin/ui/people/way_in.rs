//! One-time links with which staff opens the portal (R17, R18): the form with the reason, and the page
//! with the link.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::admin::ui::client::Write;
use crate::admin::ui::field::Field;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::People;
use crate::admin::ui::visit::Visit;
use crate::web::text::Filled;

/// The most characters of a reason.
const LONGEST_REASON: usize = 500;

/// What the link opens, in words.
#[derive(Debug)]
pub(in crate::admin::ui) struct Target {
    pub(in crate::admin::ui) title: String,
    pub(in crate::admin::ui) lead: String,
    /// The page of the organization or the portal user.
    pub(in crate::admin::ui) back: String,
    /// Its name.
    pub(in crate::admin::ui) name: String,
}

#[derive(Template)]
#[template(path = "admin/people/way_in.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a People,
    target: &'a Target,
    reason: Field<'a>,
    problem: Option<String>,
    /// The link, and until when it works.
    link: Option<(String, Filled<'a>)>,
}

/// A link that works once.
#[derive(Debug, Deserialize)]
struct Link {
    url: String,
    expires: Timestamp,
}

/// The form; after a refusal with what was typed.
pub(in crate::admin::ui) fn form(
    visit: &Visit,
    target: &Target,
    refusal: Option<&Refusal>,
) -> Response {
    let text = &visit.text().people;
    let reason = Field::new("reason", &text.reason).hint(&text.reason_hint);
    let reason = reason.required().most(LONGEST_REASON).after(visit, refusal);
    let problem = refusal.and_then(|it| it.apart_from(&["reason"])).map(str::to_owned);
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status);
    let page = Page { frame: visit.frame(), text, target, reason, problem, link: None };
    visit.page(status, &page)
}

/// Asks the API for the link, and shows it. The answer to a request that was refused is the form.
pub(in crate::admin::ui) async fn open(
    visit: &Visit,
    target: &Target,
    (api, document): (&str, &Value),
) -> Answer<Response> {
    let issued = visit.client.write(Write::new(Method::POST, api).with(document)).await;
    let link = match issued.map(serde_json::from_value::<Link>) {
        Ok(Ok(link)) => link,
        Ok(Err(error)) => return Err(Refusal::broken(&error.to_string())),
        Err(refusal) if refusal.is_about_the_form() => {
            return Ok(form(visit, target, Some(&refusal)));
        }
        Err(refusal) => return Err(refusal),
    };
    let text = &visit.text().people;
    let reason = Field::new("reason", &text.reason);
    let expires = visit.text().when.ahead(link.expires, visit.now);
    let link = Some((link.url, text.link_ready.with(expires)));
    let page = Page { frame: visit.frame(), text, target, reason, problem: None, link };
    Ok(visit.page(StatusCode::OK, &page))
}
