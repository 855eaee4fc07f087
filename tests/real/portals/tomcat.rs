//! Tomcat's examples behind the gateway, with the policy of `policies/examples/tomcat`.

use http::Method;

use super::program::{Mask, Person, Program, Setup, echo};
use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::chrome::Chrome;

pub(super) static TOMCAT: Setup = Setup {
    name: "tomcat",
    settings: &[
        ("upstream.readings", r#"["parameters"]"#),
        ("session.portal_cookies", r#"["JSESSIONID"]"#),
    ],
    ready: "/examples/",
    masks: MASKS,
    fields: &[],
};

/// Ids and times of sessions.
const MASKS: &[Mask] = &[
    ("JSESSIONID=", ";"),
    ("jsessionid=", "\"?"),
    ("Session ID: ", "\n"),
    ("in session <b>", "<"),
    ("Created: \n", "<"),
    ("Last Accessed: \n", "\n"),
    ("Your session ID is <code>", "<"),
];

const SESSION: &str = "/examples/servlets/servlet/SessionExample";
const PROTECTED: &str = "/examples/jsp/security/protected/";

/// The action of the first form of a page, with the session in it if there is one.
fn action(page: &str) -> &str {
    let (_, rest) = page.split_once("action=").unwrap();
    rest.trim_start_matches(['"', '\'']).split(['"', '\'', ' ']).next().unwrap()
}

/// The same person in a browser that keeps no cookies of the program.
fn without_cookies(person: &Person) -> Browser {
    person.browser.copy_of_session()
}

#[tokio::test]
async fn tomcat_sessions_in_the_path_are_kept() {
    let tomcat = Program::start(&TOMCAT).await;
    let mut reader = tomcat.person("rita", "limited").await;
    let mut visitor = tomcat.visitor();
    visitor.reads("/examples/", "Apache Tomcat Examples").await;
    visitor.refused(Method::GET, SESSION, 401, "sign-in-required").await;

    // The first page writes the session into its links, because no cookie has come back yet.
    let first = reader.reads(SESSION, "Sessions Example").await;
    let link = action(first.text()).to_owned();
    let (_, id) = link.split_once(";jsessionid=").expect("a session in the first link");
    assert_eq!(id.len(), 32, "{link}");
    let target = format!("{SESSION};jsessionid={id}");
    let mut bare = without_cookies(&reader);
    let headers = [("origin", "http://portal.test")];
    let saved = bare.post(&target, &headers, "dataname=color&datavalue=gr%C3%BCn").await;
    assert_eq!(saved.status, 200, "{saved:?}");
    let mut bare = without_cookies(&reader);
    let again = bare.open(&format!("{target}?dataname=size&datavalue=7")).await;
    assert!(again.text().contains("color = grün"), "{}", again.text());
    // The session is not in the record, and it is the same one with the cookie.
    tomcat.gate.decided(SESSION).await;
    assert!(!tomcat.gate.records().contains(id), "a session's id in a record");
    let cookie = reader.browser.open(SESSION).await;
    assert!(cookie.text().contains("size = 7"), "{}", cookie.text());
    // The id alone opens nothing.
    visitor.refused(Method::GET, &target, 401, "sign-in-required").await;
    tomcat.only_allowed_requests_arrived("/examples/").await;
}

#[tokio::test]
async fn tomcat_form_sign_in_works_behind_the_gateway() {
    let tomcat = Program::start(&TOMCAT).await;
    let mut developer = tomcat.person("dora", "admin").await;
    let mut reader = tomcat.person("rita", "limited").await;
    let page = format!("{PROTECTED}index.jsp");
    let form = developer.reads(&page, "j_username").await;
    let check = action(form.text()).to_owned();
    assert!(check.starts_with("j_security_check;jsessionid="), "{check}");

    let target = format!("{PROTECTED}j_security_check");
    let wrong = [("j_username", "tomcat"), ("j_password", "wrong")];
    let reply = developer.submit(&target, &wrong).await;
    assert!(reply.text().contains("Invalid user name"), "{}", reply.text());
    let right = [("j_username", "tomcat"), ("j_password", "tomcat-password")];
    let reply = developer.submit(&target, &right).await;
    assert!(matches!(reply.status, 302 | 303), "{reply:?}");
    assert!(reply.header("location").unwrap().ends_with(&page), "{reply:?}");
    developer.reads(&page, "You are logged in as remote user").await;

    // The same with the session in the path only, as the first page has it.
    let form = without_cookies(&developer).open(&page).await;
    let check = format!("{PROTECTED}{}", action(form.text()));
    let headers = [("origin", "http://portal.test")];
    let fields = "j_username=tomcat&j_password=tomcat-password";
    let reply = without_cookies(&developer).post(&check, &headers, fields).await;
    assert!(matches!(reply.status, 302 | 303), "{reply:?}");

    // Tomcat's password does not help those who lack the gateway's permission.
    for method in [Method::GET, Method::POST] {
        reader.refused(method.clone(), &page, 403, "missing-permission").await;
        reader.refused(method.clone(), &target, 403, "missing-permission").await;
        reader.refused(method.clone(), &check, 403, "missing-permission").await;
        tomcat.visitor().refused(method, &check, 401, "sign-in-required").await;
    }
    tomcat.only_allowed_requests_arrived("/examples/").await;
}

#[tokio::test]
async fn tomcat_uploads_downloads_and_websockets_pass() {
    let tomcat = Program::start(&TOMCAT).await;
    let mut developer = tomcat.person("dora", "admin").await;
    let mut reader = tomcat.person("rita", "limited").await;
    let counter = "/examples/servlets/nonblocking/bytecounter";
    let headers = [("content-type", "application/octet-stream"), ("origin", "http://portal.test")];
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let counted = developer.send(Method::POST, counter, &headers, |_| bytes.clone()).await;
    assert!(counted.text().contains("300000"), "{}", counted.text());
    reader.refused(Method::POST, counter, 403, "missing-permission").await;

    let picture = "/examples/servlets/images/code.gif";
    let whole = reader.get(picture).await;
    assert_eq!((whole.status, &whole.body[..6]), (200, &b"GIF89a"[..]));
    let part = reader.send(Method::GET, picture, &[("range", "bytes=2-5")], |_| Vec::new()).await;
    assert_eq!((part.status, &*part.body), (206, &whole.body[2..6]));
    let tag = whole.header("etag").unwrap().to_owned();
    let same = reader.send(Method::GET, picture, &[("if-none-match", &tag)], |_| Vec::new()).await;
    assert_eq!(same.status, 304);
    let head = reader.send(Method::HEAD, picture, &[], |_| Vec::new()).await;
    assert_eq!((head.status, head.body.len()), (200, 0));

    let echo = "/examples/websocket/echoProgrammatic";
    reader.reads("/examples/websocket/echo.xhtml", "echoProgrammatic").await;
    let Ok(mut sockets) = tomcat.sockets(&developer, echo).await else {
        panic!("a developer's WebSocket was refused");
    };
    for text in ["hello", "grün", &"long ".repeat(1000)] {
        sockets.send(text).await;
        assert_eq!(sockets.receive(text).await, text);
    }
    assert_eq!(tomcat.sockets(&reader, echo).await.err(), Some(403));
    assert_eq!(tomcat.sockets(&tomcat.visitor(), echo).await.err(), Some(401));
    tomcat.only_allowed_requests_arrived("/examples/").await;
}

#[tokio::test]
async fn tomcat_denied_requests_never_arrive() {
    let tomcat = Program::start(&TOMCAT).await;
    let mut developer = tomcat.person("dora", "admin").await;
    let mut reader = tomcat.person("rita", "limited").await;
    reader.reads("/examples/jsp/dates/date.jsp", "Day of month").await;
    reader.reads("/examples/jsp/dates/date.jsp;jsessionid=0A1B", "Day of month").await;
    for target in [
        "/examples/jsp/security;x/protected/index.jsp",
        "/examples/jsp/security/protected;jsessionid=0A1B/index.jsp",
        "/examples/jsp;x/security;y/protected;z/index.jsp",
        "/examples/jsp/security/protected/index.jsp;x=1",
    ] {
        let reply = reader.browser.open(target).await;
        assert_eq!(reply.status, 403, "{target}: {reply:?}");
    }
    for target in ["/examples/jsp/snp/snoop.jsp", "/examples/jsp/snp/snoop.jsp;jsessionid=0A1B"] {
        developer.refused(Method::GET, target, 403, "route-closed").await;
    }
    for target in ["/manager/html", "/host-manager/html", "/examples/WEB-INF/web.xml", "/docs/"] {
        developer.refused(Method::GET, target, 403, "no-route").await;
    }
    for target in [
        "/examples/..;/manager/html",
        "/examples/jsp/dates/..;x=1/security/protected/index.jsp",
        "/examples/jsp/dates/%2e%2e/snp/snoop.jsp",
    ] {
        developer.refused(Method::GET, target, 400, "dot-segment").await;
    }
    tomcat.only_allowed_requests_arrived("/examples/").await;
}

#[tokio::test]
async fn tomcat_form_sign_in_works_in_a_browser() {
    let tomcat = Program::start_tls(&TOMCAT).await;
    tomcat.gate.admin.user(&tomcat.organization, "dora", "admin").await;
    tomcat.gate.admin.user(&tomcat.organization, "rita", "limited").await;
    let chrome = Chrome::open(&tomcat.gate).await;
    chrome.goto(PROTECTED).await;
    chrome.sign_in("dora", PASSWORD).await;
    chrome.sees("Username:").await;
    chrome.fill("j_username", "tomcat").await;
    chrome.fill("j_password", "tomcat-password").await;
    chrome.find("[type=\"submit\"]").await.click().await.unwrap();
    chrome.sees("You are logged in as remote user").await;
    chrome.arrives(PROTECTED).await;
    let socket = echo("/examples/websocket/echoProgrammatic", "grün");
    assert_eq!(chrome.ask(&socket).await, "grün");
    // Another person in the same browser is not signed in to Tomcat.
    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Sign out").await;
    chrome.sees("You're signed out").await;
    chrome.goto(PROTECTED).await;
    chrome.sign_in("dora", PASSWORD).await;
    chrome.sees("Username:").await;
    chrome.goto("/.portcullis/sign-out").await;
    chrome.press("Sign out").await;
    chrome.sees("You're signed out").await;
    chrome.goto(PROTECTED).await;
    chrome.sign_in("rita", PASSWORD).await;
    chrome.sees("Your account doesn't have access to this").await;
    chrome.goto("/examples/").await;
    assert_eq!(chrome.ask(&socket).await, "closed");
    tomcat.only_allowed_requests_arrived("/examples/").await;
}
