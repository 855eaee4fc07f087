//! The trusted proxies in front of the gateway, and what they report about a request.
//!
//! The settings choose between the `X-Forwarded-…` fields and `Forwarded` (RFC 7239). Only the
//! chosen one is read: a proxy writes one and may pass on what a client wrote into the other.

mod forwarded;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use self::forwarded::Element;
use crate::config::{ForwardedHeader, PeerSet, Server};
use crate::web::peer::Peer;
use portcullis_policy::BadRequest;

/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Bytes of an unreadable address that are logged.
const LOGGED: usize = 64;

/// Proxies whose forwarded fields are trusted.
#[derive(Debug)]
pub struct TrustedProxies {
    peers: PeerSet,
    header: ForwardedHeader,
    /// Whether an unreadable address has been logged.
    logged: AtomicBool,
}

impl TrustedProxies {
    /// The proxies that these settings name.
    #[must_use]
    pub fn new(server: &Server) -> Self {
        Self {
            peers: server.trusted_proxies.clone(),
            header: server.forwarded_header,
            logged: AtomicBool::new(false),
        }
    }

    /// Whether a peer is a trusted proxy.
    #[must_use]
    pub fn trust(&self, peer: Peer) -> bool {
        peer.is_in(&self.peers)
    }

    /// The client's address: the peer's, unless a trusted proxy names another; then the last one of
    /// the chain that is not a trusted proxy itself. For one that cannot be read, an address is
    /// derived from its bytes, so that limits on it apply neither to the proxy nor to its other
    /// clients. Over a Unix socket, [`UNKNOWN_ADDRESS`] if none is named.
    ///
    /// [`UNKNOWN_ADDRESS`]: crate::web::peer::UNKNOWN_ADDRESS
    #[must_use]
    pub fn client(&self, headers: &HeaderMap, peer: Peer) -> IpAddr {
        let address = peer.address();
        if !self.trust(peer) {
            return address;
        }
        match self.header {
            ForwardedHeader::XForwarded => {
                let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
                self.first_untrusted(
                    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')),
                    address,
                )
            }
            ForwardedHeader::Forwarded => {
                let elements = elements(headers);
                // What precedes an element without the address of a client is not trusted.
                let nodes = elements.iter().rev().map(|element| element.node());
                let known = nodes.map_while(|node| node.filter(|node| !node.is_empty()));
                self.first_untrusted(known, address)
            }
        }
    }

    /// The first hop that is not a trusted proxy, from the nearest to the farthest.
    /// `proxy` is the address of the proxy that reports them.
    fn first_untrusted<'a>(&self, hops: impl Iterator<Item = &'a [u8]>, proxy: IpAddr) -> IpAddr {
        let mut client = proxy;
        for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
            let Some(address) = address(hop) else {
                self.log_unreadable(hop);
                return stand_in(hop);
            };
            client = address;
            if !self.peers.contains(&address) {
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
                "a trusted proxy sent an unreadable client address; limits use a hash of such \
                 addresses. This is logged once"
            );
        }
    }

    /// The host that the client requested, if a trusted proxy names it.
    ///
    /// # Errors
    /// When it names more than one.
    pub fn host<'a>(
        &self,
        headers: &'a HeaderMap,
        peer: Peer,
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

    /// Whether the client used TLS, if a trusted proxy reports it. Of a list, the first counts. A
    /// WebSocket's scheme counts as that of its handshake.
    #[must_use]
    pub fn https(&self, headers: &HeaderMap, peer: Peer) -> Option<bool> {
        if !self.trust(peer) {
            return None;
        }
        let scheme = match self.header {
            ForwardedHeader::XForwarded => {
                let line = headers.get(X_FORWARDED_PROTO)?.as_bytes();
                line.split(|byte| *byte == b',').next().unwrap_or(line)
            }
            ForwardedHeader::Forwarded => self.outermost(headers)?.proto()?,
        };
        let scheme = scheme.trim_ascii();
        Some(scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"wss"))
    }

    /// The addresses before the peer's, as a list for `X-Forwarded-For`.
    #[must_use]
    pub fn chain(&self, headers: &HeaderMap, peer: Peer) -> Option<Vec<u8>> {
        if !self.trust(peer) {
            return None;
        }
        let nodes: Vec<&[u8]> = match self.header {
            ForwardedHeader::XForwarded => {
                headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect()
            }
            ForwardedHeader::Forwarded => {
                elements(headers).into_iter().filter_map(Element::node).collect()
            }
        };
        (!nodes.is_empty()).then(|| nodes.join(&b", "[..]))
    }

    /// The element of the outermost trusted proxy. The client itself may have written those before.
    fn outermost<'a>(&self, headers: &'a HeaderMap) -> Option<Element<'a>> {
        let mut outermost = None;
        for element in elements(headers).into_iter().rev() {
            let trusted =
                element.node().and_then(address).is_some_and(|node| self.peers.contains(&node));
            outermost = Some(element);
            if !trusted {
                break;
            }
        }
        outermost
    }

    /// Whether a field is read here and then rewritten for the portal.
    #[must_use]
    pub fn reads(name: &HeaderName) -> bool {
        [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST].contains(name)
    }
}

/// The elements of all lines of `Forwarded`, from the farthest proxy to the nearest.
fn elements(headers: &HeaderMap) -> Vec<Element<'_>> {
    let lines = headers.get_all(header::FORWARDED).iter();
    lines.flat_map(|line| forwarded::elements(line.as_bytes())).collect()
}

/// An address as proxies write it: plain, in quotes, in brackets, followed by a port or a zone.
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

/// Digits, or an obfuscated port (RFC 7239, 6.3).
fn is_port(text: &str) -> bool {
    let name = text.strip_prefix('_').unwrap_or(text);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn without_zone(address: &str) -> &str {
    address.split_once('%').map_or(address, |(address, _)| address)
}

/// The address that stands for an unreadable one: its hash in the network part of a site-local
/// address, which no client has (RFC 3879), because limits are by network.
fn stand_in(hop: &[u8]) -> IpAddr {
    let hash: [u8; 32] = Sha256::digest(hop).into();
    let [first, second, third, fourth, fifth, sixth, seventh, ..] = hash;
    let second = 0xc0 | (second & 0x3f);
    let network = u64::from_be_bytes([0xfe, second, first, third, fourth, fifth, sixth, seventh]);
    Ipv6Addr::from(u128::from(network) << 64).into()
}

#[cfg(test)]
mod tests;
