//! What the gateway cannot do for requests that another proxy sends to the portal
//! (docs/forward-auth.md), as far as the settings and the policy want it.

use portcullis_policy::{Policy, Route};

use super::deployment::Deployment;
use super::finding::Finding;

/// The findings; none without forward authentication.
pub(super) fn probe(deployment: &Deployment<'_>) -> Vec<Finding> {
    let (Some(settings), Some(policy)) = (deployment.settings(), deployment.policy()) else {
        return Vec::new();
    };
    if !settings.forward_auth.enabled {
        return Vec::new();
    }
    let mut findings = vec![
        limit(Finding::note, "another proxy asks once about a WebSocket or an event stream")
            .because("it stays open when its session ends, until one of its ends closes it")
            .fix("limit the time of such connections in the proxy"),
        limit(Finding::note, "staff who view the portal behind another proxy see no banner there")
            .because("pages pass the proxy, not the gateway")
            .fix("tell them that they act as somebody else until they leave the view"),
        limit(Finding::note, "what the portal responds to another proxy is not recorded")
            .because("decision records and trials of the policy have no status of the portal")
            .fix("use the log of the proxy; `Portcullis-Request-Id` is in both"),
    ];
    if !settings.portal_cookies.is_empty() {
        findings.push(
            limit(Finding::warning, "`session.portal_cookies` has no effect behind another proxy")
                .because(
                    "the next person in a browser may go on with the portal's session of the last",
                )
                .fix("let the portal end its session when the identity headers name another user"),
        );
    }
    for (what, has) in [
        ("`body_bytes`", (|route| route.body_bytes().is_some()) as fn(&Route) -> bool),
        ("`response_timeout`", |route| route.response_timeout().is_some()),
        ("`upstream`", |route| route.upstream().is_some()),
    ] {
        if let Some(route) = first(policy, has) {
            let what = format!(
                "{what} of a route has no effect behind another proxy (`{}`, {}:{})",
                route.name(),
                route.file(),
                route.line()
            );
            findings.push(
                limit(Finding::warning, what)
                    .because("the proxy chooses the server, and limits bodies and time")
                    .fix("set the same in the proxy"),
            );
        }
    }
    if first(policy, |route| !route.body() && route.methods().contains(&http::Method::GET))
        .is_some()
    {
        findings.push(
            limit(Finding::note, "a GET with a body is not refused behind another proxy")
                .because("a portal may take fields of its body for parameters")
                .fix("let the proxy refuse it"),
        );
    }
    if first(policy, Route::tokens).is_some() {
        findings.push(
            limit(Finding::note, "a wrong token counts twice for the lockout behind nginx")
                .because("nginx asks a second time for the page of a refusal")
                .fix("expect that half as many wrong tokens lock an address out"),
        );
    }
    findings
}

fn limit(finding: fn(&'static str, String) -> Finding, what: impl Into<String>) -> Finding {
    finding("forward-auth-limit", what.into())
}

/// The first route that has something.
fn first(policy: &Policy, has: impl Fn(&Route) -> bool) -> Option<&Route> {
    policy.routes().iter().map(|route| &**route).find(|route| has(route))
}
