//! The routes of the policy, all or those that a group or a person reaches.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;

use super::{Route, all};
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::refusal::{Answer, FieldError};
use crate::admin::ui::texts::Routes;
use crate::admin::ui::visit::PageResult;
use crate::admin::ui::visit::Visit;
use crate::directory::records::Authority;

#[derive(Template)]
#[template(path = "admin/routes/list.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Routes,
    routes: Vec<Route>,
    /// How many there are without the filters.
    total: u64,
    /// The names of permissions by their ids.
    names: BTreeMap<String, String>,
    groups: Vec<Group>,
    search: &'a str,
    /// The id of the group whose routes are shown.
    group: String,
    /// The person whose group that is.
    person: Option<Person>,
    may_reload: bool,
    is_reloaded: bool,
    /// What is wrong with the policy files, after a reload that was refused.
    pub(super) errors: Vec<FieldError>,
    pub(super) problem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Person {
    id: String,
    login: String,
    group: String,
}

impl Page<'_> {
    fn name<'a>(&'a self, permission: &'a str) -> &'a str {
        self.names.get(permission).map_or(permission, String::as_str)
    }

    fn person_segment(&self) -> String {
        self.person.as_ref().map(|person| segment(&person.id)).unwrap_or_default()
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    visit.show(&page(&visit).await?)
}

/// The page with the filters of its query.
pub(super) async fn page(visit: &Visit) -> Answer<Page<'_>> {
    let user = visit.query.get("user");
    let person = match user {
        "" => None,
        id => Some(visit.client.get::<Person>(&format!("/api/v1/users/{}", segment(id))).await?),
    };
    let group = person.as_ref().map_or(visit.query.get("group"), |person| &person.group);
    let group = group.to_owned();
    let search = visit.query.get("q");
    let mut routes = all(visit).await?;
    let total = u64::try_from(routes.len()).unwrap_or(u64::MAX);
    let folded = search.to_lowercase();
    routes.retain(|route| {
        let is_found =
            [&route.name, &route.path].iter().any(|it| it.to_lowercase().contains(&folded))
                || route.permissions.iter().any(|permission| permission.contains(&folded));
        is_found && (group.is_empty() || route.is_reached_by(&group))
    });
    let permissions = groups::permissions(visit).await?;
    Ok(Page {
        frame: visit.frame(),
        text: &visit.text().routes,
        routes,
        total,
        names: permissions.into_iter().map(|it| (it.id, it.name)).collect(),
        groups: groups::all(visit).await?,
        search,
        group,
        person,
        may_reload: visit.may_over_gateway(Authority::Manage),
        is_reloaded: visit.is_done("reloaded"),
        errors: Vec::new(),
        problem: None,
    })
}
