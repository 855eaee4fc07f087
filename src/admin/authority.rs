//! What a route requires of its caller: an authority, which roles have, and a scope that reaches the
//! records it is about.

pub(super) use crate::directory::records::Authority;

/// Which records a route is about, and so which scopes it is open to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What all scopes may read, such as the groups; and the caller's own session.
    Shared,
    /// Records of organizations. Those outside of the caller's scope do not exist for the handler.
    Organizations,
    /// The gateway as a whole: closed to callers with a limited scope.
    Gateway,
}
