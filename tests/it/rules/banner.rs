//! The banner in the portal's pages while staff view them (R17, R18).

use std::io::Write as _;

use http::Method;
use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form};
use crate::support::client::Reply;
use crate::support::gate::{CUSTOMER_ROUTES, TestGate};

const LOGIN: &str = "anna@acme.test";
const BANNER: &str = "<portcullis-banner";
const PAGE: &str = "<!doctype html><html><head><title>Portal</title></head><body class=a><p>Hi</p>";

/// A portal, and a browser in which staff act as Anna.
async fn site() -> (TestGate, Browser) {
    let gate = TestGate::builder()
        .policy(CUSTOMER_ROUTES)
        .setting("admin.public_url", "\"http://admin.test\"")
        .start()
        .await;
    let acme = gate.admin.organization("Acme & Söhne").await;
    let anna = gate.admin.user(&acme, LOGIN, "limited").await;
    let body = json!({ "user": anna, "reason": "Ticket 7" });
    let link = gate.admin.post("/api/v1/impersonations", body).await;
    let mut staff = Browser::at(&gate);
    let target = staff.local(link.json["url"].as_str().unwrap());
    assert_eq!(staff.open(&target).await.status, 303);
    (gate, staff)
}

/// The portal answers with this page from now on.
fn answers(gate: &TestGate, head: &str, page: &[u8]) {
    let length = page.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{head}\r\n");
    gate.upstream.answer_bytes("/reports/1", [head.as_bytes(), page].concat());
}

async fn open(staff: &mut Browser) -> Reply {
    staff.open("/reports/1").await
}

/// The page without the banner, which it has once and behind this text.
fn without_banner(page: &str, before: &str) -> String {
    let (start, rest) = page.split_once(BANNER).expect("a banner");
    assert!(start.ends_with(before), "{start}");
    let (_, end) = rest.split_once(" async></script>").expect("its script");
    assert!(!end.contains(BANNER), "two banners: {end}");
    format!("{start}{end}")
}

#[tokio::test]
async fn r18_each_page_says_who_is_viewed_and_stops() {
    let (gate, mut staff) = site().await;
    answers(&gate, "content-type: text/html\r\n", PAGE.as_bytes());
    let page = open(&mut staff).await;
    let text = page.text();
    assert_eq!(without_banner(text, "<body class=a>"), PAGE);
    for part in [LOGIN, "S&#246;hne", "Ticket", "Account: socket", "data-left=\"1"] {
        assert_eq!(text.contains(part), part != "Ticket", "{part}: {text}");
    }
    for link in ["href=\"", "src=\""] {
        let address = text.split_once(BANNER).unwrap().1.split_once(link).unwrap().1;
        let asset = staff.local(address.split('"').next().unwrap());
        assert_eq!(staff.fetch(&asset).await.status, 200, "{asset}");
    }
    let form = Form::to(text, &format!("{}/.portcullis/view/stop", gate.origin()));
    let form = Form { action: "/.portcullis/view/stop".to_owned(), ..form };
    let stopped = staff.submit(&form).await;
    assert_eq!((stopped.status, stopped.header("location")), (303, Some("http://admin.test")));
    assert_eq!(open(&mut staff).await.status, 303, "the session has ended");
}

#[tokio::test]
async fn r18_only_pages_of_staff_have_the_banner() {
    let (gate, mut staff) = site().await;
    answers(&gate, "content-type: text/html\r\netag: \"1\"\r\n", PAGE.as_bytes());
    let mut anna = Browser::at(&gate);
    assert_eq!(anna.sign_in(LOGIN, PASSWORD).await.status, 303);
    let own = open(&mut anna).await;
    assert_eq!((own.text(), own.header("etag")), (PAGE, Some("\"1\"")));
    for headers in [
        &[("sec-fetch-dest", "iframe"), ("sec-fetch-mode", "navigate")][..],
        &[("sec-fetch-dest", "empty"), ("accept", "text/html"), ("hx-request", "true")],
        &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")],
    ] {
        let part = staff.send(Method::GET, "/reports/1", headers, "").await;
        assert_eq!((part.text(), part.header("etag")), (PAGE, Some("\"1\"")), "{headers:?}");
    }
    for head in [
        "content-type: application/json\r\n",
        "content-type: text/html; charset=utf-16le\r\n",
        "content-type: text/html\r\ncontent-disposition: attachment\r\n",
        "content-type: text/html\r\ncontent-encoding: zstd\r\n",
        "",
    ] {
        answers(&gate, head, PAGE.as_bytes());
        assert_eq!(open(&mut staff).await.text(), PAGE, "{head}");
    }
}

