//! Small portals in Express, Django and PHP, which read paths in their own ways. Paths that they take
//! for a stricter route's are denied like that route's own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use http::Method;

use super::process::Process;
use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::client::Reply;
use crate::support::gate::{HOST, TestGate};

const EXPRESS: &str = r#"
[[route]]
name = "Start"
path = "/"
access = "public"
[[route]]
name = "Questions"
path = "/FAQ"
access = "public"
[[route]]
name = "Sign up"
path = "/sign-up"
access = "public"
[[route]]
name = "Tickets"
methods = ["GET"]
path = "/tickets"
require = "tickets.view_mine"
[[route]]
name = "Create a ticket"
methods = ["POST"]
path = "/tickets"
require = "tickets.create"
[[route]]
name = "Ticket"
methods = ["GET"]
path = "/tickets/{ticket}"
require = "tickets.view_mine"
[[route]]
name = "Ticket form"
methods = ["GET"]
path = "/tickets/new"
require = "tickets.create"
[[route]]
name = "Files"
path = "/files/{name}"
require = "tickets.view_mine"
[[route]]
name = "Project"
path = "/projects/{project}"
require = "tickets.view_mine"
slash = "data"
"#;

const DJANGO: &str = r#"
[[route]]
name = "Start"
path = "/"
access = "public"
[[route]]
name = "Questions"
path = "/FAQ/"
access = "public"
[[route]]
name = "Create a ticket"
methods = ["POST"]
path = "/tickets/"
require = "tickets.create"
[[route]]
name = "List of tickets"
methods = ["GET"]
path = "/tickets/"
require = "tickets.view_mine"
[[route]]
name = "Tickets"
methods = ["GET"]
path = "/tickets/{*rest}"
require = "tickets.view_mine"
[[route]]
name = "Ticket form"
methods = ["GET"]
path = "/tickets/new/"
require = "tickets.create"
[[route]]
name = "Files"
path = "/files/{*name}"
require = "tickets.view_mine"
"#;

const PHP: &str = r#"
[[route]]
name = "Any page"
path = "/{*page}"
require = "tickets.view_mine"
[[route]]
name = "Users"
path = "/users.php"
require = "tickets.create"
"#;

/// A portal behind a gateway, a reader who may not create tickets, and an author who may.
struct Portal {
    gate: TestGate,
    process: Process,
    reader: Browser,
    author: Browser,
}

impl Portal {
    /// Starts the program that listens at an address.
    async fn start(routes: &str, program: impl FnOnce(SocketAddr) -> Command) -> Self {
        let mut process = Process::start(|address, _| program(address));
        let gate = TestGate::builder()
            .policy(routes)
            .setting("upstream.servers", &format!("[\"http://{}\"]", process.address))
            .start()
            .await;
        let acme = gate.admin.organization("Acme").await;
        let readers = gate.admin.group("Readers", &["tickets.view_mine"]).await;
        let authors = gate.admin.group("Authors", &["tickets.view_mine", "tickets.create"]).await;
        gate.admin.user(&acme, "reader", &readers).await;
        gate.admin.user(&acme, "author", &authors).await;
        process.serves("/", &[]).await;
        let (mut reader, mut author) = (Browser::at(&gate), Browser::at(&gate));
        assert_eq!(reader.sign_in("reader", PASSWORD).await.status, 303);
        assert_eq!(author.sign_in("author", PASSWORD).await.status, 303);
        Self { gate, process, reader, author }
    }

    /// A browser that uses the portal directly.
    fn past_the_gate(&self) -> Browser {
        Browser::new(self.process.address, HOST)
    }

    /// The reader gets each of these, and the portal reads what was sent.
    async fn reads(&mut self, pages: &[(&str, &str)]) {
        for (target, text) in pages {
            let reply = self.reader.open(target).await;
            assert_eq!((reply.status, reply.text()), (200, *text), "{target}: {reply:?}");
        }
    }

    /// To the portal, each of these is the page with this text; the author gets it and the reader
    /// does not.
    async fn keeps(&mut self, text: &str, twins: &[&str]) {
        let mut past = self.past_the_gate();
        for target in twins {
            assert_eq!(past.follow(target).await.reply.text(), text, "{target} past the gate");
            assert_eq!(self.author.follow(target).await.reply.text(), text, "{target}");
            self.refuses(&[target]).await;
        }
    }

    /// The reader is refused each of these.
    async fn refuses(&mut self, targets: &[&str]) {
        for target in targets {
            let reply = self.reader.open(target).await;
            assert_eq!(reply.status, 403, "{target}: {reply:?}");
        }
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/programs")
}

/// The portal in Express, at an address.
pub(super) fn express(address: SocketAddr) -> Command {
    let mut node = Command::new("node");
    node.arg(folder().join("express.js")).env("NODE_PATH", "/usr/share/nodejs");
    node.args([address.ip().to_string(), address.port().to_string()]);
    node
}

/// The one in Django.
pub(super) fn django(address: SocketAddr) -> Command {
    let mut python = Command::new("/usr/bin/python3");
    python.arg("-B").arg(folder().join("django_app.py"));
    python.args([address.ip().to_string(), address.port().to_string()]);
    python
}

/// The one in PHP.
pub(super) fn php(address: SocketAddr) -> Command {
    let mut php = Command::new("php");
    php.arg("-S").arg(address.to_string()).arg("-t").arg(folder().join("php"));
    php
}

/// A file in a form, as browsers send it.
async fn upload(browser: &mut Browser, target: &str) -> Reply {
    let body = "--x\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"a;b.txt\"\r\n\
        Content-Type: text/plain\r\n\r\n12345\r\n--x--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=x"), ("accept", "text/html")];
    browser.send(Method::POST, target, &headers, body.as_bytes().to_vec()).await
}

