//! The four fields, and the organizations that they are about.

use serde_json::{Value, json};

use crate::admin::ui::fields::{Fields, address};
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::listed::Listed;
use crate::admin::ui::organizations::choices::{Choice, NAMED, named};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::visit::Visit;

/// How many organizations a search shows.
const SHOWN: &str = "20";
/// More organizations than this are not tried out, because that would take too long.
const TRIED_OUT: usize = 500;

/// The form as it was filled in.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) with_end_users: bool,
    /// Whether it is about all organizations.
    pub(super) is_all: bool,
    pub(super) chosen: Vec<Choice>,
    /// What organizations are searched for, and found that are not chosen.
    pub(super) search: String,
    pub(super) found: Vec<Choice>,
    /// Whether there are more than those found.
    pub(super) has_more: bool,
    pub(super) is_disabling: bool,
    /// The id of the group; empty to leave it.
    pub(super) group: String,
    pub(super) groups: Vec<Group>,
    /// `true`, `false`, or empty to leave it.
    pub(super) require_mfa: String,
    pub(super) organizations_problem: Option<String>,
    pub(super) group_problem: Option<String>,
}

impl Form {
    /// Reads the form, and what can be chosen in it.
    pub(super) async fn read(visit: &Visit, given: &Fields) -> Answer<Self> {
        let search = given.get("q");
        let path = "/api/v1/organizations";
        let path = address(path, &[("limit", SHOWN), ("search", search)]);
        let listed: Listed<Choice> = visit.client.get(&path).await?;
        let ids = given.set("organization");
        let mut chosen = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            chosen.push(match place < NAMED {
                true => named(visit, id).await,
                false => Choice { id: (*id).to_owned(), name: (*id).to_owned() },
            });
        }
        let mut groups = groups::all(visit).await?;
        // Those with fewer permissions are for visitors without a sign-in.
        let of = groups.iter().map(|group| group.of).max().unwrap_or_default();
        groups.retain(|group| group.of == of);
        let found = listed.items.into_iter().filter(|it| !ids.contains(&*it.id));
        Ok(Self {
            with_end_users: given.get("apply_to") == "organizations-and-end-users",
            is_all: given.get("which") == "all",
            chosen,
            search: search.to_owned(),
            found: found.collect(),
            has_more: listed.next.is_some(),
            is_disabling: given.get("action") == "disable",
            group: given.get("group").to_owned(),
            groups,
            require_mfa: given.get("require_mfa").to_owned(),
            organizations_problem: None,
            group_problem: None,
        })
    }

    /// What the API is asked to do.
    pub(super) fn request(&self) -> Value {
        let apply_to =
            if self.with_end_users { "organizations-and-end-users" } else { "organizations" };
        let organizations = match self.is_all {
            true => json!("all"),
            false => self.chosen.iter().map(|organization| &*organization.id).collect(),
        };
        let require_mfa = match &*self.require_mfa {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        json!({
            "apply_to": apply_to,
            "organizations": organizations,
            "action": if self.is_disabling { "disable" } else { "enable" },
            "group": Some(&self.group).filter(|group| !group.is_empty()),
            "require_mfa": require_mfa,
        })
    }

    /// Whether it is about too many people to be tried out while the visitor waits.
    pub(super) async fn is_too_large_to_try_out(&self, visit: &Visit) -> Answer<bool> {
        if !self.is_all {
            return Ok(self.chosen.len() > TRIED_OUT);
        }
        let path = format!("/api/v1/organizations?limit={TRIED_OUT}");
        Ok(visit.client.get::<Listed<Choice>>(&path).await?.next.is_some())
    }

    /// Whether it is about no organization.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_all && self.chosen.is_empty()
    }

    /// Adds what is wrong to the fields. Returns what is about none of them.
    pub(super) fn add_problems(&mut self, refusal: &Refusal) -> Option<String> {
        let field = |name: &str| refusal.field(name).map(str::to_owned);
        self.organizations_problem = field("organizations");
        self.group_problem = field("group");
        refusal.apart_from(&["organizations", "group"]).map(str::to_owned)
    }
}
