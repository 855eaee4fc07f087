//! What the portal gets of requests with spoofed headers, seen by a [`Recorder`] in its place.
//!
//! The public URL leads there through everything that the portal's requests pass: the gateway, and
//! other proxies. Requests are for a path that is open without a session. So what only the request of
//! a signed-in person has, such as the header that names the user, is not seen.

mod asking;
mod request_line;

use std::collections::BTreeSet;
use std::io;

use portcullis_policy::{Access, Policy};

use self::asking::Asking;
use self::request_line::Paths;
use super::client::{Ask, Client, Endpoint};
use super::deployment::Deployment;
use super::finding::Finding;
use super::marks::Marks;
use super::recorder::{Arrived, Recorder};
use super::spoofed::{SPELLINGS, TARGET, UNUSED_ADDRESS, identity_names, is_direct};
use crate::authz::reserved_headers::REPORTED;
use crate::web::cookie::OwnCookie;

/// The value of every spoofed header.
const VALUE: &str = "portcullis-spoofed";
/// The most paths that are tried.
const MAX_TRIED: usize = 12;
/// The request's id, without settings.
const REQUEST_ID: &str = "portcullis-request-id";
/// Headers by which a portal learns of the client, besides those that any proxy may report.
const FORWARDED: [&str; 2] = ["x-forwarded-host", "x-forwarded-proto"];
/// The list that proxies append to.
const FORWARDED_FOR: &str = "x-forwarded-for";

pub(super) fn probe(
    deployment: &Deployment<'_>,
    marks: Option<Marks<'_>>,
    (client, endpoint): (&Client, &Endpoint),
    recorder: &io::Result<Recorder>,
) -> Vec<Finding> {
    let recorder = match recorder {
        Ok(recorder) => recorder,
        Err(error) => {
            let at = deployment.as_portal.as_deref().unwrap_or_default();
            let what = format!("doctor cannot listen at {at} in place of the portal: {error}");
            return vec![Finding::error("portal-not-reached", what).fix("stop the portal")];
        }
    };
    let mut open = None;
    for path in open_paths(deployment) {
        let (answer, arrived) = recorder.during(|| client.ask(endpoint, &Ask::get(&path)));
        if let Some(arrived) = arrived {
            open = Some((path, arrived));
            break;
        }
        // The others would take as long.
        if answer.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            break;
        }
    }
    let Some((path, arrived)) = open else {
        return vec![
            Finding::error(
                "portal-not-reached",
                format!("nothing that was sent to the public URL arrives at {}", recorder.address),
            )
            .because("what the portal gets of spoofed headers cannot be seen")
            .fix(
                "let `upstream` of the gateway or the proxy lead there, and name with `--path` a path \
                 that is open without a session",
            ),
        ];
    };
    let asking = Asking { deployment, client, endpoint, recorder, marks, path: &path };
    let mut findings = Vec::new();
    findings.extend(asking.identity(&arrived));
    findings.extend(asking.headers());
    findings.extend(asking.cookie());
    findings.extend(asking.method());
    findings.extend(asking.host(&arrived));
    let Paths { finding, are_escapes_seen } = asking.paths(&arrived);
    findings.extend(finding);
    if findings.is_empty() {
        findings.push(receives(&path, are_escapes_seen));
    }
    findings
}

/// What holds if nothing else was found.
fn receives(path: &str, are_escapes_seen: bool) -> Finding {
    let escapes = match are_escapes_seen {
        true => ", escapes in paths too",
        false => " (no path with an escape is open, so none was compared)",
    };
    let what = format!(
        "the portal gets {path} as it was asked for{escapes}, with the request's id, and nothing that \
         was spoofed"
    );
    Finding::ok("portal-receives", what)
        .because("without a session, it is not seen whether the portal gets who is signed in")
        .fix("sign in, and see whether the portal knows you")
}

/// Paths that may be open: those of public routes, then those that the operator names.
fn open_paths(deployment: &Deployment<'_>) -> Vec<String> {
    let mut paths = deployment.policy().map(public_routes).unwrap_or_default();
    paths.extend(deployment.paths.iter().cloned());
    paths
}

fn public_routes(policy: &Policy) -> Vec<String> {
    let public = policy.routes().iter().filter(|route| {
        matches!(route.access(), Access::Public)
            && route.methods().contains(&http::Method::GET)
            && route.hosts().is_empty()
            && route.from().is_empty()
    });
    public.filter_map(|route| Some(route.example()?.1)).take(MAX_TRIED).collect()
}

