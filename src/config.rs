//! The settings: one file, over it the environment, read into a [`Settings`] in which nothing
//! that is required is missing.
//!
//! What is read is the file's text, a map of the environment, and the files that hold secrets
//! (`<key>_file`). All problems are told at once, each by its key. The reference for operators is
//! `docs/configuration.md`.

pub mod branding;
pub mod colour;
mod cookie_names;
mod header_names;
mod mail;
mod passwords;
mod reader;
mod reading;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

pub use self::branding::{Branding, Shades};
pub use self::cookie_names::CookieNames;
pub use self::header_names::IdentityNames;
use self::header_names::{check_pass_headers, identity};
pub use self::mail::{Mail, MailTransport, Security, Sender, Smtp};
pub use self::passwords::Passwords;
use self::reader::Reader;
pub use self::reading::{Named, Reading};
use crate::credential::hashing::HashingSettings;
use portcullis_policy::{self, Host};
use portcullis_store::feed::MIN_STALENESS;

/// Where the secret key is unless the settings say otherwise. Not in the folder of the store, so
/// that a copy of that is not a copy of the key.
pub const KEY_FILE: &str = "secrets/secret.key";

/// Everything an operator can set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where portal traffic comes in, and how much of it is borne.
    pub server: Server,
    /// The portal.
    pub upstream: Upstream,
    /// The policy files.
    pub policy: PolicySource,
    /// Where records are kept.
    pub store: StoreSettings,
    /// Where operators come in.
    pub admin: Admin,
    /// How long sessions last.
    pub session: SessionLimits,
    /// The cookies of the portal that end with our sessions.
    pub portal_cookies: CookieNames,
    /// What a password hash costs.
    pub hashing: HashingSettings,
    /// How long mailed links to choose a password are good for.
    pub passwords: Passwords,
    /// The file of the one secret key.
    pub key_file: PathBuf,
    /// Where mail goes.
    pub mail: Mail,
    /// The names of the headers that tell the portal who is there.
    pub identity: IdentityNames,
    /// What portal users see of the operator.
    pub branding: Branding,
    /// What is logged.
    pub telemetry: Telemetry,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// How browsers reach the gateway.
    pub public_url: PublicUrl,
    /// Further host names served.
    pub hosts: Vec<Host>,
    /// Networks whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Which of their headers are read.
    pub forwarded_header: ForwardedHeader,
    /// Certificate and key, when TLS ends here.
    pub tls: Option<Tls>,
    /// Connections that may wait to be accepted on each listening socket.
    pub backlog: u16,
    /// Data plane threads.
    pub threads: usize,
    /// How long a graceful stop may take.
    pub shutdown_grace: Duration,
    /// Bounds on what one client may ask for.
    pub limits: Limits,
}

/// `server.backlog` when none is given.
pub const BACKLOG: u16 = 4096;

/// `server.forwarded_header`: where trusted proxies say what they have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// In `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwarded,
    /// In `Forwarded` (RFC 7239).
    Forwarded,
}

/// `server.tls`: PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// `[server.limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Bytes of a request's target, but for our own pages.
    pub target_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// From the first byte of a request's head to its last.
    pub header_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of its answer.
    pub write_timeout: Duration,
    /// Time in which a client must send the next 8 KiB of a request's body.
    pub read_timeout: Duration,
    /// Connections open at once.
    pub connections: usize,
    /// Requests of one HTTP/2 connection at once.
    pub connection_requests: usize,
    /// Requests without a session of one client address that are at the portal at once.
    pub address_requests: usize,
    /// Requests at the portal at once with sessions from one secure link.
    pub link_requests: usize,
    /// Sessions that secure links start.
    pub links: LinkLimits,
}

/// `server.limits.link_sessions` and `server.limits.link_rate`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLimits {
    /// Sessions of one link open at once.
    pub sessions: usize,
    /// New sessions a minute, for each link and address.
    pub rate: usize,
}

