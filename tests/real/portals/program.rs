//! A program that was not written for these tests, behind a gateway with its policy. Both are
//! started as an operator starts them: the program by its script in `scripts/`, the gateway with the
//! policy folder of the same name in `policies/examples/`.
//!
//! A [`Person`] sends each request twice, through the gateway and directly to the program, and the
//! answers must be equal. [`Program::only_allowed_requests_arrived`] compares the program's access
//! log with the gateway's decision records.

use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::Method;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::process::Process;
use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, encoded};
use crate::support::client::{Reply, within};
use crate::support::gate::{HOST, TestGate};
use crate::support::wire::{Io, Wire, status};

/// The request id of requests that are sent directly to the program.
const DIRECT: &str = "direct";

/// Fields that belong to one connection, and the clock.
const NOT_COMPARED: [&str; 7] =
    ["connection", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Text that differs in each answer: what follows the first string, up to one of the characters of
/// the second.
pub(super) type Mask = (&'static str, &'static str);

/// What a program needs in the tests.
pub(super) struct Setup {
    /// The name of its script and of its policy folder.
    pub(super) name: &'static str,
    /// Settings of the gateway, as the comment in the policy's `routes.toml` lists them.
    pub(super) settings: &'static [(&'static str, &'static str)],
    /// A page that answers 200 once the program serves.
    pub(super) ready: &'static str,
    pub(super) masks: &'static [Mask],
    /// Fields that these settings add to the requests of a session.
    pub(super) fields: &'static [(&'static str, &'static str)],
}

/// A program behind a gateway.
pub(super) struct Program {
    pub(super) gate: TestGate,
    pub(super) organization: String,
    process: Process,
    setup: &'static Setup,
}

/// A person at the gateway, and the same person at the program itself.
pub(super) struct Person {
    /// The browser that uses the gateway.
    pub(super) browser: Browser,
    direct: Browser,
    identity: Vec<(&'static str, String)>,
    masks: &'static [Mask],
}

/// A file of a form.
pub(super) struct Upload<'a> {
    pub(super) field: &'a str,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) bytes: &'a [u8],
}

/// A WebSocket through the gateway, and one to the program itself.
pub(super) struct Sockets {
    gate: WebSocketStream<Box<dyn Io>>,
    direct: WebSocketStream<Box<dyn Io>>,
}

impl Program {
    pub(super) async fn start(setup: &'static Setup) -> Self {
        Self::start_with(setup, |builder| builder).await
    }

    /// The gateway ends TLS, as Chromium needs.
    pub(super) async fn start_tls(setup: &'static Setup) -> Self {
        Self::start_with(setup, crate::support::gate::Builder::tls).await
    }

    async fn start_with(
        setup: &'static Setup,
        change: impl FnOnce(crate::support::gate::Builder) -> crate::support::gate::Builder,
    ) -> Self {
        let mut process = Process::start_script(setup.name);
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let policy = project.join("policies/examples").join(setup.name);
        let mut builder = change(TestGate::builder())
            .setting("upstream.servers", &format!("[\"http://{}\"]", process.address))
            .setting("policy.directory", &format!("{:?}", policy.to_str().unwrap()));
        for (key, value) in setup.settings {
            builder = builder.setting(key, value);
        }
        let gate = builder.start().await;
        let organization = gate.admin.organization("Acme").await;
        let fields = [("portcullis-request-id", DIRECT), ("portcullis-user", "starter")];
        process.serves(setup.ready, &fields).await;
        Self { gate, organization, process, setup }
    }

    /// Signs in a new portal user of the group.
    pub(super) async fn person(&self, login: &str, group: &str) -> Person {
        self.gate.admin.user(&self.organization, login, group).await;
        let mut person = self.visitor();
        assert_eq!(person.browser.sign_in(login, PASSWORD).await.status, 303, "{login}");
        person.identity.extend([
            ("portcullis-user", login.to_owned()),
            ("portcullis-organization", self.organization.clone()),
            ("portcullis-group", group.to_owned()),
            ("portcullis-session-kind", "user".to_owned()),
        ]);
        let fields = self.setup.fields.iter();
        person.identity.extend(fields.map(|(name, value)| (*name, (*value).to_owned())));
        if login.contains('@') {
            person.identity.push(("portcullis-email", login.to_owned()));
        }
        person
    }

    /// A token for a program, of a new portal user of the group.
    pub(super) async fn token(&self, login: &str, group: &str) -> String {
        let user = self.gate.admin.user(&self.organization, login, group).await;
        let path = format!("/api/v1/users/{user}/tokens");
        let name = serde_json::json!({ "name": "A program" });
        let token = self.gate.admin.post(&path, name).await.ok();
        token["token"].as_str().unwrap().to_owned()
    }

    /// A person who has not signed in.
    pub(super) fn visitor(&self) -> Person {
        let identity = vec![
            ("portcullis-request-id", DIRECT.to_owned()),
            ("x-forwarded-for", "127.0.0.1".to_owned()),
            ("x-forwarded-proto", "http".to_owned()),
            ("x-forwarded-host", HOST.to_owned()),
        ];
        let direct = Browser::new(self.process.address, HOST);
        Person { browser: Browser::at(&self.gate), direct, identity, masks: self.setup.masks }
    }

    /// Opens a WebSocket twice; the status if the gateway refuses it.
    pub(super) async fn sockets(&self, person: &Person, target: &str) -> Result<Sockets, u16> {
        let origin = self.gate.origin();
        let cookies = |browser: &Browser| {
            let cookies = browser.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            format!("cookie: {}\r\n", cookies.collect::<Vec<_>>().join("; "))
        };
        let gate =
            open_socket(self.gate.wire().await, target, origin, &cookies(&person.browser)).await?;
        let stream: Box<dyn Io> = Box::new(TcpStream::connect(self.process.address).await.unwrap());
        let mut fields = cookies(&person.direct);
        for (name, value) in &person.identity {
            fields.push_str(&format!("{name}: {value}\r\n"));
        }
        let direct = open_socket(Wire(BufReader::new(stream)), target, origin, &fields).await;
        let direct = direct.expect("the program accepts what the gateway lets pass");
        Ok(Sockets { gate, direct })
    }

    /// Compares the program's access log with the decision records: each request in it was allowed,
    /// and none that was not allowed is in it. `page` is one that an administrator may open.
    pub(super) async fn only_allowed_requests_arrived(&self, page: &str) {
        // A denied request that was forwarded would be in the log before this one.
        self.gate.admin.user(&self.organization, "sentinel", "admin").await;
        let cookie = self.gate.sign_in("sentinel", PASSWORD).await;
        let query = format!("{page}?sentinel");
        let reply = self.gate.get(&query).by_browser().cookie(&cookie).send().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        within("the last line of the access log", async {
            let mut tries = tokio::time::interval(Duration::from_millis(50));
            while !self.access_log().iter().any(|(_, _, target)| *target == query) {
                tries.tick().await;
            }
        })
        .await;
        let mut arrived = 0;
        for (id, method, target) in self.access_log() {
            if id != DIRECT {
                let record = self.gate.recorded("request", &id).await;
                assert_eq!(record["decision"], "allow", "{method} {target} arrived: {record}");
                arrived += 1;
            }
        }
        assert!(arrived > 1, "requests through the gateway are in the log");
    }

    /// Targets of the requests with sessions that the gateway has refused.
    pub(super) fn refused(&self) -> Vec<String> {
        let records = self.gate.records();
        let records = records.lines().map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record
        });
        let refused =
            records.filter(|record| record["session"].is_string() && record["decision"] != "allow");
        refused.map(|record| record["path"].to_string()).collect()
    }

    /// Request id, method and target of each request that the program has answered.
    fn access_log(&self) -> Vec<(String, String, String)> {
        let log = std::fs::read_to_string(self.process.file("access.log")).unwrap();
        let line = |line: &str| {
            let mut parts = line.splitn(3, ' ').map(str::to_owned);
            Some((parts.next()?, parts.next()?, parts.next()?))
        };
        log.lines().filter_map(line).collect()
    }
}