#[tokio::test]
async fn r18_compressed_chunked_and_huge_pages_have_it() {
    let (gate, mut staff) = site().await;
    let huge = format!("{PAGE}{}", "<p>Line</p>\n".repeat(200_000));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(huge.as_bytes()).unwrap();
    let mut brotli = Vec::new();
    let settings = brotli::enc::BrotliEncoderParams { quality: 1, ..Default::default() };
    brotli::BrotliCompress(&mut PAGE.as_bytes(), &mut brotli, &settings).unwrap();
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n\
         3\r\n<ht\r\n6\r\nml><bo\r\n3\r\ndy>\r\n2\r\nHi\r\n0\r\n\r\n";
    let html = "content-type: text/html\r\n";
    answers(&gate, html, huge.as_bytes());
    assert!(without_banner(open(&mut staff).await.text(), "<body class=a>") == huge);
    answers(&gate, &format!("{html}content-encoding: gzip\r\n"), &gzip.finish().unwrap());
    let page = open(&mut staff).await;
    assert!(without_banner(page.text(), "<body class=a>") == huge);
    assert_eq!(page.header("content-encoding"), None);
    answers(&gate, &format!("{html}content-encoding: br\r\n"), &brotli);
    assert_eq!(without_banner(open(&mut staff).await.text(), "<body class=a>"), PAGE);
    gate.upstream.answer_bytes("/reports/1", chunked);
    let page = open(&mut staff).await;
    assert_eq!(without_banner(page.text(), "<html><body>"), "<html><body>Hi");
    let mut parts = format!(
        "HTTP/1.1 200 OK\r\n{html}content-encoding: br\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for part in brotli.chunks(7) {
        parts.extend(format!("{:x}\r\n", part.len()).bytes().chain(part.iter().copied()));
        parts.extend(b"\r\n");
    }
    gate.upstream.answer_bytes("/reports/1", [&parts[..], b"0\r\n\r\n"].concat());
    let page = open(&mut staff).await;
    assert_eq!(without_banner(page.text(), "<body class=a>"), PAGE);
    assert_eq!(page.header("content-encoding"), None);
    // Broken HTML, cut off in a tag: at its end.
    answers(&gate, html, b"<title>x</title>No body, and <b class='");
    let page = open(&mut staff).await;
    assert!(page.text().starts_with("<title>x</title>No body, and <b class='<portcullis-banner"));
}

#[tokio::test]
async fn r18_head_has_the_header_of_the_page_with_banner() {
    let (gate, mut staff) = site().await;
    let navigation = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n",
        PAGE.len()
    );
    gate.upstream.answer_bytes("/reports/1", head.as_bytes());
    let reply = staff.send(Method::HEAD, "/reports/1", &navigation, "").await;
    assert_eq!((reply.status, reply.text()), (200, ""));
    for name in ["content-length", "etag"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let mut anna = Browser::at(&gate);
    assert_eq!(anna.sign_in(LOGIN, PASSWORD).await.status, 303);
    let own = anna.send(Method::HEAD, "/reports/1", &navigation, "").await;
    assert_eq!(own.header("etag"), Some("\"1\""));
    assert_eq!(own.header("content-length"), Some(&*PAGE.len().to_string()));
}

#[tokio::test]
async fn r18_the_portal_is_asked_for_whole_current_pages() {
    let (gate, mut staff) = site().await;
    let head = "content-type: text/html\r\netag: \"1\"\r\naccept-ranges: bytes\r\n\
        cache-control: public\r\ncontent-security-policy: default-src 'none'; form-action 'self'\r\n";
    answers(&gate, head, PAGE.as_bytes());
    gate.upstream.forget();
    let asked = [
        ("accept", "text/html"),
        ("accept-encoding", "gzip, br"),
        ("range", "bytes=0-1"),
        ("if-range", "\"1\""),
        ("if-none-match", "\"1\""),
        ("if-modified-since", "Thu, 26 Nov 2026 10:00:00 GMT"),
    ];
    let page = staff.send(Method::GET, "/reports/1", &asked, "").await;
    let seen = gate.arrived();
    assert_eq!(seen.one("accept-encoding"), Some("identity"));
    for name in ["range", "if-range", "if-none-match", "if-modified-since"] {
        assert_eq!(seen.one(name), None, "{name}");
    }
    without_banner(page.text(), "<body class=a>");
    for name in ["etag", "accept-ranges", "content-length"] {
        assert_eq!(page.header(name), None, "{name}");
    }
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let policy = page.header("content-security-policy").unwrap();
    let assets = format!("{}/.portcullis/assets/", gate.origin());
    let expected = [
        "default-src 'none'".to_owned(),
        format!("form-action 'self' {}/.portcullis/view/stop http://admin.test", gate.origin()),
        format!("style-src-elem {assets}"),
        format!("script-src-elem {assets}"),
    ];
    let directives: Vec<_> = policy.split(';').map(str::trim).collect();
    assert_eq!(directives.len(), expected.len(), "{policy}");
    for (directive, expected) in directives.iter().zip(&expected) {
        assert!(directive.starts_with(expected), "{directive}");
    }
    // A part of a page that a script loads is asked for as the script does.
    let script = [("sec-fetch-dest", "empty"), ("range", "bytes=0-1"), ("accept-encoding", "br")];
    staff.send(Method::GET, "/reports/1", &script, "").await;
    let seen = gate.arrived();
    assert_eq!((seen.one("range"), seen.one("accept-encoding")), (Some("bytes=0-1"), Some("br")));
}
