//! What is known about a session when it starts.

use std::net::IpAddr;

use crate::directory::{OrganizationId, UserId};
use portcullis_policy::SessionKind;

/// By which way a session starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInWay {
    /// With a password alone.
    Password,
    /// With a password and a code of the authenticator app.
    Totp,
    /// With a password and a recovery code.
    RecoveryCode,
    /// A session that continues under a new token, because its user has changed the password.
    NewPassword,
    /// With a secure link.
    Link,
    /// With a link of the operator's staff.
    Staff,
}

impl SignInWay {
    /// The stable name, in the audit log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery-code",
            Self::NewPassword => "new-password",
            Self::Link => "link",
            Self::Staff => "staff",
        }
    }
}

/// What a new session records of its sign-in.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// A portal user's session or one of a secure link.
    pub kind: SessionKind,
    /// The organization of the user or of the link.
    pub organization: OrganizationId,
    /// The portal user; `None` for a secure link.
    pub user: Option<UserId>,
    /// The generation of the user's credentials, or of the organization's link.
    pub generation: u64,
    /// The way.
    pub way: SignInWay,
    /// The client's address.
    pub address: IpAddr,
    /// The browser's `User-Agent`; the record keeps the first 160 characters.
    pub agent: String,
}
