//! Settings that name peers of connections.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::reader::Reader;
use super::value::Network;

/// What stands for all Unix sockets.
const UNIX: &str = "unix:";

/// Peers of connections: those in some networks, and those of Unix sockets if they are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerSet {
    networks: Vec<IpNet>,
    unix: bool,
}

/// An entry of such a setting.
enum Entry {
    Network(IpNet),
    Unix,
}

impl PeerSet {
    pub(super) fn read(r: &mut Reader, key: &str) -> Self {
        let mut peers = Self::default();
        for entry in r.list::<Entry>(key).unwrap_or_default() {
            match entry {
                Entry::Network(network) => peers.networks.push(network),
                Entry::Unix => peers.unix = true,
            }
        }
        peers
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether an address is in one of the networks.
    #[must_use]
    pub fn contains(&self, address: &IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Whether `unix:` is named.
    #[must_use]
    pub const fn has_unix(&self) -> bool {
        self.unix
    }
}

impl From<Vec<IpNet>> for PeerSet {
    fn from(networks: Vec<IpNet>) -> Self {
        Self { networks, unix: false }
    }
}

impl FromStr for Entry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(UNIX) {
            Some("") => Ok(Self::Unix),
            Some(_) => Err(format!(
                "must be `{UNIX}` without a path, for the Unix sockets of `server.listen`"
            )),
            None => text.parse().map(|Network(network)| Self::Network(network)),
        }
    }
}
