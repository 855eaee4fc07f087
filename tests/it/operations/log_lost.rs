//! I11: standard error and standard output are taken away in each way in which that happens, while
//! every long-running task has something to do. Only the lines are lost.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::{Browser, Form, SIGN_IN};
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::{Home, portcullis};
use crate::support::upstream::Upstream;

const OPEN: &str = "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"public\"\n";
const SHUT: &str = "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"deny\"\n";
/// The least that a full pipe holds.
const HALF: u64 = 32_768;

/// How a log is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// The reader has closed the pipe (EPIPE).
    Closed,
    /// The disk is full (ENOSPC).
    Full,
    /// The reader has stopped reading, so that a write would block.
    Unread,
}

/// A program without its logs.
struct Running {
    home: Home,
    child: Child,
    admin: Admin,
    gateway: SocketAddr,
    admin_address: SocketAddr,
    second_portal: SocketAddr,
    _first_portal: Upstream,
    /// Standard output and standard error, when they are there and not read.
    unread: Vec<OwnedFd>,
}

/// Addresses of this process's own on the loopback network, because the log does not name ports.
fn own(number: u8) -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | high & 63, middle, low.wrapping_add(number))
}

impl Running {
    async fn start(loss: Loss, number: u8) -> Self {
        let portal = Upstream::start().await;
        let home = Home::new(portal.address, OPEN);
        let at = |port| SocketAddr::V4(SocketAddrV4::new(own(number), port));
        let (gateway, admin_address, second_portal) = (at(8080), at(8081), at(9000));
        let stream = || match loss {
            Loss::Closed | Loss::Unread => Stdio::piped(),
            Loss::Full => std::fs::File::create("/dev/full").unwrap().into(),
        };
        let servers = format!("http://{},http://{second_portal}", portal.address);
        let mut child = portcullis(&home.path(""), &["serve", "--config", "portcullis.toml"])
            .env("PORTCULLIS__SERVER__LISTEN", gateway.to_string())
            .env("PORTCULLIS__ADMIN__LISTEN", admin_address.to_string())
            .env("PORTCULLIS__UPSTREAM__SERVERS", servers)
            .env("PORTCULLIS__UPSTREAM__HEALTH_INTERVAL", "100ms")
            .env("PORTCULLIS__TELEMETRY__LOG", "trace")
            .stdin(Stdio::null())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        let mut unread = Vec::new();
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            unread = vec![out.into_owned_fd().unwrap(), err.into_owned_fd().unwrap()];
        }
        if loss == Loss::Closed {
            unread.clear();
        }
        let admin = Admin { socket: home.path("data/admin.sock") };
        let running = Self {
            home,
            child,
            admin,
            gateway,
            admin_address,
            second_portal,
            _first_portal: portal,
            unread,
        };
        let ready = async || running.connects().await && running.page().await == Some(200);
        running.until("the first answer", ready).await;
        running
    }

    /// Waits for what shows only when it is looked for.
    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waiting = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            while !is_so().await {
                looks.tick().await;
            }
        };
        within(what, waiting).await;
    }

    async fn connects(&self) -> bool {
        TcpStream::connect(self.gateway).await.is_ok()
    }

    fn browser(&self) -> Browser {
        Browser::new(self.gateway, HOST)
    }

    /// The status of a page, over a connection of its own; none when it is not answered.
    async fn page(&self) -> Option<u16> {
        let mut stream = TcpStream::connect(self.gateway).await.ok()?;
        let request = format!("GET /page HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        within("an answer", stream.read_to_string(&mut answer)).await.ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// Sends requests until no more of their lines fit into the pipes.
    async fn fill(&self) {
        let bytes = || self.unread.iter().map(|pipe| ioctl_fionread(pipe).unwrap()).collect();
        let mut before: Vec<u64> = Vec::new();
        // A pipe is full before it holds 64 KiB: a line does not share its last page with others.
        while before != bytes() || before.iter().any(|bytes| *bytes < HALF) {
            before = bytes();
            for _ in 0..300 {
                assert!(self.page().await.is_some());
            }
        }
    }

    fn mails(&self) -> usize {
        let files = std::fs::read_dir(self.home.path("mail")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some()).count()
    }

    /// Asks for a new password, as a person does.
    async fn forget_password(&self, login: &str) {
        let mut browser = self.browser();
        let target = "/.portcullis/password/forgot";
        let shown = browser.open(target).await;
        let form = Form::find(shown.text(), |_| true).expect("a form");
        let form = Form { action: target.to_owned(), ..form }.set("login", login);
        assert_eq!(browser.submit(&form).await.status, 200);
    }

    /// Has every task do something that shows, and most of them complain too.
    async fn everything_works(&self) {
        // The admin listeners, the change feed, the store and password hashing.
        let acme = self.admin.organization("Acme Ltd").await;
        self.admin.user(&acme, "ann@acme.test", "limited").await;
        let mut probe = TcpStream::connect(self.admin_address).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        probe.write_all(request).await.unwrap();
        let mut answer = String::new();
        within("a probe", probe.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let mut ann = self.browser();
        ann.sign_in("ann@acme.test", PASSWORD).await;
        assert_eq!(ann.open(SIGN_IN).await.status, 200);

        // Mail, and password resets.
        let invited = json!({ "organization": acme, "login": "bob@acme.test", "invite": true });
        self.admin.post("/api/v1/users", invited).await.created();
        self.until("the invitation", async || self.mails() == 1).await;
        self.forget_password("ann@acme.test").await;
        self.until("the reset", async || self.mails() == 2).await;

        // The policy watch, which refuses one policy and takes another.
        self.home.policy("routes.toml", "this is no policy");
        self.home.policy("routes.toml", SHUT);
        self.until("the tightened policy", async || self.page().await == Some(401)).await;
        self.home.policy("routes.toml", OPEN);
        self.until("the policy from before", async || self.page().await == Some(200)).await;

        // The health checks find a server that has come.
        let second = TcpListener::bind(self.second_portal).await.unwrap();
        let asked = async {
            loop {
                let (mut stream, _) = second.accept().await.unwrap();
                let mut start = [0; 4];
                if stream.read_exact(&mut start).await.is_ok() && start == *b"GET " {
                    return;
                }
            }
        };
        let asking = async {
            loop {
                self.page().await;
            }
        };
        let found = async {
            tokio::select! { () = asked => {} () = asking => {} }
        };
        within("a request to the server that has come", found).await;
        drop(second);
        assert_eq!(self.admin.get("/readyz").await.status, 200);
    }

    /// Ends it as the system does. It ends well only if no task has ended before.
    async fn stop(mut self) {
        let id = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let status = within("the end of the program", self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn i11_closed_log_pipe_stops_nothing() {
    let running = Running::start(Loss::Closed, 1).await;
    running.everything_works().await;
    running.stop().await;
}

#[tokio::test]
async fn i11_log_on_a_full_disk_stops_nothing() {
    let running = Running::start(Loss::Full, 2).await;
    running.everything_works().await;
    running.stop().await;
}

#[tokio::test]
async fn i11_blocked_log_pipe_stops_nothing() {
    let mut running = Running::start(Loss::Unread, 3).await;
    running.fill().await;
    running.everything_works().await;
    let unread = std::mem::take(&mut running.unread);
    running.stop().await;
    // What did fit is whole lines, and the last of them perhaps a part of one.
    let mut log = String::new();
    std::fs::File::from(unread.into_iter().nth(1).unwrap()).read_to_string(&mut log).unwrap();
    assert!(log.lines().count() > 10, "{log}");
}
