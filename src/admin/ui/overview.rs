//! The first page: the gateway at a glance.

use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use super::frame::Frame;
use super::visit::{PageResult, Visit};
use crate::directory::records::Authority;

#[derive(Debug, Deserialize)]
struct Status {
    version: String,
    public_url: String,
    started: Timestamp,
    organizations: u64,
    warnings: Vec<Warning>,
}

#[derive(Debug, Deserialize)]
struct Warning {
    detail: String,
}

#[derive(Template)]
#[template(path = "admin/overview.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// `None` for an administrator whose scope is limited.
    status: Option<Status>,
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let status = match visit.may_over_gateway(Authority::Read) {
        true => Some(visit.client.get("/api/v1/status").await?),
        false => None,
    };
    visit.show(&Page { frame: visit.frame(), status })
}
