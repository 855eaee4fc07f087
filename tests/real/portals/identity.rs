//! The examples of `docs/identity.md`, taken from there as they stand, in the programs that they are
//! for. Only addresses are replaced.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use http::Method;

use super::process::Process;
use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::client::Reply;
use crate::support::gate::{Builder, HOST, TestGate};

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/"
access = "public"
[[route]]
name = "Page in Tomcat that asks for a user itself"
path = "/index.jsp"
access = "public"
[[route]]
name = "Page in WordPress that asks for a user itself"
path = "/wp-admin/profile.php"
access = "public"
[[route]]
name = "Page in Request Tracker that asks for a user itself"
path = "/SelfService/Prefs.html"
access = "public"
[[route]]
name = "Everything else"
path = "/{*rest}"
require = "portal.access"
[[route]]
name = "Start page"
path = "/"
require = "portal.access"
[[route]]
name = "API of Request Tracker"
path = "/REST"
subtree = true
access = "deny"
"#;

/// A portal behind a gateway.
struct Portal {
    gate: TestGate,
    organization: String,
    process: Process,
}

/// The code block of the document after a heading, the first of its language.
fn example(heading: &str, language: &str) -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/identity.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, section) = document.split_once(&format!("\n{heading}\n")).expect(heading);
    let (_, block) = section.split_once(&format!("\n```{language}\n")).expect(language);
    block.split_once("\n```").unwrap().0.to_owned() + "\n"
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/programs/identity")
}

/// The command `tests/real/programs/identity/NAME.sh ADDRESS FOLDER`.
fn script(name: &str, address: SocketAddr, folder: &Path) -> Command {
    let mut command = Command::new(programs().join(name));
    command.arg(address.to_string()).arg(folder);
    command
}

/// An address for the gateway, which the portal has to know before it starts.
fn free_address() -> SocketAddr {
    // Outgoing connections have other addresses, so that the port stays free.
    TcpListener::bind((Ipv4Addr::new(127, 0, 79, 2), 0)).unwrap().local_addr().unwrap()
}

/// A gateway at an address, with assertions for the portal there.
fn asserting(address: SocketAddr) -> Builder {
    TestGate::builder()
        .setting("server.listen", &format!("[\"{address}\"]"))
        .setting("server.hosts", &format!("[\"{address}\"]"))
        .setting("identity.assertion.audience", "\"helpdesk\"")
}

/// An example for assertions, with the addresses of the test.
fn at(example: &str, address: SocketAddr) -> String {
    let keys = "https://portal.example.com/.portcullis/jwks.json";
    let here = format!("http://{address}/.portcullis/jwks.json");
    assert!(example.contains(keys), "{example}");
    example.replace(keys, &here).replace("https://portal.example.com", &format!("http://{HOST}"))
}

/// Django with the example for assertions, which fetches the keys from the gateway at an address.
fn django(own: SocketAddr, folder: &Path, gateway: SocketAddr) -> Command {
    let example = at(&example("## Signed assertions", "python"), gateway);
    std::fs::write(folder.join("gateway.py"), example).unwrap();
    let mut python = Command::new("/usr/bin/python3");
    python.arg("-B").arg(programs().join("django_app.py"));
    python.args([own.ip().to_string(), own.port().to_string()]).arg(folder);
    python
}

/// The same in PHP.
fn php(own: SocketAddr, folder: &Path, gateway: SocketAddr) -> Command {
    let example = at(&example("## Signed assertions", "php"), gateway);
    std::fs::write(folder.join("gateway.php"), example).unwrap();
    let mut php = Command::new("php");
    php.env("GATEWAY", folder.join("gateway.php")).env("TMPDIR", folder);
    php.arg("-S").arg(own.to_string()).arg(programs().join("index.php"));
    php
}

impl Portal {
    /// `ready` is a page that the program answers with 200 once it serves.
    async fn start(
        builder: Builder,
        ready: &str,
        command: impl FnOnce(SocketAddr, &Path) -> Command,
    ) -> Self {
        let mut process = Process::start(command);
        let server = format!("[\"http://{}\"]", process.address);
        let gate = builder.policy(ROUTES).setting("upstream.servers", &server).start().await;
        let named = [("portcullis-user", "starter"), ("portcullis-group", "limited")];
        process.serves(ready, &named).await;
        let organization = gate.admin.organization("Acme").await;
        Self { gate, organization, process }
    }

