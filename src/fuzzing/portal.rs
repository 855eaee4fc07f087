//! A portal that records what arrives, reads it strictly and judges it again.

use std::sync::Arc;

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use portcullis_policy::{Decision, Host, Policy, RequestFacts, RequestTarget, Subject, decide};

/// Prefix of the names of our headers.
const OURS: &str = "portcullis";
/// What every request is answered.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const ANSWER_TO_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
const ANSWER_TO_UPGRADE: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

/// The portal's record.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    policy: Option<Arc<Policy>>,
    /// Who has a session, and its token.
    people: Vec<(Subject, String)>,
    /// The bytes that the client has sent.
    sent: Vec<u8>,
    last_id: String,
    arrived: usize,
    violation: Option<String>,
}

impl Recorder {
    /// Listens, and serves every connection in a task of its own.
    pub(super) async fn listen(self: Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let portal = Arc::clone(&self);
                tokio::spawn(async move {
                    if let Err(violation) = portal.serve(stream).await {
                        portal.state.lock().violation.get_or_insert(violation);
                    }
                });
            }
        });
        address
    }

    pub(super) fn know(&self, policy: Arc<Policy>, people: Vec<(Subject, String)>) {
        let mut state = self.state.lock();
        (state.policy, state.people) = (Some(policy), people);
    }

    /// What the client is about to send.
    pub(super) fn expect(&self, sent: &[u8]) {
        self.state.lock().sent = sent.to_vec();
    }

    pub(super) fn arrived(&self) -> usize {
        self.state.lock().arrived
    }

    /// Panics when anything arrived that may not.
    pub(super) fn check(&self) {
        let state = self.state.lock();
        if let Some(violation) = &state.violation {
            let sent = String::from_utf8_lossy(&state.sent).into_owned();
            panic!("{violation}\nsent: {sent:?}");
        }
    }

    async fn serve(&self, mut stream: TcpStream) -> Result<(), String> {
        let mut read = Vec::new();
        loop {
            let Some(head) = read_head(&mut stream, &mut read).await? else { return Ok(()) };
            self.state.lock().judge(&head)?;
            if !read_body(&mut stream, &mut read, &head).await? {
                return Ok(());
            }
            let upgrade = head.fields.contains_key(header::UPGRADE);
            if upgrade && !read.is_empty() {
                return Err("bytes follow a request to upgrade".to_owned());
            }
            let answer = match head.method {
                _ if upgrade => ANSWER_TO_UPGRADE,
                Method::HEAD => ANSWER_TO_HEAD,
                _ => ANSWER,
            };
            if stream.write_all(answer).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// The head of a request.
#[derive(Debug)]
struct Head {
    method: Method,
    target: String,
    fields: HeaderMap,
}

impl State {
    /// Whether the request was allowed to whom it says it is from.
    fn judge(&mut self, head: &Head) -> Result<(), String> {
        self.arrived += 1;
        let Head { method, target, fields } = head;
        for (name, value) in fields {
            check_field(name, value)?;
        }
        let id = one(fields, "portcullis-request-id")?.unwrap_or_default();
        if id <= self.last_id.as_str() || id.len() < 20 {
            return Err(format!("the request id {id:?} follows {:?}", self.last_id));
        }
        self.last_id = id.to_owned();
        for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "host"] {
            if fields.get_all(name).iter().count() != 1 {
                return Err(format!("there is not exactly one {name}"));
            }
        }
        let host = one(fields, "host")?.unwrap_or_default();
        let host = Host::parse(host).map_err(|error| format!("{host:?}: {error}"))?;
        if !["portal.example", "other.example"].contains(&host.name()) {
            return Err(format!("`{host}` is not served"));
        }
        let parsed = RequestTarget::parse(target).map_err(|e| format!("{target:?}: {e}"))?;
        if parsed.as_str() != target {
            return Err(format!("{target:?} is not canonical"));
        }
        let policy = self.policy.as_deref().ok_or("nothing is served yet")?;
        let person = self.person(fields)?;
        let facts = RequestFacts {
            websocket: fields.contains_key(header::UPGRADE),
            ..RequestFacts::new(host.name(), method, &parsed)
        };
        let decision = decide(policy, person, &facts, crate::clock::now());
        let Decision::Allow(permit) = &decision else {
            return Err(format!("{method} {target} of {person:?}: {decision:?}"));
        };
        let granted: Vec<_> = policy.catalogue().ids(permit.granted()).collect();
        if one(fields, "portcullis-granted")?.unwrap_or_default() != granted.join(",") {
            return Err(format!("granted to {person:?} is {granted:?}"));
        }
        Ok(())
    }

    /// The one whom the identity headers name; their session's token must have been sent.
    fn person(&self, fields: &HeaderMap) -> Result<Option<&Subject>, String> {
        let of = |name: &str| one(fields, &format!("{OURS}-{name}"));
        let named = [of("organization")?, of("group")?, of("user")?, of("session-kind")?];
        if named == [None; 4] {
            return match of("granted")? {
                None => Ok(None),
                Some(granted) => Err(format!("{granted:?} is granted without a session")),
            };
        }
        let known = self.people.iter().find(|(subject, _)| {
            let Subject { organization, group, login, kind, .. } = subject;
            named == [Some(&**organization), Some(&**group), login.as_deref(), Some(kind.name())]
        });
        let (subject, token) = known.ok_or_else(|| format!("there is no {named:?}"))?;
        let sent = self.sent.windows(token.len()).any(|bytes| bytes == token.as_bytes());
        if sent { Ok(Some(subject)) } else { Err(format!("the token of {named:?} was not sent")) }
    }
}

/// The value of a field that may be there once.
fn one<'f>(fields: &'f HeaderMap, name: &str) -> Result<Option<&'f str>, String> {
    let mut lines = fields.get_all(name).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(format!("there are several {name}"));
    }
    line.map(|line| line.to_str().map_err(|_| format!("{name} is not text"))).transpose()
}

