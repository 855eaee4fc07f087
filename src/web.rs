//! What pages for browsers are made of, whichever part of the program serves them.
//!
//! | module | holds |
//! |---|---|
//! | [`cookie`] | the parser of `Cookie` fields, the list of our cookies, the lines that set them |
//! | [`fetch_metadata`] | what a request is for: a navigation, a script, a page of ours |
//! | [`paths`] | the addresses of our own pages |
//! | `origin`, `form`, `form_problem` | whether a page of ours sent a form, its token, its errors |
//! | `request_body`, `request_error` | a body that arrives completely; why there is no page |
//! | `response` | pages, redirects and the headers that protect them |
//! | `return_to` | the address to continue at, without open redirects |
//! | `text` | texts in the reader's language; mails choose theirs by the same rule |
//! | `notice` | a page with one statement, and the problem document with the same words |
//! | [`problem`] | problem documents, for scripts and for callers of the admin API |
//! | `brand`, `logo`, `asset` | the operator's look, and the files that carry it |
//! | [`preview`] | previews of the pages for portal users |
//! | `qr` | QR codes |
//!
//! The sessions and the proxy use the first three too, so this module lies below them: it imports
//! the settings and the credentials, and nothing of the directory, the sessions, the proxy or a
//! set of pages. It has no templates either: those belong to the pages.

pub(crate) mod asset;
pub(crate) mod brand;
pub mod cookie;
pub mod fetch_metadata;
pub(crate) mod form;
pub(crate) mod form_problem;
pub(crate) mod logo;
pub(crate) mod notice;
pub(crate) mod origin;
pub mod paths;
pub mod peer;
pub mod preview;
pub(crate) mod problem;
pub(crate) mod qr;
pub(crate) mod request_body;
pub(crate) mod request_error;
pub(crate) mod response;
pub(crate) mod return_to;
pub(crate) mod text;

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
    /// The name of the served host.
    pub host: String,
}