/// `[upstream]`
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The portal's addresses, `http://host:port`.
    pub servers: Vec<UpstreamServer>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the portal may take to begin its answer.
    pub response_timeout: Duration,
    /// How long the portal may pause in the middle of an answer's body.
    pub body_timeout: Duration,
    /// How long an unused connection is kept.
    pub keep_alive: Duration,
    /// Whether a connection that carried a request's body is used again.
    pub reuse_after_body: bool,
    /// Requests at the portal at once.
    pub requests: usize,
    /// Requests at one of its servers at once.
    pub server_requests: usize,
    /// How often each server is tried when there are several.
    pub health_interval: Duration,
    /// Request headers that the portal must not see, because they change what a request does.
    pub remove_headers: Vec<http::HeaderName>,
    /// Request headers that the portal may see although they are reserved.
    pub pass_headers: Vec<http::HeaderName>,
    /// How the portal might read a path differently from the routes.
    pub readings: portcullis_policy::Readings,
    /// Query parameters that the portal would take for the method: requests with one are refused.
    pub refuse_query: Vec<String>,
}

/// One address of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamServer {
    /// `host:port`, as it is connected to.
    pub authority: String,
}

/// `[policy]`
#[derive(Debug, Clone)]
pub struct PolicySource {
    /// The folder of the policy files.
    pub directory: PathBuf,
}

/// `[store]`
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The folder of the embedded store.
    pub path: PathBuf,
    /// How old a cached state may be when the store cannot confirm it.
    pub max_staleness: Duration,
}

/// `[admin]`
#[derive(Debug, Clone)]
pub struct Admin {
    /// The TCP address of the admin listener.
    pub listen: SocketAddr,
    /// The path of the admin socket.
    pub socket: PathBuf,
}

/// `[session]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request for this long, a session ends.
    pub idle: Duration,
    /// After this long, a session ends.
    pub absolute: Duration,
    /// [`SessionLimits::idle`] for staff (R20).
    pub staff_idle: Duration,
    /// [`SessionLimits::absolute`] for staff (R20).
    pub staff_absolute: Duration,
}

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// What to log of the program's own doings, in `tracing`'s filter language.
    pub log: String,
    /// Which decisions are recorded.
    pub decisions: Decisions,
}

/// `telemetry.decisions`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decisions {
    /// Every one.
    All,
    /// Those that did not let the request through.
    Refused,
}

/// An absolute `http` or `https` URL without path: how browsers reach the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    host: Host,
    text: String,
}

impl PublicUrl {
    /// Whether browsers come over TLS, wherever it ends.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host, with the port when the URL has one.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// A host as browsers name it that come here: without a port of its own, on the port of this
    /// URL.
    #[must_use]
    pub fn named(&self, host: &Host) -> Host {
        self.spelled(host, self.host.port())
    }

    /// The host of an origin (RFC 6454) of this URL's scheme, to be compared with those that are
    /// [named](Self::named).
    #[must_use]
    pub fn host_of(&self, origin: &str) -> Option<Host> {
        let scheme = if self.https { "https://" } else { "http://" };
        let host = Host::parse(origin.strip_prefix(scheme)?).ok()?;
        Some(self.spelled(&host, None))
    }

    /// Browsers leave the scheme's own port out.
    fn spelled(&self, host: &Host, port: Option<u16>) -> Host {
        let usual = if self.https { 443 } else { 80 };
        host.on(host.port().or(port).filter(|port| *port != usual))
    }

    /// `scheme://host[:port]`, without a slash at the end: also the origin (RFC 6454).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::str::FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (https, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err("must begin with http:// or https://".to_owned()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err("must have no path or query: the gateway answers at the root".to_owned());
        }
        let host: Host = authority.parse().map_err(|error| format!("{error}"))?;
        let scheme = if https { "https" } else { "http" };
        let text = format!("{scheme}://{host}");
        Ok(Self { https, host, text })
    }
}

impl std::str::FromStr for UpstreamServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("http://")
            .ok_or("must begin with http:// (the portal is reached in clear text)")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let uri: http::uri::Authority =
            authority.parse().map_err(|_| "is not http://host:port".to_owned())?;
        if authority.contains('@') || uri.host().is_empty() {
            return Err("is not http://host:port".to_owned());
        }
        let port = portcullis_policy::port_of(&uri)
            .map_err(|_| "has no port from 1 to 65535")?
            .unwrap_or(80);
        Ok(Self { authority: format!("{}:{port}", uri.host()) })
    }
}

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key, or the file's name when it cannot be read at all.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// All that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {}", problem.key, problem.message)?;
        }
        Ok(())
    }
}

