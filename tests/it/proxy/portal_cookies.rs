//! The portal's own cookies end with our session (`session.portal_cookies`).

use http::Method;

use crate::support::admin::PASSWORD;
use crate::support::client::{Cookie, Reply};
use crate::support::gate::TestGate;

const EXPIRED: &str = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";

async fn gate() -> TestGate {
    let gate =
        TestGate::builder().setting("session.portal_cookies", r#"["wordpress_*"]"#).start().await;
    let organization = gate.admin.acme_with_user("anna@acme.test", "admin").await;
    gate.admin.user(&organization, "ludwig@acme.test", "admin").await;
    gate.upstream.answer_bytes(
        "/mine/blog/login",
        "HTTP/1.1 200 OK\r\nset-cookie: wordpress_in=1; Path=/; HttpOnly\r\n\
         set-cookie: wordpress_in=1; Path=/admin; Domain=portal.test\r\n\
         set-cookie: wordpress_here=1\r\nset-cookie: wordpress_gone=; Max-Age=0\r\n\
         set-cookie: theme=dark; Path=/\r\ncontent-length: 0\r\n\r\n",
    );
    gate
}

fn set_cookies(reply: &Reply) -> Vec<String> {
    let lines = reply.headers.get_all("set-cookie").iter();
    lines.map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// The cookies of the response that are not ours.
fn portals_cookies(reply: &Reply) -> Vec<String> {
    set_cookies(reply).into_iter().filter(|line| !line.starts_with("portcullis")).collect()
}

fn all_expired() -> Vec<String> {
    vec![
        format!("wordpress_in=; Path=/; {EXPIRED}"),
        format!("wordpress_in=; Path=/admin; Domain=portal.test; {EXPIRED}"),
        format!("wordpress_here=; Path=/mine/blog; {EXPIRED}"),
    ]
}

async fn sign_in(gate: &TestGate, login: &str, before: &Cookie) -> Reply {
    gate.send_sign_in((login, PASSWORD), &[("cookie", before.0.as_bytes())]).await
}

#[tokio::test]
async fn sign_out_expires_the_listed_portal_cookies() {
    let gate = gate().await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let reply = gate.get("/mine/blog/login").cookie(&anna).send().await;
    assert_eq!(set_cookies(&reply).len(), 5, "all of them pass: {reply:?}");
    let reply = gate.sign_out(&anna).await;
    assert_eq!(reply.status, 303);
    assert_eq!(portals_cookies(&reply), all_expired());
}

#[tokio::test]
async fn another_user_does_not_inherit_portal_cookies() {
    let gate = gate().await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    gate.get("/mine/blog/login").cookie(&anna).send().await;
    // The same person goes on with it.
    let again = sign_in(&gate, "anna@acme.test", &anna).await;
    assert_eq!((again.status, portals_cookies(&again)), (303, vec![]));
    let token = set_cookies(&again).into_iter().find(|line| line.starts_with("portcullis="));
    let again = Cookie(token.unwrap().split(';').next().unwrap().to_owned());
    let other = sign_in(&gate, "ludwig@acme.test", &again).await;
    assert_eq!((other.status, portals_cookies(&other)), (303, all_expired()));
}

#[tokio::test]
async fn without_the_setting_portal_cookies_stay() {
    let gate = TestGate::start().await;
    gate.admin.acme_with_user("anna@acme.test", "admin").await;
    gate.upstream.answer_bytes(
        "/mine/a",
        "HTTP/1.1 200 OK\r\nset-cookie: wordpress_in=1\r\ncontent-length: 0\r\n\r\n",
    );
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let reply = gate.get("/mine/a").cookie(&anna).send().await;
    assert_eq!(set_cookies(&reply), ["wordpress_in=1"]);
    assert!(portals_cookies(&gate.sign_out(&anna).await).is_empty());
}

#[tokio::test]
async fn a_late_response_sets_no_portal_cookie() {
    let gate = gate().await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let (go, wait) = tokio::sync::watch::channel(false);
    gate.upstream.answer("/mine/slow", move |mut exchange| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            exchange
                .write(
                    b"HTTP/1.1 200 OK\r\nset-cookie: wordpress_in=1\r\nset-cookie: theme=dark\r\n\
                      content-length: 0\r\n\r\n",
                )
                .await?;
            Ok(Some(exchange))
        }
    });
    let call = gate.call(Method::GET, "/mine/slow").cookie(&anna);
    let (reply, ()) = tokio::join!(call.send(), async {
        gate.upstream.arrived("/mine/slow").await;
        assert_eq!(gate.sign_out(&anna).await.status, 303);
        go.send(true).unwrap();
    });
    // It may have been cut off because the session has ended; a cookie it must not leave.
    assert!(!set_cookies(&reply).iter().any(|line| line.starts_with("wordpress")), "{reply:?}");
}

#[tokio::test]
async fn program_with_a_token_gets_no_listed_portal_cookies() {
    let gate = gate().await;
    let users = gate.admin.get("/api/v1/users?login=anna@acme.test").await.ok();
    let path = format!("/api/v1/users/{}/tokens", users["items"][0]["id"].as_str().unwrap());
    let created = gate.admin.post(&path, serde_json::json!({ "name": "CI" })).await.ok();
    let token = created["token"].as_str().unwrap();
    gate.is_secret(token);
    let call = gate.get("/mine/blog/login").header("authorization", format!("Bearer {token}"));
    let reply = call.send().await;
    assert_eq!(reply.status, 200);
    let cookies = set_cookies(&reply);
    assert_eq!(cookies, ["wordpress_gone=; Max-Age=0", "theme=dark; Path=/"]);
}
