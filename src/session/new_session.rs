//! What is known about a session when it starts.

use std::net::IpAddr;

use crate::directory::{OrganizationId, UserId};
use portcullis_policy::SessionKind;

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
    /// The client's address.
    pub address: IpAddr,
    /// The browser's `User-Agent`; the record keeps the first 160 characters.
    pub agent: String,
}
