//! The public URL without a session: the gateway must answer there, and refuse what is not public.

use std::io::ErrorKind;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::certificate;
use super::client::{Answer, Ask, Client, Endpoint};
use super::client_address;
use super::deployment::Deployment;
use super::finding::Finding;
use super::marks::{Marked, Marks, not_compared};
use super::paths::closed_paths;
use super::spoofed::{self, Seen};
use crate::web::paths;

/// How far clocks may be apart: authenticator apps have a new code every 30 s.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// How an answer to a request for a closed path is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The gateway refuses.
    Refused,
    /// The gateway does not serve this host.
    OtherHost,
    /// Something else refuses or redirects.
    Foreign,
    /// There is a page.
    Open,
}

/// `status` is that of the running gateway, and `marks` are there if it answers.
pub(super) fn probe(
    deployment: &Deployment<'_>,
    (status, marks): (Option<&Value>, Option<Marks<'_>>),
    client: &Client,
    endpoint: &Endpoint,
) -> Vec<Finding> {
    if is_disabled(status) {
        let what = "the portal is disabled and every request is redirected, so the public URL is not \
                    probed";
        return vec![Finding::note("public-url", what).fix("run this again when it is enabled")];
    }
    let sign_in = match client.ask(endpoint, &Ask::page(paths::SIGN_IN)) {
        Ok(answer) => answer,
        Err(error) => {
            return vec![
                Finding::error(
                    "public-url-unreachable",
                    format!("the public URL ({}) does not respond: {error}", endpoint.address()),
                )
                .because("users cannot reach the portal")
                .fix(
                    "start the gateway and what is in front of it; `--connect-to` names another \
                     address for the URL",
                ),
            ];
        }
    };
    let mut findings = certificate::findings(&sign_in, deployment.now);
    findings.extend(clock(&sign_in, "the public URL", deployment.now));
    findings.extend(plain_http(deployment, client, endpoint));
    let is_ours = is_sign_in_page(&sign_in);
    let mut answers = Vec::new();
    for path in closed_paths(deployment) {
        match client.ask(endpoint, &Ask::get(&path)) {
            Ok(answer) => answers.push((path, answer)),
            // The others would take as long.
            Err(error) if error.kind() == ErrorKind::TimedOut => break,
            Err(_) => {}
        }
    }
    findings.extend(judged(&answers, is_ours));
    let refused = answers.into_iter().find(|(_, answer)| verdict(answer) == Verdict::Refused);
    let Some((closed, refusal)) = refused else { return findings };
    if !is_ours {
        findings.push(
            Finding::error(
                "not-the-gateway",
                format!(
                    "the gateway refuses {closed}, but {} is not its sign-in page ({})",
                    paths::SIGN_IN,
                    sign_in.described()
                ),
            )
            .because("users cannot sign in")
            .fix("let the proxy send everything below /.portcullis/ to the gateway"),
        );
        return findings;
    }
    findings.extend(cookies(&sign_in, endpoint.is_https()));
    findings.extend(cached(&sign_in));
    let mut seen = Seen { deployment, client, endpoint, closed, refusal, marks };
    if let Some(finding) = marks.and_then(|marks| not_of_gateway(&seen.closed, &marks)) {
        findings.push(finding);
        seen.marks = None;
    }
    findings.extend(spoofed::probe(&seen));
    findings.extend(client_address::probe(&seen));
    findings
}

/// Whether the running gateway redirects every request (R60).
fn is_disabled(status: Option<&Value>) -> bool {
    let enabled = status.and_then(|status| status.get("portal")?.get("enabled"));
    enabled.and_then(Value::as_bool) == Some(false)
}

fn verdict(answer: &Answer) -> Verdict {
    match (answer.status, answer.problem()) {
        (421, _) => Verdict::OtherHost,
        (_, Some(_)) => Verdict::Refused,
        (200..300, None) => Verdict::Open,
        (_, None) => Verdict::Foreign,
    }
}

/// The findings about closed paths.
fn judged(answers: &[(String, Answer)], is_ours: bool) -> Vec<Finding> {
    let with = |wanted| -> Vec<_> {
        answers.iter().filter(|(_, answer)| verdict(answer) == wanted).collect()
    };
    let listed = |found: &[&(String, Answer)]| {
        let listed = found.iter().map(|(path, answer)| format!("{path} ({})", answer.described()));
        listed.collect::<Vec<_>>().join(", ")
    };
    let mut findings = Vec::new();
    let (refused, open) = (with(Verdict::Refused), with(Verdict::Open));
    let (foreign, other_host) = (with(Verdict::Foreign), with(Verdict::OtherHost));
    if !open.is_empty() {
        findings.push(
            Finding::error(
                "open-without-session",
                format!("the public URL answers without a session: {}", listed(&open)),
            )
            .because("everyone can open what only signed-in people may")
            .fix("let the proxy send all requests to the gateway, and none to the portal"),
        );
    }
    if !other_host.is_empty() {
        findings.push(
            Finding::error(
                "host-not-passed",
                "the gateway does not serve the host that it is asked for",
            )
            .because("every page is an error (421)")
            .fix(
                "let the proxy pass `Host` on as it came (nginx: `proxy_set_header Host \
                     $http_host`), or add the host to `server.hosts`",
            ),
        );
    }
    match foreign.first() {
        Some((_, answer)) if is_ours && [401, 403].contains(&answer.status) => findings.push(
            Finding::warning(
                "error-pages-replaced",
                format!("refusals have no problem document of the gateway: {}", listed(&foreign)),
            )
            .because("people and scripts do not see why, and support gets no reference")
            .fix("let the proxy pass error responses on (nginx: `proxy_intercept_errors off`)"),
        ),
        Some(_) => findings.push(
            Finding::error(
                "not-the-gateway",
                format!("something else than the gateway answers: {}", listed(&foreign)),
            )
            .because("requests do not pass the gateway")
            .fix("let the proxy send all requests to the gateway, and none to the portal"),
        ),
        None => {}
    }
    if findings.is_empty() && !refused.is_empty() {
        let what = format!(
            "the gateway answers at the public URL and refuses without a session what is not \
             public: {}",
            listed(&refused)
        );
        findings.push(Finding::ok("public-url", what));
    }
    findings
}

/// Whether a page is our sign-in page: it has the form.
fn is_sign_in_page(answer: &Answer) -> bool {
    let form = format!("action=\"{}\"", paths::SIGN_IN);
    answer.status == 200 && String::from_utf8_lossy(&answer.body).contains(&form)
}

/// Why it cannot be seen what the gateway of this admin socket decides about requests to the public
/// URL: another one answers there, or it does not recognize them.
fn not_of_gateway(closed: &str, marks: &Marks<'_>) -> Option<Finding> {
    let Marked { answer, records } = marks.send(&Ask::get(closed));
    let id = answer.ok().and_then(|answer| answer.problem()).map(|(_, id)| id);
    let why = match (&records, id.filter(|id| !id.is_empty())) {
        (Ok(records), _) if !records.decided.is_empty() => return None,
        (Ok(records), Some(id)) if !records.gave_id(&id) => {
            return Some(
                Finding::error(
                    "other-gateway",
                    "the gateway behind the public URL is not the one of this admin socket",
                )
                .because("these settings do not say what the public URL does")
                .fix(
                    "run this on the machine of that gateway, or correct the address in the proxy",
                ),
            );
        }
        (Ok(_), Some(_)) => "the query of a request does not arrive",
        (Ok(_), None) => "a request with a query has no answer of the gateway",
        (Err(error), _) => error.as_str(),
    };
    Some(not_compared("what the gateway has received", why))
}

/// Compares the `Date` of a response with the clock.
pub(super) fn clock(answer: &Answer, of: &str, now: Timestamp) -> Option<Finding> {
    // HTTP dates are those of RFC 2822 with `GMT` as the zone.
    let date = answer.field("date")?.replace("GMT", "+0000");
    let date = rfc2822::parse(&date).ok()?.timestamp();
    let apart = date.duration_since(now);
    (apart.abs() > TOLERANCE).then(|| {
        let seconds = apart.as_secs();
        let (amount, how) = (seconds.abs(), if seconds > 0 { "ahead of" } else { "behind" });
        Finding::warning("clock", format!("the clock of {of} is {amount} s {how} this machine's"))
            .because("codes of authenticator apps are refused when the gateway's clock is wrong")
            .fix("synchronize both clocks (NTP)")
    })
}

/// An https URL must not be served by http too.
fn plain_http(
    deployment: &Deployment<'_>,
    client: &Client,
    endpoint: &Endpoint,
) -> Option<Finding> {
    let url = deployment.public_url()?;
    if !url.is_https() {
        let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&url.host().name());
        return (!is_local).then(|| {
            Finding::warning(
                "plain-http",
                format!("the public URL is {}, without TLS", url.as_str()),
            )
            .because("passwords and session cookies can be read on the way")
            .fix("set `server.tls`, or end TLS in a proxy, and write https in `server.public_url`")
        });
    }
    if deployment.connect_to.is_some() {
        return None;
    }
    let plain = format!("http://{}", url.host().name()).parse().ok()?;
    let answer = client.ask(&Endpoint::at(&plain, None), &Ask::page(paths::SIGN_IN)).ok()?;
    (answer.status < 300 || is_sign_in_page(&answer)).then(|| {
        Finding::warning(
            "plain-http",
            format!("http://{} answers too ({})", endpoint.host(), answer.described()),
        )
        .because("people who type the address without https send their password in clear text")
        .fix("redirect http to https, and set `server.hsts`")
    })
}

