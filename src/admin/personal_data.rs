//! `users/{id}/export`: everything that is stored about a portal user.

use http::Method;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Map;

use super::problem::Problem;
use super::request::{Id, NewRecord};
use super::response::{ApiResult, Document, document};
use super::scoped::State;
use super::state::AdminState;
use crate::audit::{Filter, NumberedEntry};
use crate::clock;
use crate::credential::folding::fold;
use crate::directory::access::lockouts::LockoutView;
use crate::directory::accounts::organizations::OrganizationView;
use crate::directory::accounts::personal_data::AccountData;
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::{PageRequest, UserId};
use crate::mail::queue::MailView;
use crate::session::SessionData;

/// The whole document.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "PersonalData")]
pub(super) struct Export {
    exported: Timestamp,
    #[serde(flatten)]
    account: AccountData,
    organization: OrganizationView,
    /// Records of ended sessions that have not been removed yet are among them.
    sessions: Vec<SessionData>,
    mails: Vec<MailView>,
    /// Failed sign-ins for which the login is locked now.
    lockouts: Vec<LockoutView>,
    /// What the user changed, and what was changed about the user.
    audit: Vec<NumberedEntry>,
}

pub(super) async fn export(
    State(admin): State<AdminState>,
    Id(id): Id<UserId>,
    method: Method,
    NewRecord(change): NewRecord,
) -> ApiResult<Document<Export>> {
    let now = clock::now();
    let account = admin.directory.users().account_data(&id).await?;
    let exported = Occurrence {
        kind: "user.exported",
        subject: Subject::new("user", id.as_str(), &account.user.login),
        reason: None,
        organization: Some(account.user.organization.to_string()),
        user: Some(id.to_string()),
        after: Map::new(),
    };
    // The answer to HEAD exports nothing.
    if method != Method::HEAD {
        admin.audit.note(&change, exported).await?;
    }
    let organization = admin.directory.organizations().get(&account.user.organization).await?;
    let sessions = admin.sessions.data_of_user(&id).await?;
    let mails = admin.mail.of_user(&id).await?;
    let login = fold(&account.user.login);
    let mut lockouts = admin.directory.lockouts().list(now).await?;
    lockouts.retain(|lockout| lockout.login.as_ref() == Some(&login));
    let audit = audit_of(&admin, &id).await?;
    document(&Export { exported: now, account, organization, sessions, mails, lockouts, audit })
}

/// All entries of the audit log that concern a user, the newest first.
async fn audit_of(admin: &AdminState, id: &UserId) -> Result<Vec<NumberedEntry>, Problem> {
    let filter = Filter { user: Some(id.to_string()), ..Filter::default() };
    let (mut entries, mut after) = (Vec::new(), None::<String>);
    loop {
        let request = PageRequest::parse(after.as_deref(), Some(PageRequest::MAX_LIMIT))?;
        let page = admin.audit.list(&filter, &request).await?;
        entries.extend(page.items);
        let Some(next) = page.next else { return Ok(entries) };
        after = Some(next.to_string());
    }
}
