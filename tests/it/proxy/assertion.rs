//! Assertions: what the portal can verify about the user by our public keys.

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::client::Cookie;
use crate::support::gate::{Builder, TestGate};

const KEYS: &str = "/.portcullis/jwks.json";
const HEADER: &str = "portcullis-assertion";

fn asserting() -> Builder {
    TestGate::builder().setting("identity.assertion.audience", "\"helpdesk\"")
}

/// What the token states, if one of the published keys has signed it.
async fn verified(gate: &TestGate, token: &str) -> Option<Value> {
    let keys: Value = serde_json::from_str(gate.get(KEYS).send().await.text()).unwrap();
    let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let head: Value = serde_json::from_slice(&decode(head)).unwrap();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"])?;
    assert_eq!(key["alg"], head["alg"]);
    let coordinate = |name: &str| decode(key[name].as_str().unwrap());
    let public = match head["alg"].as_str().unwrap() {
        "EdDSA" => UnparsedPublicKey::new(&ED25519, coordinate("x")),
        "ES256" => {
            let point = [vec![4], coordinate("x"), coordinate("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        }
        other => panic!("{other}"),
    };
    public.verify(signed.as_bytes(), &decode(signature)).ok()?;
    Some(serde_json::from_slice(&decode(claims)).unwrap())
}

/// The assertion that the portal gets with a request in the session.
async fn sent(gate: &TestGate, path: &str, cookie: &Cookie) -> String {
    let reply = gate.get(path).cookie(cookie).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    gate.arrived().one(HEADER).unwrap().to_owned()
}

#[tokio::test]
async fn portal_verifies_the_user_by_the_published_keys() {
    for (algorithm, kty) in [("EdDSA", "OKP"), ("ES256", "EC")] {
        let gate = asserting()
            .setting("identity.assertion.algorithm", &format!("\"{algorithm}\""))
            .start()
            .await;
        let acme = gate.admin.organization("Acme").await;
        let anna = gate.admin.user(&acme, "anna@acme.test", "admin").await;
        let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
        let token = sent(&gate, "/closed/a", &cookie).await;
        let stated = verified(&gate, &token).await.unwrap();
        assert_eq!(
            (&stated["sub"], &stated["organization"], &stated["group"], &stated["aud"]),
            (&json!(anna), &json!(acme), &json!("admin"), &json!("helpdesk"))
        );
        assert_eq!((&stated["iss"], stated.get("email")), (&json!(gate.origin()), None));
        let seconds = |claim: &str| stated[claim].as_i64().unwrap();
        assert_eq!(seconds("exp") - seconds("iat"), 60);
        let forged = token.replacen('.', ".eyJzdWIiOiJyb290In0", 1);
        assert_eq!(verified(&gate, &forged).await, None);
        assert_eq!(sent(&gate, "/open/a", &cookie).await, token, "signed once for both routes");

        let keys = gate.get(KEYS).send().await;
        assert_eq!(keys.header("content-type"), Some("application/jwk-set+json"));
        assert_eq!(keys.header("cache-control"), Some("public, max-age=1800"));
        assert!(keys.text().contains(kty) && !keys.text().contains("\"d\""), "{}", keys.text());
        for text in [gate.records(), gate.log()] {
            assert!(!text.contains(&token), "{text}");
        }
    }
}

#[tokio::test]
async fn i2_changed_group_is_in_the_next_assertion() {
    let gate = asserting().start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna@acme.test", "admin").await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    let first = sent(&gate, "/mine/a", &cookie).await;
    gate.admin.patch(&format!("/api/v1/users/{anna}"), json!({ "group": "limited" })).await.ok();
    let next = sent(&gate, "/mine/a", &cookie).await;
    assert_eq!(verified(&gate, &first).await.unwrap()["group"], "admin");
    assert_eq!(verified(&gate, &next).await.unwrap()["group"], "limited");
    gate.admin.patch(&format!("/api/v1/users/{anna}"), json!({ "group": "no-access" })).await.ok();
    assert_eq!(gate.get("/open/a").cookie(&cookie).send().await.status, 200);
    assert_eq!(gate.arrived().one(HEADER), None);
}

#[tokio::test]
async fn i5_assertion_of_a_client_never_reaches_the_portal() {
    let renamed = asserting().setting("identity.assertion.header", "\"X-Signed\"");
    for (builder, name) in
        [(TestGate::builder(), HEADER), (asserting(), HEADER), (renamed, "x-signed")]
    {
        let gate = builder.start().await;
        let underscored = name.replace('-', "_");
        for alias in [name, &underscored, &name.to_ascii_uppercase()] {
            let reply = gate.get("/open/a").header(alias, "forged").send().await;
            assert_eq!(reply.status, 200, "{alias}");
            let raw = String::from_utf8_lossy(&gate.arrived().head.raw).into_owned();
            assert!(!raw.contains("forged"), "{raw}");
        }
    }
}

#[tokio::test]
async fn bearer_token_takes_the_place_of_the_clients() {
    let gate = asserting().setting("identity.assertion.header", "\"Authorization\"").start().await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna@acme.test", "admin").await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    let call = gate.get("/mine/a").cookie(&cookie).header("authorization", "Bearer forged");
    assert_eq!(call.send().await.status, 200);
    let seen = gate.arrived();
    let [value] = seen.all("authorization")[..] else { panic!("{seen:?}") };
    let token = value.strip_prefix("Bearer ").unwrap();
    assert_eq!(verified(&gate, token).await.unwrap()["sub"], json!(anna));
    assert_eq!(seen.one(HEADER), None);
    gate.get("/open/a").header("authorization", "Bearer forged").send().await;
    assert_eq!(gate.arrived().one("authorization"), None);
}

#[tokio::test]
async fn link_session_is_asserted_as_the_organization() {
    let gate = asserting().start().await;
    let acme = gate.admin.organization("Acme").await;
    let link = gate.admin.secure_link(&acme).await;
    let path = link.strip_prefix(gate.origin()).unwrap();
    let opened = gate.get(path).by_browser().send().await;
    let lines = opened.headers.get_all("set-cookie").iter();
    let line =
        lines.map(|line| line.to_str().unwrap()).find(|line| line.starts_with("portcullis="));
    let cookie = Cookie(line.unwrap().split(';').next().unwrap().to_owned());
    let token = sent(&gate, "/open/a", &cookie).await;
    let stated = verified(&gate, &token).await.unwrap();
    assert_eq!(stated["sub"], json!(format!("organization:{acme}")));
    assert_eq!((&stated["session_kind"], stated.get("preferred_username")), (&json!("link"), None));
}

#[tokio::test]
async fn keys_are_published_while_the_portal_is_disabled() {
    let off = TestGate::start().await;
    assert_eq!(off.get(KEYS).send().await.status, 404);
    let gate = asserting().start().await;
    let url = json!({ "disabled_redirect_url": "https://elsewhere.test/" });
    gate.admin.patch("/api/v1/preferences", url).await.ok();
    assert_eq!(gate.get("/open/a").send().await.status, 302);
    assert_eq!(gate.get("/.portcullis/sign-in").send().await.status, 302);
    assert_eq!(gate.get(KEYS).send().await.status, 200);
    for other in ["/.portcullis/jwks.json/", "/.portcullis/JWKS.json", "/.portcullis/jwks.json?a"] {
        assert_eq!(gate.get(other).send().await.status, 302, "{other}");
    }
}

#[tokio::test]
async fn answers_to_proxies_have_assertion_and_cookie() {
    let gate = asserting()
        .setting("forward_auth.enabled", "true")
        .setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#)
        .setting("identity.cookie.name", "\"PORTAL_USER\"")
        .setting("identity.cookie.value", "\"{login}\"")
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    let anna = gate.admin.user(&acme, "anna@acme.test", "admin").await;
    let cookie = gate.sign_in("anna@acme.test", PASSWORD).await;
    let ask = async |session: &str| {
        let reply = gate
            .raw(format!(
                "GET /.portcullis/verify/nginx HTTP/1.1\r\nhost: portcullis\r\n\
                 x-forwarded-for: 192.0.2.7\r\nx-original-method: GET\r\n\
                 x-original-url: http://portal.test/open/a\r\n\
                 cookie: PORTAL_USER=forged; {session}\r\n\r\n"
            ))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.head
    };
    let head = ask(&cookie.0).await;
    let stated = verified(&gate, head.one(HEADER).unwrap()).await.unwrap();
    assert_eq!(stated["sub"], json!(anna));
    assert_eq!(head.one("portcullis-cookie"), Some("PORTAL_USER=anna@acme.test"));
    // Without a session both are empty, so that nothing of the client's is left.
    let head = ask("a=1").await;
    assert_eq!((head.one(HEADER), head.one("portcullis-cookie")), (Some(""), Some("a=1")));
}
