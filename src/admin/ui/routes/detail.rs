//! One route: what it needs, and who reaches it.

use std::collections::BTreeMap;

use askama::Template;

use super::{Route, all};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::texts::Routes;
use crate::admin::ui::visit::{Failure, PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/routes/detail.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Routes,
    route: Route,
    names: BTreeMap<String, String>,
    /// The groups whose members reach it.
    reaching: Vec<Group>,
    /// The others.
    others: Vec<Group>,
    /// How many portal users reach it.
    people: u64,
    /// Whether secure links reach it.
    by_link: bool,
}

impl Page<'_> {
    fn name<'a>(&'a self, permission: &'a str) -> &'a str {
        self.names.get(permission).map_or(permission, String::as_str)
    }

    /// Where a request to this route by a member of a group is explained.
    fn explain(&self, group: &Group) -> String {
        let method = self.route.methods.first().map_or("GET", String::as_str);
        let target = self.route.path.as_str();
        let question =
            [("who", "group"), ("group", &*group.id), ("method", method), ("target", target)];
        address("/explain", &question)
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let name = visit.id(0);
    let route = all(&visit).await?.into_iter().find(|route| route.name == name);
    let Some(route) = route else { return Err(Failure::NotFound) };
    let permissions = groups::permissions(&visit).await?;
    let groups = groups::all(&visit).await?;
    let (reaching, others): (Vec<Group>, Vec<Group>) =
        groups.into_iter().partition(|group| route.is_reached_by(&group.id));
    // Visitors with a link are in the group that can have fewer permissions.
    let by_link = reaching.iter().any(|group| group.of < permissions.len());
    visit.show(&Page {
        frame: visit.frame(),
        text: &visit.text().routes,
        people: reaching.iter().map(|group| group.users).sum(),
        names: permissions.into_iter().map(|it| (it.id, it.name)).collect(),
        route,
        reaching,
        others,
        by_link,
    })
}
