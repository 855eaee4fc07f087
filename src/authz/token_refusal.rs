//! Why a token of a portal user is not accepted.

use super::authorization::Scheme;

/// Why a request with a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// It has more than one `Authorization` header.
    SeveralHeaders,
    /// The token does not exist, is revoked or expired, or is of another login; its user has
    /// another password since, or may not create tokens: 401.
    Invalid(Scheme),
    /// The same, after too many of them: 429.
    LockedOut {
        /// When the next attempt is allowed, in seconds.
        retry_after: u64,
    },
    /// The user needs a second factor and has not set it up.
    NotEnrolled,
    /// The request is also in a session of another user.
    OtherSession,
}

impl TokenRefusal {
    /// The decision's name in the record.
    #[must_use]
    pub const fn decision(self) -> &'static str {
        match self {
            Self::SeveralHeaders => "bad-request",
            Self::Invalid(_) | Self::LockedOut { .. } | Self::NotEnrolled | Self::OtherSession => {
                "deny"
            }
        }
    }

    /// The stable kebab-case reason.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::SeveralHeaders => "several-authorizations",
            Self::Invalid(_) => "invalid-token",
            Self::LockedOut { .. } => "locked-out",
            Self::NotEnrolled => "mfa-not-enrolled",
            Self::OtherSession => "other-session",
        }
    }
}
