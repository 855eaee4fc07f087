//! The session of a request, as far as the decision depends on it.

use std::sync::Arc;

use jiff::Timestamp;

use super::group::built_in;
use super::permission::{Catalogue, PermissionSet};
use super::reason::Reason;

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// A portal user signed in.
    User,
    /// A secure link was opened: the organization is known, the person is not.
    Link,
    /// A member of the operator's staff views an organization's portal.
    Staff,
    /// A member of the operator's staff acts as a portal user.
    Impersonation,
    /// A program presented a token of a portal user.
    Token,
    /// A member of the operator's staff tries the portal out, to find out which requests it has.
    Trial,
}

impl SessionKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Link, Self::Staff, Self::Impersonation, Self::Token, Self::Trial];

    /// Whether a member of the operator's staff has started it.
    #[must_use]
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Staff | Self::Impersonation | Self::Trial)
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name that the portal gets: a trial is a view to it.
    #[must_use]
    pub const fn name_for_portal(self) -> &'static str {
        match self {
            Self::Trial => Self::Staff.name(),
            kind => kind.name(),
        }
    }

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Link => "link",
            Self::Staff => "staff",
            Self::Impersonation => "impersonation",
            Self::Token => "token",
            Self::Trial => "trial",
        }
    }
}

/// The session of a request: who it is from, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// How the session began.
    pub kind: SessionKind,
    /// The organization's id.
    pub organization: Arc<str>,
    /// The portal user's id.
    pub user: Option<Arc<str>>,
    /// The portal user's login.
    pub login: Option<Arc<str>>,
    /// The id of the portal user's end user.
    pub end_user: Option<Arc<str>>,
    /// The id of the group.
    pub group: Arc<str>,
    /// The permissions of the group at this moment.
    pub granted: PermissionSet,
    /// Whether the portal user's account is disabled.
    pub disabled: bool,
    /// Why the operator has closed the portal for the organization; `None` if it is open.
    pub parked: Option<Arc<str>>,
    /// When the session expires.
    pub valid_until: Timestamp,
    /// Who of the operator's staff started the session; `None` for kinds that are not of staff.
    pub actor: Option<Arc<str>>,
}

impl Subject {
    /// A member of a group, without user, login and end user.
    #[must_use]
    pub fn nameless(
        kind: SessionKind,
        organization: Arc<str>,
        (group, granted): (Arc<str>, PermissionSet),
        valid_until: Timestamp,
    ) -> Self {
        let (user, login, end_user) = (None, None, None);
        Self {
            kind,
            organization,
            user,
            login,
            end_user,
            group,
            granted,
            disabled: false,
            parked: None,
            valid_until,
            actor: None,
        }
    }

    /// Whether the person may not use the portal at all (R8).
    #[must_use]
    pub fn has_no_access(&self) -> bool {
        self.no_access().is_some()
    }

    /// Why the person may not use the portal at all (R8): the portal is closed for the organization,
    /// the account is disabled, or it is in the No Portal Access Group.
    #[must_use]
    pub fn no_access(&self) -> Option<Reason> {
        if self.parked.is_some() {
            return Some(Reason::OrganizationParked);
        }
        if self.disabled {
            return Some(Reason::AccountDisabled);
        }
        (&*self.group == built_in::NO_ACCESS).then_some(Reason::NoPortalAccess)
    }

    /// The effective permissions: [`Subject::granted`], without those that need a person if the
    /// session is of a secure link, or views the portal without being a person (R3, R17).
    #[must_use]
    pub fn held(&self, catalogue: &Catalogue) -> PermissionSet {
        match self.kind {
            SessionKind::Link | SessionKind::Staff | SessionKind::Trial => {
                self.granted.intersection(catalogue.without_identity())
            }
            SessionKind::User | SessionKind::Impersonation | SessionKind::Token => self.granted,
        }
    }
}
