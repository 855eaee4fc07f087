//! Errors of the directory's operations. Nothing was changed when one is returned.

use crate::directory::records::id::{EndUserId, OrganizationId};
use crate::directory::records::kind;
use crate::directory::records::mail::{Mail, MailKind, MailState};
use crate::directory::records::rights::IMPERSONATE;
use crate::directory::records::role::Role;
use portcullis_store::{CommitError, Kind, StoreError};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The record named does not exist.
    #[error("there is no {} `{id}`", noun(*what))]
    NotFound {
        /// The kind of record.
        what: Kind,
        /// The id that does not exist.
        id: String,
    },
    /// A value is invalid; the caller must give another.
    #[error("{field}: {message}")]
    Invalid {
        /// The field of the request.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A rule forbids it in the current state; the message says what to do.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A name that must be unique is in use.
    #[error("{field}: {} `{value}` already exists", one(*what))]
    Taken {
        /// The kind of record that has the name.
        what: Kind,
        /// The field of the request.
        field: &'static str,
        /// The name as the caller gave it.
        value: String,
    },
    /// The record is no longer at the version that the caller expects.
    #[error("the {} `{id}` has been changed since; it is now at version {version}", noun(*what))]
    Changed {
        /// The kind of record.
        what: Kind,
        /// The record's id.
        id: String,
        /// The record's current version.
        version: u64,
    },
    /// A file manages the record, so it is changed there.
    #[error(
        "{} managed by `{by}`; change that and apply it again, or use `--detach` (in the API \
         `?detach=true`), after which it is no longer managed there",
        it_is(*what, id)
    )]
    Managed {
        /// The kind of record.
        what: Kind,
        /// The record's id.
        id: String,
        /// The file, with its commit if that is known.
        by: String,
    },
    /// I10: the actor's role may not do this, and so may not grant it.
    #[error("this needs the role `{}`", role.name())]
    Escalation {
        /// The role with the fewest rights that may.
        role: Role,
    },
    /// I10: the actor may not act as portal users. No role implies that right.
    #[error(
        "this needs the right to impersonate portal users, which no role implies; an owner can give \
         it to an account or a token (`--impersonate`)"
    )]
    NoImpersonation,
    /// The actor is limited to some organizations, and this concerns more than those.
    #[error(
        "you are limited to some organizations, and this concerns the gateway as a whole; it needs an \
         account or a token with the role `{}` and no such limit",
        role.name()
    )]
    OutOfScope {
        /// The role with the fewest rights that may, without a scope.
        role: Role,
    },
    /// The actor's token is not valid, or has ended since the request was authenticated.
    #[error(
        "the token is unknown, expired or revoked; create another with `portcullis token create NAME`"
    )]
    TokenUnknown,
    /// The actor's session is not open, or has ended since the request was authenticated.
    #[error("the session has ended; sign in again")]
    SessionEnded,
    /// Others kept changing the records that the operation depends on; it may be tried again.
    #[error("too many changes at the same time; try again")]
    Contended,
    /// The password pool is full; it may be tried again.
    #[error("too many passwords are being checked; try again")]
    Busy,
    /// The store is unavailable; the operator must act.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A rule that forbids an operation in the current state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// R3: the group is used without sign-in, and the permission needs a signed-in person.
    #[error(
        "`{permission}` needs a signed-in person, so it cannot be granted to the group `{group}`, \
         which is used without sign-in; leave it out"
    )]
    NeedsIdentity {
        /// The permission's id.
        permission: String,
        /// The group's name.
        group: String,
    },
    /// R4: the group cannot be renamed.
    #[error("the group `{group}` is built in and cannot be renamed; copy it under another name")]
    BuiltInNotRenamed {
        /// The group's name.
        group: String,
    },
    /// R4: the group cannot be deleted.
    #[error("the group `{group}` is built in and cannot be deleted")]
    BuiltInNotDeleted {
        /// The group's name.
        group: String,
    },
    /// R5: the group has members.
    #[error(
        "the group `{group}` still has {}; move them to another group first, or delete it with \
         `move_to`, the id of a group to move them to",
        counted(*users, "portal user")
    )]
    GroupInUse {
        /// The group's name.
        group: String,
        /// How many portal users are in it.
        users: u64,
    },
    /// R6: there must be a default group.
    #[error("the group `{group}` is the default; make another group the default first")]
    DefaultNotDeleted {
        /// The group's name.
        group: String,
    },
    /// R6: the group is the default of organizations.
    #[error(
        "the group `{group}` is the default of {}; give them another default first, or delete it \
         with `move_to`, the id of the group to use instead",
        counted(*organizations, "organization")
    )]
    DefaultOfOrganizations {
        /// The group's name.
        group: String,
        /// How many organizations have it as their default.
        organizations: u64,
    },
    /// R6: the group for people without sign-in cannot be the default of portal users.
    #[error("the group `{group}` cannot be the default; choose a group for portal users")]
    NotADefault {
        /// The group's name.
        group: String,
    },
    /// R31: a login or address must differ from the user's password.
    #[error(
        "{field}: it equals the password of the portal user `{login}`; choose another, or change \
         the password first"
    )]
    IsPassword {
        /// The field of the request.
        field: &'static str,
        /// The user's current login.
        login: String,
    },
    /// R40: a user with a password cannot be invited.
    #[error(
        "`{login}` already has a password; if it is forgotten, it can be reset on the sign-in \
         page, or you can set a new one"
    )]
    HasPassword {
        /// The user's login.
        login: String,
    },
    /// A disabled user cannot be invited.
    #[error("`{login}` is disabled; enable the user first")]
    Disabled {
        /// The user's login.
        login: String,
    },
    /// A token ends with the password of its user, so a user without one has no tokens.
    #[error("`{login}` has no password yet; set one, or wait until the invitation is accepted")]
    NoPassword {
        /// The user's login.
        login: String,
    },
    /// The number of tokens of a user is bounded.
    #[error("`{login}` already has {most} tokens; revoke one first")]
    TooManyTokens {
        /// The user's login.
        login: String,
        /// The most tokens that a user can have.
        most: usize,
    },
    /// A user without access to the portal sees nothing that could be shown.
    #[error(
        "`{login}` is in a group without access to the portal, so there is nothing to see; move \
         the user to another group first"
    )]
    NoPortalAccess {
        /// The user's login.
        login: String,
    },
    /// The portal is closed for the organization.
    #[error("the organization `{organization}` is parked; unpark it first")]
    OrganizationParked {
        /// Its id or name.
        organization: String,
    },
    /// R40: there is no invitation to withdraw.
    #[error("`{login}` has no open invitation")]
    NotInvited {
        /// The user's login.
        login: String,
    },
    /// R42: there is no address for the invitation.
    #[error(
        "there is no email address for the invitation: the end user and the organization have \
         none, and the login `{login}` is not an email address; add an address, or set a password instead"
    )]
    NoAddress {
        /// The user's login.
        login: String,
    },
    /// The organization is not empty.
    #[error(
        "the organization `{organization}` still has {}; delete them first",
        members(*portal_users, *end_users)
    )]
    OrganizationInUse {
        /// The organization's id.
        organization: OrganizationId,
        /// How many portal users it has.
        portal_users: u64,
        /// How many end users it has.
        end_users: u64,
    },
    /// The organization is in the scope of an administrator or a token.
    #[error(
        "the organization `{organization}` is in the scope of an administrator or a token; an owner \
         must take it out first"
    )]
    OrganizationInScope {
        /// The organization's id.
        organization: OrganizationId,
    },
    /// The end user has a portal user.
    #[error(
        "the end user `{end_user}` still has {}; delete them first, or assign them to the \
         organization",
        counted(*portal_users, "portal user")
    )]
    EndUserInUse {
        /// The end user's id.
        end_user: EndUserId,
        /// How many portal users it has.
        portal_users: u64,
    },
    /// The number of jobs that wait is bounded.
    #[error("{most} jobs are waiting already; wait for some of them, or cancel some")]
    TooManyJobs {
        /// The most jobs that can wait.
        most: usize,
    },
    /// The job has ended.
    #[error("the job `{job}` cannot be cancelled: it {}", match *state {
        "failed" => "has failed",
        _ => "is done",
    })]
    JobEnded {
        /// The job's id.
        job: String,
        /// Its state.
        state: &'static str,
    },
    /// One owner must stay, to manage administrators and tokens.
    #[error("`{login}` is the last owner; make another administrator an owner first")]
    LastOwner {
        /// The administrator's login.
        login: String,
    },
    /// Password and second factor of the own account are changed with the present ones.
    #[error("this is your own account; use `session/password` or `session/mfa`")]
    OwnAccount,
    /// The mail is completed, and the token that it contained was removed.
    #[error(
        "the email to `{to}` {state}{}",
        match occasion {
            MailKind::Invitation => ", and its link is no longer stored; send a new invitation",
            MailKind::Reset => {
                ", and its link is no longer stored; the user can ask for a new link on the \
                 sign-in page"
            }
            MailKind::AccountChanged | MailKind::Impersonation => "",
        }
    )]
    MailCompleted {
        /// The address it went to.
        to: String,
        /// What became of it, to follow its name.
        state: &'static str,
        /// What it was sent for.
        occasion: MailKind,
    },
}