    /// A browser in which a new user of the Limited group has signed in.
    async fn person(&self, login: &str) -> Browser {
        self.gate.admin.user(&self.organization, login, "limited").await;
        let mut browser = Browser::at(&self.gate);
        assert_eq!(browser.sign_in(login, PASSWORD).await.status, 303, "{login}");
        browser
    }

    /// The program refuses a page that is public for the gateway to clients without a session,
    /// whatever user they claim to be.
    async fn refuses_visitors(&self, page: &str, status: u16) {
        let mut visitor = Browser::at(&self.gate);
        for name in ["portcullis-user", "Portcullis_User", "PORTCULLIS.USER", "remote-user"] {
            let headers = [(name, "bob"), ("portcullis-group", "limited")];
            let reply = visitor.send(Method::GET, page, &headers, "").await;
            assert_eq!(reply.status, status, "{name}: {reply:?}");
        }
    }

    /// The answer to a request that reaches the program without the gateway.
    async fn direct(&self, target: &str, headers: &[(&str, &str)]) -> Reply {
        let mut browser = Browser::new(self.process.address, HOST);
        browser.send(Method::GET, target, headers, "").await
    }
}

/// The assertion about a new user that a gateway with a portal of the tests sends.
async fn assertion(gate: &TestGate, login: &str) -> String {
    let organization = gate.admin.organization("Acme").await;
    gate.admin.user(&organization, login, "limited").await;
    let session = gate.sign_in(login, PASSWORD).await;
    assert_eq!(gate.get("/open/").cookie(&session).send().await.status, 200);
    gate.arrived().one("portcullis-assertion").unwrap().to_owned()
}

/// A program believes an assertion of the gateway, and no longer once it has expired. It never believes
/// one that was changed, that has no signature, or that another gateway has signed.
async fn believes_only_valid_assertions(
    command: fn(SocketAddr, &Path, SocketAddr) -> Command,
    names: fn(&str) -> String,
) {
    let address = free_address();
    let mut process = Process::start(|own, folder| command(own, folder, address));
    let lifetime = ("identity.assertion.lifetime", "\"10s\"");
    let gate = asserting(address).setting(lifetime.0, lifetime.1).policy(ROUTES).start().await;
    let other = asserting(free_address()).policy(ROUTES).start().await;
    let by_another_key = assertion(&other, "bob").await;
    process.serves("/open/", &[]).await;
    let mut browser = Browser::new(process.address, HOST);
    let mut answer = async |token: &str| {
        let headers = [("portcullis-assertion", token)];
        browser.send(Method::GET, "/open/", &headers, "").await
    };

    let valid = assertion(&gate, "bob").await;
    assert_reads(&answer(&valid).await, &names("bob"));
    let parts: Vec<_> = valid.split('.').collect();
    let [head, claims, signature] = parts[..] else { panic!("{valid}") };
    let changed = |part: &str, from: &str, to: &str| {
        let text = String::from_utf8(BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap();
        assert!(text.contains(from), "{text}");
        BASE64URL_NOPAD.encode(text.replace(from, to).as_bytes())
    };
    let root = changed(claims, "\"bob\"", "\"root\"");
    let none = changed(head, "EdDSA", "none");
    for forged in [
        format!("{head}.{root}.{signature}"),
        format!("{none}.{root}."),
        format!("{none}.{claims}."),
        by_another_key,
    ] {
        let reply = answer(&forged).await;
        for login in ["bob", "root"] {
            assert!(!reply.text().contains(&names(login)), "{forged}: {reply:?}");
        }
    }
    let expired = async {
        let mut tries = tokio::time::interval(Duration::from_millis(200));
        while answer(&valid).await.text().contains(&names("bob")) {
            tries.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), expired).await.expect("it expires");
}

#[tokio::test]
async fn django_believes_only_valid_assertions() {
    believes_only_valid_assertions(django, |login| format!("user [{login}]")).await;
}

#[tokio::test]
async fn php_believes_only_valid_assertions() {
    believes_only_valid_assertions(php, |login| format!("assertion [{login}]")).await;
}

#[track_caller]
fn assert_reads(reply: &Reply, text: &str) {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.text().contains(text), "no {text:?} in {}", reply.text());
}

