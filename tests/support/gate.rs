//! The gateway under test: the real program, started as an operator starts it, in a folder of its
//! own, before a portal of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::admin::Admin;
use crate::support::client::{Cookie, Reply, within};
use crate::support::upstream::{Seen, Upstream};
use crate::support::wire::{Io, Wire, WireReply};

/// The name under which the gateway is reached.
pub(crate) const HOST: &str = "portal.test";

/// The routes of a customer portal, for tests of its pages and links.
pub(crate) const CUSTOMER_ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Home"
path = "/"
require = "portal.access"

[[route]]
name = "Reports"
path = "/reports/{*rest}"
require = "portal.access"

[[route]]
name = "Invoices"
path = "/invoices/{*rest}"
require = "invoices.view"
"#;

/// The routes of the tests' portal, unless a test sets others.
const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Open, but only to be read"
methods = ["GET"]
path = "/read-only"
access = "public"

[[route]]
name = "Open, but not this"
path = "/open/denied"
access = "deny"

[[route]]
name = "Open, with a WebSocket"
methods = ["GET"]
path = "/open/socket"
access = "public"
websocket = true

[[route]]
name = "Whoever is signed in"
path = "/mine/{*rest}"
access = "signed-in"

[[route]]
name = "Invoices"
path = "/closed/{*rest}"
require = "invoices.view"

[[route]]
name = "Chat"
methods = ["GET"]
path = "/closed/socket"
require = "chat.start"
websocket = true
"#;

/// A gateway and its portal. When dropped, the program is stopped, and what must hold in every
/// test is checked.
#[derive(Debug)]
pub(crate) struct TestGate {
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    /// Where proxies ask over gRPC, if `forward_auth.grpc_listen` is set.
    pub(crate) grpc_address: Option<SocketAddr>,
    pub(crate) admin: Admin,
    pub(crate) upstream: Upstream,
    process: Process,
    certificate: Option<CertificateDer<'static>>,
    origin: String,
    /// Session tokens that were given out: they must not be in any log.
    tokens: Mutex<Vec<String>>,
    folder: TempDir,
}

/// How a gateway shall be.
#[derive(Debug)]
pub(crate) struct Builder {
    routes: String,
    settings: BTreeMap<String, String>,
    tls: bool,
}

/// The running program and what it has said.
#[derive(Debug)]
struct Process {
    id: Pid,
    said: Arc<Said>,
    exited: watch::Receiver<Option<ExitStatus>>,
    reaped: Mutex<mpsc::Receiver<()>>,
}

#[derive(Debug, Default)]
struct Said {
    stdout: Mutex<String>,
    stderr: Mutex<String>,
    lines: watch::Sender<usize>,
}

impl Builder {
    /// The routes of the policy, instead of the usual ones. The catalogue and the groups are those
    /// that ship.
    pub(crate) fn policy(mut self, routes: &str) -> Self {
        routes.clone_into(&mut self.routes);
        self
    }

    /// A setting by its dotted key, with its value as it is written in TOML.
    pub(crate) fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// TLS ends at the gateway, and browsers come by https.
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self.setting("server.public_url", &format!("\"https://{HOST}\""))
            .setting("server.tls.certificate", "\"cert.pem\"")
            .setting("server.tls.key", "\"key.pem\"")
    }

    /// Starts the program and waits until it serves.
    pub(crate) async fn start(mut self) -> TestGate {
        let folder = tempfile::tempdir().unwrap();
        let upstream = Upstream::start().await;
        let server = format!("[\"http://{}\"]", upstream.address);
        self.settings.entry("upstream.servers".to_owned()).or_insert(server);
        let certificate = self.tls.then(|| certify(folder.path()));
        self.write_files(folder.path());
        let process = Process::start(folder.path());
        let (address, admin_address, grpc_address) = process.addresses().await;
        let origin = self.settings["server.public_url"].trim_matches('"').to_owned();
        let gate = TestGate {
            address,
            admin_address,
            grpc_address,
            admin: Admin { socket: folder.path().join("data/admin.sock") },
            upstream,
            process,
            certificate,
            origin,
            tokens: Mutex::default(),
            folder,
        };
        gate.ready().await;
        gate
    }

    fn write_files(&self, folder: &Path) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let policies = folder.join("policies");
        std::fs::create_dir(&policies).unwrap();
        for file in ["permissions.toml", "groups.toml"] {
            std::fs::copy(shipped.join(file), policies.join(file)).unwrap();
        }
        std::fs::write(policies.join("routes.toml"), &self.routes).unwrap();
        let mut settings = String::new();
        for (key, value) in &self.settings {
            writeln!(settings, "{key} = {value}").unwrap();
        }
        std::fs::write(folder.join("portcullis.toml"), settings).unwrap();
    }
}

