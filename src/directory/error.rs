//! Why an operation of the directory was not done.
use crate::directory::records::id::{EndUserId, OrganizationId};
use crate::directory::records::kind;
use crate::directory::records::mail::{Mail, MailState, Occasion};
use portcullis_store::{CommitError, Kind, StoreError};

/// Nothing was changed, and this is why.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The record named does not exist.
    #[error("there is no {} `{id}`", noun(*what))]
    NotFound {
        /// What was looked for.
        what: Kind,
        /// The id that none has.
        id: String,
    },
    /// A value given cannot be taken; the caller must give another.
    #[error("{field}: {message}")]
    Invalid {
        /// The field of the request.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A rule forbids it as things are; the message names the way out.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A name that must be unique is in use.
    #[error("{field}: {} `{value}` exists already", one(*what))]
    Taken {
        /// What has the name.
        what: Kind,
        /// The field of the request.
        field: &'static str,
        /// The name as it was given.
        value: String,
    },
    /// The record is not at the version the caller had read.
    #[error("{} `{id}` has changed since: it is at version {version} now", noun(*what))]
    Changed {
        /// What was to be changed.
        what: Kind,
        /// Its id.
        id: String,
        /// Its version now.
        version: u64,
    },
    /// Others kept changing what the operation rests on; it may be tried again.
    #[error("too many changes at the same time; try again")]
    Contended,
    /// The password pool is full; it may be tried again.
    #[error("too many passwords are being checked; try again")]
    Busy,
    /// The store did not answer; the operator must act.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A rule that forbids an operation as things are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// R3: the group needs no sign-in, the permission needs to know who asks.
    #[error(
        "`{permission}` needs to know which person asks, so it cannot be granted to the group \
         `{group}`, which needs no sign-in; leave it out"
    )]
    NeedsIdentity {
        /// The permission's id.
        permission: String,
        /// The group's name.
        group: String,
    },
    /// R4: the group's name is fixed.
    #[error("the group `{group}` is built in and cannot be renamed; copy it under another name")]
    BuiltInNotRenamed {
        /// The group's name.
        group: String,
    },
    /// R4: the group must be there.
    #[error("the group `{group}` is built in and cannot be deleted")]
    BuiltInNotDeleted {
        /// The group's name.
        group: String,
    },
    /// R5: the group has members.
    #[error(
        "{users} portal user{} in the group `{group}`; move them to another group, or delete it \
         with `move_to=<group>`, which moves them all",
        if *users == 1 { " is" } else { "s are" }
    )]
    GroupInUse {
        /// The group's name.
        group: String,
        /// How many portal users are in it.
        users: u64,
    },
    /// R6: there must be a default.
    #[error("the group `{group}` is the default; make another group the default first")]
    DefaultNotDeleted {
        /// The group's name.
        group: String,
    },
    /// R6: who has no sign-in is in this group, so who has one gets another.
    #[error("the group `{group}` cannot be the default; choose a group for portal users")]
    NotADefault {
        /// The group's name.
        group: String,
    },
    /// R31: a password is not its owner's login or address.
    #[error(
        "{field}: it is the same as the password of the portal user `{login}`; give another, or \
         set another password first"
    )]
    IsPassword {
        /// The field of the request.
        field: &'static str,
        /// The user's login, as it is now.
        login: String,
    },
    /// R40: who has a password needs no invitation.
    #[error(
        "`{login}` has a password already; who has forgotten it can ask for a reset at the \
         sign-in page, or set another one by hand"
    )]
    HasPassword {
        /// The user's login.
        login: String,
    },
    /// R40: there is nothing to withdraw.
    #[error("`{login}` has no unclaimed invitation")]
    NotInvited {
        /// The user's login.
        login: String,
    },
    /// R42: the invitation has nowhere to go.
    #[error(
        "there is no address to mail the invitation to: neither the end user nor the organization \
         has one, and the login `{login}` is none; give one of them an email address, or set a \
         password by hand"
    )]
    NoAddress {
        /// The user's login.
        login: String,
    },
    /// The organization is not empty.
    #[error(
        "the organization `{organization}` still has {portal_users} portal user(s) and \
         {end_users} end user(s); delete them first"
    )]
    OrganizationInUse {
        /// The organization's id.
        organization: OrganizationId,
        /// How many portal users it has.
        portal_users: u64,
        /// How many end users it has.
        end_users: u64,
    },
    /// The end user has a sign-in.
    #[error(
        "the end user `{end_user}` still has {portal_users} portal user(s); delete them first, or \
         make them the organization's"
    )]
    EndUserInUse {
        /// The end user's id.
        end_user: EndUserId,
        /// How many portal users it has.
        portal_users: u64,
    },
    /// The mail has ended, and what it carried is gone.
    #[error(
        "the mail to `{to}` is done with ({state}), and its link is kept nowhere; {}",
        match occasion {
            Occasion::Invitation => "invite the portal user again",
            Occasion::Reset => "the person can ask for another on the sign-in page",
        }
    )]
    MailCompleted {
        /// The address it went to.
        to: String,
        /// How it ended.
        state: &'static str,
        /// Why it was written.
        occasion: Occasion,
    },
}

