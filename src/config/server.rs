//! `[server]`: the gateway's listeners and what it trusts of proxies in front.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use portcullis_policy::Host;

use super::limits::Limits;
use super::listen_address::ListenAddress;
use super::peer_set::PeerSet;
use super::public_url::PublicUrl;
use super::reader::Reader;
use super::tls::Tls;
use super::value::seconds;
use super::value::{Address, HostEntry, Network};

/// The default of `server.backlog`.
pub const BACKLOG: u16 = 4096;

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    /// `server.listen`: addresses and Unix sockets to accept portal traffic on. Never empty.
    pub listen: Vec<ListenAddress>,
    /// `server.redirect_listen`: addresses in clear text, where requests are redirected to https.
    pub redirect_listen: Vec<SocketAddr>,
    /// `server.public_url`: the URL by which browsers reach the gateway.
    pub public_url: PublicUrl,
    /// `server.hosts`: hosts served besides that of `public_url`.
    pub hosts: Vec<Host>,
    /// `server.hosts`, the entries such as `*.portal.example.com`: what follows the `*.`. All hosts
    /// with one label before it are served.
    pub hosts_below: Vec<Host>,
    /// `server.trusted_proxies`: peers whose forwarded headers are trusted.
    pub trusted_proxies: PeerSet,
    /// `server.proxy_protocol`: peers whose connections to the listeners of this section begin with a
    /// header of the PROXY protocol.
    pub proxy_protocol: PeerSet,
    /// `server.hsts`: which hosts browsers may reach over TLS only from then on.
    pub hsts: Hsts,
    /// `server.forwarded_header`: which forwarded headers are read from them.
    pub forwarded_header: ForwardedHeader,
    /// `server.tls`: certificate and key, if TLS ends here.
    pub tls: Option<Tls>,
    /// `server.certificates`: further ones, each for the names in it. Empty without `tls`.
    pub certificates: Vec<Tls>,
    /// `server.backlog`: connections waiting to be accepted, for each listening socket.
    pub backlog: u16,
    /// `server.threads`: threads of the data plane.
    pub threads: usize,
    /// `server.shutdown_grace`: maximum time for requests in flight and a mail that is being sent to
    /// finish at shutdown.
    pub shutdown_grace: Duration,
    /// `[server.limits]`
    pub limits: Limits,
}

/// `server.hsts` (RFC 6797)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hsts {
    /// The gateway adds no header.
    Off,
    /// The hosts that are served.
    Host,
    /// These, and all hosts below them.
    Subdomains,
}

/// `server.forwarded_header`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Server {
    /// `None` if `public_url` is missing or invalid.
    pub(super) fn read(r: &mut Reader, tls: Option<Tls>, certificates: Vec<Tls>) -> Option<Self> {
        let public_url = r.parsed::<PublicUrl>("server.public_url");
        if public_url.is_none() && !r.has("server.public_url") {
            let message = "is required: the URL by which browsers reach the gateway (e.g. \
                           `https://portal.example.com`)";
            r.problem("server.public_url", message.to_owned());
        }
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let forwarded_headers = [
            ("x-forwarded", ForwardedHeader::XForwarded),
            ("forwarded", ForwardedHeader::Forwarded),
        ];
        let (hosts, hosts_below) = hosts(r);
        let server = Self {
            listen: listen(r),
            redirect_listen: redirect_listen(r, public_url.as_ref()),
            hosts,
            hosts_below,
            trusted_proxies: PeerSet::read(r, "server.trusted_proxies"),
            proxy_protocol: PeerSet::read(r, "server.proxy_protocol"),
            forwarded_header: r.choice(
                "server.forwarded_header",
                &forwarded_headers,
                ForwardedHeader::XForwarded,
            ),
            tls,
            certificates,
            hsts: r.choice(
                "server.hsts",
                &[("off", Hsts::Off), ("host", Hsts::Host), ("subdomains", Hsts::Subdomains)],
                Hsts::Off,
            ),
            backlog: r.number("server.backlog", BACKLOG, 1, u16::MAX),
            threads: r.number("server.threads", threads, 1, 1024),
            shutdown_grace: r.duration("server.shutdown_grace", seconds(10)),
            limits: Limits::read(r),
            public_url: public_url?,
        };
        Some(server)
    }

    /// All certificates, the first one first. None if TLS does not end here.
    pub fn all_certificates(&self) -> impl Iterator<Item = &Tls> {
        self.tls.iter().chain(&self.certificates)
    }

    /// The value of `Strict-Transport-Security` for every response. `None` if the header is not
    /// sent, always if browsers reach the gateway by http (RFC 6797, 7.2).
    #[must_use]
    pub fn transport_security(&self) -> Option<&'static str> {
        match self.hsts {
            Hsts::Host if self.public_url.is_https() => Some("max-age=63072000"),
            Hsts::Subdomains if self.public_url.is_https() => {
                Some("max-age=63072000; includeSubDomains")
            }
            Hsts::Off | Hsts::Host | Hsts::Subdomains => None,
        }
    }
}

fn listen(r: &mut Reader) -> Vec<ListenAddress> {
    let key = "server.listen";
    let Some(addresses) = r.list::<ListenAddress>(key) else {
        let default = ListenAddress::Tcp((Ipv4Addr::LOCALHOST, 8080).into());
        r.show(key, vec![default.to_string()]);
        return vec![default];
    };
    if addresses.is_empty() {
        r.problem(key, "must have at least one address (e.g. `127.0.0.1:8080`)".to_owned());
    }
    addresses
}

fn redirect_listen(r: &mut Reader, public_url: Option<&PublicUrl>) -> Vec<SocketAddr> {
    let key = "server.redirect_listen";
    let addresses = r.list::<Address>(key).unwrap_or_default();
    if !addresses.is_empty() && public_url.is_some_and(|url| !url.is_https()) {
        let message = "redirects to https, and `server.public_url` is http; write its https URL";
        r.problem(key, message.to_owned());
    }
    addresses.into_iter().map(|Address(address)| address).collect()
}

/// The hosts, and what hosts are below.
fn hosts(r: &mut Reader) -> (Vec<Host>, Vec<Host>) {
    let (mut hosts, mut below) = (Vec::new(), Vec::new());
    for entry in r.list::<HostEntry>("server.hosts").unwrap_or_default() {
        match entry {
            HostEntry::One(host) => hosts.push(host),
            HostEntry::Below(parent) => below.push(parent),
        }
    }
    (hosts, below)
}

pub(super) fn networks(r: &mut Reader, key: &str) -> Vec<IpNet> {
    let networks = r.list::<Network>(key).unwrap_or_default();
    networks.into_iter().map(|Network(network)| network).collect()
}
