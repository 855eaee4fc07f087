//! Why something was refused.

/// Why something was refused. The log has the cause even where the page must not reveal it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// No portal user has the login.
    UnknownLogin,
    /// The portal user has no password yet.
    NoPassword,
    /// The password is wrong.
    WrongPassword,
    /// The code is wrong or was used before.
    WrongCode,
    /// The account has no second factor, and `admin.require_mfa` requires one.
    NoSecondFactor,
    /// The portal user's account is disabled.
    AccountDisabled,
    /// The organization is parked.
    OrganizationParked,
    /// The group has no access to the portal.
    NoPortalAccess,
    /// Too many attempts have failed; this one was not checked.
    LockedOut,
    /// Too many are being checked; this one was not.
    Busy,
    /// The link or token is unknown, expired, used or replaced.
    Invalid,
    /// The secure link is switched off.
    SwitchedOff,
    /// The secure link's organization has portal users, who must sign in.
    SignInRequired,
    /// The secure link has too many sessions.
    TooManySessions,
    /// Too many resets were asked for.
    TooManyResets,
    /// The login is not an email address, or its user can have no reset.
    NotByMail,
    /// The caller's role may not do it.
    RoleRequired,
    /// It would grant what the caller may not grant.
    Escalation,
    /// The caller is limited to organizations, and it concerns the gateway as a whole.
    OutOfScope,
}

impl Cause {
    /// All causes.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 19] = [
        Self::UnknownLogin,
        Self::NoPassword,
        Self::WrongPassword,
        Self::WrongCode,
        Self::NoSecondFactor,
        Self::AccountDisabled,
        Self::OrganizationParked,
        Self::NoPortalAccess,
        Self::LockedOut,
        Self::Busy,
        Self::Invalid,
        Self::SwitchedOff,
        Self::SignInRequired,
        Self::TooManySessions,
        Self::TooManyResets,
        Self::NotByMail,
        Self::RoleRequired,
        Self::Escalation,
        Self::OutOfScope,
    ];

    /// The stable kebab-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownLogin => "unknown-login",
            Self::NoPassword => "no-password",
            Self::WrongPassword => "wrong-password",
            Self::WrongCode => "wrong-code",
            Self::NoSecondFactor => "no-second-factor",
            Self::AccountDisabled => "account-disabled",
            Self::OrganizationParked => "organization-parked",
            Self::NoPortalAccess => "no-portal-access",
            Self::LockedOut => "locked-out",
            Self::Busy => "busy",
            Self::Invalid => "invalid",
            Self::SwitchedOff => "switched-off",
            Self::SignInRequired => "sign-in-required",
            Self::TooManySessions => "too-many-sessions",
            Self::TooManyResets => "too-many-resets",
            Self::NotByMail => "not-by-mail",
            Self::RoleRequired => "role-required",
            Self::Escalation => "escalation",
            Self::OutOfScope => "out-of-scope",
        }
    }
}