impl TestGate {
    /// A gateway with the usual routes, on ports of its own, quick to hash and quick to stop.
    pub(crate) fn builder() -> Builder {
        let builder = Builder { routes: ROUTES.to_owned(), settings: BTreeMap::new(), tls: false };
        builder
            .setting("server.listen", r#"["127.0.0.1:0"]"#)
            .setting("server.public_url", &format!("\"http://{HOST}\""))
            .setting("server.shutdown_grace", "\"200ms\"")
            .setting("admin.listen", "\"127.0.0.1:0\"")
            .setting("hashing.memory_kib", "7168")
            .setting("hashing.passes", "1")
    }

    /// A gateway with nothing special.
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// The host that requests must name.
    pub(crate) fn host(&self) -> &str {
        HOST
    }

    /// The origin of its pages.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.certificate.is_some()
    }

    /// A connection; over TLS with these protocols offered.
    pub(crate) async fn stream(&self, protocols: &[&[u8]]) -> Box<dyn Io> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        self.secured(stream, protocols).await
    }

    /// A connection over this one, which is open already.
    pub(crate) async fn secured(
        &self,
        stream: impl Io + 'static,
        protocols: &[&[u8]],
    ) -> Box<dyn Io> {
        let Some(certificate) = &self.certificate else { return Box::new(stream) };
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(HOST).unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = within("a TLS handshake", connecting).await.unwrap();
        let chosen = stream.get_ref().1.alpn_protocol();
        assert_eq!(chosen, protocols.first().copied(), "the protocol that was offered is chosen");
        Box::new(stream)
    }

    /// A connection to be spoken over in bytes.
    pub(crate) async fn wire(&self) -> Wire {
        Wire(tokio::io::BufReader::new(self.stream(&[]).await))
    }

    /// Waits until a new connection is served: the gateway notices the end of another one a moment
    /// later.
    pub(crate) async fn accepts_a_connection(&self) {
        within("a free connection", async {
            loop {
                let mut wire = self.wire().await;
                let _ = wire.try_send("GET /open/a HTTP/1.1\r\nhost: portal.test\r\n\r\n").await;
                if let Ok(Some(head)) = super::http1::head(&mut wire.0).await {
                    assert_eq!(super::wire::status(&head), 200);
                    return;
                }
            }
        })
        .await;
    }

    /// Sends bytes over a new connection and returns the first bytes received.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> WireReply {
        let mut wire = self.wire().await;
        wire.send(bytes).await;
        wire.reply().await
    }

    /// Proves that no request since the last look has reached the portal: one that may is sent
    /// after it, and is alone there.
    pub(crate) async fn nothing_arrived(&self, what: &str) {
        let reply = self.get("/open/sentinel").send().await;
        assert_eq!(reply.status, 200, "after {what}: {reply:?}");
        let seen: Vec<String> =
            self.upstream.seen().iter().map(|seen| seen.head.first.clone()).collect();
        assert_eq!(seen, ["GET /open/sentinel HTTP/1.1"], "{what} reached the portal");
        self.upstream.forget();
    }

    /// What the portal was sent by the last request, which must be the only one.
    pub(crate) fn arrived(&self) -> Arc<Seen> {
        self.upstream.take_one()
    }

    /// Signs in by the form, as a browser does.
    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> Cookie {
        let reply = self.try_sign_in(login, password).await;
        assert_eq!(reply.status, 303, "{login} does not get in: {reply:?}");
        let mut cookies = cookies_of(&reply);
        cookies.retain(|cookie| cookie.contains("portcullis=") && !cookie.ends_with('='));
        assert_eq!(cookies.len(), 1, "one session cookie: {:?}", reply.headers);
        let cookie = cookies.remove(0);
        let (_, token) = cookie.split_once('=').unwrap();
        self.tokens.lock().push(token.to_owned());
        Cookie(cookie)
    }

    /// Requires that this token is in no log at the end of the test.
    pub(crate) fn is_secret(&self, token: &str) {
        self.tokens.lock().push(token.to_owned());
    }

    /// Fills in the form, submits it and returns the response.
    pub(crate) async fn try_sign_in(&self, login: &str, password: &str) -> Reply {
        self.send_sign_in((login, password), &[]).await
    }

    /// Tries a wrong password, forwarded by a proxy for this address.
    pub(crate) async fn try_sign_in_from(&self, login: &str, address: &[u8]) -> Reply {
        self.send_sign_in((login, "wrong"), &[("x-forwarded-for", address)]).await
    }

    /// The form, filled in and sent with these headers.
    pub(crate) async fn send_sign_in(
        &self,
        (login, password): (&str, &str),
        headers: &[(&str, &[u8])],
    ) -> Reply {
        let page = self.get("/.portcullis/sign-in").by_browser().send().await;
        assert_eq!(page.status, 200, "the sign-in page: {page:?}");
        let mut fields = hidden_fields(page.text());
        fields.push(("login".to_owned(), login.to_owned()));
        fields.push(("password".to_owned(), password.to_owned()));
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mut call = self
            .call(Method::POST, "/.portcullis/sign-in")
            .by_browser()
            .header("origin", self.origin())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookies_of(&page).join("; "));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.body(form.join("&")).send().await
    }

    /// Signs out by the form, as a browser does.
    pub(crate) async fn sign_out(&self, cookie: &Cookie) -> Reply {
        let page = self.get("/.portcullis/sign-out").by_browser().cookie(cookie).send().await;
        let fields = hidden_fields(page.text());
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.call(Method::POST, "/.portcullis/sign-out")
            .by_browser()
            .header("origin", self.origin())
            .header("content-type", "application/x-www-form-urlencoded")
            .cookie(cookie)
            .body(form.join("&"))
            .send()
            .await
    }

    /// The decision records so far.
    pub(crate) fn records(&self) -> String {
        self.process.said.stdout.lock().clone()
    }

    /// Tells the program to stop, as the system does.
    pub(crate) fn terminate(&self) {
        kill_process(self.process.id, Signal::TERM).unwrap();
    }

    /// Tells the program to read its files again.
    pub(crate) fn hang_up(&self) {
        kill_process(self.process.id, Signal::HUP).unwrap();
    }

    /// Halts the program where it is, as if the machine were too busy to run it.
    pub(crate) async fn pause(&self) {
        kill_process(self.process.id, Signal::STOP).unwrap();
        let threads = format!("/proc/{}/task", self.process.id.as_raw_nonzero());
        let is_halted = |thread: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
        };
        within("the program halts", async {
            while !std::fs::read_dir(&threads).unwrap().all(is_halted) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        kill_process(self.process.id, Signal::CONT).unwrap();
    }

    /// Waits until the program has ended.
    pub(crate) async fn exited(&self) -> ExitStatus {
        let mut exited = self.process.exited.clone();
        let exited = within("the end of the program", exited.wait_for(Option::is_some)).await;
        exited.unwrap().unwrap()
    }

    /// A file in the folder that the program runs in.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The program's log so far.
    pub(crate) fn log(&self) -> String {
        self.process.said.stderr.lock().clone()
    }

    /// Where it redirects to https, as its log says.
    pub(crate) async fn redirect_address(&self) -> SocketAddr {
        self.logged("redirecting to https").await;
        let log = self.log();
        let line = log.lines().find(|line| line.contains("redirecting to https")).unwrap();
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = event["redirect"].as_str().unwrap();
        text.strip_prefix('[').unwrap().strip_suffix(']').unwrap().parse().unwrap()
    }

    /// Waits until the program's log holds a text.
    pub(crate) async fn logged(&self, text: &str) {
        self.logged_times(text, 1).await;
    }

    /// Waits until the program's log contains a text this many times.
    pub(crate) async fn logged_times(&self, text: &str, times: usize) {
        let mut lines = self.process.said.lines.subscribe();
        let found =
            lines.wait_for(|_| self.process.said.stderr.lock().matches(text).count() >= times);
        within(text, found).await.unwrap();
    }

    /// Waits for the decision record of a path and returns it.
    pub(crate) async fn decided(&self, path: &str) -> serde_json::Value {
        self.recorded("path", path).await
    }

    /// Waits for a decision record with this value in a field.
    pub(crate) async fn recorded(&self, field: &str, value: &str) -> serde_json::Value {
        let mut lines = self.process.said.lines.subscribe();
        let search = async {
            loop {
                let found = self.process.said.stdout.lock().lines().find_map(|line| {
                    let record: serde_json::Value = serde_json::from_str(line).ok()?;
                    (record[field] == value).then_some(record)
                });
                match found {
                    Some(found) => return found,
                    None => lines.changed().await.unwrap(),
                }
            }
        };
        within("a decision record", search).await
    }

    /// A line of `/proc/…/status` in KiB, such as `VmHWM`, the most memory it ever had.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.id.as_raw_nonzero());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Processor time of the program so far, in steps of 10 ms.
    pub(crate) fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.process.id.as_raw_nonzero());
        let stat = std::fs::read_to_string(path).unwrap();
        // `utime` and `stime` are the 14th and 15th fields (proc_pid_stat(5)), the name the second.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
    }

    /// Waits until the admin listener responds.
    async fn ready(&self) {
        let mut wire = Wire(tokio::io::BufReader::new(Box::new(
            TcpStream::connect(self.admin_address).await.unwrap(),
        )));
        wire.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        wire.reply().await;
    }
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_portcullis")))
            .args(["serve", "--config", "portcullis.toml"])
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Said::default());
        said.listen(child.stdout.take().unwrap(), |said| &said.stdout);
        said.listen(child.stderr.take().unwrap(), |said| &said.stderr);
        let id = Pid::from_child(&child);
        let (tell, exited) = watch::channel(None);
        let (tell_drop, reaped) = mpsc::channel();
        std::thread::spawn(move || {
            tell.send_replace(Some(child.wait().unwrap()));
            // Nobody waits when the test was over first.
            let _ = tell_drop.send(());
        });
        Self { id, said, exited, reaped: Mutex::new(reaped) }
    }

    /// The addresses of the gateway, of the admin listener and for gRPC, when it serves.
    async fn addresses(&self) -> (SocketAddr, SocketAddr, Option<SocketAddr>) {
        let mut lines = self.said.lines.subscribe();
        let mut exited = self.exited.clone();
        let serving = async {
            loop {
                let found = self.said.stderr.lock().lines().find_map(|line| {
                    let event: serde_json::Value = serde_json::from_str(line).ok()?;
                    event["message"].as_str()?.starts_with("serving ").then_some(())?;
                    let gateway =
                        event["gateway"].as_str()?.strip_prefix('[')?.strip_suffix(']')?;
                    // Others follow.
                    let gateway = gateway.split(", ").next()?;
                    let admin = event["admin"].as_str()?.parse().ok()?;
                    let grpc = event["grpc"].as_str().and_then(|grpc| grpc.parse().ok());
                    Some((gateway.parse().ok()?, admin, grpc))
                });
                match found {
                    Some(found) => return found,
                    None => lines.changed().await.unwrap(),
                }
            }
        };
        tokio::select! {
            found = within("the line that says where it serves", serving) => found,
            _ = exited.wait_for(Option::is_some) => {
                panic!("it did not start:\n{}", self.said.stderr.lock())
            }
        }
    }

    /// Stops it, by force if it does not obey.
    fn stop(&self) {
        if self.exited.borrow().is_some() {
            return;
        }
        // It may end by itself at this very moment.
        let _ = kill_process(self.id, Signal::TERM);
        let reaped = self.reaped.lock();
        if reaped.recv_timeout(Duration::from_secs(5)) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill_process(self.id, Signal::KILL);
            let _ = reaped.recv_timeout(Duration::from_secs(5));
        }
    }
}

