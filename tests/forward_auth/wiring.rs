//! Proxies that are configured halfway: the example with one mistake. The contract refuses what they
//! ask, and nothing reaches the portal.

use crate::client;
use crate::people;
use crate::proxy::{CURRENT, DEBIAN, Edition, Kind, Proxy};
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
        let addresses = (gate.address, gate.upstream.address);
        let proxy = Proxy::start(kind, edition, &text, addresses).await;
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