impl DirectoryError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }

    /// Turns a missing record into an invalid field of the request that names it.
    pub(crate) fn in_field(self, field: &'static str) -> Self {
        match self {
            Self::NotFound { .. } => Self::invalid(field, self.to_string()),
            other => other,
        }
    }

    pub(crate) fn not_found(what: Kind, id: &str) -> Self {
        Self::NotFound { what, id: id.to_owned() }
    }

    /// The stable name of the error, for problem types, logs and tests.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Invalid { .. } => "invalid",
            Self::Refused(refusal) => refusal.code(),
            Self::Taken { .. } => "taken",
            Self::Changed { .. } => "changed",
            Self::Escalation { .. } | Self::NoImpersonation => "escalation",
            Self::Managed { .. } => "managed",
            Self::OutOfScope { .. } => "out-of-scope",
            Self::TokenUnknown => "token-unknown",
            Self::SessionEnded => "session-ended",
            Self::Contended => "contended",
            Self::Busy => "busy",
            Self::Store(_) => "store-unavailable",
        }
    }
}

impl Refusal {
    /// The stable name of the refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NeedsIdentity { .. } => "permission-needs-identity",
            Self::BuiltInNotRenamed { .. } | Self::BuiltInNotDeleted { .. } => "group-built-in",
            Self::GroupInUse { .. } => "group-in-use",
            Self::DefaultNotDeleted { .. } | Self::DefaultOfOrganizations { .. } => {
                "group-is-default"
            }
            Self::NotADefault { .. } => "group-not-a-default",
            Self::IsPassword { .. } => "is-password",
            Self::HasPassword { .. } => "has-password",
            Self::Disabled { .. } => "account-disabled",
            Self::NoPortalAccess { .. } => "no-portal-access",
            Self::OrganizationParked { .. } => "organization-parked",
            Self::NoPassword { .. } => "no-password",
            Self::TooManyTokens { .. } => "too-many-tokens",
            Self::NotInvited { .. } => "not-invited",
            Self::NoAddress { .. } => "no-address",
            Self::OrganizationInUse { .. } => "organization-in-use",
            Self::OrganizationInScope { .. } => "organization-in-scope",
            Self::EndUserInUse { .. } => "end-user-in-use",
            Self::TooManyJobs { .. } => "too-many-jobs",
            Self::JobEnded { .. } => "job-ended",
            Self::LastOwner { .. } => "last-owner",
            Self::OwnAccount => "own-account",
            Self::MailCompleted { .. } => "mail-done",
        }
    }

    pub(crate) fn mail_completed(mail: &Mail) -> Self {
        let state = match mail.state {
            MailState::Waiting { .. } => "is waiting",
            MailState::Sent { .. } => "was already sent",
            MailState::Failed { .. } => "has failed",
            MailState::Unconfirmed { .. } => "may have been sent",
            MailState::NotNeeded { .. } => "is no longer needed",
        };
        Self::MailCompleted { to: mail.to.clone(), state, occasion: mail.occasion }
    }
}

