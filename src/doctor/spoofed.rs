//! Headers that only proxies and the gateway may set, sent from outside: they must change nothing.

use std::net::ToSocketAddrs as _;

use portcullis_policy::RequestTarget;

use super::client::{Answer, Ask, Client, Endpoint};
use super::deployment::Deployment;
use super::finding::Finding;
use super::marks::Marks;
use super::paths::unused_path;
use crate::config::ListenAddress;
use crate::web::paths;

/// An address that no client has (RFC 5737).
pub(super) const UNUSED_ADDRESS: &str = "198.51.100.77";
/// Stands for a user who does not exist.
const VALUE: &str = "portcullis-doctor";
/// The names of identity headers without settings, and names that other gateways use.
const IDENTITY: [&str; 6] = [
    "Portcullis-User",
    "Portcullis-Group",
    "Portcullis-Organization",
    "X-Forwarded-User",
    "X-Remote-User",
    "Remote-User",
];
/// Headers by which a proxy may be told another target or method.
pub(super) const TARGET: [&str; 5] =
    ["X-Forwarded-Uri", "X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Forwarded-Path"];

/// Where proxies ask, if `forward_auth.enabled` is set.
const VERIFY: &str = "/.portcullis/verify/forward";

/// What was learnt of the public URL, for further probes.
pub(super) struct Seen<'a> {
    pub(super) deployment: &'a Deployment<'a>,
    pub(super) client: &'a Client,
    pub(super) endpoint: &'a Endpoint,
    /// A path that the gateway refuses without a session.
    pub(super) closed: String,
    /// The answer to it.
    pub(super) refusal: Answer,
    /// `None` if what the gateway has decided cannot be seen.
    pub(super) marks: Option<Marks<'a>>,
}

pub(super) fn probe(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(identity(seen));
    findings.extend(forwarded(seen));
    findings.extend(targets(seen));
    findings.extend(verify(seen));
    findings.extend(rewritten(seen));
    findings
}

/// The names of identity headers: those of the settings, and those of other gateways.
pub(super) fn identity_names(deployment: &Deployment<'_>) -> Vec<String> {
    let settings = deployment.settings();
    let own = settings.into_iter().flat_map(|settings| settings.identity.names.all());
    let mut names: Vec<String> = own.map(ToString::to_string).collect();
    let others = IDENTITY.map(str::to_ascii_lowercase);
    let others: Vec<_> = others.into_iter().filter(|name| !names.contains(name)).collect();
    names.extend(others);
    names
}

/// Spellings that portals take for the same name.
pub(super) const SPELLINGS: [fn(&str) -> String; 4] = [
    |name| name.to_owned(),
    |name| name.replace('-', "_"),
    |name| name.replace('-', "."),
    |name| name.replace('-', "_").to_ascii_uppercase(),
];

/// Identity headers in all spellings that portals take for the same.
fn identity(seen: &Seen<'_>) -> Option<Finding> {
    let names = identity_names(seen.deployment);
    for form in SPELLINGS {
        let fields: Vec<_> = names.iter().map(|name| (form(name), VALUE.to_owned())).collect();
        let ask = Ask::get(&seen.closed).with_all(&fields);
        let Ok(answer) = seen.client.ask(seen.endpoint, &ask) else { continue };
        if !is_refusal(&answer) {
            let name = fields.first().map(|(name, _)| name.as_str()).unwrap_or_default();
            return Some(
                Finding::error(
                    "identity-headers",
                    format!(
                        "with headers such as `{name}` from outside, {} answers {} instead of {}",
                        seen.closed,
                        answer.described(),
                        seen.refusal.described()
                    ),
                )
                .because("everyone can say who they are")
                .fix("let only the gateway send requests to the portal, and set its headers"),
            );
        }
    }
    Some(Finding::ok("identity-headers", "identity headers from outside open nothing"))
}

/// Headers that name another host, scheme or client, for the portal and for the gateway's own pages:
/// a proxy sends these by other rules.
fn forwarded(seen: &Seen<'_>) -> Option<Finding> {
    let host = format!("{VALUE}.invalid");
    let forwarded = format!("for={UNUSED_ADDRESS};host={host};proto=http");
    let fields = [
        ("X-Forwarded-Host", host.as_str()),
        ("Forwarded", forwarded.as_str()),
        ("X-Forwarded-Proto", "gopher"),
    ];
    let own = seen.client.ask(seen.endpoint, &Ask::get(paths::SIGN_IN)).ok();
    let own = own.map(|answer| (paths::SIGN_IN, answer.described()));
    let closed = (seen.closed.as_str(), seen.refusal.described());
    let pages: Vec<_> = [closed].into_iter().chain(own).collect();
    let asked = pages.iter().flat_map(|page| fields.map(|field| (page, field)));
    for ((path, expected), (name, value)) in asked {
        let ask = Ask::get(path).with(name, value);
        let Ok(answer) = seen.client.ask(seen.endpoint, &ask) else { continue };
        if answer.described() == *expected {
            continue;
        }
        // What this machine sends as a trusted proxy is trusted.
        if is_direct(seen.deployment, seen.endpoint) {
            return None;
        }
        return Some(
            Finding::error(
                "forwarded-headers",
                format!(
                    "with `{name}: {value}` from outside, {path} answers {} instead of {expected}",
                    answer.described(),
                ),
            )
            .because("a client chooses what the gateway takes for its host, scheme or address")
            .fix(
                "let the proxy overwrite the header with what it knows, or remove it, below \
                 /.portcullis/ too; check \
                 `server.trusted_proxies` and `server.forwarded_header`",
            ),
        );
    }
    Some(Finding::ok("forwarded-headers", "forwarded headers from outside change nothing"))
}

