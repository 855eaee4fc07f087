//! Who is signed in.

use serde::Deserialize;

use crate::directory::records::{Authority, Role, Scope};

/// Who is signed in.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Who {
    /// Such as `administrator:alice`.
    pub(super) actor: String,
    pub(super) role: Role,
    pub(super) scope: Scope,
    pub(super) impersonate: bool,
}

impl Who {
    /// The login.
    pub(super) fn login(&self) -> &str {
        self.actor.split_once(':').map_or(&*self.actor, |(_, login)| login)
    }

    /// Whether the role has an authority over the organizations of the scope.
    pub(super) fn may(&self, authority: Authority) -> bool {
        authority.includes(self.role)
    }

    /// Whether the role has an authority over the gateway as a whole.
    pub(super) fn may_over_gateway(&self, authority: Authority) -> bool {
        self.may(authority) && !self.scope.is_limited()
    }
}
