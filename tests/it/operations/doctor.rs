//! `portcullis doctor`: each mistake of a proxy, a portal or the files is found, and a deployment
//! without one has no error.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::version::TLS13;

use crate::support::gate::TestGate;
use crate::support::http1::{self, Head};
use crate::support::portal_tls::{Authority, tls};
use crate::support::program::{Home, Program, Ran, portcullis, run};
use crate::support::smtp::{Certificate, MailServer, PASSWORD, USER};
use crate::support::upstream::Upstream;

const ROUTES: &str = r#"
[[route]]
name = "Open"
path = "/open/{*rest}"
access = "public"

[[route]]
name = "Ticket"
path = "/tickets/{ticket}"
access = "signed-in"

[[route]]
name = "New ticket"
path = "/tickets/new"
require = "tickets.create"
"#;

/// A gateway that trusts proxies of this machine, and its portal.
pub(super) struct Deployment {
    pub(super) home: Home,
    pub(super) program: Program,
    upstream: Upstream,
}

impl Deployment {
    pub(super) async fn start() -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, ROUTES);
        home.settings("server.trusted_proxies = [\"127.0.0.1\"]\n");
        let program = home.serve().await;
        Self { home, program, upstream }
    }

    /// What `doctor` finds when a proxy is the public URL.
    pub(super) async fn examined(&self, proxy: SocketAddr) -> Findings {
        let connect_to = proxy.to_string();
        Findings::of(&self.home.run(&["doctor", "--json", "--connect-to", &connect_to]).await)
    }

    /// What it finds about a proxy that does its work, and one thing more with requests.
    pub(super) async fn with_request(
        &self,
        change: impl Fn(&mut Head) + Send + Sync + 'static,
    ) -> Findings {
        let gateway = self.program.gateway;
        let route = move |head: &mut Head| {
            well_wired(head);
            change(head);
            gateway
        };
        self.examined(proxy(route, |answer| answer).await).await
    }

    /// The same with responses.
    async fn with_response(&self, change: fn(String) -> String) -> Findings {
        let gateway = self.program.gateway;
        let route = move |head: &mut Head| {
            well_wired(head);
            gateway
        };
        self.examined(proxy(route, change).await).await
    }

    /// What it finds about a proxy that sends some requests to the portal.
    async fn with_portal(
        &self,
        is_for_portal: impl Fn(&Head) -> bool + Send + Sync + 'static,
    ) -> Findings {
        let (gateway, portal) = (self.program.gateway, self.upstream.address);
        let route = move |head: &mut Head| {
            let to_portal = is_for_portal(head);
            well_wired(head);
            if to_portal { portal } else { gateway }
        };
        self.examined(proxy(route, |answer| answer).await).await
    }
}

/// The findings, and how the command ended.
#[derive(Debug)]
pub(super) struct Findings {
    code: i32,
    document: Value,
}

impl Findings {
    pub(super) fn of(ran: &Ran) -> Self {
        let document = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        Self { code: ran.code, document }
    }

    /// The names with a severity.
    pub(super) fn names(&self, severity: &str) -> BTreeSet<&str> {
        let findings = self.document["findings"].as_array().unwrap().iter();
        let findings = findings.filter(|finding| finding["severity"] == severity);
        findings.map(|finding| finding["name"].as_str().unwrap()).collect()
    }

    /// What the finding with a name says.
    pub(super) fn what(&self, name: &str) -> &str {
        let findings = self.document["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {self:?}"))["what"].as_str().unwrap()
    }

    /// These and no others are errors, and the exit code says so.
    pub(super) fn has_errors(&self, expected: &[&str]) {
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert_eq!(self.names("error"), expected, "{self:#?}");
        assert_eq!(self.code, i32::from(!expected.is_empty()), "{self:?}");
        assert_eq!(self.document["ok"], expected.is_empty());
    }
}

