//! What the portal gets of requests with spoofed headers, seen by a [`Recorder`] in its place.
//!
//! The public URL leads there through everything that the portal's requests pass: the gateway, and
//! other proxies. Requests are for a path that is open without a session.

use std::collections::BTreeSet;
use std::io;

use portcullis_policy::{Access, Policy, RequestTarget};

use super::client::{Ask, Client, Endpoint};
use super::deployment::Deployment;
use super::finding::Finding;
use super::recorder::{Arrived, Recorder};
use super::spoofed::{SPELLINGS, TARGET, always_refused, identity_names, is_direct};
use crate::web::cookie::OwnCookie;

/// The value of every spoofed header.
const VALUE: &str = "portcullis-spoofed";
/// The most paths that are tried.
const MAX_TRIED: usize = 12;
/// The request's id, without settings.
const REQUEST_ID: &str = "portcullis-request-id";
/// Headers by which a portal learns of the client, besides `X-Forwarded-For`, to which proxies append.
const FORWARDED: [&str; 4] = ["x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip"];

/// Asks for one path, again and again.
struct Asking<'a> {
    deployment: &'a Deployment<'a>,
    client: &'a Client,
    endpoint: &'a Endpoint,
    recorder: &'a Recorder,
    path: &'a str,
}

pub(super) fn probe(
    deployment: &Deployment<'_>,
    client: &Client,
    endpoint: &Endpoint,
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
    let arrives = |path: &String| {
        let ask = Ask::get(path);
        let (_, arrived) = recorder.during(|| client.ask(endpoint, &ask));
        Some((path.clone(), arrived?))
    };
    let Some((path, arrived)) = open_paths(deployment).iter().find_map(arrives) else {
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
    let asking = Asking { deployment, client, endpoint, recorder, path: &path };
    let mut findings = Vec::new();
    findings.extend(asking.identity(&arrived));
    findings.extend(asking.headers());
    findings.extend(asking.cookie());
    findings.extend(asking.paths(&arrived));
    if findings.is_empty() {
        findings.push(Finding::ok(
            "portal-receives",
            format!("the portal gets {path} as it was asked for, and nothing that was spoofed"),
        ));
    }
    findings
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
    /// What arrives of a request with these fields; `None` if it is refused.
    fn with(&self, fields: &[(String, String)]) -> Option<Arrived> {
        let ask = Ask::get(self.path).with_all(fields);
        self.recorder.during(|| self.client.ask(self.endpoint, &ask)).1
    }

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
                    .because("it gets no other identity header either, and does not know the user")
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
            found.extend(self.spoofed(FORWARDED.map(str::to_owned).to_vec()));
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

    /// The path must be the one that was judged, and one that the gateway refuses must not arrive.
    fn paths(&self, plain: &Arrived) -> Option<Finding> {
        let mut changed = Vec::new();
        if canonical(&plain.target) != canonical(self.path) {
            changed.push(format!("{} arrives as {}", self.path, plain.target));
        }
        for target in always_refused(self.path.trim_end_matches('/')) {
            let ask = Ask::get(&target);
            let (_, arrived) = self.recorder.during(|| self.client.ask(self.endpoint, &ask));
            if let Some(arrived) = arrived
                && canonical(&arrived.target).is_none()
            {
                changed.push(format!("{target} arrives as {}", arrived.target));
            }
        }
        (!changed.is_empty()).then(|| {
            Finding::error(
                "path-changed",
                format!("the portal gets another path than the one judged: {}", changed.join(", ")),
            )
            .because("a client may open a page by the path of another")
            .fix(
                "let the proxy pass the path on as it came, and not change it after it has asked \
                 (nginx: `proxy_pass` without a path)",
            )
        })
    }
}

/// A target as the gateway judges it; `None` if it refuses it.
fn canonical(target: &str) -> Option<String> {
    RequestTarget::parse(target).ok().map(|target| target.as_str().to_owned())
}