/// Why one attempt at an operation failed.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// A record changed between reading and committing: try again.
    Conflict,
    /// The operation failed.
    Failed(DirectoryError),
}

impl<E: Into<DirectoryError>> From<E> for AttemptError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CommitError> for AttemptError {
    fn from(error: CommitError) -> Self {
        match error {
            // The next attempt reads the current records and reports which rule forbids it.
            CommitError::Conflict { .. } | CommitError::InUse { .. } => Self::Conflict,
            CommitError::Taken { kind, field, value } => {
                Self::Failed(DirectoryError::Taken { what: kind, field, value })
            }
            CommitError::Refused { needs: IMPERSONATE, .. } => {
                Self::Failed(DirectoryError::NoImpersonation)
            }
            CommitError::Refused { needs, unlimited, .. } => {
                let role = Role::ALL.into_iter().find(|role| role.name() == needs);
                let role = role.unwrap_or(Role::Owner);
                Self::Failed(match unlimited {
                    true => DirectoryError::OutOfScope { role },
                    false => DirectoryError::Escalation { role },
                })
            }
            CommitError::Managed { kind, id, by } => {
                Self::Failed(DirectoryError::Managed { what: kind, id, by })
            }
            CommitError::ActorEnded { kind: kind::API_TOKEN } => {
                Self::Failed(DirectoryError::TokenUnknown)
            }
            CommitError::ActorEnded { .. } => Self::Failed(DirectoryError::SessionEnded),
            CommitError::Store(error) => Self::Failed(error.into()),
        }
    }
}

