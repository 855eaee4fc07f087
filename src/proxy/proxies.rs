//! The proxies in front of the gateway that are believed, and what they say of a request.
//!
//! Either of the `X-Forwarded-…` fields or of `Forwarded` (RFC 7239), as the settings have it, and
//! never of both: a proxy writes one and may pass on what a client wrote into the other.

mod forwarded;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use self::forwarded::Element;
use super::headers::{FORWARDED, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, joined};
use crate::config::{ForwardedHeader, Server};
use portcullis_policy::BadRequest;

/// So much of an address that cannot be read is logged.
const LOGGED: usize = 64;

/// Networks whose forwarded fields are believed.
#[derive(Debug)]
pub(super) struct Proxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
    /// Whether an address that cannot be read has been logged.
    logged: AtomicBool,
}

impl Proxies {
    pub(super) fn new(server: &Server) -> Self {
        Self {
            networks: server.trusted_proxies.clone(),
            header: server.forwarded_header,
            logged: AtomicBool::new(false),
        }
    }

    pub(super) fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the peer's unless a trusted proxy names another; then the last one
    /// in the chain that is no trusted proxy itself. One that cannot be read has an address made of
    /// it, so that its owner is not taken for the proxy, nor for everybody behind it.
    pub(super) fn client<'a>(&self, headers: &'a HeaderMap, peer: IpAddr) -> IpAddr {
        if !self.trust(peer) {
            return peer;
        }
        match self.header {
            ForwardedHeader::XForwarded => {
                let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
                self.first_untrusted(
                    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')),
                    peer,
                )
            }
            ForwardedHeader::Forwarded => {
                let elements = elements(headers);
                // A proxy that does not say who came to it leaves what stands before unproven.
                let said = |element: &Element<'a>| element.node().filter(|node| !node.is_empty());
                self.first_untrusted(elements.iter().rev().map_while(said), peer)
            }
        }
    }

    /// The first hop that is no trusted proxy, from the nearest to the farthest.
    fn first_untrusted<'a>(&self, hops: impl Iterator<Item = &'a [u8]>, peer: IpAddr) -> IpAddr {
        let mut client = peer;
        for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
            let Some(address) = address(hop) else {
                self.log_unreadable(hop);
                return stand_in(hop);
            };
            client = address;
            if !self.trust(address) {
                break;
            }
        }
        client
    }

    fn log_unreadable(&self, hop: &[u8]) {
        if !self.logged.swap(true, Ordering::Relaxed) {
            let hop = hop.get(..LOGGED).unwrap_or(hop).escape_ascii();
            tracing::warn!(
                address = %hop,
                "a trusted proxy sent a client address that cannot be read; clients like it are \
                 counted by a hash of it. This is logged once"
            );
        }
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
        if self.header == ForwardedHeader::Forwarded {
            return self.outermost(headers).map_or(Ok(None), |element| element.host());
        }
        let mut lines = headers.get_all(X_FORWARDED_HOST).iter().map(HeaderValue::as_bytes);
        let line = lines.next();
        if lines.next().is_some() || line.is_some_and(|line| line.contains(&b',')) {
            return Err(BadRequest::TwoHosts);
        }
        Ok(line)
    }

    /// Whether the client came over TLS, when a trusted proxy says it: of a list, to the first of
    /// them. A WebSocket's scheme says the same as that of its HTTP.
    pub(super) fn https(&self, headers: &HeaderMap, peer: IpAddr) -> Option<bool> {
        if !self.trust(peer) {
            return None;
        }
        let said = match self.header {
            ForwardedHeader::XForwarded => {
                let said = headers.get(X_FORWARDED_PROTO)?.as_bytes();
                said.split(|byte| *byte == b',').next().unwrap_or(said)
            }
            ForwardedHeader::Forwarded => self.outermost(headers)?.proto()?,
        };
        let said = said.trim_ascii();
        Some(said.eq_ignore_ascii_case(b"https") || said.eq_ignore_ascii_case(b"wss"))
    }

    /// The addresses before the peer's, as the portal is told them.
    pub(super) fn chain(&self, headers: &HeaderMap, peer: IpAddr) -> Option<Vec<u8>> {
        if !self.trust(peer) {
            return None;
        }
        match self.header {
            ForwardedHeader::XForwarded => joined(headers, &X_FORWARDED_FOR),
            ForwardedHeader::Forwarded => {
                let nodes: Vec<&[u8]> =
                    elements(headers).into_iter().filter_map(Element::node).collect();
                (!nodes.is_empty()).then(|| nodes.join(&b", "[..]))
            }
        }
    }

    /// What the outermost trusted proxy says: elements before that are the client's own words.
    fn outermost<'a>(&self, headers: &'a HeaderMap) -> Option<Element<'a>> {
        let mut outermost = None;
        for element in elements(headers).into_iter().rev() {
            let trusted = element.node().and_then(address).is_some_and(|node| self.trust(node));
            outermost = Some(element);
            if !trusted {
                break;
            }
        }
        outermost
    }

    /// Whether this is one of the fields that are written anew after they were read here.
    pub(super) fn read(name: &HeaderName) -> bool {
        [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST].contains(name)
    }
}

/// The elements of all lines of `Forwarded`, from the farthest proxy to the nearest.
fn elements(headers: &HeaderMap) -> Vec<Element<'_>> {
    headers.get_all(&FORWARDED).iter().flat_map(|l| forwarded::elements(l.as_bytes())).collect()
}

/// An address as proxies write it: bare, in quotes, in brackets, with a port or a zone behind it.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let text =
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim();
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port = port.strip_prefix(':').map_or(port.is_empty(), is_port);
        port.then(|| without_zone(address).parse::<Ipv6Addr>().ok()).flatten()?.into()
    } else {
        match text.split_once(':') {
            Some((address, port)) if !port.contains(':') && address.contains('.') => {
                is_port(port).then(|| address.parse().ok()).flatten()?
            }
            Some(_) | None => without_zone(text).parse::<IpAddr>().ok()?,
        }
    };
    Some(address.to_canonical())
}

/// Digits, or a name in place of them (RFC 7239, 6.3).
fn is_port(text: &str) -> bool {
    let name = text.strip_prefix('_').unwrap_or(text);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn without_zone(address: &str) -> &str {
    address.split_once('%').map_or(address, |(address, _)| address)
}

/// An address for one that cannot be read: its hash in the network part of a site-local address,
/// which no client has (RFC 3879). Whoever is counted by network is counted by what was written.
fn stand_in(hop: &[u8]) -> IpAddr {
    let hash: [u8; 32] = Sha256::digest(hop).into();
    let [first, second, third, fourth, fifth, sixth, seventh, ..] = hash;
    let second = 0xc0 | (second & 0x3f);
    let network = u64::from_be_bytes([0xfe, second, first, third, fourth, fifth, sixth, seventh]);
    Ipv6Addr::from(u128::from(network) << 64).into()
}

#[cfg(test)]
mod tests;