#[tokio::test]
async fn django_verifies_assertions() {
    let address = free_address();
    let portal =
        Portal::start(asserting(address), "/open/", |own, folder| django(own, folder, address))
            .await;
    let mut anna = portal.person("jörg@acme.test").await;
    assert_reads(&anna.open("/").await, "user [jörg@acme.test] group [limited]");
    assert_reads(&anna.open("/").await, "user [jörg@acme.test] group [limited]");
    // Another person in the same browser, with the cookie of Django's session.
    let mut bob = portal.person("bob").await;
    bob.cookies.insert("sessionid".to_owned(), anna.cookies["sessionid"].clone());
    assert_reads(&bob.open("/").await, "user [bob] group [limited]");
    let mut visitor = Browser::at(&portal.gate);
    visitor.cookies.insert("sessionid".to_owned(), anna.cookies["sessionid"].clone());
    assert_reads(&visitor.open("/open/").await, "user [] group [None]");
    // Without the gateway, no field and no token makes a user.
    let named = portal.direct("/", &[("portcullis-user", "bob"), ("portcullis.user", "bob")]).await;
    assert_reads(&named, "user [] group [None]");
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.";
    for token in ["x", unsigned] {
        let reply = portal.direct("/", &[("portcullis-assertion", token)]).await;
        assert_eq!(reply.status, 401, "{token}: {reply:?}");
    }
}

#[tokio::test]
async fn php_refuses_assertions_for_others() {
    let address = free_address();
    let other = asserting(address).setting("identity.assertion.audience", "\"other\"");
    let portal = Portal::start(other, "/", |own, folder| php(own, folder, address)).await;
    // The field names the user here too; it is the assertion that must not.
    let expected = "assertion [] cookie [] header [bob]";
    assert_reads(&portal.person("bob").await.open("/").await, expected);
}

#[tokio::test]
async fn django_refuses_assertions_for_others() {
    let address = free_address();
    let other = asserting(address).setting("identity.assertion.audience", "\"other\"");
    let portal = Portal::start(other, "/open/", |own, folder| django(own, folder, address)).await;
    let reply = portal.person("bob").await.open("/").await;
    assert_eq!((reply.status, reply.text()), (401, "The assertion is not valid."));
}

#[tokio::test]
async fn php_verifies_assertions_and_reads_the_cookie() {
    let address = free_address();
    let builder = asserting(address)
        .setting("identity.cookie.name", "\"PORTAL_USER\"")
        .setting("identity.cookie.value", "\"{login}\"");
    let portal = Portal::start(builder, "/", |own, folder| php(own, folder, address)).await;
    let login = "jörg+1%41@acme.test";
    let expected = format!("assertion [{login}] cookie [{login}] header [{login}]");
    let mut person = portal.person(login).await;
    for name in ["PORTAL_USER", "PORTAL.USER", "PORTAL_USER[]", "PORTAL%5FUSER", "lang"] {
        person.cookies.insert(name.to_owned(), "root".to_owned());
        assert_reads(&person.open("/").await, &expected);
    }
    let mut visitor = Browser::at(&portal.gate);
    visitor.cookies.insert("PORTAL[USER".to_owned(), "root".to_owned());
    let nothing = "assertion [] cookie [] header []";
    assert_reads(&visitor.open("/open/").await, nothing);
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.";
    for token in ["a.b", "a.b.c", unsigned] {
        let reply = portal.direct("/", &[("portcullis-assertion", token)]).await;
        assert_reads(&reply, nothing);
    }
}

#[tokio::test]
async fn tomcat_valve_names_the_user() {
    let portal = Portal::start(TestGate::builder(), "/health.txt", |own, folder| {
        let valve = example("### Tomcat", "java");
        std::fs::write(folder.join("GatewayUserValve.java"), valve).unwrap();
        script("tomcat.sh", own, folder)
    })
    .await;
    assert_reads(&portal.person("jörg").await.open("/index.jsp").await, "user [jörg]");
    assert_reads(&portal.person("bob").await.open("/index.jsp").await, "user [bob]");
    portal.refuses_visitors("/index.jsp", 401).await;
}

