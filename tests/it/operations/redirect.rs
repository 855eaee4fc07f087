//! Addresses in clear text that redirect to https.

use std::net::SocketAddr;

use crate::support::gate::TestGate;
use crate::support::wire::Wire;
use tokio::net::TcpStream;

/// Where it redirects, as its log says.
async fn redirecting(gate: &TestGate) -> SocketAddr {
    gate.logged("redirecting to https").await;
    let log = gate.log();
    let line = log.lines().find(|line| line.contains("redirecting to https")).unwrap();
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["redirect"].as_str().unwrap().trim_matches(['[', ']', '"']).parse().unwrap()
}

#[tokio::test]
async fn clear_text_is_redirected_and_nothing_else_is_served() {
    let gate = TestGate::builder()
        .tls()
        .setting("server.redirect_listen", r#"["127.0.0.1:0"]"#)
        .start()
        .await;
    let address = redirecting(&gate).await;
    for (head, status, location) in [
        (
            "GET /open/a?b=c HTTP/1.1\r\nhost: portal.test\r\n",
            308,
            Some("https://portal.test/open/a?b=c"),
        ),
        (
            "GET /.portcullis/sign-in HTTP/1.1\r\nhost: portal.test\r\n",
            308,
            Some("https://portal.test/.portcullis/sign-in"),
        ),
        ("GET /open/a HTTP/1.1\r\nhost: elsewhere.test\r\n", 421, None),
        ("GET /open/a HTTP/1.1\r\n", 400, None),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut wire = Wire(tokio::io::BufReader::new(Box::new(stream)));
        wire.send(format!("{head}\r\n")).await;
        let answer = String::from_utf8(wire.rest().await).unwrap().to_ascii_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{head}: {answer}");
        let sent = answer.lines().find_map(|line| line.strip_prefix("location: "));
        assert_eq!(sent, location, "{head}");
    }
    gate.nothing_arrived("a request in clear text").await;
}