/// A proxy on a port of its own: changes each request, chooses where it goes, and changes the
/// response.
pub(super) async fn proxy(
    route: impl Fn(&mut Head) -> SocketAddr + Send + Sync + 'static,
    change: fn(String) -> String,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let route = Arc::new(route);
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let route = Arc::clone(&route);
            tokio::spawn(async move {
                let mut client = BufReader::new(client);
                let Ok(Some(mut head)) = http1::head(&mut client).await else { return };
                let server = TcpStream::connect(route(&mut head)).await.unwrap();
                let mut server = BufReader::new(server);
                let mut request = format!("{}\r\n", head.first);
                for (name, value) in &head.fields {
                    request.push_str(&format!("{name}: {value}\r\n"));
                }
                let request = format!("{request}\r\n");
                server.get_mut().write_all(request.as_bytes()).await.unwrap();
                let head = http1::head(&mut server).await.unwrap().unwrap();
                let body = http1::body(&mut server, &head, true).await.unwrap();
                let answer = [head.raw, body.bytes].concat();
                let answer = change(String::from_utf8(answer).unwrap());
                let _ = client.get_mut().write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

/// What a proxy must do: say who the client is, and nothing that the client says about that.
pub(super) fn well_wired(head: &mut Head) {
    remove(head, &["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded"]);
    head.fields.push(("X-Forwarded-For".to_owned(), "203.0.113.9".to_owned()));
    head.fields.push(("X-Forwarded-Proto".to_owned(), "http".to_owned()));
}

pub(super) fn remove(head: &mut Head, names: &[&str]) {
    head.fields.retain(|(name, _)| !names.contains(&name.to_ascii_lowercase().as_str()));
}

#[tokio::test]
async fn doctor_finds_no_error_in_a_well_wired_deployment() {
    let deployment = Deployment::start().await;
    let found = deployment.with_request(|_| {}).await;
    found.has_errors(&[]);
    let ok = found.names("ok");
    for name in [
        "settings",
        "clock",
        "store",
        "gateway-running",
        "public-url",
        "cookie",
        "identity-headers",
        "forwarded-headers",
        "target-headers",
        "client-address",
        "rewritten-paths",
        "portal-address",
    ] {
        assert!(ok.contains(name), "{name} is not in {found:#?}");
    }
    assert!(found.what("client-address").contains("203.0.113.9"), "{found:?}");
    assert_eq!(found.names("note"), ["twins-not-probed"].into());
    // The portal is asked for paths, and by the gateway for nothing.
    let seen = deployment.upstream.seen();
    assert!(seen.iter().all(|seen| seen.method == "GET"), "{seen:?}");
    assert!(seen.iter().all(|seen| seen.one("user-agent") == Some("portcullis-doctor")));
}

#[tokio::test]
async fn doctor_finds_requests_that_pass_by_the_gateway() {
    let deployment = Deployment::start().await;
    let all = deployment.with_portal(|_| true).await;
    all.has_errors(&["open-without-session"]);
    let pages = deployment.with_portal(|head| !head.first.contains(" /.portcullis/")).await;
    pages.has_errors(&["open-without-session"]);
    assert!(pages.what("open-without-session").contains("/tickets/new (200)"), "{pages:?}");
    let own_pages = deployment.with_portal(|head| head.first.contains(" /.portcullis/")).await;
    own_pages.has_errors(&["not-the-gateway"]);
    for name in ["Portcullis-User", "portcullis_user", "X.Remote.User"] {
        let found = deployment
            .with_portal(move |head| {
                head.fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(name))
            })
            .await;
        found.has_errors(&["identity-headers"]);
    }
}

#[tokio::test]
async fn doctor_finds_headers_of_clients_that_a_proxy_passes_on() {
    let deployment = Deployment::start().await;
    let gateway = deployment.program.gateway;
    let passing = |kept: &'static str| {
        move |head: &mut Head| {
            let all = head.fields.clone();
            well_wired(head);
            if all.iter().any(|(name, _)| name.eq_ignore_ascii_case(kept)) {
                remove(head, &[kept]);
            }
            let kept = all.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case(kept));
            head.fields.extend(kept);
            gateway
        }
    };
    for (kept, name) in
        [("x-forwarded-for", "client-address"), ("x-forwarded-host", "forwarded-headers")]
    {
        let found = deployment.examined(proxy(passing(kept), |answer| answer).await).await;
        found.has_errors(&[name]);
    }
    // The gateway's own pages may have rules of their own in a proxy.
    let (own, others) = (passing("x-forwarded-host"), passing("forwarded"));
    let only_own = move |head: &mut Head| {
        if head.first.contains(" /.portcullis/") { own(head) } else { others(head) }
    };
    let found = deployment.examined(proxy(only_own, |answer| answer).await).await;
    found.has_errors(&["forwarded-headers"]);
    assert!(found.what("forwarded-headers").contains("/.portcullis/sign-in answers"), "{found:?}");
    // One that is not read may be passed on.
    deployment.examined(proxy(passing("forwarded"), |answer| answer).await).await.has_errors(&[]);

    let found = deployment
        .with_request(|head| {
            let target = head.fields.iter().find(|(name, _)| name == "X-Original-URL");
            if let Some((_, target)) = target {
                head.first = format!("GET {target} HTTP/1.1");
            }
        })
        .await;
    found.has_errors(&["target-headers"]);
}

