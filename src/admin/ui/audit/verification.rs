//! Whether the log is as its checkpoints say.

use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use super::API;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::Audit;
use crate::admin::ui::visit::{PageResult, Visit};

/// What a verification has found, as the API shows it.
#[derive(Debug, Deserialize)]
struct Verification {
    time: Timestamp,
    complete: bool,
    size: u64,
    removed: u64,
    checkpoint: Option<Timestamp>,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/audit/verification.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Audit,
    found: Verification,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let found = visit.client.get(&format!("{API}/verification")).await?;
    visit.show(&Page { frame: visit.frame(), text: &visit.text().audit, found })
}