impl Settings {
    /// Reads a text and the environment; `file` is only named in problems.
    ///
    /// # Errors
    /// All problems, each by its key.
    pub fn parse(
        text: &str,
        file: &Path,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Problems> {
        Reading::parse(text, file, environment)?.settings
    }
}

fn server(r: &mut Reader, tls: Option<Tls>) -> Option<Server> {
    let public_url = r.parsed::<PublicUrl>("server.public_url");
    if public_url.is_none() && !r.has("server.public_url") {
        r.problem(
            "server.public_url",
            "is missing: how browsers reach the gateway, as `https://portal.example.com`"
                .to_owned(),
        );
    }
    let listen =
        r.list("server.listen").unwrap_or_else(|| vec![SocketAddr::from(([127, 0, 0, 1], 8080))]);
    if listen.is_empty() {
        r.problem("server.listen", "names no address".to_owned());
    }
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let limits = Limits {
        header_bytes: r.number("server.limits.header_bytes", 32 * 1024, 8 * 1024, 1024 * 1024),
        target_bytes: r.number("server.limits.target_bytes", 8 * 1024, 1024, 60_000),
        headers: r.number("server.limits.headers", 100, 10, 1000),
        header_timeout: r.duration("server.limits.header_timeout", seconds(10)),
        idle_timeout: r.duration("server.limits.idle_timeout", seconds(75)),
        write_timeout: r.duration("server.limits.write_timeout", seconds(60)),
        read_timeout: r.duration("server.limits.read_timeout", seconds(30)),
        connections: r.number("server.limits.connections", 10_000, 1, 1_000_000),
        connection_requests: r.number("server.limits.connection_requests", 100, 1, 10_000),
        address_requests: r.number("server.limits.address_requests", 256, 1, 1_000_000),
        link_requests: r.number("server.limits.link_requests", 512, 1, 1_000_000),
        links: LinkLimits {
            sessions: r.number("server.limits.link_sessions", 10_000, 1, 1_000_000),
            rate: r.number("server.limits.link_rate", 300, 1, 1_000_000),
        },
    };
    if limits.target_bytes > limits.header_bytes {
        let message = "is longer than `server.limits.header_bytes`".to_owned();
        r.problem("server.limits.target_bytes", message);
    }
    let server = Server {
        listen,
        hosts: r.list("server.hosts").unwrap_or_default(),
        trusted_proxies: trusted_proxies(r),
        forwarded_header: r.word(
            "server.forwarded_header",
            &[
                ("x-forwarded", ForwardedHeader::XForwarded),
                ("forwarded", ForwardedHeader::Forwarded),
            ],
            ForwardedHeader::XForwarded,
        ),
        tls,
        backlog: r.number("server.backlog", BACKLOG, 1, u16::MAX),
        threads: r.number("server.threads", threads, 1, 1024),
        shutdown_grace: r.duration("server.shutdown_grace", seconds(10)),
        limits,
        public_url: public_url?,
    };
    Some(server)
}

fn max_staleness(r: &mut Reader) -> Duration {
    let key = "store.max_staleness";
    let given = r.duration(key, seconds(5));
    if given < MIN_STALENESS {
        let least = humantime::format_duration(MIN_STALENESS);
        r.problem(key, format!("must be at least {least}: the store is not asked more often"));
    }
    given
}

fn tls(r: &mut Reader) -> Option<Tls> {
    if !r.has("server.tls") {
        return None;
    }
    let certificate = r.named_path("server.tls.certificate");
    let key = r.named_path("server.tls.key");
    if certificate.is_none() || key.is_none() {
        r.problem("server.tls", "needs both `certificate` and `key`".to_owned());
    }
    certificate.zip(key).map(|(certificate, key)| Tls { certificate, key })
}

/// A network, or an address, which is the network of itself.
struct Network(IpNet);

impl std::str::FromStr for Network {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.into())),
            Err(_) => text.parse().map(Self),
        }
    }
}

