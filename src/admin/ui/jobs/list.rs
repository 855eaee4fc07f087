//! The list of jobs, the newest first.

use askama::Template;
use serde::Deserialize;

use super::Job;
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::Jobs;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<Job>,
    next: Option<String>,
    hidden: Option<u64>,
}

#[derive(Template)]
#[template(path = "admin/jobs/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Jobs,
    jobs: Vec<Job>,
    /// The address of this page of the list.
    here: String,
    next: Option<String>,
    hidden: u64,
    /// Whether a job goes on, so that the list changes.
    is_live: bool,
    may_manage: bool,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let after = visit.query.get("after");
    let path = address("/api/v1/jobs", &[("limit", "50"), ("after", after)]);
    let Listed { items: jobs, next, hidden } = visit.client.get(&path).await?;
    let page = Page {
        frame: visit.frame(),
        text: &visit.text().jobs,
        here: address("/jobs", &[("after", after)]),
        next: next.map(|next| address("/jobs", &[("after", &next)])),
        hidden: hidden.unwrap_or_default(),
        is_live: jobs.iter().any(|job| job.state.is_open()),
        may_manage: visit.may(Authority::Manage),
        jobs,
    };
    visit.show(&page)
}
