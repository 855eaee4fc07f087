//! Suggestions for a field in which an organization is chosen: those that begin with what was typed.

use askama::Template;

use super::Organization;
use crate::admin::ui::fields::address;
use crate::admin::ui::listed::Listed;
use crate::admin::ui::refusal::Answer;
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
    let options = beginning_with(&visit, visit.query.get("organization")).await?;
    visit.show(&Suggestions { options })
}

/// Ids and names of organizations whose id, name or address begins with a text.
pub(in crate::admin::ui) async fn beginning_with(
    visit: &Visit,
    text: &str,
) -> Answer<Vec<(String, String)>> {
    let path = address("/api/v1/organizations", &[("search", text), ("limit", "10")]);
    let listed: Listed<Organization> = visit.client.get(&path).await?;
    Ok(listed.items.into_iter().map(|it| (it.id, it.name)).collect())
}
