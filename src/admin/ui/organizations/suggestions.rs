//! Suggestions for a field in which an organization is chosen: those that begin with what was typed.

use askama::Template;

use super::Organization;
use crate::admin::ui::fields::address;
use crate::admin::ui::listed::Listed;
use crate::admin::ui::visit::{PageResult, Visit};

/// The path of the page.
pub(in crate::admin::ui) const PATH: &str = "/organizations/suggestions";

/// What can be chosen: an id, and what it stands for.
#[derive(Template)]
#[template(path = "admin/people/suggestions.html")]
pub(in crate::admin::ui) struct Suggestions {
    pub(in crate::admin::ui) options: Vec<(String, String)>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let search = visit.query.get("organization");
    let path = address("/api/v1/organizations", &[("search", search), ("limit", "10")]);
    let listed: Listed<Organization> = visit.client.get(&path).await?;
    let options = listed.items.into_iter().map(|it| (it.id, it.name)).collect();
    visit.show(&Suggestions { options })
}
