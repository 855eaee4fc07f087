//! Whether a WebSocket is asked for by a page of ours.

use http::header::{self, HeaderMap};

use super::hosts::Hosts;
use crate::config::PublicUrl;

/// A browser says where a WebSocket's page came from; another program says nothing (RFC 6455,
/// 10.2).
pub(super) fn is_ours(headers: &HeaderMap, public: &PublicUrl, hosts: &Hosts) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    if origins.next().is_some() {
        return false;
    }
    let Ok(origin) = origin.to_str() else { return false };
    if origin.eq_ignore_ascii_case(public.as_str()) {
        return true;
    }
    public.host_of(origin).is_some_and(|host| hosts.have(&host))
}