async fn form(browser: &mut Browser, target: &str, body: &str) -> Reply {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    browser.send(Method::POST, target, &headers, body.as_bytes().to_vec()).await
}

#[tokio::test]
async fn express_opens_its_pages_and_no_twins() {
    let mut portal = Portal::start(EXPRESS, express).await;
    portal
        .reads(&[
            ("/", "start"),
            ("/FAQ", "questions"),
            ("/sign-up;jsessionid=0A1b", "sign-up form"),
            ("/tickets", "list of tickets"),
            ("/tickets/7", "ticket [7]"),
            ("/tickets/7.json", "ticket [7.json]"),
            ("/tickets/ABC-7?page=2", "ticket [ABC-7]"),
            ("/files/My%20Report.v2.PDF", "file [My Report.v2.PDF]"),
            ("/files/a%3Bb.txt", "file [a;b.txt]"),
            ("/files/100%25.txt", "file [100%.txt]"),
            ("/files/100%25ab.txt", "file [100%ab.txt]"),
            ("/files/trail%20", "file [trail ]"),
            ("/files/%E6%96%B0%E3%81%97%E3%81%84.pdf", "file [新しい.pdf]"),
            ("/files/C++%20%231.txt", "file [C++ #1.txt]"),
            ("/projects/group%2Fproject", "project [group/project]"),
        ])
        .await;
    let twins = [
        "/tickets/new",
        "/tickets/New",
        "/tickets/new.json",
        "/tickets/NEW.json",
        "/tickets/new;a=b",
        "/tickets/New;a",
    ];
    portal.keeps("new ticket form", &twins).await;
    portal.refuses(&["/tickets/new/", "/Tickets/New", "/tickets/new%20", "/tickets/7/"]).await;

    let Portal { gate, reader, author, .. } = &mut portal;
    let mut visitor = Browser::at(gate);
    let reply = form(&mut visitor, "/sign-up;jsessionid=0A1b", "name=ann").await;
    assert_eq!((reply.status, reply.text()), (200, "signed up ann"));
    let created = form(author, "/tickets", "title=a").await;
    assert_eq!(created.header("location"), Some("/tickets/8"), "{created:?}");
    assert_eq!(form(reader, "/tickets", "title=a").await.status, 403);
    let headers = [("content-type", "application/octet-stream")];
    let reply = author.send(Method::POST, "/files/a;b.txt", &headers, vec![0; 100_000]).await;
    assert_eq!((reply.status, reply.text()), (201, "a has 100000 bytes"));
}

#[tokio::test]
async fn django_opens_its_pages_and_no_twins() {
    let mut portal = Portal::start(DJANGO, django).await;
    portal
        .reads(&[
            ("/", "start"),
            ("/FAQ/", "questions"),
            ("/tickets/", "list of tickets"),
            ("/tickets/7/", "ticket [7]"),
            ("/tickets/ABC-7.json/", "ticket [ABC-7.json]"),
            ("/files/My%20Report.v2.PDF", "file [My Report.v2.PDF]"),
            ("/files/a;b.txt", "file [a;b.txt]"),
            ("/files/100%25ab.txt", "file [100%ab.txt]"),
            ("/files/trail%20", "file [trail ]"),
        ])
        .await;
    portal.keeps("new ticket form", &["/tickets/new/", "/tickets/new"]).await;
    portal.refuses(&["/tickets/New/", "/tickets/new.json", "/tickets/new;x/"]).await;

    let Portal { reader, author, .. } = &mut portal;
    let page = reader.follow("/tickets/7").await;
    assert_eq!((page.target.as_str(), page.reply.text()), ("/tickets/7/", "ticket [7]"));
    let created = form(author, "/tickets/", "title=a").await;
    assert_eq!(created.header("location"), Some("/tickets/8/"), "{created:?}");
    assert_eq!(form(reader, "/tickets/", "title=a").await.status, 403);
    let reply = upload(author, "/files/").await;
    assert_eq!((reply.status, reply.text()), (201, "a;b.txt has 5 bytes"));
}

#[tokio::test]
async fn php_opens_its_pages_and_no_twins() {
    let mut portal = Portal::start(PHP, php).await;
    portal
        .reads(&[
            ("/", "page []"),
            ("/index.php", "page []"),
            ("/index.php/articles/7", "page [/articles/7]"),
            ("/index.php/Articles/My%20Page.html", "page [/Articles/My Page.html]"),
            ("/index.php/a;b/", "page [/a;b/]"),
            ("/Notes.v1.txt", "notes\n"),
        ])
        .await;
    let twins = ["/users.php", "/users.php/", "/users.php/x", "/users.php/x/y.css"];
    portal.keeps("list of users", &twins).await;
    portal.refuses(&["/Users.php", "/users.php.", "/users.php::$DATA", "/users.php%20"]).await;

    let reply = upload(&mut portal.reader, "/upload.php").await;
    assert_eq!((reply.status, reply.text()), (201, "a;b.txt has 5 bytes"));
}
