//! What the portal learns beyond ids: texts about the user, static headers and a Basic account.

use data_encoding::BASE64;
use http::Method;
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::client::Cookie;
use crate::support::gate::{Builder, TestGate};
use crate::support::upstream::{Seen, folded};

/// The headers that are switched on with `true`.
const SWITCHED: [(&str, &str); 4] = [
    ("email", "portcullis-email"),
    ("name", "portcullis-name"),
    ("group_name", "portcullis-group-name"),
    ("organization_name", "portcullis-organization-name"),
];

fn all_switched_on() -> Builder {
    let builder = TestGate::builder();
    SWITCHED
        .iter()
        .fold(builder, |builder, (key, _)| builder.setting(&format!("identity.{key}"), "true"))
}

/// The values of the headers in [`SWITCHED`].
fn texts(seen: &Seen) -> [Option<&str>; 4] {
    SWITCHED.map(|(_, header)| seen.one(header))
}

async fn create_user(gate: &TestGate, more: Value) -> String {
    let mut user = json!({ "group": "admin", "password": PASSWORD });
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    gate.admin.post("/api/v1/users", user).await.created()
}

async fn visit(gate: &TestGate, path: &str, cookie: &Cookie) -> std::sync::Arc<Seen> {
    let reply = gate.get(path).cookie(cookie).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    gate.arrived()
}

/// The credentials in an `Authorization` header.
fn credentials(seen: &Seen) -> Option<String> {
    let encoded = seen.one("authorization")?.strip_prefix("Basic ")?;
    Some(String::from_utf8(BASE64.decode(encoded.as_bytes()).unwrap()).unwrap())
}

#[tokio::test]
async fn i2_texts_are_sent_if_switched_on_and_are_current() {
    let gate = all_switched_on().start().await;
    let acme = gate.admin.organization("Müller & Co").await;
    let end_users = format!("/api/v1/organizations/{acme}/end-users");
    let contact = json!({ "name": "Ann Contact", "email": "ann@acme.test" });
    let contact = gate.admin.post(&end_users, contact).await.created();
    let contact_path = format!("{end_users}/{contact}");
    let more = json!({ "organization": acme, "end_user": contact, "login": "ann", "name": "Ann" });
    let ann = create_user(&gate, more).await;
    let bob = json!({ "organization": acme, "login": "bob@acme.test" });
    create_user(&gate, bob).await;
    let office = json!({ "organization": acme, "login": "office", "name": "The office" });
    create_user(&gate, office).await;

    let [group, organization] = [Some("Admin Portal Group"), Some("Müller & Co")];
    for (login, email, name) in [
        ("ann", Some("ann@acme.test"), Some("Ann")),
        ("bob@acme.test", Some("bob@acme.test"), None),
        ("office", None, Some("The office")),
    ] {
        let cookie = gate.sign_in(login, PASSWORD).await;
        for path in ["/mine/a", "/open/a"] {
            let seen = visit(&gate, path, &cookie).await;
            assert_eq!(texts(&seen), [email, name, group, organization], "{login}: {path}");
            assert_eq!(seen.one("portcullis-user"), Some(login));
        }
    }

    let cookie = gate.sign_in("ann", PASSWORD).await;
    let user_path = format!("/api/v1/users/{ann}");
    let organization_path = format!("/api/v1/organizations/{acme}");
    for (path, change, expected) in [
        (
            &user_path,
            json!({ "name": null }),
            ["ann@acme.test", "Ann Contact", "Limited Portal Group", "Müller & Co"],
        ),
        (
            &contact_path,
            json!({ "name": "Ann C." }),
            ["ann@acme.test", "Ann C.", "Limited Portal Group", "Müller & Co"],
        ),
        (
            &contact_path,
            json!({ "email": "a@b.test" }),
            ["a@b.test", "Ann C.", "Limited Portal Group", "Müller & Co"],
        ),
        (
            &organization_path,
            json!({ "name": "Acme" }),
            ["a@b.test", "Ann C.", "Limited Portal Group", "Acme"],
        ),
        (
            &"/api/v1/groups/limited".to_owned(),
            json!({ "name": "Few" }),
            ["a@b.test", "Ann C.", "Few", "Acme"],
        ),
        (&user_path, json!({ "login": "ann@c.test" }), ["ann@c.test", "Ann C.", "Few", "Acme"]),
        (&user_path, json!({ "name": "Änn" }), ["ann@c.test", "Änn", "Few", "Acme"]),
    ] {
        gate.admin.patch(&user_path, json!({ "group": "limited" })).await.ok();
        gate.admin.patch(path, change).await.ok();
        let seen = visit(&gate, "/mine/a", &cookie).await;
        assert_eq!(texts(&seen), expected.map(Some), "{path}");
    }
    gate.admin.patch(&user_path, json!({ "group": "no-access" })).await.ok();
    let seen = visit(&gate, "/open/a", &cookie).await;
    assert_eq!(texts(&seen), [None; 4]);
    gate.get("/open/a").send().await;
    assert_eq!(texts(&gate.arrived()), [None; 4]);
}

