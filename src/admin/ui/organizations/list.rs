//! The list of organizations, searched as one types.

use askama::Template;

use super::Organization;
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::listed::{Listed, Pages};
use crate::admin::ui::texts::Organizations;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;

#[derive(Template)]
#[template(path = "admin/organizations/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Organizations,
    organizations: Vec<Organization>,
    pages: Pages,
    /// How many are outside of the visitor's scope.
    hidden: u64,
    search: &'a str,
    parked: &'a str,
    is_filtered: bool,
    may_create: bool,
    is_deleted: bool,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let query = &visit.query;
    let (search, parked, after) = (query.get("search"), query.get("parked"), query.get("after"));
    let filters = [("search", search), ("parked", parked), ("after", after), ("limit", "50")];
    let path = address("/api/v1/organizations", &filters);
    let listed: Listed<Organization> = visit.client.get(&path).await?;
    visit.show(&Page {
        frame: visit.frame(),
        text: &visit.text().organizations,
        pages: Pages::of(&visit, listed.next.as_deref()),
        organizations: listed.items,
        hidden: listed.hidden.unwrap_or_default(),
        search,
        parked,
        is_filtered: !search.is_empty() || !parked.is_empty(),
        may_create: visit.may_over_gateway(Authority::Manage),
        is_deleted: visit.is_done("deleted"),
    })
}
