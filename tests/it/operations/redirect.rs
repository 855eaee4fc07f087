//! Addresses in clear text that redirect to https.

use crate::support::gate::TestGate;
use crate::support::wire::Wire;
use tokio::net::TcpStream;

#[tokio::test]
async fn clear_text_is_redirected_and_nothing_else_is_served() {
    let gate = TestGate::builder()
        .tls()
        .setting("server.redirect_listen", r#"["127.0.0.1:0"]"#)
        .start()
        .await;
    let address = gate.redirect_address().await;
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