#[tokio::test]
async fn link_sessions_have_the_organizations_name_only() {
    let gate = all_switched_on().start().await;
    let acme = gate.admin.organization("Acme").await;
    let link = gate.admin.secure_link(&acme).await;
    let path = link.strip_prefix(gate.origin()).unwrap();
    let opened = gate.get(path).by_browser().send().await;
    let mut lines = opened.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let line = lines.find(|line| line.starts_with("portcullis=")).unwrap();
    let cookie = line.split(';').next().unwrap().to_owned();
    let seen = visit(&gate, "/mine/a", &Cookie(cookie)).await;
    assert_eq!(texts(&seen), [None, None, Some("Non-Portal User Group"), Some("Acme")]);
    assert_eq!(seen.one("portcullis-session-kind"), Some("link"));
}

#[tokio::test]
async fn i5_texts_cannot_be_forged_whether_they_are_on_or_off() {
    let off = TestGate::start().await;
    let on = all_switched_on().setting("identity.email", "\"X-Mail\"").start().await;
    for gate in [&off, &on] {
        for name in SWITCHED.map(|(_, header)| header) {
            for alias in [
                name.to_owned(),
                name.to_ascii_uppercase(),
                name.replace('-', "_"),
                name.replace('-', "."),
                name.replace('-', ""),
                format!("{name}-2"),
            ] {
                let request = format!(
                    "POST /open/a HTTP/1.1\r\nhost: portal.test\r\n{alias}: forged\r\nx: 1\r\n\
                     {alias}: forged\r\ntransfer-encoding: chunked\r\n\r\n\
                     1\r\nx\r\n0\r\n{alias}: forged\r\n\r\n"
                );
                assert_eq!(gate.raw(request).await.status, 200, "{alias}");
                let seen = gate.arrived();
                let raw = String::from_utf8_lossy(&seen.head.raw);
                assert!(!raw.contains("forged"), "{alias}: {raw}");
                assert!(seen.body().trailers.is_empty(), "{alias}");
            }
        }
    }
    for alias in ["X-Mail", "x_mail", "X.MAIL"] {
        on.get("/open/a").header(alias, "forged").send().await;
        assert_eq!(on.arrived().all(alias), Vec::<&str>::new(), "{alias}");
        off.get("/open/a").header("x-mail", "mine").send().await;
        assert_eq!(off.arrived().one("x-mail"), Some("mine"));
    }
}

