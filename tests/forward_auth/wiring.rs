//! Proxies that are configured halfway: the example with one mistake. The contract refuses what they
//! ask, and nothing reaches the portal; the mistakes that it cannot see are in docs/forward-auth.md.

use crate::case::{By, Written};
use crate::client;
use crate::people;
use crate::proxy::{CURRENT, DEBIAN, Edition, Kind, Proxy, example};
use crate::support::gate::TestGate;
use crate::target::{Site, Target};

/// A mistake: this text of the example is replaced, everywhere, by that.
struct Mistake {
    from: &'static str,
    to: &'static str,
    /// What a client sends.
    fields: &'static str,
    /// Why the request is refused, in the program's log.
    reason: &'static str,
}

const fn mistake(from: &'static str, to: &'static str, reason: &'static str) -> Mistake {
    Mistake { from, to, fields: "", reason }
}

const WRONG: &str = "wrong-contract";
const RESERVED: &str = "reserved-header";

async fn are_refused(kind: Kind, edition: Edition, mistakes: &[Mistake]) {
    for Mistake { from, to, fields, reason } in mistakes {
        let gate: TestGate = people::gate().await;
        let text = kind.example();
        assert!(text.contains(from), "{kind:?}: `{from}` is not in the example");
        let text = text.replace(from, to);
        let proxy = Proxy::start(kind, edition, &text, &gate).await;
        let target = Target::ours(gate, Site::named("halfway"), proxy.address);
        let fields: Vec<(String, String)> = fields
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let got = client::get(&target, "/open/a", &fields).await;
        assert_ne!(got.status, 200, "{kind:?}, `{from}` -> `{to}`");
        assert!(target.portal().seen().is_empty(), "{kind:?}, `{from}` -> `{to}`: it arrived");
        target.gate.as_ref().unwrap().logged(reason).await;
    }
}

#[tokio::test]
async fn nginx_configured_halfway_is_refused() {
    let method = "proxy_set_header X-Original-Method $request_method;";
    let url = "proxy_set_header X-Original-URL $scheme://$http_host$request_uri;";
    let mistakes = [
        mistake(method, "", WRONG),
        mistake(url, "", WRONG),
        mistake("$scheme://$http_host$request_uri", "$request_uri", WRONG),
        mistake("verify/nginx", "verify/forward", WRONG),
        Mistake {
            fields: "x-forwarded-uri: /open/b",
            ..mistake("verify/nginx", "verify/envoy/open/a", WRONG)
        },
    ];
    are_refused(Kind::Nginx, DEBIAN, &mistakes).await;
}

#[tokio::test]
async fn caddy_configured_halfway_is_refused() {
    let spoofed = "portcullis_user: evil";
    let mistakes = [
        mistake("verify/forward", "verify/nginx", WRONG),
        Mistake { fields: spoofed, ..mistake("request_header -Portcullis*\n", "\n", RESERVED) },
    ];
    are_refused(Kind::Caddy, DEBIAN, &mistakes).await;
}

#[tokio::test]
async fn haproxy_configured_halfway_is_refused() {
    let delete = "http-request del-header portcullis -m beg";
    let host = "http-request set-header X-Forwarded-Host %[req.hdr(host)]";
    let mistakes = [
        mistake("verify/forward", "verify/nginx", WRONG),
        mistake(host, "", WRONG),
        Mistake { fields: "portcullis.user: evil", ..mistake(delete, "", RESERVED) },
        Mistake {
            fields: "x-original-url: http://portal.test/open/b",
            ..mistake("# What only", "# What only", WRONG)
        },
    ];
    are_refused(Kind::HaProxy, DEBIAN, &mistakes).await;
}

#[tokio::test]
async fn envoy_configured_halfway_is_refused() {
    let remove = "- remove_on_match: { key_matcher: { prefix: portcullis, ignore_case: true } }";
    let mistakes = [
        mistake(
            "path_prefix: /.portcullis/verify/envoy",
            "path_prefix: /.portcullis/verify/forward?",
            WRONG,
        ),
        Mistake { fields: "portcullis.user: evil", ..mistake(remove, "", RESERVED) },
        Mistake {
            fields: "x-forwarded-uri: /open/b",
            ..mistake("# All of them", "# All of them", WRONG)
        },
    ];
    are_refused(Kind::Envoy, CURRENT, &mistakes).await;
}

#[tokio::test]
async fn envoy_over_grpc_configured_halfway_is_refused() {
    let remove = "- remove_on_match: { key_matcher: { prefix: portcullis, ignore_case: true } }";
    let mistakes = [
        Mistake {
            fields: "cookie: lang=de\ncookie: portcullis=a",
            ..mistake("encode_raw_headers: true", "encode_raw_headers: false", "joined-cookies")
        },
        Mistake { fields: "portcullis.user: evil", ..mistake(remove, "", RESERVED) },
        Mistake {
            fields: "x-forwarded-uri: /open/b",
            ..mistake("encode_raw_headers: true", "encode_raw_headers: true", WRONG)
        },
    ];
    are_refused(Kind::EnvoyGrpc, CURRENT, &mistakes).await;
}

