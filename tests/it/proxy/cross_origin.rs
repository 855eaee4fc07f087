//! Requests that change something and come from a page of another site, on the wire.

use http::Method;

use crate::support::admin::PASSWORD;
use crate::support::gate::TestGate;

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Mine"
path = "/mine/{*rest}"
access = "signed-in"

[[route]]
name = "Back from the payment page"
path = "/paid"
access = "signed-in"
cross_origin = true
"#;

async fn gate() -> (TestGate, crate::support::client::Cookie) {
    let gate = TestGate::builder()
        .policy(ROUTES)
        .setting("server.hosts", r#"["second.test"]"#)
        .start()
        .await;
    gate.admin.acme_with_user("anna@acme.test", "admin").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    (gate, anna)
}

#[tokio::test]
async fn cross_site_write_with_a_session_is_denied() {
    let (gate, anna) = gate().await;
    for fields in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://portal.test")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://sibling.test")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "http://evil.test")],
        &[("origin", "null")],
        &[("origin", "http://portal.tes")],
        &[("origin", "https://portal.test")],
    ] {
        for (method, path) in [
            (Method::POST, "/mine/a"),
            (Method::PUT, "/mine/a"),
            (Method::PATCH, "/mine/a"),
            (Method::DELETE, "/mine/a"),
            (Method::POST, "/open/a"),
        ] {
            let call = gate.call(method, path).cookie(&anna);
            let call = fields.iter().fold(call, |call, (name, value)| call.header(name, value));
            let reply = call.send().await;
            assert_eq!((reply.status, &*reply.reason()), (403, "cross-origin"), "{fields:?}");
            gate.nothing_arrived(path).await;
        }
    }
    let record = gate.decided("/mine/a").await;
    assert_eq!(record["reason"], "cross-origin");
    assert_eq!((&record["decision"], &record["route"]), (&"deny".into(), &"Mine".into()));
}

#[tokio::test]
async fn same_origin_write_is_allowed() {
    let (gate, anna) = gate().await;
    for fields in [
        &[][..],
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://second.test")],
        &[("origin", "http://portal.test")],
    ] {
        let call = gate.call(Method::POST, "/mine/a").cookie(&anna);
        let call = fields.iter().fold(call, |call, (name, value)| call.header(name, value));
        assert_eq!(call.send().await.status, 200, "{fields:?}");
        gate.arrived();
    }
}

#[tokio::test]
async fn cross_site_reads_and_public_routes_are_allowed() {
    let (gate, anna) = gate().await;
    let foreign = |method: Method, path: &str| {
        gate.call(method, path)
            .header("sec-fetch-site", "cross-site")
            .header("origin", "http://evil.test")
    };
    for (call, what) in [
        (foreign(Method::GET, "/mine/a").cookie(&anna), "GET"),
        (foreign(Method::HEAD, "/mine/a").cookie(&anna), "HEAD"),
        (foreign(Method::OPTIONS, "/mine/a").cookie(&anna), "OPTIONS"),
        (foreign(Method::POST, "/open/a"), "no session"),
        (foreign(Method::POST, "/paid").cookie(&anna), "a route that says so"),
    ] {
        assert_eq!(call.send().await.status, 200, "{what}");
        gate.arrived();
    }
}
