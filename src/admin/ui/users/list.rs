//! The list of portal users: searched as one types, filtered, with bulk actions.

use askama::Template;

use super::state::status_of;
use super::{User, bulk_bar};
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::{Fields, address};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::listed::{Listed, Pages};
use crate::admin::ui::organizations::names::Names;
use crate::admin::ui::organizations::{self, Organization, filter, suggestions};
use crate::admin::ui::people::{choices, group_name};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

const PATH: &str = "/users";

#[derive(Template)]
#[template(path = "admin/users/list.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    users_text: &'a Users,
    users: Vec<User>,
    /// The names of their organizations.
    names: Names,
    groups: Vec<Group>,
    pages: Pages,
    /// How many are outside of the visitor's scope.
    hidden: u64,
    search: &'a str,
    group: &'a str,
    state: &'a str,
    organization_id: String,
    organization: Field<'a>,
    /// The organizations that the filter may mean: an address of this page, and a name.
    matches: Vec<(String, String)>,
    /// The organization of the filter.
    of: Option<Organization>,
    is_filtered: bool,
    may_manage: bool,
    /// What the bar of bulk actions offers.
    actions: Vec<(&'static str, &'a Text)>,
    is_deleted: bool,
    /// What was not chosen in the bar of bulk actions.
    problem: Option<&'a Text>,
    /// The form that was sent, if one was.
    form: &'a Fields,
    /// Where the page of the list begins.
    after: &'a str,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, &visit.query, None).await?;
    visit.show(&page)
}

/// The list with this filter. With a problem, the bar of bulk actions has what was chosen in the form
/// that was sent.
pub(super) async fn page<'a>(
    visit: &'a Visit,
    query: &'a Fields,
    problem: Option<&'a Text>,
) -> Answer<Page<'a>> {
    let [search, group, state, id] =
        ["search", "group", "state", "organization"].map(|name| query.get(name));
    let (status, disabled) = status_of(state);
    let meant = filter::meant(visit, id).await?;
    let id = &*meant.id;
    let filters = [
        ("search", search),
        ("group", group),
        ("status", status),
        ("disabled", disabled),
        ("organization", id),
        ("after", query.get("after")),
        ("limit", "50"),
    ];
    let text = &visit.text().users;
    let organization =
        Field::new("organization", &text.organization).value(id).suggestions(suggestions::PATH);
    let found = visit.client.get::<Listed<User>>(&address("/api/v1/users", &filters)).await;
    let (listed, organization) = match found {
        Ok(listed) => (listed, organization),
        Err(refusal) => unknown(&refusal, organization).ok_or(refusal)?,
    };
    let ids = listed.items.iter().map(|user| user.organization.as_str());
    let names = Names::read(visit, ids).await;
    Ok(Page {
        frame: visit.frame(),
        text,
        users_text: text,
        groups: groups::all(visit).await?,
        pages: Pages::between(PATH, query, listed.next.as_deref()),
        users: listed.items,
        names,
        hidden: listed.hidden.unwrap_or_default(),
        search,
        group,
        state,
        organization_id: id.to_owned(),
        of: organization_of(visit, id).await?,
        organization,
        matches: meant.links_at(PATH, query),
        is_filtered: [search, group, state, id].iter().any(|filter| !filter.is_empty()),
        may_manage: visit.may(Authority::Manage),
        actions: bulk_bar::actions(text),
        is_deleted: visit.is_done("deleted"),
        problem,
        form: &visit.form,
        after: query.get("after"),
    })
}

/// An empty list, if an id of the filter does not exist.
fn unknown<'a>(refusal: &Refusal, organization: Field<'a>) -> Option<(Listed<User>, Field<'a>)> {
    let is_of_filter = ["organization", "group", "status"].map(|field| refusal.field(field));
    is_of_filter.iter().find_map(|message| *message)?;
    let organization = match refusal.field("organization") {
        Some(message) => organization.problem(message),
        None => organization,
    };
    Some((Listed { items: Vec::new(), next: None, hidden: None }, organization))
}

async fn organization_of(visit: &Visit, id: &str) -> Answer<Option<Organization>> {
    match id {
        "" => Ok(None),
        id => crate::admin::ui::people::found(visit, &organizations::api(id)).await,
    }
}

impl Page<'_> {
    fn group_name<'a>(&'a self, id: &'a str) -> &'a str {
        group_name(&self.groups, id)
    }

    /// The filter, for the form with the bar of bulk actions.
    fn filter(&self) -> [(&'static str, &str); 5] {
        let Self { search, group, state, organization_id, after, .. } = self;
        bulk_bar::fields([search, group, state, organization_id, after])
    }

    fn is_checked(&self, id: &str) -> bool {
        self.form.all("user").any(|checked| checked == id)
    }

    /// The groups that the bar of bulk actions offers.
    fn choices(&self) -> Vec<crate::admin::ui::field::Choice> {
        choices(&self.groups)
    }
}
