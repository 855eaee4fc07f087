//! `portcullis doctor --as-portal`: what the portal gets of spoofed requests, and the limits of forward
//! authentication.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use super::doctor::{proxy, remove};
use crate::support::http1::Head;
use crate::support::program::Home;
use crate::support::upstream::Upstream;

const OPEN: &str = "[[route]]\nname = \"Open\"\npath = \"/open/{*rest}\"\naccess = \"public\"\n";
const CLOSED: &str = "[[route]]\nname = \"Mine\"\npath = \"/mine\"\naccess = \"signed-in\"\n\
    response_timeout = \"5m\"\nbody_bytes = 1000\n";

/// An address that nothing listens at. Outgoing connections have other addresses.
fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.79.1", 0)).unwrap().local_addr().unwrap()
}

/// What `doctor` finds at a gateway with these routes and settings, in place of its portal.
async fn examined(routes: &str, settings: &str, args: &[&str]) -> Value {
    let portal = free_address();
    examined_at((portal, portal), routes, settings, args).await
}

/// The same, where the gateway sends requests to a first address and `doctor` listens at the second.
async fn examined_at(
    (upstream, portal): (SocketAddr, SocketAddr),
    routes: &str,
    settings: &str,
    args: &[&str],
) -> Value {
    let home = Home::new(upstream, routes);
    home.settings(settings);
    let program = home.serve().await;
    let (gateway, portal) = (program.gateway.to_string(), portal.to_string());
    let doctor = ["doctor", "--json", "--connect-to", &gateway, "--as-portal", &portal];
    let ran = home.run(&[&doctor, args].concat()).await;
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
}

/// The names of findings with a severity.
fn names<'d>(document: &'d Value, severity: &str) -> BTreeSet<&'d str> {
    let findings = document["findings"].as_array().unwrap().iter();
    let findings = findings.filter(|finding| finding["severity"] == severity);
    findings.map(|finding| finding["name"].as_str().unwrap()).collect()
}

/// What the only error says.
fn error<'d>(document: &'d Value, name: &str) -> &'d str {
    assert_eq!(names(document, "error"), [name].into(), "{document:#}");
    let findings = document["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["severity"] == "error").unwrap();
    found["what"].as_str().unwrap()
}

#[tokio::test]
async fn doctor_as_portal_gets_nothing_that_was_spoofed() {
    let found = examined(OPEN, "", &[]).await;
    assert_eq!(names(&found, "error"), BTreeSet::new(), "{found:#}");
    assert!(names(&found, "ok").contains("portal-receives"), "{found:#}");
    assert!(found.to_string().contains("as it was asked for, escapes in paths too"), "{found:#}");
    // This machine is then a proxy, whose forwarded headers are trusted.
    let trusting = "server.trusted_proxies = [\"127.0.0.1\"]\n";
    let found = examined(OPEN, trusting, &[]).await;
    assert!(names(&found, "ok").contains("portal-receives"), "{found:#}");
}

#[tokio::test]
async fn doctor_as_portal_finds_headers_that_clients_can_set() {
    let passing = "upstream.pass_headers = [\"X-Remote-User\"]\n";
    let found = examined(OPEN, passing, &[]).await;
    let what = error(&found, "client-headers-arrive");
    assert!(what.ends_with(": `x-remote-user`, `x.remote.user`, `x_remote_user`"), "{what}");

    // The header by which the operator shows doctor the portal's pages names the user there.
    let header = ["--portal-header", "X-Sso-Login: ada"];
    let found = examined(OPEN, "", &header).await;
    let what = error(&found, "client-headers-arrive");
    assert!(what.ends_with(": `x-sso-login`"), "{what}");
    let removing = "upstream.remove_headers = [\"X-Sso-Login\"]\n";
    let found = examined(OPEN, removing, &header).await;
    assert!(names(&found, "ok").contains("portal-receives"), "{found:#}");
}

#[tokio::test]
async fn doctor_as_portal_finds_what_a_proxy_behind_changes() {
    let behind = async |change: fn(&mut Head)| {
        let portal = free_address();
        let route = move |head: &mut Head| {
            change(head);
            portal
        };
        let hop = proxy(route, |answer| answer).await;
        examined_at((hop, portal), OPEN, "", &[]).await
    };
    let found = behind(|_| {}).await;
    assert_eq!(names(&found, "error"), BTreeSet::new(), "{found:#}");

    let found = behind(|head| head.first = head.first.replace("%3B", ";")).await;
    let what = error(&found, "path-changed");
    assert!(what.contains("a%3Bb arrives as /open/") && what.contains("a;b"), "{what}");

    let found = behind(|head| {
        remove(head, &["host"]);
        head.fields.push(("Host".to_owned(), "backend".to_owned()));
    })
    .await;
    let what = error(&found, "host-changed");
    assert!(what.starts_with("the portal gets the host `backend` instead of"), "{what}");
}

#[tokio::test]
async fn doctor_as_portal_says_when_nothing_arrives() {
    let found = examined(CLOSED, "", &[]).await;
    assert!(error(&found, "portal-not-reached").starts_with("nothing that was sent"), "{found:#}");

    let taken = TcpListener::bind(("127.0.79.1", 0)).unwrap();
    let home = Home::new(taken.local_addr().unwrap(), OPEN);
    let program = home.serve().await;
    let (gateway, portal) = (program.gateway.to_string(), taken.local_addr().unwrap().to_string());
    drop(taken);
    let running = Upstream::listen(portal.parse().unwrap()).await;
    let doctor = ["doctor", "--json", "--connect-to", &gateway, "--as-portal", &portal];
    let ran = home.run(&doctor).await;
    let found = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    assert!(error(&found, "portal-not-reached").contains("cannot listen at"), "{found:#}");
    drop(running);
}

#[tokio::test]
async fn doctor_names_the_limits_behind_another_proxy() {
    let settings = "server.trusted_proxies = [\"127.0.0.1\"]\n\
                    session.portal_cookies = [\"PHPSESSID\"]\n";
    let limits = async |further: &str| -> Vec<String> {
        let home = Home::new(free_address(), &[OPEN, CLOSED].concat());
        home.settings(&format!("{settings}{further}"));
        let ran = home.run(&["doctor", "--json", "--connect-to", "127.0.0.1:1"]).await;
        let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        let findings = document["findings"].as_array().unwrap().iter();
        let limits = findings.filter(|finding| finding["name"] == "forward-auth-limit");
        limits.map(|finding| finding["what"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(limits("").await, Vec::<String>::new());
    let found = limits("forward_auth.enabled = true\n").await;
    let has = |text: &str| found.iter().any(|what| what.contains(text));
    for text in ["WebSocket", "banner", "portal_cookies", "body_bytes", "response_timeout", "GET"] {
        assert!(has(text), "{text}: {found:#?}");
    }
    assert!(!has("`upstream`") && !has("token"), "{found:#?}");
}
