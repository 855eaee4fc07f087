//! Where connections come from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::config::PeerSet;

/// The address that stands for that of a client which is not known, in limits, lockouts and records:
/// a site-local one, which no client has (RFC 3879).
pub const UNKNOWN_ADDRESS: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0));

/// The other end of a connection, or the client that it has been opened for. As an extension of
/// requests, it says whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// This address. One of IPv4 is not in the form of IPv6.
    Address(IpAddr),
    /// A program of this machine, over a Unix socket.
    Unix,
}

impl Peer {
    /// Its address, or [`UNKNOWN_ADDRESS`].
    #[must_use]
    pub const fn address(self) -> IpAddr {
        match self {
            Self::Address(address) => address,
            Self::Unix => UNKNOWN_ADDRESS,
        }
    }

    /// Whether a setting names it.
    #[must_use]
    pub fn is_in(self, peers: &PeerSet) -> bool {
        match self {
            Self::Address(address) => peers.contains(&address),
            Self::Unix => peers.has_unix(),
        }
    }
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix => f.write_str("unix:"),
        }
    }
}

/// The address of a client, unless it is [`UNKNOWN_ADDRESS`].
#[must_use]
pub fn known(client: IpAddr) -> Option<IpAddr> {
    (client != UNKNOWN_ADDRESS).then_some(client)
}