/// The cookie of the sign-in form must arrive as the gateway sets it.
fn cookies(page: &Answer, https: bool) -> Option<Finding> {
    let ours = page.fields("set-cookie").find(|cookie| cookie.contains("portcullis-form="));
    let wrong = match ours {
        None => vec!["the cookie of the sign-in form does not arrive".to_owned()],
        Some(cookie) => changed(cookie, https),
    };
    if wrong.is_empty() {
        return Some(Finding::ok("cookie", "cookies arrive as the gateway sets them"));
    }
    Some(
        Finding::error("cookie", wrong.join("; "))
            .because("sign-in fails, or the session is sent to more than this host over TLS")
            .fix(
                "let the proxy pass `Set-Cookie` on unchanged (nginx: no `proxy_cookie_domain`, \
                 `proxy_cookie_path` or `proxy_cookie_flags`), and write the scheme that browsers \
                 use in `server.public_url`",
            ),
    )
}

/// What is wrong with a cookie of the gateway.
fn changed(cookie: &str, https: bool) -> Vec<String> {
    let mut parts = cookie.split(';').map(str::trim);
    let name = parts.next().and_then(|pair| pair.split('=').next()).unwrap_or_default();
    let attributes: Vec<_> = parts.map(str::to_ascii_lowercase).collect();
    let has = |wanted: &str| attributes.iter().any(|attribute| attribute == wanted);
    let domain = attributes.iter().find(|attribute| attribute.starts_with("domain="));
    let is_secure = has("secure") && name.starts_with("__Host-");
    [
        domain.map(|domain| format!("the cookie `{name}` has `{domain}`")),
        (!has("path=/")).then(|| format!("the cookie `{name}` is not for the path /")),
        (!has("httponly")).then(|| format!("the cookie `{name}` is not HttpOnly")),
        (https && !is_secure).then(|| format!("the cookie `{name}` is not secure")),
        (!https && is_secure).then(|| {
            format!("the cookie `{name}` is for https, and the URL that was asked is http")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Pages of the gateway must not be kept by a cache.
fn cached(page: &Answer) -> Option<Finding> {
    let no_store = page.fields("cache-control").any(|value| value.contains("no-store"));
    let age = page.field("age").filter(|age| *age != "0");
    (!no_store || age.is_some()).then(|| {
        let what = match age {
            Some(age) => format!("the sign-in page comes from a cache (Age: {age})"),
            None => "`Cache-Control: no-store` of the sign-in page does not arrive".to_owned(),
        };
        Finding::error("cached", what)
            .because("one person may get the page of another")
            .fix("cache nothing of the gateway, or only what its `Cache-Control` allows")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_that_a_proxy_changed_is_found() {
        let ours = "__Host-portcullis-form=x; Path=/; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(changed(ours, true), Vec::<String>::new());
        assert_eq!(changed(ours, false).len(), 1, "a URL with the wrong scheme");
        let plain = "portcullis-form=x; Path=/; HttpOnly; SameSite=Lax";
        assert_eq!(changed(plain, false), Vec::<String>::new());
        for (cookie, part) in [
            ("__Host-portcullis-form=x; Path=/; HttpOnly; Secure; Domain=example.com", "domain"),
            ("__Host-portcullis-form=x; Path=/portal; HttpOnly; Secure", "path"),
            ("__Host-portcullis-form=x; Path=/; Secure", "HttpOnly"),
            (plain, "not secure"),
        ] {
            let found = changed(cookie, true);
            assert!(found.len() == 1 && found[0].contains(part), "{cookie}: {found:?}");
        }
    }

    #[test]
    fn clock_of_a_server_is_compared_with_ours() {
        let now: Timestamp = "2026-11-27T02:30:50Z".parse().unwrap();
        let of = |date: &str| {
            clock(&Answer::with_field("date", date), "it", now).map(|finding| finding.what)
        };
        assert_eq!(of("Fri, 27 Nov 2026 02:30:25 GMT"), None);
        assert_eq!(of("x"), None);
        let behind = "the clock of it is 50 s behind this machine's";
        assert_eq!(of("Fri, 27 Nov 2026 02:30:00 GMT").as_deref(), Some(behind));
        let ahead = "the clock of it is 60 s ahead of this machine's";
        assert_eq!(of("Fri, 27 Nov 2026 02:31:50 GMT").as_deref(), Some(ahead));
    }
}
