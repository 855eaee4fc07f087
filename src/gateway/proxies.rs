//! The proxies in front of the gateway that are believed, and what they say of a request.

use std::net::IpAddr;

use http::header::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use super::headers::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::policy::BadRequest;

/// Networks whose forwarded fields are believed.
#[derive(Debug)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    pub(super) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the peer's unless a trusted proxy names another; then the last one
    /// in the chain that is no trusted proxy itself.
    pub(super) fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        if !self.trust(peer) {
            return peer;
        }
        let lines: Vec<&str> =
            headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        let mut client = peer;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            let address = address.to_canonical();
            client = address;
            if !self.trust(address) {
                break;
            }
        }
        client
    }

    /// The host that the client asked for, when a trusted proxy says it.
    pub(super) fn host<'a>(
        &self,
        headers: &'a HeaderMap,
        peer: IpAddr,
    ) -> Result<Option<&'a [u8]>, BadRequest> {
        if !self.trust(peer) {
            return Ok(None);
        }
        let mut lines = headers.get_all(X_FORWARDED_HOST).iter().map(HeaderValue::as_bytes);
        let line = lines.next();
        if lines.next().is_some() || line.is_some_and(|line| line.contains(&b',')) {
            return Err(BadRequest::TwoHosts);
        }
        Ok(line)
    }

    /// Whether the client came over TLS, when a trusted proxy says it: of a list, to the first of
    /// them.
    pub(super) fn https(&self, headers: &HeaderMap, peer: IpAddr) -> Option<bool> {
        if !self.trust(peer) {
            return None;
        }
        let said = headers.get(X_FORWARDED_PROTO)?.as_bytes();
        let first = said.split(|byte| *byte == b',').next().unwrap_or(said);
        Some(first.trim_ascii().eq_ignore_ascii_case(b"https"))
    }
}
