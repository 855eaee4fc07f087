//! The state of each part of the gateway, as the readiness probe shows it.

use serde::Serialize;

/// The parts of the gateway. Only the store decides whether it is ready: without any of the others,
/// another instance could not do better, and pages still work.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(super) struct Parts {
    /// It responds, and cached state is confirmed.
    pub(super) store: Part,
    /// The policy of the files is in force.
    pub(super) policy: Part,
    /// Its servers accept connections.
    pub(super) portal: Part,
    /// No email has failed.
    pub(super) mail: Part,
    /// The certificates of the listeners are valid and those of the files.
    pub(super) certificate: Part,
}

/// A part of the gateway. The probe is open to everyone who reaches the listener, so details name no
/// servers, files or people; `status` does.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(super) struct Part {
    /// `ok`, `warning` (it works in part, or not for long), or `failed`.
    status: &'static str,
    /// What is wrong; left out if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<&'static str>,
}

impl Part {
    pub(super) const OK: Self = Self { status: "ok", detail: None };

    pub(super) const fn warning(detail: &'static str) -> Self {
        Self { status: "warning", detail: Some(detail) }
    }

    pub(super) const fn failed(detail: &'static str) -> Self {
        Self { status: "failed", detail: Some(detail) }
    }
}