fn trusted_proxies(r: &mut Reader) -> Vec<IpNet> {
    let networks = r.list::<Network>("server.trusted_proxies").unwrap_or_default();
    networks.into_iter().map(|Network(network)| network).collect()
}

fn upstream(r: &mut Reader) -> Option<Upstream> {
    let servers = r.list::<UpstreamServer>("upstream.servers");
    if servers.as_ref().map_or(!r.has("upstream.servers"), Vec::is_empty) {
        r.problem(
            "upstream.servers",
            "names no server: the portal's address, as `[\"http://127.0.0.1:9000\"]`".to_owned(),
        );
    }
    let connect_timeout = r.duration("upstream.connect_timeout", seconds(5));
    let response_timeout = r.duration("upstream.response_timeout", seconds(60));
    let body_timeout = r.duration("upstream.body_timeout", minutes(5));
    let keep_alive = r.duration("upstream.keep_alive", seconds(60));
    let reuse_after_body = r.boolean("upstream.reuse_after_body", false);
    let requests = r.number("upstream.requests", 4096, 1, 1_000_000);
    let server_requests = r.number("upstream.server_requests", 2048, 1, 1_000_000);
    let health_interval = r.duration("upstream.health_interval", seconds(5));
    let remove_headers = r.list("upstream.remove_headers").unwrap_or_default();
    let readings = r.list::<portcullis_policy::Reading>("upstream.readings");
    let readings = readings
        .map_or_else(portcullis_policy::Readings::all, portcullis_policy::Readings::from_iter);
    let pass_headers = r.list("upstream.pass_headers").unwrap_or_default();
    let refuse_query = refuse_query(r);
    let servers = servers.filter(|servers| !servers.is_empty())?;
    Some(Upstream {
        servers,
        connect_timeout,
        response_timeout,
        body_timeout,
        keep_alive,
        reuse_after_body,
        requests,
        server_requests,
        health_interval,
        remove_headers,
        pass_headers,
        readings,
        refuse_query,
    })
}

fn refuse_query(r: &mut Reader) -> Vec<String> {
    let key = "upstream.refuse_query";
    let defaults = || ["_method", "_httpmethod", "x-http-method-override"].map(str::to_owned);
    let names = r.list::<String>(key).unwrap_or_else(|| defaults().to_vec());
    if names.iter().any(|name| name.trim().is_empty()) {
        r.problem(key, "has an empty name".to_owned());
    }
    names
}

fn session(r: &mut Reader) -> SessionLimits {
    let limits = SessionLimits {
        idle: r.duration("session.idle_timeout", minutes(30)),
        absolute: r.duration("session.absolute_timeout", minutes(12 * 60)),
        staff_idle: r.duration("session.staff_idle_timeout", minutes(4 * 60)),
        staff_absolute: r.duration("session.staff_absolute_timeout", minutes(24 * 60)),
    };
    if limits.idle > limits.absolute {
        r.problem("session.idle_timeout", "is longer than `session.absolute_timeout`".to_owned());
    }
    if limits.staff_idle > limits.staff_absolute {
        r.problem(
            "session.staff_idle_timeout",
            "is longer than `session.staff_absolute_timeout`".to_owned(),
        );
    }
    limits
}

fn portal_cookies(r: &mut Reader) -> CookieNames {
    CookieNames::new(r.list("session.portal_cookies").unwrap_or_default())
}

fn hashing(r: &mut Reader) -> HashingSettings {
    let defaults = HashingSettings::default();
    HashingSettings {
        memory_kib: r.number("hashing.memory_kib", defaults.memory_kib, 7 * 1024, 1024 * 1024),
        passes: r.number("hashing.passes", defaults.passes, 1, 20),
        lanes: r.number("hashing.lanes", defaults.lanes, 1, 16),
        threads: r.number("hashing.threads", defaults.threads, 1, 64),
        queue: r.number("hashing.queue", defaults.queue, 1, 10_000),
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[cfg(test)]
mod tests;