/// Mistakes that only make a proxy useless: nothing reaches the portal that should.
#[tokio::test]
async fn proxies_that_lack_a_setting_are_closed() {
    let limit = "client_max_body_size 0;         # otherwise";
    let all = "allowed_headers: { patterns: [{ safe_regex: { regex: \".*\" } }] }";
    let (grpc, http2) = ("cluster_name: portcullis-grpc }", "http2_protocol_options: {}");
    for (kind, edition, (from, to), (method, body), status) in [
        (Kind::Nginx, DEBIAN, (limit, "client_max_body_size 1m; #"), ("POST", Some(5 << 20)), 500),
        (Kind::Envoy, CURRENT, (all, ""), ("GET", None), 401),
        (Kind::EnvoyGrpc, CURRENT, ("|cookie|", "|"), ("GET", None), 500),
        (Kind::EnvoyGrpc, CURRENT, (grpc, "cluster_name: portcullis }"), ("GET", None), 503),
        (Kind::EnvoyGrpc, CURRENT, (http2, "http_protocol_options: {}"), ("GET", None), 503),
    ] {
        for (to, status) in [(from, 200), (to, status)] {
            let gate = people::gate().await;
            let site = people::site(&gate, "lacking").await;
            let text = kind.example();
            assert!(text.contains(from), "{kind:?}: `{from}` is not in the example");
            let proxy = Proxy::start(kind, edition, &text.replace(from, to), &gate).await;
            let target = Target::ours(gate, site, proxy.address);
            let mut written = Written::default();
            (written.by, written.body) = (Some(By::Script), body);
            let fields = client::fields(&written, &[&target.site.sessions["anna"]], None);
            let got = client::send(&target, &written, (method, "/closed/a"), &fields).await;
            assert_eq!(got.status, status, "{kind:?} with `{to}`");
            assert_eq!(target.portal().seen().len(), usize::from(status == 200), "{kind:?}");
        }
    }
}

/// What docs/forward-auth.md says about this mistake: the contract cannot see it.
#[tokio::test]
async fn envoy_that_allows_on_failure_is_open() {
    let closed = "failure_mode_allow: false";
    for kind in [Kind::Envoy, Kind::EnvoyGrpc] {
        for (mistake, is_open) in [(closed, false), ("failure_mode_allow: true", true)] {
            let gate = people::gate().await;
            let text = kind.example().replace(closed, mistake);
            let proxy = Proxy::start(kind, CURRENT, &text, &gate).await;
            gate.terminate();
            gate.exited().await;
            let target = Target::ours(gate, Site::named("open"), proxy.address);
            let got = client::get(&target, "/closed/a", &[]).await;
            assert_eq!(got.status, if is_open { 200 } else { 503 }, "{kind:?}, {mistake}");
            assert_eq!(target.portal().seen().len(), usize::from(is_open), "{kind:?}, {mistake}");
        }
    }
}

#[tokio::test]
async fn haproxy_without_the_check_of_the_variable_is_open() {
    let check = "http-request deny deny_status 503";
    for (text, is_open) in [(check, false), ("http-request deny deny_status 503 if FALSE #", true)]
    {
        let gate = people::gate().await;
        let text = Kind::HaProxy.example().replace(check, text);
        let proxy = Proxy::start(Kind::HaProxy, DEBIAN, &text, &gate).await;
        gate.terminate();
        gate.exited().await;
        let target = Target::ours(gate, Site::named("open"), proxy.address);
        let got = client::get(&target, "/closed/a", &[]).await;
        assert_eq!(got.status, if is_open { 200 } else { 503 });
        assert_eq!(target.portal().seen().len(), usize::from(is_open));
    }
}

/// Proxies that set what they are told to set need every name.
#[test]
fn examples_name_every_field_of_an_answer() {
    let gateway = example("gateway-api/route.yaml");
    let (_, fields) = gateway.split_once("allowedResponseHeaders: [").expect("a list");
    let fields = fields.split(']').next().unwrap().to_owned();
    assert!(gateway.contains("path: /.portcullis/verify/envoy\n"));
    assert!(gateway.contains("type: ExternalAuth") && gateway.contains("protocol: HTTP"));
    for (text, cookie, authorization) in [
        (Kind::Nginx.example(), "Cookie ", "Authorization "),
        (
            Kind::Caddy.example(),
            "Portcullis-Cookie>Cookie",
            "Portcullis-Authorization>Authorization",
        ),
        (example("traefik/portal.yaml"), "- Cookie", "- Authorization"),
        (fields, "cookie", "authorization"),
    ] {
        let text = text.to_ascii_lowercase();
        for name in people::IDENTITY.into_iter().chain([cookie, authorization]) {
            assert!(text.contains(&name.to_ascii_lowercase()), "{name} is not in {text}");
        }
    }
}
