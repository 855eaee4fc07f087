//! A client that sends each byte of a target and of a header as it is given: libraries correct what
//! is probed here.
//!
//! Each request has a connection of its own, and all of it is bounded in time and bytes. Certificates
//! are verified, and what is wrong with one is reported ([`TlsSeen`]); the request is sent
//! nevertheless, because no request has a secret.

mod answer;
mod endpoint;
mod tls;

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

pub(super) use self::answer::Answer;
pub(super) use self::endpoint::Endpoint;
pub(super) use self::tls::{Refused, Tls, TlsSeen};
use crate::config::UpstreamTls;
use crate::proxy::upstream_tls::UpstreamTlsFiles;

/// The value of `User-Agent` in every request.
pub(super) const USER_AGENT: &str = "portcullis-doctor";
/// The longest time for one request and its response.
const LONGEST: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    method: &'a str,
    target: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

/// Sends requests.
#[derive(Debug)]
pub(super) struct Client {
    tls: Tls,
    longest: Duration,
}

impl<'a> Ask<'a> {
    /// A GET by a script, to which the gateway answers with a problem document.
    pub(super) fn get(target: &'a str) -> Self {
        Self { method: "GET", target, fields: vec![("Accept", "application/json")], body: "" }
    }

    /// A request with another method, and without a body.
    pub(super) fn of(method: &'a str, target: &'a str) -> Self {
        Self { method, ..Self::get(target) }
    }

    /// A GET by a browser that opens a page.
    pub(super) fn page(target: &'a str) -> Self {
        Self { fields: vec![("Accept", "text/html")], ..Self::get(target) }
    }

    /// A POST of a form.
    pub(super) fn form(target: &'a str, body: &'a str) -> Self {
        let fields =
            vec![("Accept", "text/html"), ("Content-Type", "application/x-www-form-urlencoded")];
        Self { method: "POST", target, fields, body }
    }

    /// The same with another field. One named `Host` replaces that of the endpoint.
    pub(super) fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.fields.push((name, value));
        self
    }

    /// The same with these fields.
    pub(super) fn with_all(mut self, fields: &'a [(String, String)]) -> Self {
        self.fields.extend(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self
    }

    /// The same for another target.
    pub(super) fn at<'b>(&'b self, target: &'b str) -> Ask<'b> {
        Ask { method: self.method, target, fields: self.fields.clone(), body: self.body }
    }

    /// The target.
    pub(super) fn target(&self) -> &'a str {
        self.target
    }

    /// The bytes of the request.
    fn bytes(&self, host: &str) -> Vec<u8> {
        let Self { method, target, fields, body } = self;
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        let is = |name: &str, expected: &str| name.eq_ignore_ascii_case(expected);
        if !fields.iter().any(|(name, _)| is(name, "Host")) {
            text.push_str(&format!("Host: {host}\r\n"));
        }
        for (name, value) in fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if *method == "POST" {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str(&format!("User-Agent: {USER_AGENT}\r\nAccept-Encoding: identity\r\n"));
        text.push_str("Connection: close\r\n\r\n");
        text.push_str(body);
        text.into_bytes()
    }
}

impl Client {
    /// A client that trusts the system's authorities.
    pub(super) fn new() -> Self {
        Self { tls: Tls::new(), longest: LONGEST }
    }

    /// A client that connects as the gateway does to its portal. Files that cannot be used are
    /// errors of the check; without them, it is as [`Self::new`].
    pub(super) fn to_portal(settings: &UpstreamTls) -> Self {
        let tls = UpstreamTlsFiles::read(settings).map_or_else(|_| Tls::new(), Tls::of);
        Self { tls, longest: LONGEST }
    }

    /// A client that waits no longer than this for a response.
    pub(super) fn within(longest: Duration) -> Self {
        Self { tls: Tls::new(), longest }
    }

    /// Sends a request and reads the response.
    ///
    /// # Errors
    /// When there is no connection, or what comes is not a response.
    pub(super) fn ask(&self, endpoint: &Endpoint, ask: &Ask<'_>) -> io::Result<Answer> {
        let deadline = Instant::now() + self.longest;
        let mut stream = Timed { stream: connect(endpoint.address(), deadline)?, deadline };
        let request = ask.bytes(endpoint.host());
        if !endpoint.is_https() {
            stream.write_all(&request)?;
            return Answer::read(&mut stream);
        }
        let name = ServerName::try_from(endpoint.name().to_owned()).map_err(io::Error::other)?;
        let (config, verifier) = self.tls.config().map_err(io::Error::other)?;
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        stream.write_all(&request)?;
        stream.flush()?;
        let mut answer = Answer::read(&mut stream)?;
        answer.tls = verifier.seen();
        Ok(answer)
    }

    /// Whether anything accepts a connection at an address.
    #[cfg(test)]
    fn accepts(&self, address: &str) -> bool {
        connect(address, Instant::now() + self.longest).is_ok()
    }
}

/// Connects to the first of the addresses that accepts.
fn connect(address: &str, deadline: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The time that is left until the deadline.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A stream whose reads and writes end at the deadline.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

/// What the system reports when a timeout of a socket has passed.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_and_fields_are_sent_as_they_are() {
        let ask = Ask::get("/a/../b//%2f;x\\y").with("X_User", "a").with("Host", "other");
        let sent = String::from_utf8(ask.bytes("portal.test")).unwrap();
        assert!(sent.starts_with("GET /a/../b//%2f;x\\y HTTP/1.1\r\n"), "{sent}");
        assert!(sent.contains("X_User: a\r\n") && sent.contains("Host: other\r\n"), "{sent}");
        assert!(!sent.contains("portal.test"), "{sent}");
    }

    #[test]
    fn request_for_another_target_is_otherwise_the_same() {
        let ask = Ask::of("PROPFIND", "/a").with("X-User", "a");
        assert_eq!((ask.target(), ask.at("/b?c").target()), ("/a", "/b?c"));
        let [there, here] = [ask.at("/b?c").bytes("h"), ask.bytes("h")];
        let [there, here] = [there, here].map(|sent| String::from_utf8(sent).unwrap());
        assert_eq!(there, here.replace("PROPFIND /a ", "PROPFIND /b?c "));
        assert!(there.contains("X-User: a\r\n") && !there.contains("Content-Length"), "{there}");
    }

    #[test]
    fn form_has_its_length() {
        let sent = String::from_utf8(Ask::form("/a", "_method=GET").bytes("h")).unwrap();
        assert!(sent.starts_with("POST /a HTTP/1.1\r\nHost: h\r\n"), "{sent}");
        assert!(sent.contains("Content-Length: 11\r\n") && sent.ends_with("\r\n\r\n_method=GET"));
    }

    #[test]
    fn server_that_says_nothing_is_not_waited_for() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let client = Client::within(Duration::from_millis(50));
        let error = client
            .ask(
                &Endpoint::portal(&format!("http://{address}").parse().unwrap(), "h").unwrap(),
                &Ask::get("/"),
            )
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        assert!(client.accepts(&address));
        drop(silent);
        assert!(!client.accepts(&address));
    }
}
