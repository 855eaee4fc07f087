//! Types of values that several sections use. The error of each completes the sentence that begins
//! with the value.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use portcullis_policy::Host;

/// An IP address with a port.
pub(super) struct Address(pub(super) SocketAddr);

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not an IP address with a port (e.g. `127.0.0.1:8080` or `[::1]:8080`)";
        text.parse().map(Self).map_err(|_| wrong)
    }
}

/// A network. A single address is the network of that one host.
pub(super) struct Network(pub(super) IpNet);

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.into())),
            Err(_) => text
                .parse()
                .map(Self)
                .map_err(|_| "is not a network (e.g. `10.0.0.0/8`) or an IP address"),
        }
    }
}

/// The name of a header field.
pub(super) struct FieldName(pub(super) HeaderName);

impl FromStr for FieldName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "is not the name of a header (e.g. `Remote-User`)")
    }
}

/// A host, with a port or without.
pub(super) struct HostName(pub(super) Host);

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Host::parse(text)
            .map(Self)
            .map_err(|error| format!("is not a host (e.g. `portal.example.com`): {error}"))
    }
}

/// A host, or all hosts with one label before a name (`*.portal.example.com`).
pub(super) enum HostEntry {
    /// One host, with a port or without.
    One(Host),
    /// All with one label before this.
    Below(Host),
}

impl FromStr for HostEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(parent) = text.strip_prefix("*.") else {
            return text.parse().map(|HostName(host)| Self::One(host));
        };
        let HostName(parent) = parent.parse()?;
        let is_name = parent.name().bytes().any(|byte| byte.is_ascii_alphabetic());
        if !is_name || parent.name().starts_with('[') {
            return Err("is not a name below another: an address has none".to_owned());
        }
        Ok(Self::Below(parent))
    }
}

pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

pub(super) const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}
