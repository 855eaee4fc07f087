//! The list of the end users of an organization, searched as one types; and suggestions from it.

use askama::Template;

use super::{EndUser, list_of, organization_of};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::listed::{Listed, Pages};
use crate::admin::ui::organizations::suggestions::Suggestions;
use crate::admin::ui::organizations::{self, Organization};
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::EndUsers;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;

#[derive(Template)]
#[template(path = "admin/end_users/list.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a EndUsers,
    organization: Organization,
    /// The address of the list.
    list: String,
    end_users: Vec<EndUser>,
    pages: Pages,
    search: &'a str,
    may_manage: bool,
    is_deleted: bool,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let (search, after) = (visit.query.get("search"), visit.query.get("after"));
    let filters = [("search", search), ("after", after), ("limit", "50")];
    let path = format!("{}/end-users", organizations::api(visit.id(0)));
    let listed: Listed<EndUser> = visit.client.get(&address(&path, &filters)).await?;
    visit.show(&Page {
        frame: visit.frame(),
        text: &visit.text().end_users,
        organization: organization_of(&visit).await?,
        list: list_of(visit.id(0)),
        pages: Pages::of(&visit, listed.next.as_deref()),
        end_users: listed.items,
        search,
        may_manage: visit.may(Authority::Manage),
        is_deleted: visit.is_done("deleted"),
    })
}

/// The path of the page with suggestions.
pub(in crate::admin::ui) const SUGGESTIONS: &str = "/end-users/suggestions";

/// The end users that begin with what was typed into the field `end_user`, of the organization in the
/// field `organization`.
pub(in crate::admin::ui) async fn suggest(visit: Visit) -> PageResult {
    let (text, organization) = (visit.query.get("end_user"), visit.query.get("organization"));
    // None while the organization is being typed.
    let options = beginning_with(&visit, organization, text).await.unwrap_or_default();
    visit.show(&Suggestions { options })
}

/// Ids and names of the end users of an organization whose name or address begins with a text.
pub(in crate::admin::ui) async fn beginning_with(
    visit: &Visit,
    organization: &str,
    text: &str,
) -> Answer<Vec<(String, String)>> {
    let path = format!("{}/end-users", organizations::api(organization));
    let path = address(&path, &[("search", text), ("limit", "10")]);
    let listed: Listed<EndUser> = visit.client.get(&path).await?;
    let options = listed.items.into_iter().map(|it| {
        let label = match it.email {
            Some(email) => format!("{} <{email}>", it.name),
            None => it.name,
        };
        (it.id, label)
    });
    Ok(options.collect())
}
