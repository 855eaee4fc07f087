//! Who is asked about: the session that this person would have now, and why there may be none.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::admin::problem::Problem;
use crate::admin::state::AdminState;
use crate::directory::access::secure_links::{Destination, destination};
use crate::directory::records::UserStatus;
use crate::directory::{DirectoryError, OrganizationFacts, OrganizationId, Snapshot, UserFacts};
use crate::session::subject;
use portcullis_policy::{SessionKind, Subject, built_in};

/// The request to explain: a `reference` alone, or a method, a target and exactly one of the five
/// fields that name the subject.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Question")]
pub(in crate::admin) struct Input {
    /// The reference of a request that was refused.
    reference: Option<String>,
    /// A portal user's login, or id.
    pub(super) user: Option<String>,
    /// The organization whose secure link was opened, by its id; or a secure link.
    pub(super) link: Option<String>,
    /// A member of the group with this id.
    pub(super) group: Option<String>,
    /// `true`: a visitor without a session.
    pub(super) anonymous: Option<bool>,
    /// A trial of the portal of the organization with this id.
    pub(super) trial: Option<String>,
    /// With `group`: the organization of that member.
    pub(super) organization: Option<String>,
    method: Option<String>,
    target: Option<String>,
    /// The host, by default that of the public URL.
    pub(super) host: Option<String>,
    /// Whether the request asks to become a WebSocket.
    pub(super) websocket: Option<bool>,
    /// The client's address.
    pub(super) address: Option<IpAddr>,
    /// Of a CORS preflight: the method that it asks about.
    pub(super) preflight: Option<String>,
}

impl Input {
    /// The reference, if one is given.
    ///
    /// # Errors
    /// When anything else is given with it.
    pub(super) fn only_reference(&self) -> Result<Option<&str>, Problem> {
        let Some(reference) = &self.reference else { return Ok(None) };
        if *self != (Self { reference: self.reference.clone(), ..Self::default() }) {
            return Err(Problem::invalid("reference", "cannot be combined with other fields"));
        }
        Ok(Some(reference))
    }

    /// The method and the target.
    ///
    /// # Errors
    /// When one of them is missing.
    pub(super) fn request(&self) -> Result<(&str, &str), Problem> {
        let missing = |field: &str| Problem::invalid(field, format!("missing field `{field}`"));
        let method = self.method.as_deref().ok_or_else(|| missing("method"))?;
        let target = self.target.as_deref().ok_or_else(|| missing("target"))?;
        Ok((method, target))
    }
}

/// Who is asked about.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) who: Who,
    /// The subject of the session; `None` without one, and for a secure link that leads to the
    /// sign-in page (R12).
    pub(super) subject: Option<Subject>,
    /// For a user who cannot sign in or is disabled: the subject without that.
    pub(super) with_access: Option<Subject>,
}

#[derive(Debug)]
pub(super) enum Who {
    User(UserView),
    Link(LinkView),
    /// A member of a group, or a trial of the portal.
    Group,
    Anonymous,
}

#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ExplainedUser")]
pub(super) struct UserView {
    pub(super) id: String,
    pub(super) login: String,
    pub(super) organization: String,
    pub(super) group: String,
    pub(super) status: UserStatus,
    pub(super) disabled: bool,
}

#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ExplainedLink")]
pub(super) struct LinkView {
    pub(super) organization: String,
    pub(super) name: String,
    pub(super) state: LinkState,
}

/// What opening a secure link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LinkState {
    /// It starts a session.
    Works,
    /// It leads to the sign-in page, because the organization has portal users (R12).
    SignIn,
    /// It leads to the page that says why the organization is parked.
    Parked,
    /// It is switched off.
    Disabled,
    /// It has been replaced, or it never was a link of the organization.
    Replaced,
}

