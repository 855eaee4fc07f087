//! The fields of a line about an event.

use std::net::IpAddr;

use super::cause::Cause;

/// The fields of an event; those that are `None` are left out.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) client: Option<IpAddr>,
    pub(super) request: Option<&'a str>,
    pub(super) cause: Option<Cause>,
    pub(super) kind: Option<&'a str>,
    pub(super) action: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) records: Option<u64>,
    pub(super) changed: Option<&'a str>,
    pub(super) via: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) administrator: Option<&'a str>,
    pub(super) organization: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) failures: Option<u32>,
    pub(super) until: Option<jiff::Timestamp>,
    pub(super) actor: Option<&'a str>,
    pub(super) login: Option<&'a str>,
}
