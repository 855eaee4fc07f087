//! The list of administrators.

use askama::Template;
use serde::Deserialize;

use super::{API, Administrator};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::{Administrators, Rights};
use crate::admin::ui::visit::{PageResult, Visit};

/// How many administrators a page has.
const LIMIT: &str = "50";

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<Administrator>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/administrators/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Administrators,
    rights_text: &'a Rights,
    administrators: Vec<Administrator>,
    /// The next page of the list.
    next: Option<String>,
    is_first: bool,
    is_deleted: bool,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let after = visit.query.get("after");
    let path = address(API, &[("limit", LIMIT), ("after", after)]);
    let Listed { items, next } = visit.client.get(&path).await?;
    visit.show(&Page {
        frame: visit.frame(),
        text: &visit.text().administrators,
        rights_text: &visit.text().rights,
        administrators: items,
        next: next.map(|next| address("/administrators", &[("after", &next)])),
        is_first: after.is_empty(),
        is_deleted: visit.is_done("deleted"),
    })
}
