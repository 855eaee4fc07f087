//! The first page: what is well in the gateway, and what is not.
//!
//! The part that changes is asked for again every few seconds while the page is visible. A person
//! whose scope is limited sees what happens in the own organizations.

pub(super) mod disabling;
mod portal_switch;

use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use self::portal_switch::PortalSwitch;
use super::fields::{address, segment};
use super::frame::Frame;
use super::refusal::Answer;
use super::texts::{Catalogue, Overview as Words};
use super::visit::{PageResult, Visit};
use super::warnings::Said;
use crate::directory::records::Authority;
use crate::directory::warning::{Warning, WarningName};
use crate::web::text::Text;

/// How many sign-ins are shown, of each kind.
const SIGN_INS: usize = 5;
/// How many days before its end a certificate needs attention.
const CERTIFICATE_DAYS: i64 = 14;

/// What the API says about the gateway.
#[derive(Debug, Deserialize)]
struct Gateway {
    version: String,
    public_url: String,
    started: Timestamp,
    not_ready: Option<String>,
    policy: Policy,
    portal: Portal,
    mail: Mail,
    certificates: Vec<Certificate>,
    organizations: u64,
    users: u64,
    refusals: Vec<Refusals>,
    warnings: Vec<Warning>,
}

#[derive(Debug, Deserialize)]
struct Policy {
    version: String,
    loaded: Timestamp,
    routes: u64,
}

#[derive(Debug, Deserialize)]
struct Portal {
    disabled_redirect_url: Option<String>,
    servers: Vec<PortalServer>,
}

#[derive(Debug, Deserialize)]
struct PortalServer {
    address: String,
    error: Option<String>,
    healthy: Option<bool>,
    problem: Option<String>,
    draining: bool,
}

#[derive(Debug, Deserialize)]
struct Mail {
    waiting: u64,
    failed: u64,
    unconfirmed: u64,
}

#[derive(Debug, Deserialize)]
struct Certificate {
    setting: String,
    expires: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Refusals {
    decision: String,
    reason: String,
    requests: u64,
    last: Timestamp,
    reference: String,
}

/// An entry of the audit log about a sign-in.
#[derive(Debug, Deserialize)]
struct SignIn {
    number: u64,
    time: Timestamp,
    subject: Subject,
    user: Option<String>,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Subject {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Entries {
    items: Vec<SignIn>,
}

impl Gateway {
    /// Whether nothing has to be looked at.
    fn is_well(&self) -> bool {
        self.not_ready.is_none() && self.warnings.is_empty()
    }

    /// Whether no one could use the portal yet.
    const fn is_new(&self) -> bool {
        self.organizations == 0 || self.users == 0
    }

    /// Whether the policy files differ from what is in force, or expectations are not met.
    fn has_policy_warning(&self) -> bool {
        let names = [WarningName::PolicyNotReloaded, WarningName::ExpectationsNotMet];
        self.warnings.iter().any(|warning| names.contains(&warning.name))
    }

    /// The warnings, in words.
    fn said(&self, text: &Catalogue) -> Vec<Said> {
        self.warnings.iter().map(|warning| Said::of(warning, text)).collect()
    }
}

impl PortalServer {
    /// Why its health checks fail, if it accepts connections.
    fn problem(&self) -> Option<&str> {
        let is_unhealthy = self.healthy == Some(false) && self.error.is_none();
        is_unhealthy.then(|| self.problem.as_deref().unwrap_or_default())
    }
}

impl Policy {
    /// The beginning of its version, which is enough to recognize it.
    fn short(&self) -> &str {
        self.version.get(..12).unwrap_or(&self.version)
    }
}

impl Certificate {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }

    fn expires_soon(&self, now: Timestamp) -> bool {
        self.expires.duration_since(now).as_hours() < CERTIFICATE_DAYS * 24
    }
}

impl Refusals {
    fn explanation(&self) -> String {
        address("/explain", &[("reference", &self.reference)])
    }
}

impl SignIn {
    /// The page of the portal user, if it is known who it was.
    fn page(&self) -> Option<String> {
        Some(format!("/users/{}", segment(self.user.as_deref()?)))
    }
}

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Words,
    /// `None` for a person whose scope is limited.
    gateway: Option<Gateway>,
    sign_ins: Vec<SignIn>,
    refused: Vec<SignIn>,
    now: Timestamp,
    /// Whether the visitor may disable and enable the portal.
    may_manage: bool,
    switch: PortalSwitch,
    done: Option<&'a Text>,
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, PortalSwitch::default()).await?;
    visit.show(&page)
}

async fn page(visit: &Visit, switch: PortalSwitch) -> Answer<Page<'_>> {
    let text = &visit.text().overview;
    let gateway = match visit.may_over_gateway(Authority::Read) {
        true => Some(visit.client.get("/api/v1/overview").await?),
        false => None,
    };
    Ok(Page {
        frame: visit.frame(),
        text,
        gateway,
        sign_ins: entries(visit, "user.signed-in").await?,
        refused: entries(visit, "user.sign-in-refused").await?,
        now: visit.now,
        may_manage: visit.may_over_gateway(Authority::Manage),
        switch,
        done: match visit.query.get("done") {
            "disabled" => Some(&text.was_disabled),
            "enabled" => Some(&text.was_enabled),
            _ => None,
        },
    })
}

async fn entries(visit: &Visit, kind: &str) -> Answer<Vec<SignIn>> {
    let path = address("/api/v1/audit", &[("kind", kind), ("limit", &SIGN_INS.to_string())]);
    Ok(visit.client.get::<Entries>(&path).await?.items)
}