impl Person {
    /// Opens a page.
    pub(super) async fn get(&mut self, target: &str) -> Reply {
        let page = [("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate")];
        self.send(Method::GET, target, &page, |_| Vec::new()).await
    }

    /// Asks as a page's script does.
    pub(super) async fn fetch(&mut self, target: &str) -> Reply {
        let script = [("accept", "application/json"), ("sec-fetch-mode", "cors")];
        self.send(Method::GET, target, &script, |_| Vec::new()).await
    }

    /// Opens a page that must be there.
    pub(super) async fn reads(&mut self, target: &str, text: &str) -> Reply {
        let reply = self.get(target).await;
        assert_eq!(reply.status, 200, "{target}: {reply:?}");
        assert!(reply.text().contains(text), "no {text:?} in {target}: {}", reply.text());
        reply
    }

    /// Sends a form from a page of this host.
    pub(super) async fn submit(&mut self, target: &str, fields: &[(&str, &str)]) -> Reply {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
            ("origin", &format!("http://{HOST}")),
        ];
        let form = |browser: &Browser| {
            let pairs = all_fields(browser, fields)
                .into_iter()
                .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
            pairs.collect::<Vec<_>>().join("&").into_bytes()
        };
        self.send(Method::POST, target, &headers, form).await
    }

    /// Sends a form with a file.
    pub(super) async fn upload(
        &mut self,
        target: &str,
        fields: &[(&str, &str)],
        file: &Upload<'_>,
    ) -> Reply {
        let headers = [
            ("content-type", "multipart/form-data; boundary=x"),
            ("accept", "text/html"),
            ("origin", &format!("http://{HOST}")),
        ];
        self.send(Method::POST, target, &headers, |browser| {
            let mut body = Vec::new();
            for (name, value) in all_fields(browser, fields) {
                let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"");
                body.extend(format!("{head}\r\n\r\n{value}\r\n").as_bytes());
            }
            let Upload { field, name, kind, bytes } = file;
            let head = format!(
                "--x\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
                 Content-Type: {kind}\r\n\r\n"
            );
            body.extend(head.as_bytes());
            body.extend(*bytes);
            body.extend(b"\r\n--x--\r\n");
            body
        })
        .await
    }

    /// Sends a request through the gateway and directly; the answers must be equal. The body may
    /// depend on the cookies of the browser that sends it.
    pub(super) async fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Fn(&Browser) -> Vec<u8>,
    ) -> Reply {
        let identity: Vec<(&str, String)> = self.identity.clone();
        let identity = identity.iter().map(|(name, value)| (*name, value.as_str()));
        let direct_headers: Vec<(&str, &str)> = headers.iter().copied().chain(identity).collect();
        // A page may say how many seconds ago something happened.
        let mut tries = if method == Method::GET { 3 } else { 1 };
        loop {
            let bytes = body(&self.browser);
            let reply = self.browser.send(method.clone(), target, headers, bytes).await;
            let bytes = body(&self.direct);
            let direct = self.direct.send(method.clone(), target, &direct_headers, bytes).await;
            tries -= 1;
            match self.difference(&reply, &direct) {
                Some(difference) => assert!(tries > 0, "{method} {target}: {difference}"),
                None => return reply,
            }
        }
    }

    /// How two answers differ, if they do.
    fn difference(&self, reply: &Reply, direct: &Reply) -> Option<String> {
        let (one, other) = (self.fields(reply), self.fields(direct));
        if (reply.status, &one) != (direct.status, &other) {
            return Some(format!("{} {one:?}, directly {} {other:?}", reply.status, direct.status));
        }
        let (Ok(one), Ok(other)) =
            (std::str::from_utf8(&reply.body), std::str::from_utf8(&direct.body))
        else {
            return (reply.body != direct.body).then(|| "in bytes of the body".to_owned());
        };
        let (one, other) = (self.masked(one), self.masked(other));
        (one != other).then(|| {
            let mut lines = one.lines().zip(other.lines());
            format!("in the body: {:?}", lines.find(|(one, other)| one != other))
        })
    }

    /// Sends a request that the gateway refuses with this status and problem.
    pub(super) async fn refused(
        &mut self,
        method: Method,
        target: &str,
        status: u16,
        problem: &str,
    ) {
        let script = [
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("origin", &format!("http://{HOST}")),
        ];
        let body = if method == Method::GET { "" } else { "{}" };
        let reply = self.browser.send(method.clone(), target, &script, body).await;
        assert_eq!(reply.status, status, "{method} {target}: {reply:?}");
        assert_eq!(reply.reason(), problem, "{method} {target}");
    }

    /// The fields of an answer that must be equal, sorted by name.
    fn fields(&self, reply: &Reply) -> Vec<(String, String)> {
        let fields = reply.headers.iter();
        // The length of what follows is not compared, as the text may differ where it is masked. Nor
        // is a length of 0 in a 304, which the gateway leaves out.
        let length = reply.body.len().to_string();
        let fields = fields.filter(|(name, value)| {
            *name != "content-length"
                || reply.status != 304 && value.as_bytes() != length.as_bytes()
        });
        let fields = fields.filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()));
        let mut fields: Vec<(String, String)> = fields
            .map(|(name, value)| {
                (name.to_string(), self.masked(&String::from_utf8_lossy(value.as_bytes())))
            })
            .collect();
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        fields
    }

    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (start, ends) in self.masks {
            let mut parts = text.split(start);
            let mut masked = parts.next().unwrap().to_owned();
            for part in parts {
                let end = part.find(|c| ends.contains(c)).unwrap_or(part.len());
                masked.push_str(start);
                masked.push('*');
                masked.push_str(&part[end..]);
            }
            text = masked;
        }
        text
    }
}

