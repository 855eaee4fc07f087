//! Sends the request of a case, byte for byte, and reads the answer.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::BufReader;
use tokio::net::{TcpSocket, TcpStream};

use crate::case::{By, Written};
use crate::support::client::{Http2, within};
use crate::support::wire::{Wire, status};
use crate::target::Target;

/// Where the client is: an address of this machine that is not the proxy's.
const CLIENT: [u8; 4] = [127, 0, 9, 9];

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
}

impl Got {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let named = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields.iter().find(named).map(|(_, value)| value.as_str())
    }
}

/// The fields of a request; `sessions` come along.
pub(crate) fn fields(
    written: &Written,
    sessions: &[&str],
    spoofed: Option<&str>,
) -> Vec<(String, String)> {
    let mut lines: Vec<String> = written.fields.clone();
    match written.by {
        Some(By::Page) => lines
            .extend(["accept: text/html,*/*;q=0.8", "sec-fetch-mode: navigate"].map(str::to_owned)),
        Some(By::Script) => {
            lines.extend(["accept: application/json", "sec-fetch-mode: cors"].map(str::to_owned))
        }
        None => {}
    }
    if !sessions.is_empty() {
        let cookies = [&["lang=de"], sessions, &["theme=dark"]].concat();
        match written.cookie_lines {
            true => lines.extend(cookies.iter().map(|cookie| format!("cookie: {cookie}"))),
            false => lines.push(format!("cookie: {}", cookies.join("; "))),
        }
    }
    if written.websocket {
        lines.extend(
            [
                "connection: Upgrade",
                "upgrade: websocket",
                "sec-websocket-version: 13",
                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            ]
            .map(str::to_owned),
        );
    }
    lines.extend(spoofed.map(str::to_owned));
    let split = |line: &String| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_owned(), value.to_owned())
    };
    lines.iter().map(split).collect()
}

/// Sends a request for a page that everyone may see.
pub(crate) async fn get(target: &Target, path: &str, fields: &[(String, String)]) -> Got {
    send(target, &Written::default(), ("GET", path), fields).await
}

/// Sends a request and reads the answer.
pub(crate) async fn send(
    target: &Target,
    written: &Written,
    (method, path): (&str, &str),
    fields: &[(String, String)],
) -> Got {
    let host = written.host.as_deref().unwrap_or(&target.site.host);
    if written.http2 {
        return send_http2(target.address, (method, host, path), fields).await;
    }
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = vec![b'x'; written.body.unwrap_or_default()];
    let mut bytes = match (written.body, written.chunked) {
        (Some(_), true) => head + "transfer-encoding: chunked\r\n\r\n",
        (Some(length), false) => format!("{head}content-length: {length}\r\n\r\n"),
        (None, _) => head + "\r\n",
    }
    .into_bytes();
    if written.chunked {
        for chunk in body.chunks(10_000) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk.iter().chain(b"\r\n"));
        }
        bytes.extend(b"0\r\n\r\n");
    } else {
        bytes.extend(body);
    }
    let mut wire = Wire(BufReader::new(Box::new(connect(target.address).await)));
    // A proxy that refuses does not read all of it.
    let _ = within("sending a request", wire.try_send(bytes)).await;
    let head = wire.head().await;
    Got { status: status(&head), fields: head.fields }
}

async fn send_http2(
    address: SocketAddr,
    (method, host, path): (&str, &str, &str),
    fields: &[(String, String)],
) -> Got {
    let stream = TokioIo::new(connect(address).await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(format!("http://{host}{path}"));
    for (name, value) in fields {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::new())).unwrap();
    let reply = Http2::over(sender).exchange(request).await.unwrap();
    let fields = reply.headers.iter();
    let fields = fields
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    Got { status: reply.status, fields }
}

/// A connection of the client.
async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((CLIENT, 0).into()).unwrap();
    within("a connection", socket.connect(address)).await.unwrap()
}
