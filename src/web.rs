//! What the pages for browsers are made of, whichever part of the program serves them.
//!
//! | module | holds |
//! |---|---|
//! | [`cookie`] | the parser of `Cookie` fields, the list of our cookies, the lines that set them |
//! | [`fetch_metadata`] | what a request is for: a navigation, a script, a page of ours |
//! | [`paths`] | the addresses of our own pages |
//!
//! The proxy and the sessions use the first three too, so this module lies below them: it imports
//! the settings and the credentials, and nothing of the directory, the sessions, the proxy or a
//! set of pages.

pub mod cookie;
pub mod fetch_metadata;
pub mod paths;

use std::net::IpAddr;

use jiff::Timestamp;

/// The client of a request for one of our own pages.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The client's address: the peer's, or the one that a trusted proxy names.
    pub address: IpAddr,
    /// The request's id, as in the decision record.
    pub request_id: String,
    /// When the request has arrived, its form included.
    pub now: Timestamp,
}