#[tokio::test]
async fn doctor_finds_what_a_proxy_changes() {
    let deployment = Deployment::start().await;
    let found = deployment
        .with_request(|head| {
            remove(head, &["host"]);
            head.fields.push(("Host".to_owned(), "127.0.0.1:8080".to_owned()));
        })
        .await;
    found.has_errors(&["host-not-passed"]);

    let found = deployment
        .with_request(|head| {
            head.first = head.first.replace("/../x", "").replace("//x", "/x").replace("%2fx", "/x");
        })
        .await;
    found.has_errors(&[]);
    assert!(found.names("warning").contains("rewritten-paths"), "{found:#?}");
    assert!(!deployment.with_request(|_| ()).await.names("warning").contains("rewritten-paths"));
    let what = found.what("rewritten-paths");
    assert!(what.contains("//x (arrives as /portcullis-doctor-"), "{what}");

    for (change, severity, name) in [
        (
            (|answer| answer.replace("Path=/;", "Path=/; Domain=portal.test;"))
                as fn(String) -> String,
            "error",
            "cookie",
        ),
        (|answer| answer.replace("HttpOnly; ", ""), "error", "cookie"),
        (|answer| answer.replace("no-store", "max-age=60"), "error", "cached"),
        (
            |answer| answer.replace("urn:portcullis:problem:", "error:"),
            "warning",
            "error-pages-replaced",
        ),
    ] {
        let found = deployment.with_response(change).await;
        assert!(found.names(severity).contains(name), "{name}: {found:#?}");
    }
}

#[tokio::test]
async fn doctor_finds_a_portal_past_the_gateway() {
    let deployment = Deployment::start().await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = deployment.program.gateway;
    let route = move |head: &mut Head| {
        well_wired(head);
        gateway
    };
    let front = proxy(route, |answer| answer).await.to_string();
    let portal = format!("http://{}", deployment.upstream.address);
    let url = ["--url", "http://portal.test", "--connect-to", &front];
    // Without any settings, as from another machine.
    let doctor = async |portal: &str| {
        let args = [&["doctor", "--json", "--portal", portal], &url[..]].concat();
        Findings::of(&run(folder.path(), &args, "").await)
    };
    let found = doctor(&portal).await;
    found.has_errors(&["portal-reachable"]);
    assert!(found.names("ok").contains("public-url"), "{found:#?}");
    doctor(&format!("http://{gateway}")).await.has_errors(&[]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let found = doctor(&format!("http://{nobody}")).await;
    found.has_errors(&[]);
    assert!(found.names("ok").contains("portal-address"), "{found:#?}");

    let ran = run(folder.path(), &["doctor"], "").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("--url"), "{ran:?}");
    for option in ["--connect-to", "--as-portal"] {
        let ran = run(folder.path(), &["doctor", option, "nope"], "").await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("a host and a port"), "{ran:?}");
    }
}