impl Said {
    /// Takes down what the program writes to a pipe, line by line.
    fn listen(self: &Arc<Self>, pipe: impl Read + Send + 'static, at: fn(&Self) -> &Mutex<String>) {
        let said = Arc::clone(self);
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
                at(&said).lock().push_str(&String::from_utf8_lossy(&line));
                said.lines.send_modify(|count| *count += 1);
                line.clear();
            }
        });
    }
}

impl Drop for TestGate {
    fn drop(&mut self) {
        self.process.stop();
        let stderr = self.process.said.stderr.lock();
        let stdout = self.process.said.stdout.lock();
        if std::thread::panicking() {
            eprintln!("the program said:\n{stderr}");
            return;
        }
        assert!(!stderr.contains("panicked"), "the program panicked:\n{stderr}");
        for token in self.tokens.get_mut() {
            assert!(!stderr.contains(&**token) && !stdout.contains(&**token), "a token in a log");
        }
        let complaints = self.upstream.complaints();
        assert!(complaints.is_empty(), "the portal should never have been sent: {complaints:#?}");
    }
}

/// Writes a certificate and its key. Returns the certificate that clients must trust.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// The cookies that an answer sets, as they are sent back.
fn cookies_of(reply: &Reply) -> Vec<String> {
    let lines = reply.headers.get_all("set-cookie").iter();
    lines.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
}

/// The names and values of a page's hidden form fields.
fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let attribute = |input: &str, name: &str| {
        let (_, rest) = input.split_once(&format!(" {name}=\""))?;
        let value = rest.split('"').next()?;
        Some(value.replace("&#x2F;", "/").replace("&#47;", "/").replace("&amp;", "&"))
    };
    page.split("<input")
        .skip(1)
        .filter_map(|input| input.split('>').next())
        .filter(|input| attribute(input, "type").as_deref() == Some("hidden"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
        .collect()
}

/// A value as a form sends it.
fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}
