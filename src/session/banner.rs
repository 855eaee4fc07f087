//! What the banner on the portal's pages says about a session of the operator's staff.

use std::sync::Arc;

use jiff::Timestamp;

use crate::credential::token::TokenHash;
use crate::directory::records::TrialId;
use portcullis_policy::SessionKind;

/// What is known about a session of staff besides its [`Subject`](portcullis_policy::Subject).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffFacts {
    /// The name of the organization whose portal is seen.
    pub organization_name: Arc<str>,
    /// When the session ends, however often it is used.
    pub ends: Timestamp,
    /// The trial of the portal that it is of.
    pub trial: Option<TrialId>,
}

/// What the banner on the portal's pages says about a session of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Banner<'a> {
    /// [`SessionKind::Staff`], [`SessionKind::Impersonation`] or [`SessionKind::Trial`].
    pub kind: SessionKind,
    /// The organization's id.
    pub organization: &'a str,
    /// The organization's name.
    pub organization_name: &'a str,
    /// The login of the portal user that staff acts as; `None` for a view without being a person.
    pub login: Option<&'a str>,
    /// Who of the staff it is: a login, `token:NAME` or `socket`.
    pub actor: &'a str,
    /// When the session ends, however often it is used.
    pub ends: Timestamp,
    /// The session, which the token of a form to stop it is bound to. The form is sent to
    /// [`VIEW_STOP`](crate::web::paths::VIEW_STOP).
    pub key: TokenHash,
}
