//! `portcullis doctor` at real proxies: mistakes that the contract cannot see, because what is asked is
//! correct, are seen from outside or in place of the portal; the examples have none of them.

use std::collections::BTreeSet;
use std::net::TcpListener;

use serde_json::Value;

use crate::people;
use crate::proxy::{CURRENT, DEBIAN, Edition, Kind, Proxy};
use crate::support::program::run;

/// In nginx: the end of the question that decides, with the client's address.
const OF_QUESTION: &str = "proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host \"\";
    }

    location @refused";
/// In nginx: the end of the rules for the gateway's own pages, and the same without the forwarded host.
const OF_OWN_PAGES: &str = "proxy_set_header X-Forwarded-Host \"\";
    }
    location /.portcullis/verify/";
const OF_OWN_PAGES_LEFT: &str = "}
    location /.portcullis/verify/";

/// The errors that `doctor` finds at a proxy with this configuration, while it listens in place of the
/// portal.
async fn errors(kind: Kind, edition: Edition, text: &str) -> BTreeSet<String> {
    let gate = people::gate().await;
    let portal = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let proxy = Proxy::start_before(portal, kind, edition, text, &gate).await;
    let (address, portal) = (proxy.address.to_string(), portal.to_string());
    let doctor = ["--config", "portcullis.toml", "doctor", "--json"];
    let args = [&doctor[..], &["--connect-to", &address, "--as-portal", &portal]].concat();
    let ran = run(&gate.file("."), &args, "").await;
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let findings = document["findings"].as_array().unwrap();
    let named = |severity: &str| -> BTreeSet<String> {
        let found = findings.iter().filter(|finding| finding["severity"] == severity);
        found.map(|finding| finding["name"].as_str().unwrap().to_owned()).collect()
    };
    let errors = named("error");
    assert!(named("note").contains("forward-auth-limit"), "{document:#}");
    assert!(!named("warning").contains("not-compared"), "{document:#}");
    assert_eq!(ran.code, i32::from(!errors.is_empty()), "{document:#}");
    assert!(!errors.is_empty() || named("ok").contains("portal-receives"), "{document:#}");
    errors
}

/// What is found when this text of the example is replaced, everywhere, by that.
async fn finds(kind: Kind, edition: Edition, mistakes: &[(&str, &str, &str)]) {
    let text = kind.example();
    assert_eq!(errors(kind, edition, &text).await, BTreeSet::new(), "{kind:?} as it stands");
    for (from, to, expected) in mistakes {
        assert!(text.contains(from), "{kind:?}: `{from}` is not in the example");
        let found = errors(kind, edition, &text.replace(from, to)).await;
        assert!(found.contains(*expected), "{kind:?}, `{from}` -> `{to}`: {found:?}");
    }
}

#[tokio::test]
async fn doctor_finds_the_mistakes_of_nginx() {
    let portal = "proxy_pass http://127.0.0.1:9000;";
    let passing_on = OF_QUESTION.replace("$remote_addr", "$http_x_forwarded_for");
    let mistakes = [
        ("proxy_set_header Cookie                  $p_cookie;", "", "session-arrives"),
        ("proxy_set_header Portcullis-Request-Id   $p_request_id;", "", "identity-not-sent"),
        (portal, "proxy_pass http://127.0.0.1:9000/x/;", "path-changed"),
        (portal, "proxy_pass http://127.0.0.1:9000/;", "path-changed"),
        ("X-Original-Method $request_method", "X-Original-Method GET", "method-changed"),
        (
            "proxy_set_header Host                    $http_host;",
            "proxy_set_header Host                    backend;",
            "host-changed",
        ),
        ("proxy_set_header X-Forwarded-Port        \"\";", "", "client-headers-arrive"),
        ("proxy_set_header X-Forwarded-Ssl         \"\";", "", "client-headers-arrive"),
        ("proxy_set_header X-Real-IP               $remote_addr;", "", "client-headers-arrive"),
        ("proxy_set_header Portcullis-User         $p_user;", "", "client-headers-arrive"),
        (
            "proxy_set_header X-Forwarded-For         $remote_addr;",
            "proxy_set_header X-Forwarded-For         $http_x_forwarded_for;",
            "client-headers-arrive",
        ),
        (OF_QUESTION, &*passing_on, "client-address"),
        (OF_OWN_PAGES, OF_OWN_PAGES_LEFT, "forwarded-headers"),
        ("auth_request /portcullis-verify;", "", "open-without-session"),
    ];
    finds(Kind::Nginx, DEBIAN, &mistakes).await;
}

#[tokio::test]
async fn doctor_finds_the_mistakes_of_caddy() {
    let mistakes = [
        ("Portcullis-Cookie>Cookie", "", "session-arrives"),
        ("request_header @no_websocket -Connection", "", "identity-not-sent"),
        ("\t\troute {", "\t\thandle {", "identity-not-sent"),
        ("request_header -X-Real-Ip", "", "client-headers-arrive"),
    ];
    finds(Kind::Caddy, CURRENT, &mistakes).await;
}

#[tokio::test]
async fn doctor_finds_the_mistakes_of_haproxy() {
    let portal = "    server portal 127.0.0.1:9000";
    let decoding = format!("    http-request set-path %[path,url_dec]\n{portal}");
    let mistakes = [
        (portal, &*decoding, "path-changed"),
        ("http-request del-header x-real-ip", "", "client-headers-arrive"),
    ];
    finds(Kind::HaProxy, DEBIAN, &mistakes).await;
    let ask = "http-request lua.portcullis";
    let check = "http-request deny deny_status 503 unless own_page";
    let text = Kind::HaProxy.example().replace(ask, &format!("# {ask}"));
    let text = text.replace(check, &format!("# {check}"));
    assert!(errors(Kind::HaProxy, DEBIAN, &text).await.contains("open-without-session"));
}

#[tokio::test]
async fn doctor_finds_the_mistakes_of_envoy() {
    let all = "allowed_headers: { patterns: [{ safe_regex: { regex: \".*\" } }] }";
    let few = "allowed_headers: { patterns: [{ exact: cookie }, { exact: accept }, \
               { exact: x-forwarded-for }] }";
    let mistakes =
        [(all, few, "client-headers-arrive"), (", { exact: cookie }", "", "session-arrives")];
    finds(Kind::Envoy, CURRENT, &mistakes).await;
    finds(Kind::EnvoyGrpc, CURRENT, &[]).await;
}
