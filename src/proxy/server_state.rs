//! Whether a server of the portal may get requests: its health, and whether it is draining.

/// The state of a server of the portal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerState {
    /// Whether its health checks pass; `None` before the first, and if it is not checked.
    pub healthy: Option<bool>,
    /// Why its last health check failed.
    pub problem: Option<String>,
    /// Whether it gets no new requests, because an operator wants that.
    pub draining: bool,
}

impl ServerState {
    /// Whether it should get requests.
    pub(super) fn is_ready(&self) -> bool {
        !self.draining && self.healthy != Some(false)
    }
}