impl DirectoryError {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }

    /// The same error about the field of a request, if what the field names does not exist.
    pub(crate) fn in_field(self, field: &'static str) -> Self {
        match self {
            Self::NotFound { .. } => Self::invalid(field, self.to_string()),
            other => other,
        }
    }

    pub(crate) fn not_found(what: Kind, id: &str) -> Self {
        Self::NotFound { what, id: id.to_owned() }
    }

    /// The stable name of the failure, for problem types, logs and tests.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Invalid { .. } => "invalid",
            Self::Refused(refusal) => refusal.code(),
            Self::Taken { .. } => "taken",
            Self::Changed { .. } => "changed",
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
            Self::DefaultNotDeleted { .. } => "group-is-default",
            Self::NotADefault { .. } => "group-not-a-default",
            Self::IsPassword { .. } => "is-password",
            Self::HasPassword { .. } => "has-password",
            Self::NotInvited { .. } => "not-invited",
            Self::NoAddress { .. } => "no-address",
            Self::OrganizationInUse { .. } => "organization-in-use",
            Self::EndUserInUse { .. } => "end-user-in-use",
            Self::MailCompleted { .. } => "mail-done",
        }
    }

    pub(crate) fn mail_completed(mail: &Mail) -> Self {
        let state = match mail.state {
            MailState::Waiting { .. } => "waiting",
            MailState::Sent { .. } => "sent",
            MailState::Failed { .. } => "failed",
            MailState::Unconfirmed { .. } => "unconfirmed",
            MailState::NotNeeded { .. } => "not needed any more",
        };
        Self::MailCompleted { to: mail.to.clone(), state, occasion: mail.occasion }
    }
}

/// What stopped one attempt at an operation.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// What the attempt rested on changed before its commit: read again.
    Conflict,
    /// For good.
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
            // The next attempt reads what is there now, and says so in the words of its rule.
            CommitError::Conflict { .. } | CommitError::InUse { .. } => Self::Conflict,
            CommitError::Taken { kind, field, value } => {
                Self::Failed(DirectoryError::Taken { what: kind, field, value })
            }
            CommitError::Store(error) => Self::Failed(error.into()),
        }
    }
}

/// Why a commit stopped that gives a record this name. Of a name that is taken the store tells the
/// folded form, which is for comparing and never shown.
pub(crate) fn naming(given: &str) -> impl FnOnce(CommitError) -> AttemptError {
    move |error| match error.into() {
        AttemptError::Failed(DirectoryError::Taken { what, field, .. }) => {
            AttemptError::Failed(DirectoryError::Taken { what, field, value: given.to_owned() })
        }
        other => other,
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
        kind::API_TOKEN => "API token",
        kind::TOTP_STEP => "time step",
        kind::MAIL => "mail",
        other => other.name(),
    }
}