/// Converts the error of a commit that gives a record this name. For a taken name, the store reports
/// the folded form, which is replaced by the name as given.
pub(crate) fn as_given(given: &str) -> impl FnOnce(CommitError) -> AttemptError {
    move |error| match error.into() {
        AttemptError::Failed(DirectoryError::Taken { what, field, .. }) => {
            AttemptError::Failed(DirectoryError::Taken { what, field, value: given.to_owned() })
        }
        other => other,
    }
}

/// A number with its noun: `1 portal user`, `2 portal users`.
fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The members of an organization that has some.
fn members(portal_users: u64, end_users: u64) -> String {
    let of = |number, noun| (number > 0).then(|| counted(number, noun));
    let members = [of(portal_users, "portal user"), of(end_users, "end user")];
    members.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// The beginning of a sentence about a record.
fn it_is(kind: Kind, id: &str) -> String {
    match kind {
        kind::PREFERENCES => "the preferences are".to_owned(),
        kind => format!("the {} `{id}` is", noun(kind)),
    }
}

/// A kind with its article.
fn one(kind: Kind) -> String {
    let noun = noun(kind);
    let article = if noun.starts_with(['a', 'A', 'e', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        kind::END_USER => "end user",
        kind::USER => "portal user",
        kind::ADMINISTRATOR => "administrator",
        kind::API_TOKEN => "API token",
        kind::USER_TOKEN => "token",
        kind::TOTP_STEP => "time step",
        kind::MAIL => "email",
        kind::VIEW_LINK => "link to the portal",
        other => other.name(),
    }
}
