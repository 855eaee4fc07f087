//! `status`: the running gateway at a glance.
//!
//! Each request counts all records of users and sessions and connects to the portal's
//! servers, so this is for people and not for probes (`health`).

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::problem::Problem;
use super::response::{ApiResult, Document, document};
use super::scoped::State;
use super::server_status::ServerStatus;
use super::state::AdminState;
use crate::backup::{Schedule, ScheduleStatus};
use crate::clock;
use crate::directory::access::api_tokens::{ApiTokenView, TokenWarning};
use crate::directory::accounts::user_list::UserFilter;
use crate::directory::records::UserStatus;
use crate::directory::warning::{Warning, WarningName};
use crate::directory::{LastReload, Page, PageRequest, Snapshot};
use crate::session::SessionFilter;
use portcullis_policy::{Policy, PolicyFiles};

/// How long a server of the portal may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The gateway as it is now.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Status<'a> {
    version: &'static str,
    public_url: &'a str,
    started: Timestamp,
    policy: PolicyStatus<'a>,
    portal: PortalStatus<'a>,
    organizations: u64,
    users: UserCounts,
    sessions: SessionCounts,
    mail: MailCounts,
    lockouts: usize,
    /// Scheduled backups, if there are any (`backup.directory`).
    backup: Option<ScheduleStatus>,
    /// What an operator should look at.
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct PolicyStatus<'a> {
    version: &'a str,
    directory: String,
    files: Vec<&'a str>,
    permissions: usize,
    routes: usize,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct PortalStatus<'a> {
    enabled: bool,
    disabled_redirect_url: Option<String>,
    servers: Vec<ServerStatus<'a>>,
}

/// A disabled user counts as disabled only.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
struct UserCounts {
    active: u64,
    invited: u64,
    no_password: u64,
    disabled: u64,
}

#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
struct SessionCounts {
    user: usize,
    link: usize,
    /// Of staff that views the portal or acts as a portal user.
    staff: usize,
}

#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub(super) struct MailCounts {
    waiting: u64,
    failed: u64,
    unconfirmed: u64,
}

pub(super) async fn show(State(admin): State<AdminState>) -> ApiResult<Document<Status<'static>>> {
    let now = clock::now();
    let snapshot = admin.directory.snapshot();
    let policy = snapshot.policy();
    let portal = admin.portal_status(&snapshot, CONNECT_TIMEOUT).await;
    let mail = admin.mail_counts().await?;
    let warnings = admin.warnings((&portal, &mail), &snapshot, now).await?;
    document(&Status {
        version: env!("CARGO_PKG_VERSION"),
        public_url: admin.public_url.as_str(),
        started: admin.started,
        policy: PolicyStatus {
            version: policy.version(),
            directory: admin.policy_directory.display().to_string(),
            files: files(policy),
            permissions: policy.catalogue().permissions().len(),
            routes: policy.routes().len(),
        },
        portal,
        organizations: admin.organization_count().await?,
        users: admin.user_counts().await?,
        sessions: admin.session_counts().await?,
        mail,
        lockouts: admin.directory.lockouts().list(now).await?.len(),
        backup: admin.backups.schedule().map(Schedule::status),
        warnings,
    })
}

/// The files that the policy has been read from.
fn files(policy: &Policy) -> Vec<&str> {
    let mut files: Vec<&str> = PolicyFiles::NAMES.to_vec();
    if policy.expectations().is_empty() {
        files.pop();
    }
    let mut more: Vec<&str> = policy.routes().iter().map(|route| route.file()).collect();
    more.sort_unstable();
    more.dedup();
    files.extend(more.into_iter().filter(|file| !PolicyFiles::NAMES.contains(file)));
    files
}

/// Warnings about what is in memory, and about the portal and its mail.
fn warnings(
    portal: &PortalStatus<'_>,
    mail: &MailCounts,
    expectations: Option<String>,
    is_fresh: bool,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if !is_fresh {
        let detail = "changes of the store have not been confirmed; requests are refused";
        warnings.push(Warning::new(WarningName::StoreStale, detail));
    }
    if let Some(url) = &portal.disabled_redirect_url {
        let detail = format!("all requests are redirected to {url}");
        warnings.push(Warning::new(WarningName::PortalDisabled, detail).about([url.as_str()]));
    }
    for ServerStatus { address, error, .. } in &portal.servers {
        if let Some(error) = error {
            let warning =
                Warning::new(WarningName::PortalUnreachable, format!("{address}: {error}"));
            warnings.push(warning.about([address.to_string()]));
        }
    }
    warnings.extend(all_draining(&portal.servers));
    if let Some(problems) = expectations {
        warnings.push(Warning::new(WarningName::ExpectationsNotMet, problems));
    }
    let MailCounts { failed, unconfirmed, .. } = *mail;
    if failed > 0 {
        let detail = format!("{failed} failed; see `portcullis mail list --state failed`");
        let warning = Warning::new(WarningName::MailFailed, detail);
        warnings.push(Warning { count: Some(failed), ..warning });
    }
    if unconfirmed > 0 {
        let list = "portcullis mail list --state unconfirmed";
        let detail = format!("{unconfirmed} may not have been sent; see `{list}`");
        let warning = Warning::new(WarningName::MailUnconfirmed, detail);
        warnings.push(Warning { count: Some(unconfirmed), ..warning });
    }
    warnings
}

