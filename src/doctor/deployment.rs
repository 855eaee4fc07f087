//! What is examined: the settings, the public URL, the portal and the running gateway, as far as each
//! is known.

use jiff::Timestamp;
use portcullis_policy::Policy;
use serde_json::Value;

use super::client::Endpoint;
use crate::check::{Report, Valid};
use crate::config::{PublicUrl, Settings};

/// Calls the running gateway over its admin socket.
pub trait AdminApi {
    /// The document of `GET status`.
    ///
    /// # Errors
    /// When the gateway does not answer.
    fn status(&self) -> Result<Value, AdminError>;

    /// The document of `GET doctor`.
    ///
    /// # Errors
    /// When the gateway does not answer, or is of a version that has no such document.
    fn marked(&self) -> Result<Value, AdminError>;
}

/// Why there is no document of the running gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// It does not run, or answers with an error.
    #[error("{0}")]
    Failed(String),
    /// It accepts the connection and does not answer in time.
    #[error("{0}")]
    Silent(String),
}

/// What is examined.
pub struct Deployment<'a> {
    /// What `check` finds in the settings; `None` to examine only what can be reached.
    pub report: Option<&'a Report>,
    /// The public URL; `None` for that of the settings.
    pub url: Option<PublicUrl>,
    /// `host:port` to connect to for the public URL.
    pub connect_to: Option<String>,
    /// URLs at which the portal must not respond to this machine.
    pub portals: Vec<PublicUrl>,
    /// Paths to probe besides those of the routes.
    pub paths: Vec<String>,
    /// Headers for requests to the portal, such as those that name a user.
    pub portal_headers: Vec<(String, String)>,
    /// Whether to send POST requests to the portal.
    pub allow_writes: bool,
    /// `host:port` at which to listen in place of the portal.
    pub as_portal: Option<String>,
    /// The running gateway.
    pub admin: &'a dyn AdminApi,
    /// The current time.
    pub now: Timestamp,
}

impl Deployment<'_> {
    pub(super) fn settings(&self) -> Option<&Settings> {
        self.valid().map(|valid| &valid.settings)
    }

    pub(super) fn policy(&self) -> Option<&Policy> {
        self.valid().map(|valid| &valid.policy)
    }

    pub(super) fn valid(&self) -> Option<&Valid> {
        self.report.and_then(|report| report.valid.as_ref())
    }

    /// The public URL, of the command line or the settings.
    pub(super) fn public_url(&self) -> Option<&PublicUrl> {
        let of_settings = || self.settings().map(|settings| &settings.server.public_url);
        self.url.as_ref().or_else(of_settings)
    }

    /// The public URL as a server to ask.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        self.public_url().map(|url| Endpoint::at(url, self.connect_to.as_deref()))
    }
}

impl std::fmt::Debug for Deployment<'_> {
    /// Leaves out the headers: they may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment").field("url", &self.url).finish_non_exhaustive()
    }
}
