//! The reasons for decisions: a closed list with stable names.

use super::request_path::BadTarget;

/// The reason for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Allowed: the route is public.
    Public,
    /// Allowed: the route requires only a session.
    SignedIn,
    /// Allowed: the session has the required permissions.
    Permitted,
    /// Allowed in a trial of the portal only: what is required is missing, or no route is for the
    /// request.
    Trial,
    /// Sign in: there is no session.
    NoSession,
    /// Sign in: the session has expired.
    SessionExpired,
    /// Denied: no route matches the path.
    NoRoute,
    /// Denied: no route for the path lists the method.
    MethodNotAllowed,
    /// Denied: no route for the path and the method lists the value of the query parameter.
    QueryNotAllowed,
    /// Denied: the portal may read another value of that parameter in the query.
    AmbiguousQuery,
    /// Denied: the session may not have the path in another reading.
    AmbiguousPath,
    /// Denied: the route does not allow the client's address.
    AddressNotAllowed,
    /// Denied: the route does not allow WebSockets.
    WebsocketNotAllowed,
    /// Denied: the route has `access = "deny"`.
    RouteClosed,
    /// Denied: the person is in the No Portal Access Group (R8).
    NoPortalAccess,
    /// Denied: the person's account is disabled.
    AccountDisabled,
    /// Denied: the operator has closed the portal for the organization.
    OrganizationParked,
    /// Denied: the session is of the operator's staff, and the route has `staff = "never"`.
    StaffNotAllowed,
    /// Denied: the organization in the path is not the session's.
    OtherOrganization,
    /// Denied: a required permission is missing.
    MissingPermission,
    /// Bad request: the path is invalid in another reading.
    BadTarget(BadTarget),
}

impl Reason {
    /// Every reason, except those of [`BadTarget::ALL`].
    pub const ALL: [Self; 20] = [
        Self::Public,
        Self::SignedIn,
        Self::Permitted,
        Self::Trial,
        Self::NoSession,
        Self::SessionExpired,
        Self::NoRoute,
        Self::MethodNotAllowed,
        Self::QueryNotAllowed,
        Self::AmbiguousQuery,
        Self::AmbiguousPath,
        Self::AddressNotAllowed,
        Self::WebsocketNotAllowed,
        Self::RouteClosed,
        Self::NoPortalAccess,
        Self::AccountDisabled,
        Self::OrganizationParked,
        Self::StaffNotAllowed,
        Self::OtherOrganization,
        Self::MissingPermission,
    ];

    /// The stable name, used in the decision record, `explain` and the expectations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed-in",
            Self::Permitted => "permitted",
            Self::Trial => "trial",
            Self::NoSession => "no-session",
            Self::SessionExpired => "session-expired",
            Self::NoRoute => "no-route",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::QueryNotAllowed => "query-not-allowed",
            Self::AmbiguousQuery => "ambiguous-query",
            Self::AmbiguousPath => "ambiguous-path",
            Self::AddressNotAllowed => "address-not-allowed",
            Self::WebsocketNotAllowed => "websocket-not-allowed",
            Self::RouteClosed => "route-closed",
            Self::NoPortalAccess => "no-portal-access",
            Self::AccountDisabled => "account-disabled",
            Self::OrganizationParked => "organization-parked",
            Self::StaffNotAllowed => "staff-not-allowed",
            Self::OtherOrganization => "other-organization",
            Self::MissingPermission => "missing-permission",
            Self::BadTarget(bad) => bad.as_str(),
        }
    }
}
