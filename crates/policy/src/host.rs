//! The `Host` of a request, in canonical form: lower case, no trailing dot, no user, IPv6 addresses
//! in their shortest form. Comparisons use this form only, so another spelling cannot bypass them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use http::uri::Authority;

/// The longest domain name.
const MAX_NAME: usize = 253;
/// The longest label of a domain name.
const MAX_LABEL: usize = 63;

/// A valid host: a name or an address, with or without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    name: String,
    port: Option<u16>,
}

impl Host {
    /// Reads the value of a `Host` header or an authority.
    ///
    /// # Errors
    /// Why it is not a valid host.
    pub fn parse(text: &str) -> Result<Self, BadHost> {
        if text.is_empty() {
            return Err(BadHost::Empty);
        }
        if text.contains('@') {
            return Err(BadHost::UserInfo);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(BadHost::Address)?;
            let address: Ipv6Addr = address.parse().map_err(|_| BadHost::Address)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(parse_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(BadHost::Address),
            };
            return Ok(Self { name: format!("[{address}]"), port });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(parse_port(port)?)),
            None => (text, None),
        };
        check_name(name)?;
        Ok(Self { name: name.to_ascii_lowercase(), port })
    }

    /// The name in lower case, or the address; an IPv6 address is in brackets.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, if there is one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same name or address, with this port.
    #[must_use]
    pub fn on(&self, port: Option<u16>) -> Self {
        Self { name: self.name.clone(), port }
    }
}

impl std::str::FromStr for Host {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        Self::parse(text)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Why a `Host` is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadHost {
    /// It is empty, or empty before the port.
    #[error("the host is empty")]
    Empty,
    /// It contains a user (`user@host`).
    #[error("the host contains an `@`")]
    UserInfo,
    /// The name ends in a dot.
    #[error("the host ends in a dot")]
    TrailingDot,
    /// Not a valid domain name.
    #[error("the host is not a valid name")]
    Name,
    /// It looks like an address and is not a valid one.
    #[error("the host is not a valid address")]
    Address,
    /// The port is not a number between 1 and 65535.
    #[error("the port is not a number between 1 and 65535")]
    Port,
}

impl BadHost {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Empty, Self::UserInfo, Self::TrailingDot, Self::Name, Self::Address, Self::Port];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "host-empty",
            Self::UserInfo => "host-user-info",
            Self::TrailingDot => "host-trailing-dot",
            Self::Name => "host-name",
            Self::Address => "host-address",
            Self::Port => "host-port",
        }
    }
}

/// The port of an authority, if there is one.
///
/// # Errors
/// When the port is not a number between 1 and 65535.
pub fn port_of(authority: &Authority) -> Result<Option<u16>, BadHost> {
    let text = authority.as_str();
    let text = text.rsplit_once('@').map_or(text, |(_, host_and_port)| host_and_port);
    match text.strip_prefix(authority.host()).unwrap_or_default() {
        "" => Ok(None),
        port => parse_port(port.strip_prefix(':').unwrap_or_default()).map(Some),
    }
}

fn parse_port(text: &str) -> Result<u16, BadHost> {
    if text.is_empty() || text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadHost::Port);
    }
    text.parse().map_err(|_| BadHost::Port)
}

fn check_name(name: &str) -> Result<(), BadHost> {
    if name.is_empty() {
        return Err(BadHost::Empty);
    }
    if name.ends_with('.') {
        return Err(BadHost::TrailingDot);
    }
    if name.len() > MAX_NAME || !name.split('.').all(is_label) {
        return Err(BadHost::Name);
    }
    // Clients and resolvers take a name that ends in a number for an IPv4 address.
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let number = match last.strip_prefix("0x") {
        Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => last.bytes().all(|b| b.is_ascii_digit()),
    };
    if number && name.parse::<Ipv4Addr>().is_err() {
        return Err(BadHost::Address);
    }
    Ok(())
}

/// Letters, digits, inner dashes, and underscores, which names of containers have.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests;
