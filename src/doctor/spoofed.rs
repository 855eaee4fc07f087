//! Headers that only proxies and the gateway may set, sent from outside: they must change nothing.

use std::net::{IpAddr, ToSocketAddrs as _};

use portcullis_policy::RequestTarget;

use super::client::{Answer, Ask, Client, Endpoint};
use super::deployment::Deployment;
use super::finding::Finding;
use super::paths::unused_path;
use crate::authz::trusted_proxies::TrustedProxies;
use crate::config::ListenAddress;
use crate::web::paths;

/// An address that no client has (RFC 5737).
const UNUSED_ADDRESS: &str = "198.51.100.77";
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
}

pub(super) fn probe(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(identity(seen));
    findings.extend(forwarded(seen));
    findings.extend(targets(seen));
    findings.extend(verify(seen));
    findings.extend(client_address(seen));
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

/// Headers that name another host, scheme or client.
fn forwarded(seen: &Seen<'_>) -> Option<Finding> {
    let host = format!("{VALUE}.invalid");
    let forwarded = format!("for={UNUSED_ADDRESS};host={host};proto=http");
    for (name, value) in [
        ("X-Forwarded-Host", host.as_str()),
        ("Forwarded", forwarded.as_str()),
        ("X-Forwarded-Proto", "gopher"),
    ] {
        let ask = Ask::get(&seen.closed).with(name, value);
        let Ok(answer) = seen.client.ask(seen.endpoint, &ask) else { continue };
        if answer.described() == seen.refusal.described() {
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
                    "with `{name}: {value}` from outside, {} answers {} instead of {}",
                    seen.closed,
                    answer.described(),
                    seen.refusal.described()
                ),
            )
            .because("a client chooses what the gateway takes for its host, scheme or address")
            .fix(
                "let the proxy overwrite the header with what it knows, or remove it; check \
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

/// The address that the gateway takes for the client's, as its record of the request has it.
fn client_address(seen: &Seen<'_>) -> Option<Finding> {
    let settings = seen.deployment.settings()?;
    let forwarded = format!("for={UNUSED_ADDRESS}");
    let asks = [
        Ask::get(&seen.closed),
        Ask::get(&seen.closed)
            .with("X-Forwarded-For", UNUSED_ADDRESS)
            .with("X-Real-IP", UNUSED_ADDRESS)
            .with("Forwarded", &forwarded),
    ];
    let [plain, spoofed] = asks.map(|ask| {
        let answer = seen.client.ask(seen.endpoint, &ask).ok()?;
        let (_, reference) = answer.problem()?;
        let record = seen.deployment.admin.refused(&reference).ok()?;
        record.get("address")?.as_str()?.parse::<IpAddr>().ok()
    });
    let (plain, spoofed) = (plain?, spoofed?);
    if spoofed.to_string() == UNUSED_ADDRESS {
        if is_direct(seen.deployment, seen.endpoint) {
            return Some(
                Finding::note(
                    "client-address",
                    "this machine is in `server.trusted_proxies`, and reaches the gateway directly",
                )
                .because("what it sends as a proxy is trusted, as it should be")
                .fix("run this on a machine that is no proxy to probe the forwarded headers"),
            );
        }
        return Some(
            Finding::error(
                "client-address",
                format!("the gateway takes `X-Forwarded-For: {UNUSED_ADDRESS}` from outside for the client's address"),
            )
            .because("limits, lockouts and routes with `from` can be walked around")
            .fix(
                "let the proxy append the address that it sees or overwrite the header (nginx: \
                 `proxy_set_header X-Forwarded-For $remote_addr`)",
            ),
        );
    }
    let trusted = TrustedProxies::new(&settings.server);
    if trusted.trust(plain.into()) && !(plain.is_loopback() && is_loopback(seen.endpoint.address()))
    {
        return Some(
            Finding::warning(
                "client-address",
                format!("the gateway takes the proxy's address {plain} for the client's"),
            )
            .because("all clients share one address, its limits and its lockouts")
            .fix("let the proxy send `X-Forwarded-For`, or what `server.forwarded_header` names"),
        );
    }
    Some(Finding::ok(
        "client-address",
        format!("the gateway takes {plain} for this machine's address, whatever it claims"),
    ))
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
        let Ok(answer) = seen.client.ask(seen.endpoint, &Ask::get(&target)) else { continue };
        let Some((_, reference)) = answer.problem().filter(|_| answer.status != 400) else {
            continue;
        };
        let record = seen.deployment.admin.refused(&reference).ok();
        let received = record.as_ref().and_then(|record| record.get("target")?.as_str());
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

fn is_loopback(address: &str) -> bool {
    let addresses = address.to_socket_addrs().into_iter().flatten();
    addresses.into_iter().all(|address| address.ip().is_loopback())
}
