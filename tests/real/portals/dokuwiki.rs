//! DokuWiki behind the gateway, with the policy of `policies/examples/dokuwiki`.

use std::path::Path;

use http::Method;

use super::process::Process;
use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form, SIGN_IN};
use crate::support::client::Reply;
use crate::support::gate::{HOST, TestGate};

/// One grey pixel.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\
    \xc4\x89\0\0\0\rIDATx\xdacd\xf8\xcfP\x0f\0\x03\x86\x01\x80Z4}k\0\0\0\0IEND\xaeB`\x82";

/// The field from which the wiki takes its action before it reads anything else.
const COMMAND: &str = "x-dokuwiki-do";

/// A wiki behind a gateway, with an editor, a librarian, and a reader without permissions.
struct Wiki {
    gate: TestGate,
    process: Process,
}

impl Wiki {
    async fn start() -> Self {
        let mut process = Process::start_script("dokuwiki");
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let policy = project.join("policies/examples/dokuwiki");
        let gate = TestGate::builder()
            .setting("upstream.servers", &format!("[\"http://{}\"]", process.address))
            .setting("upstream.remove_headers", "[\"X-DokuWiki-Do\"]")
            .setting("policy.directory", &format!("{:?}", policy.to_str().unwrap()))
            .start()
            .await;
        let acme = gate.admin.organization("Acme").await;
        let reader = gate.admin.group("Readers", &[]).await;
        for (login, group) in [("editor", "limited"), ("librarian", "admin"), ("reader", &reader)] {
            gate.admin.user(&acme, login, group).await;
        }
        process.serves("/doku.php", &[]).await;
        Self { gate, process }
    }

    fn anonymous(&self) -> Browser {
        Browser::at(&self.gate)
    }

    async fn as_user(&self, login: &str) -> Browser {
        let mut browser = self.anonymous();
        assert_eq!(browser.sign_in(login, PASSWORD).await.status, 303, "{login}");
        browser
    }

    /// A browser that uses the wiki directly.
    fn past_the_gate(&self) -> Browser {
        Browser::new(self.process.address, HOST)
    }

    /// The text of a page as the wiki has it.
    async fn text_of(&self, page: &str) -> String {
        let target = format!("/doku.php?id={page}&do=export_raw");
        let reply = self.anonymous().open(&target).await;
        reply.text().to_owned()
    }
}

/// The fields of a form with a file, as browsers send it.
fn with_file(fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.as_bytes());
    }
    let part = "--x\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"p.png\"\r\n\
        Content-Type: image/png\r\n\r\n";
    body.extend(part.as_bytes());
    body.extend(PICTURE);
    body.extend(b"\r\n--x--\r\n");
    ("multipart/form-data; boundary=x".to_owned(), body)
}

async fn upload(browser: &mut Browser, target: &str, fields: &[(&str, &str)]) -> Reply {
    let (kind, body) = with_file(fields);
    let headers = [("content-type", &*kind), ("accept", "text/html")];
    browser.send(Method::POST, target, &headers, body).await
}

fn is_edit_form(reply: &Reply) -> bool {
    reply.status == 200 && reply.text().contains("name=\"wikitext\"")
}

#[tokio::test]
async fn dokuwiki_pages_are_public() {
    let wiki = Wiki::start().await;
    let mut anybody = wiki.anonymous();
    for (target, text) in [
        ("/", "A page of the wiki."),
        ("/doku.php", "A page of the wiki."),
        ("/doku.php?id=start", "A page of the wiki."),
        ("/doku.php?id=start&do=search&q=wiki", "<h1"),
        ("/doku.php?id=start&do=revisions", "<h1"),
        ("/doku.php?do=index&id=start", "Sitemap"),
        ("/feed.php", "<rdf:RDF"),
        ("/lib/exe/opensearch.php", "OpenSearchDescription"),
    ] {
        let reply = anybody.open(target).await;
        assert_eq!(reply.status, 200, "{target}: {reply:?}");
        assert!(reply.text().contains(text), "{target}: {}", reply.text());
    }
    // Everything that a page loads is allowed too, and comes from this host.
    let page = anybody.open("/doku.php?id=start").await;
    let loaded: Vec<String> = ["src=\"", "rel=\"stylesheet\" href=\""]
        .iter()
        .flat_map(|start| page.text().split(start).skip(1))
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .filter(|address| address.starts_with('/') && !address.contains(".svg"))
        .collect();
    assert!(loaded.len() >= 4, "{loaded:?}");
    for address in loaded {
        let reply = anybody.open(&address).await;
        assert_eq!(reply.status, 200, "{address}: {reply:?}");
        assert!(!reply.body.is_empty() || address.contains("taskrunner"), "{address}");
    }
    // HEAD follows GET, and a page that is not there is the wiki's own 404.
    let head = anybody.send(Method::HEAD, "/doku.php?id=start", &[], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let missing = anybody.open("/doku.php?id=not:there").await;
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("DokuWiki") || missing.text().contains("dokuwiki"));
}

#[tokio::test]
async fn dokuwiki_editing_needs_the_permission() {
    let wiki = Wiki::start().await;
    let mut editor = wiki.as_user("editor").await;
    let page = editor.open("/doku.php?id=start&do=edit").await;
    assert!(is_edit_form(&page), "{page:?}");
    let form = Form::find(page.text(), |form| form.get("changecheck").is_some()).unwrap();
    assert_eq!(form.action, "/doku.php?id=start&do=edit");
    let form = form
        .set(
            "wikitext",
            "====== Welcome ======\n\nWritten through the gateway, with ünïcödé & more.\n",
        )
        .set("summary", "a test")
        .set("do[save]", "1");
    let saved = editor.submit(&form).await;
    assert_eq!(saved.status, 302, "{saved:?}");
    let location = saved.header("location").unwrap();
    assert!(location.starts_with(&format!("http://{HOST}/doku.php")), "{location}");
    let end = editor.go_on("/doku.php", saved).await;
    assert!(end.reply.text().contains("with ünïcödé &amp; more"), "{}", end.reply.text());
    let text = wiki.text_of("start").await;
    assert!(text.contains("Written through the gateway, with ünïcödé & more."), "{text}");
    // The same form, sent by people without the permission.
    let form = form.set("wikitext", "vandalized");
    let mut reader = wiki.as_user("reader").await;
    assert_eq!(reader.open("/doku.php?id=start&do=edit").await.status, 403);
    for target in ["/doku.php?id=start&do=edit", "/doku.php?id=start", "/doku.php"] {
        let form = Form { action: target.to_owned(), ..form.clone() };
        let denied = reader.submit(&form).await;
        assert_eq!(denied.status, 403, "{target}: {denied:?}");
        let mut anybody = wiki.anonymous();
        let stranger = anybody.submit(&form).await;
        assert!(matches!(stranger.status, 303 | 401), "{target}: {stranger:?}");
    }
    let asked = wiki.anonymous().open("/doku.php?id=start&do=edit").await;
    assert_eq!(asked.status, 303);
    assert!(asked.header("location").unwrap().starts_with(SIGN_IN));
    assert_eq!(wiki.text_of("start").await, text);
}

#[tokio::test]
async fn dokuwiki_sign_in_returns_to_the_edit_form() {
    let wiki = Wiki::start().await;
    let mut editor = wiki.anonymous();
    let page = editor.follow("/doku.php?id=new:page&do=edit").await;
    assert!(page.target.starts_with(SIGN_IN));
    let reply = editor.sign_in_on(&page.reply, "editor", PASSWORD).await;
    let end = editor.go_on(SIGN_IN, reply).await;
    assert_eq!(end.target, "/doku.php?id=new:page&do=edit");
    assert!(end.reply.text().contains("name=\"wikitext\""), "{}", end.reply.text());
    // Reading needs no sign-in.
    assert_eq!(wiki.anonymous().open("/doku.php?id=start").await.status, 200);
}

#[tokio::test]
async fn dokuwiki_get_saves_no_page() {
    let wiki = Wiki::start().await;
    let before = wiki.text_of("start").await;
    let mut librarian = wiki.as_user("librarian").await;
    for target in [
        "/doku.php?id=start&do=save&wikitext=gone",
        "/doku.php?id=start&do[save]=1&wikitext=gone",
        "/doku.php?id=start&do%5Bsave%5D=1&wikitext=gone",
        "/doku.php?id=start&do=revert&rev=1",
        "/doku.php?id=start&do=SAVE&wikitext=gone",
    ] {
        assert_eq!(librarian.open(target).await.status, 403, "{target}");
    }
    let mut with_cookie = librarian.clone();
    with_cookie.cookies.insert("do".to_owned(), "save".to_owned());
    assert_eq!(with_cookie.open("/doku.php?id=start&wikitext=gone").await.status, 200);
    assert_eq!(wiki.text_of("start").await, before);
    assert!(is_edit_form(&librarian.open("/doku.php?id=start&do=edit").await));
}

#[tokio::test]
async fn dokuwiki_administration_is_denied_in_every_spelling() {
    let wiki = Wiki::start().await;
    let mut librarian = wiki.as_user("librarian").await;
    for target in [
        "/doku.php?do=admin",
        "/doku.php?id=start&do=admin&page=config",
        "/doku.php?do=ADMIN",
        "/doku.php?do=ad-min",
        "/doku.php?do=%61dmin",
        "/doku.php?d%6f=admin",
        "/doku.php?do[admin]=1",
        "/doku.php?do%5Badmin%5D=1",
        "/doku.php?do=show&do=admin",
        "/doku.php?%20do=admin",
        "/doku.php?do=show;do=admin",
        "/doku.php/start?do=admin",
        "/doku.php?do=profile",
        "/doku.php?do=register",
        "/doku.php?do=login",
        "/install.php",
        "/lib/exe/xmlrpc.php",
        "/lib/exe/jsonrpc.php",
        "/conf/local.php",
        "/data/pages/start.txt",
        "/inc/init.php",
        "/bin/plugin.php",
        "/lib/plugins/config/settings/config.metadata.php",
    ] {
        let reply = librarian.open(target).await;
        assert_eq!(reply.status, 403, "{target}: {reply:?}");
        let post = librarian.post(target, &[("origin", "http://portal.test")], "sectok=").await;
        assert_eq!(post.status, 403, "POST {target}: {post:?}");
    }
    // Bodies are not checked; the wiki's own settings deny these.
    for body in ["do=admin", "do%5Badmin%5D=1", "do=admin&page=usermanager", "do=profile"] {
        let reply = librarian.post("/doku.php?id=start", &[], body).await;
        let page = librarian.go_on("/doku.php", reply).await;
        let text = page.reply.text();
        assert!(!text.contains("id=\"admin__") && !text.contains("page=config"), "{body}: {text}");
        assert!(!text.contains("name=\"oldpass\""), "{body}: {text}");
    }
    let mut with_cookie = librarian.clone();
    with_cookie.cookies.insert("do".to_owned(), "admin".to_owned());
    let page = with_cookie.open("/doku.php?id=start").await;
    assert!(page.text().contains("A page of the wiki."), "{page:?}");
    assert_eq!(librarian.open("/doku.php?id=start").await.status, 200);
}

#[tokio::test]
async fn dokuwiki_command_header_is_removed() {
    let wiki = Wiki::start().await;
    let target = "/doku.php?id=start";
    let command =
        |name: &'static str, value: &'static str| [(name, value), ("accept", "text/html")];
    // Without the gateway, the wiki obeys.
    let obeyed =
        wiki.past_the_gate().send(Method::GET, target, &command(COMMAND, "edit"), "").await;
    assert!(is_edit_form(&obeyed), "{obeyed:?}");
    for name in [COMMAND, "x_dokuwiki_do", "x.dokuwiki.do", "x-dokuwiki_do", "x-doku-wiki-do"] {
        for value in ["edit", "admin", "save"] {
            let reply = wiki.anonymous().send(Method::GET, target, &command(name, value), "").await;
            if reply.status != 400 {
                assert_eq!(reply.status, 200, "{name}: {value}: {reply:?}");
                assert!(reply.text().contains("A page of the wiki."), "{name}: {value}");
                assert!(!is_edit_form(&reply), "{name}: {value}: {}", reply.text());
                assert!(!reply.text().contains("Action disabled"), "{name}: {value}");
            }
        }
    }
    assert!(wiki.text_of("start").await.contains("A page of the wiki."));
}

#[tokio::test]
async fn dokuwiki_upload_needs_the_permission() {
    let wiki = Wiki::start().await;
    let window = "/lib/exe/mediamanager.php";
    let named = |name: &'static str| [("sectok", ""), ("ns", ""), ("mediaid", name)];
    let mut librarian = wiki.as_user("librarian").await;
    assert_eq!(librarian.open(window).await.status, 200);
    let reply = upload(&mut librarian, window, &named("first.png")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.text().contains("Upload successful"), "{}", reply.text());
    let fetched = wiki.anonymous().open("/lib/exe/fetch.php?media=first.png").await;
    assert_eq!((fetched.status, &*fetched.body), (200, PICTURE));
    let call = "/lib/exe/ajax.php?call=mediaupload&qqfile=second.png&ns=&mediaid=second.png";
    let reply = librarian.send(Method::POST, call, &[], PICTURE).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.text().contains("\"success\":true"), "{}", reply.text());
    // The editor may edit only.
    let mut editor = wiki.as_user("editor").await;
    assert_eq!(editor.open(window).await.status, 403);
    assert_eq!(upload(&mut editor, window, &named("third.png")).await.status, 403);
    let call = call.replace("second", "third");
    let script = [("accept", "application/json"), ("sec-fetch-mode", "cors")];
    let reply = editor.send(Method::POST, &call, &script, PICTURE).await;
    assert_eq!(reply.status, 403);
    reply.problem();
    let delete = format!("{window}?delete=first.png");
    assert_eq!(editor.open(&delete).await.status, 403);
    let stranger = upload(&mut wiki.anonymous(), window, &named("third.png")).await;
    assert!(matches!(stranger.status, 303 | 401), "{stranger:?}");
    let third = wiki.anonymous().open("/lib/exe/fetch.php?media=third.png").await;
    assert_eq!(third.status, 404, "{third:?}");
    // A GET deletes nothing.
    assert_eq!(librarian.open(&delete).await.status, 403);
    let fetched = wiki.anonymous().open("/lib/exe/fetch.php?media=first.png").await;
    assert_eq!(fetched.status, 200, "it is still there");
}

#[tokio::test]
async fn dokuwiki_media_action_in_a_body_uploads_nothing() {
    let wiki = Wiki::start().await;
    let mut editor = wiki.as_user("editor").await;
    let mut librarian = wiki.as_user("librarian").await;
    for (target, action) in [
        ("/doku.php?id=start&do=edit", ("do", "media")),
        ("/doku.php?id=start", ("do", "media")),
        ("/doku.php", ("do[media]", "1")),
        ("/doku.php?id=start&do=show", ("do", "MEDIA")),
    ] {
        let fields = [action, ("sectok", ""), ("ns", ""), ("mediaid", "sneaked.png")];
        let reply = upload(&mut editor, target, &fields).await;
        assert!(!reply.text().contains("Upload successful"), "{target}: {}", reply.text());
        let sneaked = wiki.anonymous().open("/lib/exe/fetch.php?media=sneaked.png").await;
        assert_eq!(sneaked.status, 404, "{target} with {action:?}");
    }
    for browser in [&mut editor, &mut librarian] {
        assert_eq!(browser.open("/doku.php?do=media").await.status, 403);
        let fields = [("sectok", ""), ("ns", ""), ("mediaid", "sneaked.png")];
        assert_eq!(upload(browser, "/doku.php?do=media", &fields).await.status, 403);
    }
    assert_eq!(librarian.open("/lib/exe/mediamanager.php").await.status, 200);
}

#[tokio::test]
async fn dokuwiki_odd_addresses_have_one_reading() {
    let wiki = Wiki::start().await;
    let mut editor = wiki.as_user("editor").await;
    // A page with an unusual name is created and read back.
    for id in ["wiki:a_b", "b%C3%BCro:caf%C3%A9", "a%2Fb", "c:d%20e", "1%2B1"] {
        let page = editor.open(&format!("/doku.php?id={id}&do=edit")).await;
        assert!(is_edit_form(&page), "{id}: {page:?}");
        let form = Form::find(page.text(), |form| form.get("changecheck").is_some()).unwrap();
        let text = format!("This is {id}.");
        let saved = editor.submit(&form.set("wikitext", &text).set("do[save]", "1")).await;
        assert_eq!(saved.status, 302, "{id}: {saved:?}");
        let location = saved.header("location").unwrap();
        assert!(location.starts_with(&format!("http://{HOST}/doku.php?id=")), "{id}: {location}");
        let end = editor.go_on("/doku.php", saved).await;
        assert_eq!(end.reply.status, 200, "{id}: {}", end.target);
        assert_eq!(wiki.text_of(id).await.trim(), text, "{id}");
    }
    for target in
        ["//doku.php", "/./doku.php", "/lib/../doku.php", "/doku.php%00", "/lib%2fexe/css.php"]
    {
        assert_eq!(editor.open(target).await.status, 400, "{target}");
    }
    for target in ["/DOKU.PHP", "/doku.php/", "/doku.php/start", "/index.php", "/lib/exe/css.php/x"]
    {
        assert_eq!(editor.open(target).await.status, 403, "{target}");
    }
}