#[tokio::test]
async fn texts_are_encoded_as_configured() {
    let gate = all_switched_on()
        .setting("identity.encoding.user", "\"base64\"")
        .setting("identity.encoding.name", "\"latin-1\"")
        .setting("identity.encoding.group_name", "\"rfc8187\"")
        .start()
        .await;
    let acme = gate.admin.organization("Żubr").await;
    let anna = json!({ "organization": acme, "login": "änna", "name": "Änna" });
    let anna = create_user(&gate, anna).await;
    let cookie = gate.sign_in("änna", PASSWORD).await;
    let seen = visit(&gate, "/mine/a", &cookie).await;
    assert_eq!(seen.one("portcullis-user"), Some(&*BASE64.encode("änna".as_bytes())));
    assert_eq!(seen.one("portcullis-group-name"), Some("UTF-8''Admin%20Portal%20Group"));
    assert_eq!(seen.one("portcullis-organization-name"), Some("Żubr"));
    let has = |seen: &Seen, bytes: &[u8]| seen.head.raw.windows(bytes.len()).any(|at| at == bytes);
    assert!(has(&seen, b"portcullis-name: \xc4nna\r\n"));
    // A name that the encoding cannot express is left out, never replaced by another.
    gate.admin.patch(&format!("/api/v1/users/{anna}"), json!({ "name": "Żaneta" })).await.ok();
    let seen = visit(&gate, "/mine/a", &cookie).await;
    assert!(!has(&seen, b"portcullis-name"), "{seen:?}");
}

#[tokio::test]
async fn login_that_the_encoding_cannot_express_is_denied() {
    let gate = TestGate::builder().setting("identity.encoding.user", "\"latin-1\"").start().await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "jörg", "admin").await;
    let zaneta = gate.admin.user(&acme, "żaneta", "admin").await;
    let seen = visit(&gate, "/mine/a", &gate.sign_in("jörg", PASSWORD).await).await;
    let line = b"portcullis-user: j\xf6rg\r\n";
    assert!(seen.head.raw.windows(line.len()).any(|at| at == line), "{seen:?}");
    let cookie = gate.sign_in("żaneta", PASSWORD).await;
    for path in ["/mine/a", "/open/a", "/closed/a"] {
        let reply = gate.get(path).cookie(&cookie).send().await;
        assert_eq!((reply.status, &*reply.reason()), (403, "login-not-encodable"), "{path}");
        let page = gate.get(path).cookie(&cookie).by_browser().send().await;
        assert!(page.status == 403 && page.text().contains("use your login"), "{page:?}");
    }
    gate.nothing_arrived("a login that cannot be sent").await;
    let question = json!({ "user": zaneta, "method": "GET", "target": "/mine/a" });
    let explained = gate.admin.post("/api/v1/explain", question).await.ok();
    assert_eq!(explained["reason"], "login-not-encodable");
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    // Without access to the portal, the user is not named on public routes.
    gate.admin
        .patch(&format!("/api/v1/users/{zaneta}"), json!({ "group": "no-access" }))
        .await
        .ok();
    assert_eq!(gate.get("/open/a").cookie(&cookie).send().await.status, 200);
}