/// Headers that name another target: one that is open to all.
fn targets(seen: &Seen<'_>) -> Option<Finding> {
    for name in TARGET {
        let ask =
            Ask::get(&seen.closed).with(name, paths::SIGN_IN).with("X-Original-Method", "GET");
        let Ok(answer) = seen.client.ask(seen.endpoint, &ask) else { continue };
        if !is_refusal(&answer) {
            return Some(
                Finding::error(
                    "target-headers",
                    format!(
                        "with `{name}: {}` from outside, {} answers {} instead of {}",
                        paths::SIGN_IN,
                        seen.closed,
                        answer.described(),
                        seen.refusal.described()
                    ),
                )
                .because("everyone can open every page by naming one that is public")
                .fix("let the proxy overwrite or remove the header (Traefik: no `trustForwardHeader`)"),
            );
        }
    }
    Some(Finding::ok("target-headers", "headers that name another target change nothing"))
}

/// The address at which proxies ask about requests must not be open to clients.
fn verify(seen: &Seen<'_>) -> Option<Finding> {
    let ask = Ask::get(VERIFY)
        .with("X-Forwarded-Method", "GET")
        .with("X-Forwarded-Uri", &seen.closed)
        .with("X-Forwarded-Host", seen.endpoint.host())
        .with("X-Forwarded-Proto", if seen.endpoint.is_https() { "https" } else { "http" });
    let answer = seen.client.ask(seen.endpoint, &ask).ok()?;
    answer.field("portcullis-reason").is_some().then(|| {
        Finding::warning(
            "verify-reachable",
            format!("{VERIFY} answers clients ({})", answer.status),
        )
        .because("it is for proxies, and tells a client what the policy says of any request")
        .fix("let the proxy answer 404 for everything below /.portcullis/verify/")
    })
}

/// Targets below a path that the gateway refuses whatever the settings.
pub(super) fn always_refused(path: &str) -> Vec<String> {
    let ends = ["/../x", "//x", "/./x", "/%2e%2e/x", "%2fx", "\\x"];
    let targets = ends.map(|end| format!("{path}{end}"));
    targets.into_iter().filter(|target| RequestTarget::parse(target).is_err()).collect()
}

/// Targets that the gateway always refuses: if it does not, the proxy has changed them.
fn rewritten(seen: &Seen<'_>) -> Option<Finding> {
    let mut rewritten = Vec::new();
    for target in always_refused(&unused_path()) {
        let ask = Ask::get(&target);
        let (answer, received) = match &seen.marks {
            Some(marks) => {
                let marked = marks.send_once(&ask);
                let records = marked.records.ok();
                let path = records.and_then(|records| Some(records.decision()?.path.clone()));
                (marked.answer, path)
            }
            None => (seen.client.ask(seen.endpoint, &ask), None),
        };
        let Ok(answer) = answer else { continue };
        if answer.status == 400 || answer.problem().is_none() {
            continue;
        }
        rewritten.push(match received {
            Some(received) => format!("{target} (arrives as {received})"),
            None => target.clone(),
        });
    }
    if rewritten.is_empty() {
        return Some(Finding::ok(
            "rewritten-paths",
            "paths arrive at the gateway as they were sent",
        ));
    }
    Some(
        Finding::warning(
            "rewritten-paths",
            format!(
                "the proxy changes paths before the gateway sees them: {}",
                rewritten.join(", ")
            ),
        )
        .because("rules of the proxy and of the gateway are about two different paths")
        .fix("let the proxy pass the path on as it came (nginx: `proxy_pass` without a path)"),
    )
}

/// Whether an answer refuses: with a status for errors of the client, or the start of a sign-in.
fn is_refusal(answer: &Answer) -> bool {
    (400..500).contains(&answer.status)
}

/// Whether requests go to the gateway's own listening socket, so that no proxy is between.
pub(super) fn is_direct(deployment: &Deployment<'_>, endpoint: &Endpoint) -> bool {
    let Some(settings) = deployment.settings() else { return false };
    let addresses = endpoint.address().to_socket_addrs().into_iter().flatten();
    addresses.into_iter().any(|address| {
        settings.server.listen.iter().filter_map(ListenAddress::tcp).any(|listen| {
            listen.port() == address.port()
                && (listen.ip() == address.ip() || listen.ip().is_unspecified())
        })
    })
}

pub(super) fn is_loopback(address: &str) -> bool {
    let addresses = address.to_socket_addrs().into_iter().flatten();
    addresses.into_iter().all(|address| address.ip().is_loopback())
}
