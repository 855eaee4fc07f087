//! The list of tokens.

use askama::Template;
use serde::Deserialize;

use super::{API, Token};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::{Rights, Tokens};
use crate::admin::ui::visit::{PageResult, Visit};

/// How many tokens a page has.
const LIMIT: &str = "50";

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<Token>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/tokens/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Tokens,
    rights_text: &'a Rights,
    tokens: Vec<Token>,
    /// The next page of the list.
    next: Option<String>,
    is_first: bool,
    is_revoked: bool,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let after = visit.query.get("after");
    let path = address(API, &[("limit", LIMIT), ("after", after)]);
    let Listed { items, next } = visit.client.get(&path).await?;
    visit.show(&Page {
        frame: visit.frame(),
        text: &visit.text().tokens,
        rights_text: &visit.text().rights,
        tokens: items,
        next: next.map(|next| address("/tokens", &[("after", &next)])),
        is_first: after.is_empty(),
        is_revoked: visit.is_done("revoked"),
    })
}