#[tokio::test]
async fn doctor_reaches_the_portal_as_the_gateway_does() {
    let folder = tempfile::tempdir().unwrap();
    let [authority, other] = ["authority", "other"].map(|name| Authority::new(folder.path(), name));
    let (certificate, key) = authority.issue("gateway.internal", 2090);
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("gateway.crt"), certificate.pem()).unwrap();
    std::fs::write(path("gateway.key"), key.serialize_pem()).unwrap();
    let upstream = Upstream::start().await;
    let config = authority.config(("portal.internal", 2090), Some(&authority), &TLS13);
    let front = tls(upstream.address, config).await;
    let examined = async |ca: &str, more: &str| {
        let home = Home::to(&format!("https://{}", front.address), ROUTES);
        home.settings(&format!("upstream.tls.ca = {ca:?}\n{more}"));
        Findings::of(&home.run(&["doctor", "--json"]).await)
    };
    let named = "upstream.tls.name = \"portal.internal\"\n";
    let client = format!(
        "upstream.tls.certificate = {:?}\nupstream.tls.key = {:?}\n",
        path("gateway.crt"),
        path("gateway.key")
    );
    let found = examined(&authority.file, &[named, &client].concat()).await;
    for name in ["portal-certificate", "portal-unreachable"] {
        assert!(!found.names("error").contains(name), "{found:?}");
    }
    assert!(!upstream.seen().is_empty());
    for (ca, more, what) in [
        (&other.file, [named, &client].concat(), "was not issued by an authority"),
        (&authority.file, client.clone(), "not valid for name"),
    ] {
        let found = examined(ca, &more).await;
        assert!(found.what("portal-certificate").contains(what), "{found:?}");
    }
    // Without the certificate of the gateway, the portal does not respond.
    let found = examined(&authority.file, named).await;
    assert!(found.names("error").contains("portal-unreachable"), "{found:?}");
}

#[tokio::test]
async fn doctor_reports_what_check_and_status_report() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connect_to = nobody.to_string();
    let doctor = ["doctor", "--json", "--connect-to", &connect_to];
    let found = Findings::of(&home.run(&doctor).await);
    found.has_errors(&["public-url-unreachable"]);
    assert!(found.names("note").is_superset(&["gateway-not-running", "store"].into()), "{found:?}");
    assert!(found.names("warning").contains("ambiguous-spelling"), "{found:#?}");

    let program = home.serve().await;
    let found = Findings::of(&home.run(&doctor).await);
    found.has_errors(&["public-url-unreachable"]);
    assert!(found.names("ok").contains("gateway-running"), "{found:#?}");
    let file = home.path("portcullis.toml");
    let settings = std::fs::read_to_string(&file).unwrap().replace("portal.test", "other.test");
    std::fs::write(&file, settings).unwrap();
    let found = Findings::of(&home.run(&doctor).await);
    found.has_errors(&["public-url-unreachable", "settings-not-loaded"]);
    program.stop().await;

    home.policy("routes.toml", &ROUTES.replace("signed-in", "signedin"));
    let found = Findings::of(&home.run(&doctor).await);
    assert!(found.names("error").contains("policy-error"), "{found:#?}");
    home.settings("server.threads = 0\n");
    let found = Findings::of(&home.run(&doctor).await);
    assert!(found.names("error").contains("settings-error"), "{found:#?}");
}

#[tokio::test]
async fn doctor_does_not_take_a_disabled_portal_for_a_mistake() {
    let deployment = Deployment::start().await;
    let disable =
        ["preferences", "set", "--disabled-redirect-url", "https://status.test/", "--yes"];
    deployment.home.run(&disable).await.done();
    let found = deployment.with_request(|_| {}).await;
    found.has_errors(&[]);
    assert!(found.names("warning").contains("gateway-warning"), "{found:#?}");
    assert!(found.what("public-url").contains("the portal is disabled"), "{found:#?}");
}

#[tokio::test]
async fn doctor_signs_in_to_the_mail_server_and_sends_nothing() {
    let deployment = Deployment::start().await;
    let home = &deployment.home;
    let certificate = Certificate::write(home.path(".").as_path(), "mail");
    let server = MailServer::start(&certificate, "starttls", 0).await;
    std::fs::write(home.path("smtp.password"), format!("{PASSWORD}\n")).unwrap();
    home.settings(&format!(
        "mail.transport = \"smtp\"\nmail.from = \"Portal <portal@example.test>\"\n\
         mail.smtp.host = \"localhost\"\nmail.smtp.port = {}\nmail.smtp.username = \"{USER}\"\n\
         mail.smtp.password_file = \"smtp.password\"\nmail.smtp.ca_file = \"{}\"\n",
        server.port,
        certificate.certificate.display()
    ));
    let found = deployment.with_request(|_| {}).await;
    found.has_errors(&[]);
    assert!(found.names("ok").contains("mail"), "{found:#?}");
    std::fs::write(home.path("smtp.password"), "wrong\n").unwrap();
    let found = deployment.with_request(|_| {}).await;
    found.has_errors(&["mail"]);
    assert!(found.what("mail").contains("refused the sign-in"), "{found:#?}");
}

