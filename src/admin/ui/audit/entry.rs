//! One entry, with what it changed.

use askama::Template;

use super::difference::{Difference, between};
use super::{API, Entry};
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::organizations::names::Names;
use crate::admin::ui::texts::Audit;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/audit/entry.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Audit,
    entry: Entry,
    /// The name of its organization.
    names: Names,
    differences: Vec<Difference>,
    exact: String,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let path = format!("{API}/{}", segment(visit.id(0)));
    let entry: Entry = visit.client.get(&path).await?;
    let names = Names::read(&visit, entry.organization.as_deref().into_iter()).await;
    visit.show(&Page {
        frame: visit.frame(),
        text: &visit.text().audit,
        differences: between(entry.before.as_ref(), entry.after.as_ref()),
        exact: entry.time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        entry,
        names,
    })
}
