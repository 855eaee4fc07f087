//! Servers of the portal that routes name: which requests go where.

use tokio::net::TcpListener;

use crate::support::admin::PASSWORD;
use crate::support::gate::TestGate;
use crate::support::upstream::Upstream;

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[section]]
prefix = "/reports"
upstream = "reports"
access = "signed-in"

[[section.route]]
name = "Reports"
path = "/{*rest}"

[[section.route]]
name = "Open reports"
path = "/open/{*rest}"
access = "public"

[[section.route]]
name = "Closed reports"
path = "/closed"
access = "deny"

[[section]]
hosts = ["files.test"]
upstream = "reports"
access = "public"

[[section.route]]
name = "Files"
path = "/files/{*rest}"

[[route]]
name = "Files of the portal"
path = "/files/{*rest}"
access = "public"

[[route]]
name = "Gone"
path = "/gone/{*rest}"
access = "public"
upstream = "gone"
"#;

/// A server that is not there.
async fn no_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A gateway whose `reports` has a server that answers and, if asked for, one that does not.
async fn gate(with_dead_server: bool) -> (TestGate, Upstream) {
    let reports = Upstream::start().await;
    let mut servers = format!("\"http://{}\"", reports.address);
    if with_dead_server {
        servers += &format!(", \"{}\"", no_server().await);
    }
    let gate = TestGate::builder()
        .policy(ROUTES)
        .setting("server.hosts", r#"["files.test"]"#)
        .setting("upstream.others.reports", &format!("[{servers}]"))
        .setting("upstream.others.gone", &format!("[\"{}\"]", no_server().await))
        .start()
        .await;
    (gate, reports)
}

#[tokio::test]
async fn requests_of_a_section_go_to_its_servers_only() {
    let (gate, reports) = gate(false).await;
    let organization = gate.admin.organization("Acme").await;
    gate.admin.user(&organization, "anna", "admin").await;
    let anna = gate.sign_in("anna", PASSWORD).await;
    for path in ["/reports/a", "/reports", "/reports/open/a"] {
        assert_eq!(gate.get(path).cookie(&anna).send().await.status, 200, "{path}");
        assert_eq!(reports.take_one().target, path);
        gate.nothing_arrived(path).await;
    }
    assert_eq!(gate.get("/open/a").cookie(&anna).send().await.status, 200);
    assert_eq!(gate.arrived().target, "/open/a");
    // Neither without a session, nor where nobody may go, nor what no route is for.
    for (path, status) in [("/reports/a", 401), ("/reports/closed", 401), ("/other", 401)] {
        assert_eq!(gate.get(path).send().await.status, status, "{path}");
        gate.nothing_arrived(path).await;
    }
    let closed = gate.get("/reports/closed").cookie(&anna).send().await;
    assert_eq!((closed.status, &*closed.reason()), (403, "route-closed"));
    gate.nothing_arrived("/reports/closed").await;
    assert!(reports.seen().is_empty(), "{:?}", reports.seen());
}

#[tokio::test]
async fn host_has_servers_of_its_own() {
    let (gate, reports) = gate(false).await;
    assert_eq!(gate.get("/files/a").header("host", "files.test").send().await.status, 200);
    assert_eq!(reports.take_one().head.one("host"), Some("files.test"));
    gate.nothing_arrived("files.test").await;
    assert_eq!(gate.get("/files/a").send().await.status, 200);
    assert_eq!(gate.arrived().head.one("host"), Some("portal.test"));
    assert_eq!(gate.get("/files/a").header("host", "other.test").send().await.status, 421);
    gate.nothing_arrived("other.test").await;
    assert!(reports.seen().is_empty(), "{:?}", reports.seen());
}

#[tokio::test]
async fn dead_servers_are_502_for_their_routes_only() {
    let (gate, reports) = gate(true).await;
    for _ in 0..6 {
        assert_eq!(gate.get("/gone/a").send().await.status, 502);
        assert_eq!(gate.get("/reports/open/a").send().await.status, 200);
    }
    gate.nothing_arrived("a request for other servers").await;
    assert_eq!(reports.seen().len(), 6, "those that came upon the dead server were repeated");
}

#[tokio::test]
async fn redirect_to_a_named_server_becomes_public() {
    let (gate, reports) = gate(false).await;
    for (server, public) in [
        (reports.address.to_string(), "http://portal.test/reports/b"),
        (gate.upstream.address.to_string(), "http://portal.test/reports/b"),
        ("other.test".to_owned(), "http://other.test/reports/b"),
    ] {
        let location = format!("http://{server}/reports/b");
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        reports.answer_bytes("/reports/open/a", answer);
        let reply = gate.get("/reports/open/a").send().await;
        assert_eq!((reply.status, reply.header("location")), (302, Some(public)));
    }
}
