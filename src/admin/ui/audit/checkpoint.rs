//! The newest checkpoint, after signing one; and how the log is verified with it.

use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use super::API;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::Audit;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Debug, Deserialize)]
struct Checkpoint {
    size: u64,
    time: Timestamp,
    checkpoint: String,
    key: String,
}

#[derive(Template)]
#[template(path = "admin/audit/checkpoint.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Audit,
    checkpoint: Checkpoint,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let checkpoint = visit.client.get(&format!("{API}/checkpoint")).await?;
    visit.show(&Page { frame: visit.frame(), text: &visit.text().audit, checkpoint })
}