impl Asking<'_> {
    /// The id of the request, which is in every answer of the gateway, must arrive; a client must not
    /// be able to remove it.
    fn identity(&self, plain: &Arrived) -> Option<Finding> {
        let settings = self.deployment.settings();
        let named = settings.map(|settings| settings.identity.names.request_id.as_str());
        let name = named.unwrap_or(REQUEST_ID);
        // Some proxies send the name of a variable that has no value.
        let has_it = |arrived: &Arrived| {
            let values: Vec<_> = arrived.all(name).collect();
            matches!(values[..], [value] if !value.is_empty() && !value.contains('{'))
        };
        if !has_it(plain) {
            return Some(
                Finding::error("identity-not-sent", format!("the portal does not get `{name}`"))
                    .because("it probably gets no other identity header either, and does not know the user")
                    .fix(
                        "let the proxy set every identity header of the answer for the portal, after \
                         those of clients are removed",
                    ),
            );
        }
        let nominating = [("Connection".to_owned(), name.to_owned())];
        let removed = self.with(&nominating).is_some_and(|arrived| !has_it(&arrived));
        removed.then(|| {
            Finding::error(
                "identity-not-sent",
                format!("with `Connection: {name}` from outside, the portal does not get `{name}`"),
            )
            .because("clients can remove what tells the portal who they are")
            .fix("let the proxy remove `Connection` of clients before it asks")
        })
    }

    /// Headers that only proxies and the gateway may set.
    fn headers(&self) -> Option<Finding> {
        let mut names = identity_names(self.deployment);
        names.extend(TARGET.map(str::to_ascii_lowercase));
        let of_operator = self.deployment.portal_headers.iter().map(|(name, _)| name.clone());
        names.extend(of_operator);
        let mut found = BTreeSet::new();
        for spelled in SPELLINGS {
            found.extend(self.spoofed(names.iter().map(|name| spelled(name)).collect()));
        }
        // What this machine sends as a trusted proxy is trusted.
        if !is_direct(self.deployment, self.endpoint) {
            let forwarded = REPORTED.into_iter().chain(FORWARDED);
            found.extend(self.spoofed(forwarded.map(str::to_owned).collect()));
            if self.takes_address() {
                found.insert(FORWARDED_FOR.to_owned());
            }
        }
        if found.is_empty() {
            return None;
        }
        let listed: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
        Some(
            Finding::error(
                "client-headers-arrive",
                format!("the portal gets headers as clients send them: {}", listed.join(", ")),
            )
            .because("a portal that takes its user, host or path from one believes every client")
            .fix(
                "add them to `upstream.remove_headers`, and take them from `upstream.pass_headers`; \
                 let another proxy remove them before it asks",
            ),
        )
    }

    /// Whether the address that a client claims arrives as the last one: no proxy has added what it
    /// sees.
    fn takes_address(&self) -> bool {
        let claimed = [(FORWARDED_FOR.to_owned(), UNUSED_ADDRESS.to_owned())];
        self.with(&claimed).is_some_and(|arrived| {
            let last = arrived.all(FORWARDED_FOR).last().and_then(|line| line.rsplit(',').next());
            last.is_some_and(|address| address.trim() == UNUSED_ADDRESS)
        })
    }

    /// The names under which spoofed headers arrive. Where all of them together are refused, each is
    /// sent alone.
    fn spoofed(&self, names: Vec<String>) -> BTreeSet<String> {
        let fields: Vec<_> = names.into_iter().map(|name| (name, VALUE.to_owned())).collect();
        let arrived: Vec<_> = match self.with(&fields) {
            Some(arrived) => vec![arrived],
            None => fields.chunks(1).filter_map(|field| self.with(field)).collect(),
        };
        let fields = arrived.iter().flat_map(Arrived::fields);
        fields.filter(|(_, value)| value.contains(VALUE)).map(|(name, _)| name.to_owned()).collect()
    }

    /// The host must be the one that was asked for.
    fn host(&self, plain: &Arrived) -> Option<Finding> {
        let hosts: Vec<_> = plain.all("host").collect();
        let asked = self.endpoint.host();
        if matches!(hosts[..], [host] if host.eq_ignore_ascii_case(asked)) {
            return None;
        }
        Some(
            Finding::error(
                "host-changed",
                format!("the portal gets the host `{}` instead of `{asked}`", hosts.join("`, `")),
            )
            .because("its links lead elsewhere, and what it decides by the host is about another one")
            .fix("let the proxy pass `Host` on as it came (nginx: `proxy_set_header Host $http_host`)"),
        )
    }

    /// The cookie of a session must stay at the gateway.
    fn cookie(&self) -> Option<Finding> {
        let name = OwnCookie::Session.name(self.endpoint.is_https());
        let cookies = [("Cookie".to_owned(), format!("lang=de; {name}={VALUE}"))];
        let arrived = self.with(&cookies)?;
        arrived.all("cookie").any(|cookies| cookies.contains(VALUE)).then(|| {
            Finding::error("session-arrives", format!("the portal gets the cookie `{name}`"))
                .because(
                    "who can read the portal's requests or logs can use the sessions of others",
                )
                .fix("let the proxy replace `Cookie` by that of the answer (`Portcullis-Cookie`)")
        })
    }
}
