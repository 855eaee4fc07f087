//! `[upstream]`: the portal's servers, and how requests to them are limited and cleaned.

use std::time::Duration;

use http::HeaderName;
use portcullis_policy::{Portal, Reading, Readings};

use super::health_check::HealthCheck;
use super::reader::Reader;
use super::upstream_server::UpstreamServer;
use super::upstream_tls::UpstreamTls;
use super::value::FieldName;
use super::value::{minutes, seconds};

/// The default of `upstream.refuse_query`.
const REFUSE_QUERY: [&str; 3] = ["_method", "_httpmethod", "x-http-method-override"];

/// `[upstream]`
#[derive(Debug, Clone)]
pub struct Upstream {
    /// `upstream.servers`: the portal's servers. Empty only if `forward_auth.enabled`: then another
    /// proxy sends the requests to the portal.
    pub servers: Vec<UpstreamServer>,
    /// `upstream.others`: further servers, by the name that routes use, ordered by it. No list is
    /// empty.
    pub others: Vec<(String, Vec<UpstreamServer>)>,
    /// `upstream.tls`: certificates of `https://` servers.
    pub tls: UpstreamTls,
    /// `upstream.connect_timeout`: maximum time to connect, TLS included.
    pub connect_timeout: Duration,
    /// `upstream.response_timeout`: maximum time until the head of a response.
    pub response_timeout: Duration,
    /// `upstream.body_timeout`: maximum pause within the body of a response.
    pub body_timeout: Duration,
    /// `upstream.keep_alive`: how long an unused connection is kept.
    pub keep_alive: Duration,
    /// `upstream.reuse_after_body`: whether a connection that carried a request body is reused.
    pub reuse_after_body: bool,
    /// `upstream.requests`: concurrent requests at the portal.
    pub requests: usize,
    /// `upstream.server_requests`: concurrent requests at one of its servers.
    pub server_requests: usize,
    /// `upstream.health_…`: how the servers are checked.
    pub health: HealthCheck,
    /// `upstream.remove_headers`: request headers to remove, because this portal treats them as
    /// commands.
    pub remove_headers: Vec<HeaderName>,
    /// `upstream.pass_headers`: request headers to forward although they are reserved.
    pub pass_headers: Vec<HeaderName>,
    /// `upstream.readings`: how the portal may read a path differently from the routes.
    pub readings: Readings,
    /// `upstream.refuse_query`: query parameters that override the method. Requests with one are
    /// refused.
    pub refuse_query: Vec<String>,
}

impl Upstream {
    /// `None` if no valid server is given and one is required.
    pub(super) fn read(r: &mut Reader, forward_auth: bool) -> Option<Self> {
        let servers = r.list::<UpstreamServer>("upstream.servers");
        let none = servers.as_ref().map_or(!r.has("upstream.servers"), Vec::is_empty);
        if none && !forward_auth {
            let message = "is required: at least one server of the portal (e.g. \
                           `http://127.0.0.1:9000`)";
            r.problem("upstream.servers", message.to_owned());
        }
        let others = others(r);
        let all = servers.iter().flatten().chain(others.iter().flat_map(|(_, servers)| servers));
        let has_https = all.clone().any(UpstreamServer::is_https);
        let upstream = Self {
            tls: UpstreamTls::read(r, has_https),
            connect_timeout: r.duration("upstream.connect_timeout", seconds(5)),
            response_timeout: r.duration("upstream.response_timeout", seconds(60)),
            body_timeout: r.duration("upstream.body_timeout", minutes(5)),
            keep_alive: r.duration("upstream.keep_alive", seconds(60)),
            reuse_after_body: r.boolean("upstream.reuse_after_body", false),
            requests: r.number("upstream.requests", 4096, 1, 1_000_000),
            server_requests: r.number("upstream.server_requests", 2048, 1, 1_000_000),
            health: HealthCheck::read(r),
            remove_headers: field_names(r, "upstream.remove_headers"),
            pass_headers: field_names(r, "upstream.pass_headers"),
            readings: readings(r),
            refuse_query: refuse_query(r),
            others,
            servers: if none && forward_auth { Vec::new() } else { servers.filter(|_| !none)? },
        };
        Some(upstream)
    }

    /// The groups of servers that requests are distributed over: those of `upstream.servers`, then
    /// those of [`others`](Self::others).
    pub fn groups(&self) -> impl Iterator<Item = &[UpstreamServer]> {
        self.named_groups().map(|(_, servers)| servers)
    }

    /// The same, each with its setting.
    pub fn named_groups(&self) -> impl Iterator<Item = (String, &[UpstreamServer])> {
        let others = self.others.iter();
        let others =
            others.map(|(name, servers)| (format!("upstream.others.{name}"), servers.as_slice()));
        std::iter::once(("upstream.servers".to_owned(), self.servers.as_slice())).chain(others)
    }

    /// What a policy for these servers has to know.
    #[must_use]
    pub fn portal(&self) -> Portal {
        let names = self.others.iter().map(|(name, _)| name.clone()).collect();
        Portal { readings: self.readings, upstreams: Some(names) }
    }
}

fn others(r: &mut Reader) -> Vec<(String, Vec<UpstreamServer>)> {
    let section = "upstream.others";
    let mut others = Vec::new();
    for name in r.labels(section) {
        let key = format!("{section}.{name}");
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        if !name.bytes().all(is_allowed) {
            let message = "is not a name; use lower case letters, digits, `-` and `_`".to_owned();
            r.problem(&key, message);
        }
        match r.list(&key) {
            Some(servers) if !servers.is_empty() => others.push((name, servers)),
            Some(_) => {
                let message = "must have at least one server (e.g. `http://127.0.0.1:9100`)";
                r.problem(&key, message.to_owned());
            }
            None => {}
        }
    }
    others
}

fn field_names(r: &mut Reader, key: &str) -> Vec<HeaderName> {
    let names = r.list::<FieldName>(key).unwrap_or_default();
    names.into_iter().map(|FieldName(name)| name).collect()
}

fn readings(r: &mut Reader) -> Readings {
    let key = "upstream.readings";
    if let Some(readings) = r.list::<Reading>(key) {
        return Readings::from_iter(readings);
    }
    r.show(key, Reading::ALL.map(Reading::name).to_vec());
    Readings::all()
}

fn refuse_query(r: &mut Reader) -> Vec<String> {
    let key = "upstream.refuse_query";
    let names = r.list(key).unwrap_or_else(|| {
        r.show(key, REFUSE_QUERY.to_vec());
        REFUSE_QUERY.map(str::to_owned).to_vec()
    });
    if names.iter().any(|name: &String| name.trim().is_empty()) {
        r.problem(key, "must not contain an empty name".to_owned());
    }
    names
}