fn check_field(name: &HeaderName, value: &HeaderValue) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{name}: {value:?}: {why}"));
    let folded: String = name.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
    let ours = ["user", "organization", "end-user", "group", "granted", "session-kind"];
    let ours = ours.iter().chain(&["request-id"]).any(|n| name.as_str() == format!("{OURS}-{n}"));
    if folded.starts_with(OURS) && !ours {
        return wrong("it looks like one of our headers");
    }
    if !name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return wrong("application servers make another name of it");
    }
    match name.as_str() {
        "keep-alive" | "te" | "trailer" | "proxy-authorization" | "proxy-connection" | "expect" => {
            wrong("it is for one connection")
        }
        "x-original-url" | "x-rewrite-url" | "x-http-method-override" | "forwarded" => {
            wrong("only a gateway may send it")
        }
        "connection" if value != "upgrade" && value != "close" => wrong("it is for one connection"),
        "upgrade" if value != "websocket" => wrong("it is for one connection"),
        "cookie" => {
            let named = |pair: &[u8]| {
                let pair = pair.trim_ascii();
                let pair = pair.strip_prefix(b"__Host-").unwrap_or(pair);
                pair.starts_with(b"portcullis=") || pair.starts_with(b"portcullis-")
            };
            let ours = value.as_bytes().split(|byte| *byte == b';').any(named);
            if ours { wrong("it holds one of our cookies") } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// Reads a head, every byte of which must be as RFC 9112 has it; nothing when the connection ends
/// before it is whole.
async fn read_head(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<Option<Head>, String> {
    let end = loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(read).await.unwrap_or(0) == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = read.drain(..end + 4).collect();
    let wrong = |why: &str| format!("{why}: {:?}", String::from_utf8_lossy(&head));
    let mut lines = head[..end].split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let plain = !line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
        if plain { Ok(line) } else { Err(wrong("a control character")) }
    });
    if head.split(|byte| *byte == b'\n').any(|l| !l.is_empty() && !l.ends_with(b"\r")) {
        return Err(wrong("a line ends without CR"));
    }
    let line = lines.next().ok_or_else(|| wrong("no request line"))??;
    let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
    let [method, target, b"HTTP/1.1"] = words.as_slice() else {
        return Err(wrong("not a request line"));
    };
    let method = Method::from_bytes(method).map_err(|_| wrong("not a method"))?;
    let target = std::str::from_utf8(target).map_err(|_| wrong("not a target"))?.to_owned();
    let mut fields = HeaderMap::new();
    for line in lines {
        let line = line?;
        let colon = line.windows(2).position(|bytes| bytes == b": ");
        let colon = colon.ok_or_else(|| wrong("a line without a colon"))?;
        let name = &line[..colon];
        if name.iter().any(u8::is_ascii_uppercase) {
            return Err(wrong("a name with capitals"));
        }
        let name = HeaderName::from_bytes(name).map_err(|_| wrong("not a name"))?;
        let value = HeaderValue::from_bytes(&line[colon + 2..]).map_err(|_| wrong("a value"))?;
        fields.append(name, value);
    }
    Ok(Some(Head { method, target, fields }))
}

/// Reads a body to its end; `false` when the connection ends before.
async fn read_body(
    stream: &mut TcpStream,
    read: &mut Vec<u8>,
    head: &Head,
) -> Result<bool, String> {
    let length = one(&head.fields, "content-length")?;
    let coding = one(&head.fields, "transfer-encoding")?;
    match (length, coding) {
        (None, None) => Ok(true),
        (Some(length), None) => {
            let digits = length.bytes().all(|byte| byte.is_ascii_digit());
            let length = length.parse().ok().filter(|_| digits);
            let length = length.ok_or("the length is not a number")?;
            Ok(take(stream, read, length).await.is_some())
        }
        (None, Some("chunked")) => read_chunks(stream, read).await,
        (_, _) => Err(format!("the body is framed by {length:?} and {coding:?}")),
    }
}

async fn read_chunks(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<bool, String> {
    loop {
        let Some(line) = take_line(stream, read).await? else { return Ok(false) };
        let digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(&line, 16).ok().filter(|_| digits);
        let size = size.ok_or_else(|| format!("{line:?} is not the size of a chunk"))?;
        if size == 0 {
            break;
        }
        let Some(chunk) = take(stream, read, size + 2).await else { return Ok(false) };
        if !chunk.ends_with(b"\r\n") {
            return Err("a chunk does not end with a line".to_owned());
        }
    }
    loop {
        let Some(line) = take_line(stream, read).await? else { return Ok(false) };
        if line.is_empty() {
            return Ok(true);
        }
        let (name, value) = line.split_once(": ").ok_or_else(|| format!("trailer {line:?}"))?;
        let name = HeaderName::try_from(name).map_err(|_| format!("trailer {line:?}"))?;
        let value = HeaderValue::try_from(value).map_err(|_| format!("trailer {line:?}"))?;
        check_field(&name, &value)?;
        if name.as_str().starts_with(OURS) || head_only(&name) {
            return Err(format!("the trailer {line:?}"));
        }
    }
}

fn head_only(name: &HeaderName) -> bool {
    [header::HOST, header::COOKIE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(name)
}

/// So many bytes; nothing when the connection ends before.
async fn take(stream: &mut TcpStream, read: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    while read.len() < length {
        if stream.read_buf(read).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(read.drain(..length).collect())
}

async fn take_line(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<Option<String>, String> {
    loop {
        if let Some(end) = read.windows(2).position(|bytes| bytes == b"\r\n") {
            let line: Vec<u8> = read.drain(..end + 2).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            let plain = !line.contains(|c: char| c.is_ascii_control() && c != '\t');
            return if plain { Ok(Some(line)) } else { Err(format!("the line {line:?}")) };
        }
        if stream.read_buf(read).await.unwrap_or(0) == 0 {
            return Ok(None);
        }
    }
}
