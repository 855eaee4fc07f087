//! IPv6: clients, the admin API and the portal.

use tokio::net::TcpStream;

use crate::support::gate::TestGate;
use crate::support::upstream::Upstream;
use crate::support::wire::Wire;

#[tokio::test]
async fn ipv6_is_served_and_forwarded() {
    let portal = Upstream::listen("[::1]:0".parse().unwrap()).await;
    let gate = TestGate::builder()
        .setting("server.listen", r#"["[::1]:0"]"#)
        .setting("admin.listen", r#""[::1]:0""#)
        .setting("upstream.servers", &format!("[\"http://{}\"]", portal.address))
        .start()
        .await;
    assert!(gate.address.is_ipv6() && gate.admin_address.is_ipv6());
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    assert_eq!(gate.decided("/open/a").await["client"], "::1");
    assert_eq!(portal.take_one().head.one("x-forwarded-for"), Some("::1"));
    assert_eq!(gate.get("/open/denied").send().await.status, 401);
    assert!(portal.seen().is_empty());
}

#[tokio::test]
async fn ipv4_client_of_an_ipv6_socket_has_its_ipv4_address() {
    let gate = TestGate::builder()
        .setting("server.listen", r#"["[::]:0"]"#)
        .setting("server.trusted_proxies", r#"["127.0.0.1"]"#)
        .start()
        .await;
    let port = gate.address.port();
    for (host, client, target) in
        [("127.0.0.1", "192.0.2.7", "/open/four"), ("::1", "::1", "/open/six")]
    {
        let stream = TcpStream::connect((host, port)).await.unwrap();
        let mut wire = Wire(tokio::io::BufReader::new(Box::new(stream)));
        let fields = "host: portal.test\r\nx-forwarded-for: 192.0.2.7";
        wire.send(format!("GET {target} HTTP/1.1\r\n{fields}\r\n\r\n")).await;
        assert_eq!(wire.reply().await.status, 200);
        // Only the first is a trusted proxy.
        assert_eq!(gate.decided(target).await["client"], client);
    }
}
