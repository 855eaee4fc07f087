//! `server.hsts`: on all responses, the portal's included.

use crate::support::gate::TestGate;

/// The header of the gateway's sign-in page and of the portal's page.
async fn sent(gate: &TestGate) -> [Vec<String>; 2] {
    let of = async |path: &str| {
        let reply = gate.get(path).by_browser().send().await;
        let lines = reply.headers.get_all("strict-transport-security").iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    [of("/.portcullis/sign-in").await, of("/open/a").await]
}

#[tokio::test]
async fn hsts_off_leaves_the_portals_header_unchanged() {
    let gate = TestGate::builder().tls().start().await;
    assert_eq!(sent(&gate).await, [vec![], vec![]] as [Vec<String>; 2]);
    gate.upstream.answer_bytes(
        "/open/b",
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=5\r\nContent-Length: 0\r\n\r\n",
    );
    let reply = gate.get("/open/b").send().await;
    assert_eq!(reply.headers["strict-transport-security"], "max-age=5");
}

#[tokio::test]
async fn hsts_on_replaces_the_portals_header() {
    let gate = TestGate::builder().tls().setting("server.hsts", "\"host\"").start().await;
    let expected = vec!["max-age=63072000".to_owned()];
    assert_eq!(sent(&gate).await, [expected.clone(), expected]);
    gate.upstream.answer_bytes(
        "/open/b",
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\nContent-Length: 0\r\n\r\n",
    );
    let reply = gate.get("/open/b").send().await;
    let lines: Vec<_> = reply.headers.get_all("strict-transport-security").iter().collect();
    assert_eq!(lines, ["max-age=63072000"]);
}
