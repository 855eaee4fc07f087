//! The page of one organization: its people, its secure link, its sessions, and what happened.

use askama::Template;
use http::StatusCode;
use serde::Deserialize;

use super::{Organization, api, page_of};
use crate::admin::ui::change::carry_out;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::end_users::EndUser;
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::listed::Listed;
use crate::admin::ui::people::portal_session::{self, PortalSession};
use crate::admin::ui::people::trail::{self, Entry};
use crate::admin::ui::people::{below, group_name};
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::{Organizations, People, Users};
use crate::admin::ui::users::User;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

#[derive(Template)]
#[template(path = "admin/organizations/page.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Organizations,
    people: &'a People,
    users_text: &'a Users,
    organization: Organization,
    groups: Vec<Group>,
    /// What opening the secure link does: `works`, `sign-in`, `disabled` or `parked`.
    link_state: String,
    /// Whether the portal is disabled, so that the link is redirected whatever its state is (R60).
    is_portal_disabled: bool,
    /// The secure link, if it was asked for.
    pub(super) link: Option<String>,
    users: Vec<User>,
    has_more_users: bool,
    end_users: Vec<EndUser>,
    has_more_end_users: bool,
    sessions: Vec<PortalSession>,
    has_more_sessions: bool,
    /// Where the buttons that end sessions send their form.
    sessions_at: String,
    all_sessions: String,
    sign_ins: Vec<Entry>,
    trail: Vec<Entry>,
    all_entries: String,
    may_manage: bool,
    may_support: bool,
    done: Option<&'a Text>,
}

#[derive(Deserialize)]
struct Explained {
    reason: String,
    link: Link,
}

#[derive(Deserialize)]
struct Link {
    state: String,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = read(&visit).await?;
    visit.show(&page)
}

/// The page as the records are now.
pub(super) async fn read(visit: &Visit) -> Answer<Page<'_>> {
    let id = visit.id(0);
    let few = |path: &str, filter: &[(&str, &str)]| {
        let limit = [("limit", "10")];
        address(path, &[filter, &limit].concat())
    };
    let client = &visit.client;
    let organization: Organization = client.get(&api(id)).await?;
    let explained = [("link", id), ("method", "GET"), ("target", "/")];
    let explained: Explained = client.get(&address("/api/v1/explain", &explained)).await?;
    let users: Listed<User> = client.get(&few("/api/v1/users", &[("organization", id)])).await?;
    let end_users: Listed<EndUser> =
        client.get(&few(&format!("{}/end-users", api(id)), &[])).await?;
    let (sessions, has_more_sessions) = portal_session::of(visit, "organization", id).await?;
    let text = visit.text();
    let words = &text.organizations;
    Ok(Page {
        frame: visit.frame(),
        text: words,
        people: &text.people,
        users_text: &text.users,
        groups: groups::all(visit).await?,
        is_portal_disabled: explained.reason == "portal-disabled",
        link_state: explained.link.state,
        link: None,
        has_more_users: users.next.is_some(),
        users: users.items,
        has_more_end_users: end_users.next.is_some(),
        end_users: end_users.items,
        sessions,
        has_more_sessions,
        sessions_at: below("organizations", id, "/sessions"),
        all_sessions: address("/sessions", &[("organization", id)]),
        sign_ins: trail::of(visit, "organization", id, "user.signed-in").await?,
        trail: trail::of(visit, "organization", id, "").await?,
        all_entries: address("/audit", &[("organization", id)]),
        may_manage: visit.may(Authority::Manage),
        may_support: visit.may(Authority::Support),
        done: done(visit, words),
        organization,
    })
}

fn done<'a>(visit: &Visit, text: &'a Organizations) -> Option<&'a Text> {
    Some(match visit.query.get("done") {
        "created" => &text.created,
        "saved" => &text.saved,
        "replaced" => &text.link_replaced,
        "on" => &text.link_switched_on,
        "off" => &text.link_switched_off,
        "parked" => &text.was_parked,
        "opened" => &text.was_opened,
        "ended" => &text.sessions_ended,
        "end-user-deleted" => &text.end_user_deleted,
        _ => return None,
    })
}

impl Page<'_> {
    fn group_name<'a>(&'a self, id: &'a str) -> &'a str {
        group_name(&self.groups, id)
    }
}

/// Ends one session, or all.
pub(in crate::admin::ui) async fn end_sessions(visit: Visit) -> PageResult {
    let id = visit.id(0);
    let path = portal_session::ending(&visit, "organization", id);
    let back = page_of(id);
    let done = format!("{back}?done=ended");
    let write = portal_session::end(&path);
    if visit.form.has("session") {
        visit.client.write(write).await?;
        return visit.go(&done);
    }
    let organization: Organization = visit.client.get(&api(id)).await?;
    let text = &visit.text().organizations;
    let question = Question {
        title: text.end_sessions_question.with(&organization.name).plain(),
        action: visit.text().people.end_all.to_string(),
        to: "",
        back: &back,
        is_destructive: true,
        keeps_form: false,
    };
    carry_out(&visit, write, question).await?.or_go(&visit, &done)
}

/// The page again, in response to a form.
pub(super) fn again(visit: &Visit, page: &Page<'_>) -> PageResult {
    Ok(visit.page(StatusCode::OK, page))
}

/// The address of a form leads back to the page.
pub(in crate::admin::ui) async fn back(visit: Visit) -> PageResult {
    visit.go(&page_of(visit.id(0)))
}