#[tokio::test]
async fn i5_static_headers_replace_those_of_clients() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shared");
    std::fs::write(&file, "hunter2-shared\n").unwrap();
    let gate = TestGate::builder()
        .setting("identity.static.port.header", "\"X-Forwarded-Port\"")
        .setting("identity.static.port.value", "\"443\"")
        .setting("identity.static.shared.header", "\"X-Portal-Key\"")
        .setting("identity.static.shared.value_file", &format!("{:?}", file.to_str().unwrap()))
        .setting("telemetry.log", "\"debug\"")
        .start()
        .await;
    let acme = gate.admin.acme_with_user("anna@acme.test", "admin").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    for path in ["/open/a", "/mine/a"] {
        for alias in
            ["X-Portal-Key", "x_portal_key", "X.PORTAL.KEY", "xportalkey", "X_Forwarded_Port"]
        {
            let call = gate.call(Method::GET, path).cookie(&anna).header(alias, "forged");
            let reply = call.header("X-Portal-Key-Id", "mine").send().await;
            assert_eq!(reply.status, 200, "{alias}");
            let seen = gate.arrived();
            let fields = seen.head.fields.iter();
            let keys: Vec<_> = fields.filter(|(name, _)| folded(name) == "xportalkey").collect();
            assert_eq!(keys, [&("x-portal-key".to_owned(), "hunter2-shared".to_owned())]);
            assert_eq!(seen.one("x-forwarded-port"), Some("443"));
            assert_eq!(seen.one("x-portal-key-id"), Some("mine"));
            assert!(!String::from_utf8_lossy(&seen.head.raw).contains("forged"), "{seen:?}");
        }
    }
    assert_eq!(gate.get("/open/a").header("x_portal_key", "forged").send().await.status, 200);
    assert_eq!(gate.arrived().one("x-portal-key"), Some("hunter2-shared"));
    let question =
        json!({ "group": "admin", "organization": acme, "method": "GET", "target": "/mine/a" });
    let explained = gate.admin.post("/api/v1/explain", question).await.ok();
    gate.decided("/mine/a").await;
    for text in [explained.to_string(), gate.records(), gate.log()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn basic_account_is_sent_in_sessions_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2:{login}\n").unwrap();
    let gate = TestGate::builder()
        .setting("identity.basic.user", "\"{login}\"")
        .setting("identity.basic.password_file", &format!("{:?}", file.to_str().unwrap()))
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "anna@acme.test", "admin").await;
    gate.admin.user(&acme, "anna:hunter2", "admin").await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let forged = format!("Basic {}", BASE64.encode(b"root:guessed"));
    for path in ["/open/a", "/mine/a"] {
        let call = gate.get(path).cookie(&anna).header("authorization", &forged);
        assert_eq!(call.header("Authorization_", "x").send().await.status, 200);
        let seen = gate.arrived();
        assert_eq!(credentials(&seen).as_deref(), Some("anna@acme.test:hunter2:{login}"));
        assert!(!String::from_utf8_lossy(&seen.head.raw).contains(&forged), "{seen:?}");
    }
    // Without a session there is no account, and a client cannot bring its own.
    gate.get("/open/a").header("authorization", &forged).send().await;
    assert_eq!(gate.arrived().one("authorization"), None);
    // HTTP would take this login for `anna`.
    let split = gate.sign_in("anna:hunter2", PASSWORD).await;
    assert_eq!(visit(&gate, "/mine/a", &split).await.one("authorization"), None);
    gate.decided("/mine/a").await;
    for text in [gate.records(), gate.log()] {
        assert!(!text.contains("hunter2:{login}") && !text.contains("guessed"), "{text}");
    }
}

#[tokio::test]
async fn account_replaces_the_token_of_a_program() {
    let gate = all_switched_on()
        .setting("identity.basic.user", "\"{login}\"")
        .setting("identity.basic.password", "\"hunter2\"")
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    let new = async |login: &str| {
        let more = json!({ "organization": acme, "login": login, "name": "A program" });
        let user = create_user(&gate, more).await;
        let path = format!("/api/v1/users/{user}/tokens");
        let created = gate.admin.post(&path, json!({ "name": "CI" })).await.ok();
        let token = created["token"].as_str().unwrap().to_owned();
        gate.is_secret(&token);
        (user, token)
    };
    let (anna, token) = new("anna@acme.test").await;
    let (_, split) = new("anna:x").await;
    for path in ["/open/a", "/mine/a"] {
        for authorization in [
            format!("Bearer {token}"),
            format!("Basic {}", BASE64.encode(format!("anna@acme.test:{token}").as_bytes())),
        ] {
            let call = gate.get(path).header("authorization", &authorization);
            let reply = call.header("portcullis_email", "forged").send().await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let seen = gate.arrived();
            assert_eq!(credentials(&seen).as_deref(), Some("anna@acme.test:hunter2"));
            let [group, organization] = [Some("Admin Portal Group"), Some("Acme")];
            let expected = [Some("anna@acme.test"), Some("A program"), group, organization];
            assert_eq!(texts(&seen), expected, "{path}");
            assert_eq!(seen.one("portcullis-session-kind"), Some("token"));
            let raw = String::from_utf8_lossy(&seen.head.raw);
            assert!(!raw.contains(&token) && !raw.contains("forged"), "{raw}");
        }
        // HTTP would take this login for `anna`; the token does not take the account's place.
        let call = gate.get(path).header("authorization", format!("Bearer {split}"));
        assert_eq!(call.send().await.status, 200);
        let seen = gate.arrived();
        assert_eq!(seen.all("authorization"), [""; 0]);
        assert_eq!(seen.one("portcullis-user"), Some("anna:x"));
    }
    gate.admin.patch(&format!("/api/v1/users/{anna}"), json!({ "group": "no-access" })).await.ok();
    let call = gate.get("/open/a").header("authorization", format!("Bearer {token}"));
    assert_eq!(call.send().await.status, 200);
    let seen = gate.arrived();
    assert_eq!((texts(&seen), seen.one("authorization")), ([None; 4], None));
    gate.decided("/open/a").await;
    for text in [gate.records(), gate.log()] {
        assert!(!text.contains("hunter2") && !text.contains("forged"), "{text}");
    }
}

