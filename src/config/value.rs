//! Types of values that several sections use. The error of each completes the sentence that begins
//! with the value.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use portcullis_policy::Host;

use super::unix_path::UNIX;

/// An IP address with a port.
pub(super) struct Address(pub(super) SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| not_an_address(text))
    }
}

/// Why a text is not an IP address with a port, and what to write instead.
fn not_an_address(text: &str) -> String {
    if let Some((_, rest)) = text.split_once("://") {
        let rest = rest.trim_end_matches('/');
        return format!(
            "must not have a scheme; write `{rest}` with an IP address (TLS is set by `server.tls`)"
        );
    }
    if text.starts_with(UNIX) {
        return "must be an IP address with a port: only `server.listen` takes Unix sockets"
            .to_owned();
    }
    if text.parse::<Ipv4Addr>().is_ok() {
        return format!("has no port; write `{text}:8080`");
    }
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && address.parse::<Ipv6Addr>().is_ok()
    {
        return format!("has no port; write `{text}:8080`");
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return every_interface("has no address", text);
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return match text.rsplit_once(':') {
            Some((before, port)) if before.parse::<Ipv6Addr>().is_ok() => {
                format!("needs brackets around the IPv6 address; write `[{before}]:{port}`")
            }
            _ => format!("has no port; write `[{address}]:8080`"),
        };
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return "is not an IP address with a port (e.g. `127.0.0.1:8080` or `[::1]:8080`)"
            .to_owned();
    };
    if port.parse::<u16>().is_err() {
        return "must have a port from 1 to 65535 after the address".to_owned();
    }
    match host {
        "" | "*" => every_interface("has no address", port),
        "localhost" => format!("must have an IP address, not a name; write `127.0.0.1:{port}`"),
        host if host.parse::<Ipv6Addr>().is_ok() => {
            format!("needs brackets around the IPv6 address; write `[{host}]:{port}`")
        }
        _ => every_interface("must have an IP address of this machine, not a name", port),
    }
}

fn every_interface(wrong: &str, port: &str) -> String {
    format!(
        "{wrong}; for this machine only, write `127.0.0.1:{port}`; for every interface, \
         `0.0.0.0:{port}` (or `[::]:{port}`)"
    )
}

/// A network. A single address is the network of that one host.
pub(super) struct Network(pub(super) IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }
        let Ok(network) = text.parse::<IpNet>() else { return Err(not_a_network(text)) };
        if network.addr() != network.network() {
            return Err(format!(
                "is not the first address of a network; write `{}` for the whole network, or `{}` \
                 for the one address",
                network.trunc(),
                network.addr(),
            ));
        }
        Ok(Self(network))
    }
}

/// Why a text is not a network or an address, and what to write instead.
fn not_a_network(text: &str) -> String {
    let expected = "is not a network (e.g. `10.0.0.0/8`) or an IP address";
    if let Ok(address) = text.parse::<SocketAddr>() {
        return format!("must not have a port; write `{}`", address.ip());
    }
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = inside.filter(|inside| inside.parse::<Ipv6Addr>().is_ok()) {
        return format!("must not have brackets; write `{address}`");
    }
    let name = text.rsplit_once("://").map_or(text, |(_, rest)| rest);
    if text.starts_with(UNIX) {
        return expected.to_owned();
    }
    let is_name = Host::parse(name).is_ok_and(|host| {
        let is_address = host.name().bytes().all(|b| b.is_ascii_digit() || b == b'.');
        !is_address && !host.name().starts_with('[')
    });
    if is_name {
        return "is a name; write the proxy's IP address, or its network (e.g. `10.0.0.0/8`)"
            .to_owned();
    }
    expected.to_owned()
}

/// The name of a header field.
pub(super) struct FieldName(pub(super) HeaderName);

impl FromStr for FieldName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "is not the name of a header (e.g. `Remote-User`)")
    }
}

/// A header's name as documents write it: `Remote-User`.
pub(super) fn capitalised(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

/// A duration as people write it, in one unit: `75s`, `72h`, `365d`.
pub(super) fn written(duration: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    /// Fewer days are written in hours.
    const LEAST_DAYS: u64 = 7;
    let seconds = duration.as_secs();
    if duration.subsec_nanos() != 0 || seconds == 0 {
        return humantime::format_duration(duration).to_string();
    }
    let units = [(DAY, LEAST_DAYS, "d"), (60 * 60, 1, "h"), (60, 1, "m")];
    let fits = |(unit, least, _): &(u64, u64, &str)| {
        seconds.is_multiple_of(*unit) && seconds / unit >= *least
    };
    match units.into_iter().find(fits) {
        Some((unit, _, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// A host, with a port or without.
pub(super) struct HostName(pub(super) Host);

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(host) = Host::parse(text) {
            return Ok(Self(host));
        }
        let (scheme, rest) =
            text.split_once("://").map_or((None, text), |(s, rest)| (Some(s), rest));
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let part = match scheme {
            Some(_) => "a scheme",
            None if host != text => "a path",
            None => "",
        };
        match Host::parse(host) {
            Ok(host) if !part.is_empty() => {
                Err(format!("must be a host without {part}; write `{host}`"))
            }
            Ok(_) => Err("is not a host (e.g. `portal.example.com`)".to_owned()),
            Err(error) => Err(format!("is not a host (e.g. `portal.example.com`): {error}")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_one_unit() {
        for text in ["500ms", "5s", "75s", "30m", "24h", "72h", "7d", "365d"] {
            let duration = humantime::parse_duration(text).unwrap();
            assert_eq!(written(duration), text);
        }
    }

    #[test]
    fn a_header_name_is_capitalised_at_each_word() {
        assert_eq!(capitalised("portcullis-end-user"), "Portcullis-End-User");
    }
}
