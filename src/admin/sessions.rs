//! `sessions`: sessions of portal users and of secure links.

use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::request::{Id, NewRecord, PageParams, Params, UNKNOWN_CURSOR};
use super::response::{ApiResult, Document, Listed, NoContent, listed, no_content};
use super::scoped::State;
use super::state::AdminState;
use crate::clock;
use crate::credential::token::TokenHash;
use crate::directory::records::kind;
use crate::directory::{OrganizationId, UserId};
use crate::session::{SessionFilter, SessionView};
use portcullis_policy::SessionKind;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct Filter {
    user: Option<UserId>,
    organization: Option<OrganizationId>,
    /// Only those of this kind.
    kind: Option<Kind>,
}

/// A kind of session that has a record. Tokens of portal users are not sessions here.
#[derive(Debug, Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SessionKind")]
pub(super) enum Kind {
    /// Of a portal user who signed in.
    User,
    /// Of a secure link.
    Link,
    /// Of staff that views the portal.
    Staff,
    /// Of staff that acts as a portal user.
    Impersonation,
    /// Of staff that tries the portal out.
    Trial,
}

impl From<Kind> for SessionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::User,
            Kind::Link => Self::Link,
            Kind::Staff => Self::Staff,
            Kind::Impersonation => Self::Impersonation,
            Kind::Trial => Self::Trial,
        }
    }
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct SessionPage {
    items: Vec<SessionView>,
    next: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(filter): Params<Filter>,
) -> ApiResult<Document<Listed<SessionPage>>> {
    let kind = filter.kind.map(SessionKind::from);
    let filter = filter.checked()?;
    match &filter {
        SessionFilter::User(id) => admin.directory.users().require(id).await?,
        SessionFilter::Organization(id) => admin.directory.organizations().require(id).await?,
        SessionFilter::All => {}
    }
    page_of(&admin, (&filter, kind), &page).await
}

/// Sessions may outlive their owner for a while, so a missing owner is an error only if no session
/// was ended.
pub(super) async fn end_all(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Params(filter): Params<Filter>,
) -> ApiResult<NoContent> {
    let kind = filter.kind.map(SessionKind::from);
    let filter = filter.checked()?;
    match (admin.sessions.end_all_of_kind(&filter, kind, &change).await?, &filter) {
        (0, SessionFilter::User(id)) => admin.directory.users().get(id).await.map(drop)?,
        (0, SessionFilter::Organization(id)) => {
            admin.directory.organizations().get(id).await.map(drop)?
        }
        (_, _) => {}
    }
    no_content()
}

pub(super) async fn end(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Id(id): Id,
) -> ApiResult<NoContent> {
    let ended = match TokenHash::parse(&id) {
        Some(key) => admin.sessions.end(&key, &change).await?,
        None => false,
    };
    if ended { no_content() } else { Err(Problem::not_found("session", &id)) }
}

/// A page of the sessions of one owner, or of all.
pub(super) async fn page_of(
    admin: &AdminState,
    (filter, kind): (&SessionFilter, Option<SessionKind>),
    page: &PageParams,
) -> ApiResult<Document<Listed<SessionPage>>> {
    let limit = page.limit()?;
    let after = page.after();
    if after.is_some_and(|after| TokenHash::parse(after).is_none()) {
        return Err(Problem::invalid("after", UNKNOWN_CURSOR));
    }
    let (items, next) =
        admin.sessions.list_of_kind(filter, kind, after, limit, clock::now()).await?;
    let filtered = *filter != SessionFilter::All || kind.is_some();
    listed(admin, (kind::SESSION, filtered), &SessionPage { items, next }).await
}

impl Filter {
    fn checked(self) -> Result<SessionFilter, Problem> {
        match (self.user, self.organization) {
            (None, None) => Ok(SessionFilter::All),
            (Some(user), None) => Ok(SessionFilter::User(user)),
            (None, Some(organization)) => Ok(SessionFilter::Organization(organization)),
            (Some(_), Some(_)) => {
                let message = "specify either `user` or `organization`, not both";
                Err(Problem::invalid("organization", message))
            }
        }
    }
}