/// Who the request names.
pub(super) async fn read(
    admin: &AdminState,
    snapshot: &Snapshot,
    input: &Input,
) -> Result<Asked, Problem> {
    let anonymous = input.anonymous.unwrap_or(false);
    if input.organization.is_some() && input.group.is_none() {
        return Err(Problem::invalid("organization", "can be used only with `group`"));
    }
    match (&input.user, &input.link, &input.group, &input.trial, anonymous) {
        (Some(user), None, None, None, false) => of_user(admin, snapshot, user).await,
        (None, Some(link), None, None, false) => of_link(admin, snapshot, link).await,
        (None, None, None, Some(organization), false) => {
            of_trial(admin, snapshot, organization).await
        }
        (None, None, Some(group), None, false) => {
            let organization = Arc::from(input.organization.as_deref().unwrap_or_default());
            let subject = subject::of_group(group, organization, snapshot, Timestamp::MAX)
                .ok_or_else(|| Problem::not_found("group", group))?;
            Ok(Asked { who: Who::Group, subject: Some(subject), with_access: None })
        }
        (None, None, None, None, true) => {
            Ok(Asked { who: Who::Anonymous, subject: None, with_access: None })
        }
        _ => {
            let message = "name exactly one of `user`, `link`, `group`, `trial` and `anonymous`";
            Err(Problem::invalid("user", message))
        }
    }
}

async fn of_trial(
    admin: &AdminState,
    snapshot: &Snapshot,
    organization: &str,
) -> Result<Asked, Problem> {
    let id = OrganizationId::from(organization);
    admin.directory.organizations().get(&id).await?;
    let subject = subject::of_group(built_in::NON_PORTAL, id.shared(), snapshot, Timestamp::MAX)
        .ok_or_else(|| Problem::not_found("group", built_in::NON_PORTAL))?;
    let subject = Some(Subject { kind: SessionKind::Trial, ..subject });
    Ok(Asked { who: Who::Group, subject, with_access: None })
}

async fn of_user(
    admin: &AdminState,
    snapshot: &Snapshot,
    login_or_id: &str,
) -> Result<Asked, Problem> {
    let id = match admin.directory.users().with_login(login_or_id).await {
        Ok(user) => user.id,
        Err(DirectoryError::NotFound { .. }) => {
            let id = login_or_id.into();
            admin.directory.users().get(&id).await.map(|user| user.id)?
        }
        Err(error) => return Err(error.into()),
    };
    let Some(user) = admin.directory.user(&id).await? else {
        return Err(Problem::not_found("portal user", login_or_id));
    };
    let subject = subject::of_user(&user, user.password_generation, snapshot, Timestamp::MAX);
    let with_access = match &subject {
        Some(subject) if !subject.disabled => None,
        _ => with_access(&user, snapshot),
    };
    let who = Who::User(UserView {
        id: user.id.to_string(),
        login: user.login.to_string(),
        organization: user.organization.to_string(),
        group: user.group.to_string(),
        status: user.status,
        disabled: user.disabled,
    });
    Ok(Asked { who, subject, with_access })
}

/// The subject of a user if that user could sign in.
fn with_access(user: &UserFacts, snapshot: &Snapshot) -> Option<Subject> {
    let mut user = user.clone();
    user.status = UserStatus::Active;
    user.disabled = false;
    subject::of_user(&user, user.password_generation, snapshot, Timestamp::MAX)
}

fn no_link() -> Problem {
    Problem::invalid("link", "is not a secure link")
}

async fn of_link(
    admin: &AdminState,
    snapshot: &Snapshot,
    link_or_organization: &str,
) -> Result<Asked, Problem> {
    let unknown = || Problem::not_found("organization", link_or_organization);
    let (facts, is_current) = match link_or_organization.rsplit_once("/link/") {
        Some((_, token)) => {
            let named = admin.directory.secure_links().named_by(token).await?;
            let Some((facts, is_current)) = named else { return Err(no_link()) };
            match admin.directory.organizations().get(&facts.id).await {
                Ok(_) => (facts, is_current),
                Err(DirectoryError::NotFound { .. }) => return Err(no_link()),
                Err(error) => return Err(error.into()),
            }
        }
        None => {
            let id = link_or_organization.into();
            admin.directory.organizations().get(&id).await?;
            (admin.directory.organization(&id).await?.ok_or_else(unknown)?, true)
        }
    };
    let subject = is_current
        .then(|| subject::of_link(&facts, facts.link_generation, snapshot, Timestamp::MAX))
        .flatten();
    let state = match destination(snapshot, &facts) {
        _ if !is_current => LinkState::Replaced,
        Destination::SwitchedOff => LinkState::Disabled,
        Destination::Parked(_) => LinkState::Parked,
        Destination::SignIn => LinkState::SignIn,
        Destination::Session => LinkState::Works,
    };
    let OrganizationFacts { id, name, .. } = &*facts;
    let link = LinkView { organization: id.to_string(), name: name.to_string(), state };
    Ok(Asked { who: Who::Link(link), subject, with_access: None })
}
