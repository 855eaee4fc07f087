//! The page of one portal user: the account, the ways in, sessions, tokens, and what happened.

use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;

use super::form::Form;
use super::send_to::SendTo;
use super::{User, api, page_of};
use crate::admin::ui::client::Versioned;
use crate::admin::ui::end_users::{self, EndUser};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::listed::Listed;
use crate::admin::ui::organizations::{self, Organization};
use crate::admin::ui::people::portal_session::{self, PortalSession};
use crate::admin::ui::people::trail::{self, Entry};
use crate::admin::ui::people::{below, found, group_name};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::{People, Users};
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;
use portcullis_policy::built_in::NO_ACCESS;

#[derive(Template)]
#[template(path = "admin/users/page.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    users_text: &'a Users,
    people: &'a People,
    user: User,
    /// `None` if it was deleted in this moment.
    organization: Option<Organization>,
    end_user: Option<EndUser>,
    groups: Vec<Group>,
    form: Form<'a>,
    second_factor: SecondFactor,
    /// Where the next invitation goes.
    pub(super) send_to: SendTo,
    lockouts: Vec<Lockout>,
    tokens: Vec<Token>,
    sessions: Vec<PortalSession>,
    has_more_sessions: bool,
    /// Where the buttons that end sessions send their form.
    sessions_at: String,
    all_sessions: String,
    trail: Vec<Entry>,
    all_entries: String,
    may_manage: bool,
    may_support: bool,
    may_impersonate: bool,
    /// Whether the group keeps its members out of the portal, so that no one can act as this one.
    has_no_access: bool,
    done: Option<&'a Text>,
}

/// A second factor, as the API shows it.
#[derive(Debug, Deserialize)]
struct SecondFactor {
    enrolled: bool,
    since: Option<Timestamp>,
    recovery_codes_left: u64,
}

/// A lockout, as the API shows it.
#[derive(Debug, Deserialize)]
struct Lockout {
    failures: u64,
    until: Timestamp,
}

/// A token of a portal user, as the API shows it.
#[derive(Debug, Deserialize)]
struct Token {
    id: String,
    name: String,
    created: Timestamp,
    expires: Option<Timestamp>,
    last_used: Option<Timestamp>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = read(&visit, None).await?;
    visit.show(&page)
}

/// The page as the records are now; after a refusal with what was typed into its form.
pub(super) async fn read<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let id = visit.id(0);
    let (client, api) = (&visit.client, api(id));
    let stored: Versioned<User> = client.record(&api).await?;
    let user = stored.record.clone();
    let organization = found(visit, &organizations::api(&user.organization)).await?;
    let end_user = match &user.end_user {
        Some(end_user) => found(visit, &end_users::api(&user.organization, end_user)).await?,
        None => None,
    };
    let groups = groups::all(visit).await?;
    let lockouts = address("/api/v1/lockouts", &[("login", &user.login)]);
    let (sessions, has_more_sessions) = portal_session::of(visit, "user", id).await?;
    let send_to = SendTo::of(&user, organization.as_ref(), end_user.as_ref());
    let text = visit.text();
    let words = &text.users;
    Ok(Page {
        frame: visit.frame(),
        text: words,
        users_text: words,
        people: &text.people,
        organization,
        end_user,
        form: Form::of(visit, &stored, &groups, refusal),
        groups,
        send_to,
        second_factor: client.get(&format!("{api}/mfa")).await?,
        lockouts: client.get::<Listed<Lockout>>(&lockouts).await?.items,
        tokens: client.get::<Listed<Token>>(&format!("{api}/tokens")).await?.items,
        sessions,
        has_more_sessions,
        sessions_at: below("users", id, "/sessions"),
        all_sessions: address("/sessions", &[("user", id)]),
        trail: trail::of(visit, "user", id, "").await?,
        all_entries: address("/audit", &[("user", id)]),
        may_manage: visit.may(Authority::Manage),
        may_support: visit.may(Authority::Support),
        may_impersonate: visit
            .who
            .as_ref()
            .is_some_and(|who| who.impersonate && who.may(Authority::Support)),
        has_no_access: user.group == NO_ACCESS,
        done: done(visit, words),
        user,
    })
}

fn done<'a>(visit: &Visit, text: &'a Users) -> Option<&'a Text> {
    Some(match visit.query.get("done") {
        "created" => &text.created,
        "saved" => &text.saved,
        "invited" => &text.was_invited,
        "withdrawn" => &text.was_withdrawn,
        "password" => &text.password_set,
        "mfa" => &text.mfa_was_reset,
        "released" => &text.was_released,
        "ended" => &text.sessions_ended,
        "disabled" => &text.was_disabled,
        "enabled" => &text.was_enabled,
        "revoked" => &text.token_revoked,
        _ => return None,
    })
}

impl Page<'_> {
    fn group_name(&self) -> &str {
        group_name(&self.groups, &self.user.group)
    }

    /// The name of the file with the personal data.
    fn export_name(&self) -> String {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '@' | '_');
        let login: String = self.user.login.chars().filter(|c| is_safe(*c)).collect();
        format!("{login}.json")
    }
}

/// The address of a form leads back to the page.
pub(in crate::admin::ui) async fn back(visit: Visit) -> PageResult {
    visit.go(&page_of(visit.id(0)))
}