/// The fields of a form, with the token that Django compares with its cookie.
fn all_fields<'a>(browser: &'a Browser, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let token = browser.cookies.get("csrftoken");
    let token = token.map(|token| ("csrfmiddlewaretoken", token.as_str()));
    fields.iter().copied().chain(token).collect()
}

impl Sockets {
    /// Sends a message on both.
    pub(super) async fn send(&mut self, text: &str) {
        self.gate.send(Message::text(text)).await.unwrap();
        self.direct.send(Message::text(text)).await.unwrap();
    }

    /// Waits for a message with this text on both; they must be equal.
    pub(super) async fn receive(&mut self, text: &str) -> String {
        let gate = next_with(&mut self.gate, text).await;
        assert_eq!(gate, next_with(&mut self.direct, text).await);
        gate
    }

    /// Waits until the gateway has closed its one.
    pub(super) async fn closed(&mut self) {
        let end = async {
            while let Some(Ok(message)) = self.gate.next().await {
                if message.is_close() {
                    return;
                }
            }
        };
        within("the end of the WebSocket", end).await;
    }
}

async fn next_with(socket: &mut WebSocketStream<Box<dyn Io>>, text: &str) -> String {
    within(text, async {
        loop {
            let message = socket.next().await.unwrap().unwrap();
            if let Message::Text(message) = message
                && message.contains(text)
            {
                return message.to_string();
            }
        }
    })
    .await
}

async fn open_socket(
    mut wire: Wire,
    target: &str,
    origin: &str,
    fields: &str,
) -> Result<WebSocketStream<Box<dyn Io>>, u16> {
    let key = generate_key();
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: {HOST}\r\norigin: {origin}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n{fields}\r\n"
    );
    wire.send(request).await;
    let head = wire.head().await;
    if status(&head) != 101 {
        return Err(status(&head));
    }
    assert!(wire.0.buffer().is_empty());
    Ok(WebSocketStream::from_raw_socket(wire.0.into_inner(), Role::Client, None).await)
}

/// A script that sends a text over a WebSocket, and returns the answer, or `closed`.
pub(super) fn echo(target: &str, text: &str) -> String {
    format!(
        "return new Promise(resolve => {{ const socket = new WebSocket('{target}'); \
         socket.onopen = () => socket.send('{text}'); \
         socket.onmessage = message => resolve(message.data); \
         socket.onclose = () => resolve('closed'); }})"
    )
}
