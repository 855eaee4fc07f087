//! Whatever comes in: no panic, nothing passed on, and the next request works. That nothing
//! panicked is checked by every gate when its test ends.

use futures_util::StreamExt as _;
use portcullis_policy::RequestTarget;
use tokio::io::AsyncReadExt as _;

use crate::support::admin::PASSWORD;
use crate::support::client::{Cookie, PATIENCE};
use crate::support::gate::{Builder, TestGate};

/// What the open route is for.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Random bytes, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64* (Vigna 2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..=self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// A gateway that does not wait long for what never comes.
fn impatient() -> Builder {
    TestGate::builder()
        .setting("server.limits.header_timeout", "\"300ms\"")
        .setting("server.limits.idle_timeout", "\"300ms\"")
}

/// Throws each of these at the gateway over a connection of its own, many at a time; tells what
/// came back until the gateway had enough.
async fn throw(gate: &TestGate, all: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
    let thrown = all.into_iter().map(|bytes| async move {
        let mut wire = gate.wire().await;
        let _ = wire.try_send(&bytes).await;
        let mut back = Vec::new();
        let end = tokio::time::timeout(PATIENCE, wire.0.read_to_end(&mut back)).await;
        assert!(
            end.is_ok(),
            "left open after {:?}, having said {:?}",
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(&back)
        );
        String::from_utf8_lossy(&back).into_owned()
    });
    futures_util::stream::iter(thrown).buffered(32).collect().await
}

#[tokio::test]
async fn random_bytes_are_harmless() {
    let gate = impatient().start().await;
    let mut random = Random(0x5eed_0001);
    for start in
        ["", "GET ", "GET /open/a HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01"]
    {
        throw(&gate, (0..100).map(|_| [start.as_bytes(), &random.bytes(400)].concat())).await;
    }
    gate.nothing_arrived("random bytes").await;
}

/// A sound request of somebody who may make it, with another in its body that would be forbidden.
fn whole(cookie: &Cookie) -> Vec<u8> {
    let cookie = &cookie.0;
    let hidden =
        format!("GET /closed/hidden HTTP/1.1\r\nhost: portal.test\r\ncookie: {cookie}\r\n\r\n");
    let length = hidden.len();
    format!(
        "POST /open/a?b=c HTTP/1.1\r\nhost: portal.test\r\ncookie: {cookie}; a=b\r\n\
         content-type: text/plain\r\ncontent-length: {length}\r\n\r\n{hidden}"
    )
    .into_bytes()
}

#[tokio::test]
async fn mutated_denied_request_is_never_allowed() {
    // A body that is said to be longer than it is does not come, and is not waited for.
    let gate = impatient().setting("upstream.response_timeout", "\"300ms\"").start().await;
    gate.admin.acme_with_user("anna@acme.test", "limited").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let whole = whole(&anna);
    throw(&gate, [whole.clone()]).await;
    assert_eq!(gate.arrived().one("portcullis-user"), Some("anna@acme.test"));

    let mut random = Random(0x5eed_0002);
    let damaged = (0..400).map(|_| {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = random.next() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.next() as u8),
            }
        }
        bytes
    });
    throw(&gate, damaged).await;
    let seen = gate.upstream.seen();
    // Most bytes are of the body, and of values that nobody reads.
    assert!((100..=400).contains(&seen.len()), "{} of 400 arrived", seen.len());
    for seen in seen {
        let (method, target) = seen.head.first.split_once(' ').unwrap();
        let target = target.strip_suffix(" HTTP/1.1").unwrap();
        assert_eq!(RequestTarget::parse(target).unwrap().as_str(), target, "canonical");
        let permitted = seen.path().starts_with("/open/") && seen.path() != "/open/denied";
        assert!(permitted && METHODS.contains(&method), "{seen:?}");
        let said = seen.one("portcullis-user");
        assert!(matches!(said, None | Some("anna@acme.test")), "{seen:?}");
    }
}

