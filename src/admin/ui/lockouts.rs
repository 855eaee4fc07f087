//! Logins and networks that are locked after failed attempts, and releasing them.

use askama::Template;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use super::client::Write;
use super::fields::{address, segment};
use super::frame::Frame;
use super::refusal::{Answer, Refusal};
use super::texts::Lockouts as Words;
use super::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

const API: &str = "/api/v1/lockouts";
const PATH: &str = "/lockouts";

#[derive(Debug, Deserialize)]
struct Lockout {
    id: String,
    kind: String,
    login: Option<String>,
    address: Option<String>,
    failures: u64,
    until: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<Lockout>,
    hidden: Option<u64>,
}

#[derive(Template)]
#[template(path = "admin/lockouts/list.html")]
struct View<'a> {
    frame: Frame<'a>,
    text: &'a Words,
    lockouts: Vec<Lockout>,
    hidden: u64,
    is_released: bool,
    /// The login or address that was to be released, and why it was not.
    given: &'a str,
    problem: Option<String>,
    may_release: bool,
}

impl View<'_> {
    fn kind<'a>(&'a self, kind: &'a str) -> &'a str {
        let words: &Text = match kind {
            "account" => &self.text.account,
            "browser" => &self.text.browser,
            "browsers" => &self.text.browsers,
            "administrator" => &self.text.administrator,
            "address" => &self.text.network,
            other => return other,
        };
        words.as_str()
    }
}

impl Lockout {
    /// What is locked.
    fn name(&self) -> &str {
        self.login.as_deref().or(self.address.as_deref()).unwrap_or_default()
    }

    /// The network that a login is locked in.
    fn network(&self) -> Option<&str> {
        self.login.as_ref().and(self.address.as_deref())
    }
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

/// Releases a lockout of the list, or a login or address that was typed.
pub(super) async fn release(visit: Visit) -> PageResult {
    let (id, name) = (visit.form.get("id"), visit.form.get("name"));
    let path = match id {
        "" if name.parse::<std::net::IpAddr>().is_ok() => address(API, &[("address", name)]),
        "" => address(API, &[("login", name)]),
        id => format!("{API}/{}", segment(id)),
    };
    match visit.client.write(Write::new(Method::DELETE, &path)).await {
        Ok(_) => visit.go(&format!("{PATH}?done=released")),
        // One of the list may have ended while the page was open.
        Err(refusal) if refusal.kind == "not-found" && !id.is_empty() => {
            visit.go(&format!("{PATH}?done=released"))
        }
        Err(refusal) if refusal.is_about_the_form() || refusal.kind == "not-found" => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<View<'a>> {
    let Listed { items: lockouts, hidden } = visit.client.get(API).await?;
    Ok(View {
        frame: visit.frame(),
        text: &visit.text().lockouts,
        lockouts,
        hidden: hidden.unwrap_or_default(),
        is_released: visit.is_done("released"),
        given: visit.form.get("name"),
        problem: refusal.map(|refusal| refusal.detail.clone()),
        may_release: visit.may(Authority::Support),
    })
}

/// The address of a form leads back to the page.
pub(super) async fn back(visit: Visit) -> PageResult {
    visit.go("/lockouts")
}