#[tokio::test]
async fn tomcat_takes_the_account() {
    let builder = TestGate::builder()
        .setting("identity.basic.user", "\"{login}\"")
        .setting("identity.basic.password", "\"shared-password\"");
    let portal =
        Portal::start(builder, "/health.txt", |own, folder| script("tomcat.sh", own, folder)).await;
    assert_reads(&portal.person("ann").await.open("/index.jsp").await, "user [ann]");
    // Tomcat does not know Bob, and a client's own password is not forwarded.
    assert_eq!(portal.person("bob").await.open("/index.jsp").await.status, 401);
    let account = "Basic YW5uOnNoYXJlZC1wYXNzd29yZA==";
    let mut visitor = Browser::at(&portal.gate);
    let headers = [("authorization", account)];
    let reply = visitor.send(Method::GET, "/index.jsp", &headers, "").await;
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_reads(&portal.direct("/index.jsp", &headers).await, "user [ann]");
}

#[tokio::test]
async fn wordpress_user_follows_the_field() {
    let portal = Portal::start(TestGate::builder(), "/readme.html", |own, folder| {
        std::fs::write(folder.join("gateway.php"), example("### WordPress", "php")).unwrap();
        script("wordpress.sh", own, folder)
    })
    .await;
    let profile = "/wp-admin/profile.php";
    let mut anna = portal.person("anna").await;
    assert_reads(&anna.open(profile).await, "id=\"user_login\" value=\"anna\"");
    let mut bob = portal.person("bob").await;
    bob.cookies.extend(anna.cookies.clone().into_iter().filter(|(name, _)| name != "portcullis"));
    assert_reads(&bob.open(profile).await, "id=\"user_login\" value=\"bob\"");
    // The API knows the user, too.
    let me = "/?rest_route=/wp/v2/users/me";
    assert_reads(&portal.direct(me, &[("portcullis-user", "bob")]).await, "\"name\":\"bob\"");
    portal.refuses_visitors(profile, 403).await;
    // Logins that WordPress would change are not signed in, nor are passwords accepted.
    let accented = portal.person("jörg").await.open(profile).await;
    assert_eq!(accented.status, 403, "{accented:?}");
    assert_eq!(portal.direct(profile, &[]).await.status, 403);
    let operator = [("authorization", "Basic b3BlcmF0b3I6b3BlcmF0b3ItcGFzc3dvcmQ=")];
    assert_eq!(portal.direct(me, &operator).await.status, 401);
}

#[tokio::test]
async fn request_tracker_user_follows_the_field() {
    let portal = Portal::start(TestGate::builder(), "/static/css/mobile.css", |own, folder| {
        let psgi = example("### Request Tracker", "perl");
        std::fs::write(folder.join("rt.psgi"), psgi).unwrap();
        let settings = example("### Request Tracker", "perl\n# RT_SiteConfig.pm");
        std::fs::write(folder.join("identity.pm"), settings).unwrap();
        script("request-tracker.sh", own, folder)
    })
    .await;
    let about = "/SelfService/Prefs.html";
    let mut anna = portal.person("anna@acme.test").await;
    assert_reads(&anna.follow("/SelfService/").await.reply, "anna@acme.test");
    assert_reads(&anna.open(about).await, "anna@acme.test");
    // Another person in the same browser, with the cookie of RT's session.
    let mut bob = portal.person("bob@acme.test").await;
    bob.cookies.extend(anna.cookies.clone().into_iter().filter(|(name, _)| name != "portcullis"));
    let page = bob.follow("/SelfService/").await.reply;
    assert_reads(&page, "bob@acme.test");
    assert!(!page.text().contains("anna@acme.test"), "{}", page.text());
    portal.refuses_visitors(about, 403).await;
    // Without the field, there is no page and no form to sign in.
    let refused = portal.direct("/SelfService/", &[]).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let denied = anna.open("/REST/2.0/queues/all").await;
    assert_eq!(denied.status, 403, "{denied:?}");
    // That is what the route is for: RT accepts a password there.
    let root = [("authorization", "Basic cm9vdDpwYXNzd29yZA==")];
    assert_eq!(portal.direct("/REST/2.0/queues/all", &root).await.status, 200);
}