#[tokio::test]
async fn truncated_request_is_never_forwarded() {
    let gate = impatient().start().await;
    let whole = b"GET /open/a HTTP/1.1\r\nhost: portal.test\r\nx: y\r\n\r\n";
    for answer in throw(&gate, (0..whole.len()).map(|length| whole[..length].to_vec())).await {
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    gate.nothing_arrived("pieces of requests").await;
    let answer = throw(&gate, [whole.to_vec()]).await;
    assert!(answer[0].starts_with("HTTP/1.1 200 OK"), "{answer:?}");
}

#[tokio::test]
async fn huge_and_odd_header_lines_are_harmless() {
    let gate = impatient().start().await;
    let lines = [
        "x".repeat(5_000_000),
        format!("{}: y", "x".repeat(100_000)),
        format!("cookie: {}", "portcullis=x; ".repeat(5_000)),
        format!("x-forwarded-for: {}", "1.2.3.4, ".repeat(5_000)),
        format!("connection: {}", "x,".repeat(10_000)),
        "x: y\r\n".repeat(20_000),
        "\r\n".repeat(10_000),
        format!("host: {}", "a.".repeat(10_000)),
    ];
    for line in lines {
        let bytes = format!("GET /open/a HTTP/1.1\r\n{line}\r\nhost: portal.test\r\n\r\n");
        throw(&gate, [bytes.into_bytes()]).await;
        assert_eq!(gate.get("/open/sentinel").send().await.status, 200);
    }
}

#[tokio::test]
async fn odd_values_of_parsed_headers_are_harmless() {
    let gate = impatient().setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#).start().await;
    let mut random = Random(0x5eed_0003);
    for name in [
        "cookie",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "accept",
        "origin",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "sec-fetch-mode",
        "content-type",
        "if-match",
        "accept-language",
        "referer",
        "user-agent",
        "range",
    ] {
        let requests = (0..36).map(|number| {
            let mut value = random.bytes(60);
            value.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
            let path = ["/open/a", "/closed/a", "/.portcullis/sign-in"][number % 3];
            let start = format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n{name}: ");
            [start.as_bytes(), &value, b"\r\n\r\n"].concat()
        });
        throw(&gate, requests).await;
        let reply = gate.get("/open/sentinel").send().await;
        assert_eq!(reply.status, 200, "after odd values of {name}");
    }
    for seen in gate.upstream.seen() {
        assert!(seen.target.starts_with("/open/"), "{seen:?}");
    }
}

#[tokio::test]
async fn own_pages_survive_odd_requests() {
    let gate = TestGate::start().await;
    let mut random = Random(0x5eed_0004);
    for path in [
        "sign-in",
        "sign-out",
        "link/x",
        "link/",
        "verify",
        "mfa",
        "assets/..",
        "assets/x",
        "",
        "x",
    ] {
        for method in ["GET", "POST", "HEAD", "PUT", "DELETE", "FOO"] {
            let body = random.bytes(300);
            let head = format!(
                "{method} /.portcullis/{path} HTTP/1.1\r\nhost: portal.test\r\n\
                 origin: http://portal.test\r\nconnection: close\r\ncontent-length: {}\r\n\
                 content-type: application/x-www-form-urlencoded\r\n\r\n",
                body.len()
            );
            let answer = throw(&gate, [[head.as_bytes(), &body].concat()]).await.remove(0);
            assert!(answer.starts_with("HTTP/1.1 "), "{method} {path}: {answer:?}");
            assert!(!answer.starts_with("HTTP/1.1 5"), "{method} {path}: {answer:?}");
        }
    }
    gate.nothing_arrived("requests for our own pages").await;
}

#[tokio::test]
async fn garbage_to_a_tls_port_is_harmless() {
    let gate = TestGate::builder().tls().start().await;
    let mut random = Random(0x5eed_0005);
    for start in ["", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05", "\x15\x03\x03\x00\x02"] {
        for _ in 0..20 {
            let stream = tokio::net::TcpStream::connect(gate.address).await.unwrap();
            let mut wire = crate::support::wire::Wire(tokio::io::BufReader::new(Box::new(stream)));
            let _ = wire.try_send([start.as_bytes(), &random.bytes(300)].concat()).await;
            wire.finish().await;
            wire.rest().await;
        }
    }
    gate.nothing_arrived("garbage").await;
}