#[tokio::test]
async fn doctor_verifies_the_certificate_of_the_public_url() {
    let gate = TestGate::builder().tls().start().await;
    let folder = gate.file(".");
    let connect_to = gate.address.to_string();
    let args = ["doctor", "--json", "--config", "portcullis.toml", "--connect-to", &connect_to];
    let found = Findings::of(&run(&folder, &args, "").await);
    assert_eq!(found.names("error"), ["certificate-untrusted"].into(), "{found:#?}");
    // The other probes go on.
    assert!(found.names("ok").is_superset(&["public-url", "cookie"].into()), "{found:#?}");

    let trusting = portcullis(&folder, &args)
        .env("SSL_CERT_FILE", folder.join("cert.pem"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .output()
        .await
        .unwrap();
    let document: Value = serde_json::from_slice(&trusting.stdout).unwrap();
    let found = Findings { code: trusting.status.code().unwrap(), document };
    found.has_errors(&[]);
    assert!(found.names("ok").contains("certificate"), "{found:#?}");
}

#[tokio::test]
async fn doctor_finds_twins_and_writes_the_settings_for_them() {
    let deployment = Deployment::start().await;
    for twin in ["/tickets/new", "/tickets/New", "/tickets/new;x", "//tickets/new"] {
        deployment.upstream.answer(twin, |mut exchange| async move {
            exchange.body().await?;
            exchange.reply("the form for a new ticket").await
        });
    }
    let found = deployment.with_request(|_| {}).await;
    found.has_errors(&[]);
    assert_eq!(found.names("note"), ["twins-not-seen"].into());
    let whats: BTreeSet<_> = found.document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["name"] == "twin")
        .map(|finding| finding["what"].as_str().unwrap())
        .collect();
    let expected = [
        "the portal takes /tickets/New for /tickets/new; `upstream.readings` has `case`",
        "the portal takes /tickets/new;x for /tickets/new; `upstream.readings` has `parameters`",
    ];
    assert_eq!(whats, expected.into());
    assert!(found.what("twins-always-refused").contains("//tickets/new"), "{found:?}");

    let home = &deployment.home;
    let connect_to = deployment.program.gateway.to_string();
    let doctor = ["doctor", "--connect-to", &connect_to, "--write-settings", "portal.toml"];
    home.run(&doctor).await;
    let written = std::fs::read_to_string(home.path("portal.toml")).unwrap();
    let readings = "\nupstream.readings = [\"case\", \"path-info\", \"parameters\"]\n";
    assert!(written.ends_with(readings), "{written}");

    home.settings("upstream.readings = [\"parameters\"]\n");
    let found = deployment.with_request(|_| {}).await;
    found.has_errors(&["twin-not-enabled"]);
}

#[tokio::test]
async fn doctor_posts_to_the_portal_only_with_consent() {
    let deployment = Deployment::start().await;
    deployment.upstream.answer("/tickets/new", |mut exchange| async move {
        let body = String::from_utf8(exchange.body().await?.bytes.clone()).unwrap();
        let seen = Arc::clone(&exchange.seen);
        let overridden = seen.target.contains("__method=GET") || body.contains("_method=GET");
        let is_get = seen.method == "GET" || overridden;
        let is_get = is_get || seen.one("x-http-method-override") == Some("GET");
        exchange.reply(if is_get { "the form for a new ticket" } else { "no title" }).await
    });
    let found = deployment.with_request(|_| {}).await;
    found.has_errors(&[]);
    assert!(deployment.upstream.seen().iter().all(|seen| seen.method == "GET"));

    let connect_to = deployment.program.gateway.to_string();
    let doctor = ["doctor", "--json", "--connect-to", &connect_to, "--allow-writes"];
    let found = Findings::of(&deployment.home.run(&doctor).await);
    let not_refused = "the portal takes the query parameter __method for the method";
    assert_eq!(found.what("method-override-not-refused"), not_refused);
    assert!(found.names("warning").contains("method-override-not-refused"), "{found:#?}");
    assert!(found.what("method-override").contains("X-HTTP-Method-Override"), "{found:#?}");
}