/// The lists of servers of which all are draining.
fn all_draining(servers: &[ServerStatus<'_>]) -> impl Iterator<Item = Warning> {
    servers.chunk_by(|one, next| one.upstream == next.upstream).filter_map(|list| {
        let setting = list.first().filter(|_| list.iter().all(|it| it.draining))?.setting();
        let detail = format!(
            "all servers in `{setting}` are draining, so their requests get 502; see `portcullis \
             portal-servers resume`"
        );
        Some(Warning::new(WarningName::PortalDraining, detail).about([setting]))
    })
}

/// That the policy files were changed and are not in force.
fn not_reloaded(last: &LastReload) -> Option<Warning> {
    let problems = last.problems.as_ref()?;
    let first = problems.iter().next()?;
    let more = match problems.iter().count() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let detail = format!(
        "the policy files have errors, so the policy of {:.0} stays in force: {first}{more}; see \
         `portcullis check`",
        last.loaded
    );
    let warning = Warning::new(WarningName::PolicyNotReloaded, detail).about([first.to_string()]);
    Some(warning.and_more(problems.iter().count() - 1))
}

/// That the newest scheduled backup failed.
fn backup_failed(status: &ScheduleStatus) -> Option<Warning> {
    let problem = status.problem.as_ref()?;
    let last = match &status.last {
        Some(last) => format!("the last one is of {:.0}", last.at),
        None => "there is no earlier one".to_owned(),
    };
    let detail = format!("the scheduled backup failed: {problem}; {last}");
    Some(Warning::new(WarningName::BackupFailed, detail).about([status.directory.as_str()]))
}

impl AdminState {
    /// Whether the portal is enabled, and its servers, after connecting to each for at most
    /// `patience`.
    pub(super) async fn portal_status(
        &self,
        snapshot: &Snapshot,
        patience: Duration,
    ) -> PortalStatus<'_> {
        let redirect = snapshot.preferences().disabled_redirect_url.clone();
        PortalStatus {
            enabled: redirect.is_none(),
            disabled_redirect_url: redirect,
            servers: self.portal_servers.statuses(patience).await,
        }
    }

    /// What an operator should look at.
    pub(super) async fn warnings(
        &self,
        (portal, mail): (&PortalStatus<'_>, &MailCounts),
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Vec<Warning>, Problem> {
        let expectations = snapshot.check_expectations().err().map(|problems| problems.to_string());
        let mut all = warnings(portal, mail, expectations, self.authz.is_fresh());
        all.extend(not_reloaded(&self.directory.reloads().last()));
        all.extend(self.certificates.warnings(now));
        all.extend(self.backups.schedule().and_then(|schedule| backup_failed(&schedule.status())));
        all.extend(self.token_warnings(now).await?);
        Ok(all)
    }

    /// The tokens of the admin API that never expire, or soon do.
    async fn token_warnings(&self, now: Timestamp) -> Result<Vec<Warning>, Problem> {
        let tokens = self.directory.api_tokens().to_report(now).await?;
        let warning = |token: &ApiTokenView| {
            let name = match token.warning(now)? {
                TokenWarning::NeverExpires => WarningName::TokenNeverExpires,
                TokenWarning::ExpiresSoon => WarningName::TokenExpiresSoon,
                TokenWarning::Expired => return None,
            };
            Some(Warning::new(name, token.warning_text(now)?).about([token.name.as_str()]))
        };
        Ok(tokens.iter().filter_map(warning).collect())
    }

    pub(super) async fn organization_count(&self) -> Result<u64, Problem> {
        Ok(self.directory.organizations().count().await?)
    }

    async fn user_counts(&self) -> Result<UserCounts, Problem> {
        let users = self.directory.users();
        let mut counts = UserCounts {
            active: users.count(UserStatus::Active).await?,
            invited: users.count(UserStatus::Invited).await?,
            no_password: users.count(UserStatus::NoPassword).await?,
            disabled: 0,
        };
        let disabled = UserFilter { disabled: Some(true), ..UserFilter::default() };
        let mut request = first_page()?;
        loop {
            let page = users.list(&disabled, &request).await?;
            for user in &page.items {
                counts.disabled += 1;
                let counted = match user.status {
                    UserStatus::Active => &mut counts.active,
                    UserStatus::Invited => &mut counts.invited,
                    UserStatus::NoPassword => &mut counts.no_password,
                };
                *counted = counted.saturating_sub(1);
            }
            let Some(next) = next_page(&page)? else { return Ok(counts) };
            request = next;
        }
    }

    async fn session_counts(&self) -> Result<SessionCounts, Problem> {
        let mut counts = SessionCounts::default();
        let mut after = None;
        loop {
            let (views, next) = self
                .sessions
                .list(&SessionFilter::All, after.as_deref(), PageRequest::MAX_LIMIT, clock::now())
                .await?;
            for view in views {
                match view.kind {
                    "user" => counts.user += 1,
                    "link" => counts.link += 1,
                    _ => counts.staff += 1,
                }
            }
            after = next;
            if after.is_none() {
                return Ok(counts);
            }
        }
    }

    pub(super) async fn mail_counts(&self) -> Result<MailCounts, Problem> {
        Ok(MailCounts {
            waiting: self.mail.count("waiting").await?,
            failed: self.mail.count("failed").await?,
            unconfirmed: self.mail.count("unconfirmed").await?,
        })
    }
}

fn first_page() -> Result<PageRequest, Problem> {
    Ok(PageRequest::parse(None, Some(PageRequest::MAX_LIMIT))?)
}

fn next_page<T>(page: &Page<T>) -> Result<Option<PageRequest>, Problem> {
    let Some(next) = &page.next else { return Ok(None) };
    let cursor = next.to_string();
    Ok(Some(PageRequest::parse(Some(&cursor), Some(PageRequest::MAX_LIMIT))?))
}