#[tokio::test]
async fn static_authorization_is_for_requests_without_account() {
    let gate = TestGate::builder()
        .setting("identity.basic.user", "\"portal-{email}\"")
        .setting("identity.basic.password", "\"{user}-{{x}}\"")
        .setting("identity.static.guest.header", "\"Authorization\"")
        .setting("identity.static.guest.value", "\"Bearer guest\"")
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna@acme.test", "admin").await;
    gate.admin.user(&acme, "bob", "admin").await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    let seen = visit(&gate, "/mine/a", &cookie).await;
    assert_eq!(credentials(&seen), Some(format!("portal-anna@acme.test:{anna}-{{x}}")));
    assert_eq!(texts(&seen), [None; 4], "used for the account only");
    // Bob has no address, and is not taken for a guest.
    let bob = gate.sign_in("bob", PASSWORD).await;
    assert_eq!(visit(&gate, "/mine/a", &bob).await.one("authorization"), None);
    gate.get("/open/a").header("authorization", "Bearer mine").send().await;
    assert_eq!(gate.arrived().all("authorization"), ["Bearer guest"]);
    let plain = TestGate::start().await;
    plain.get("/open/a").header("authorization", "Bearer mine").send().await;
    assert_eq!(plain.arrived().all("authorization"), ["Bearer mine"]);
}

#[tokio::test]
async fn identity_cookie_follows_the_session() {
    let gate = TestGate::builder()
        .setting("identity.cookie.name", "\"PORTAL_USER\"")
        .setting("identity.cookie.value", "\"{group}:{login}\"")
        .start()
        .await;
    gate.upstream.answer_bytes(
        "/mine/set",
        "HTTP/1.1 204 No Content\r\nset-cookie: PORTAL_USER=root\r\nset-cookie: a=1\r\n\r\n",
    );
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna@acme.test", "admin").await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    let forged = "PORTAL_USER=forged; lang=de; portal.user=forged";
    let get = async |path: &str, session: bool| {
        let call = gate.get(path).header("cookie", forged);
        let call = if session { call.cookie(&cookie) } else { call };
        assert_eq!(call.send().await.status, 200);
        gate.arrived().one("cookie").map(str::to_owned)
    };
    let expected = "PORTAL_USER=admin:anna@acme.test; lang=de";
    assert_eq!(get("/mine/a", true).await.as_deref(), Some(expected));
    assert_eq!(get("/open/a", false).await.as_deref(), Some("lang=de"));
    // The next request has the new group (I2), and nothing without access (R8).
    let path = format!("/api/v1/users/{anna}");
    gate.admin.patch(&path, json!({ "group": "limited" })).await.ok();
    let limited = "PORTAL_USER=limited:anna@acme.test; lang=de";
    assert_eq!(get("/mine/a", true).await.as_deref(), Some(limited));
    let reply = gate.get("/mine/set").cookie(&cookie).send().await;
    let set: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
    assert_eq!(set, ["a=1"]);
    gate.arrived();
    gate.admin.patch(&path, json!({ "group": "no-access" })).await.ok();
    assert_eq!(get("/open/a", true).await.as_deref(), Some("lang=de"));
    for text in [gate.records(), gate.log()] {
        assert!(!text.contains("PORTAL_USER"), "{text}");
    }
}
