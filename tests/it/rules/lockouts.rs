//! I6: lockout of every way to prove who one is; seen, and released by an administrator.

use serde_json::Value;

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::Browser;
use crate::support::gate::TestGate;

const WRONG: &str = "Wrong-Horse-7-Battery";

async fn lockouts(admin: &Admin) -> Vec<Value> {
    let list = admin.get("/api/v1/lockouts").await.ok();
    assert_eq!(list["next"], Value::Null);
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn i6_locked_login_is_listed_and_can_be_released() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    admin.acme_with_user("anna", "limited").await;
    let mut known = Browser::at(&gate);
    assert_eq!(known.sign_in("anna", PASSWORD).await.status, 303);
    assert!(lockouts(admin).await.is_empty());

    let mut stranger = Browser::at(&gate);
    for _ in 0..5 {
        assert_eq!(stranger.sign_in("Anna", WRONG).await.status, 401);
    }
    let told = stranger.sign_in("anna", PASSWORD).await;
    assert_eq!(told.status, 429);
    assert!(told.text().contains("Sign-in is paused"), "{}", told.text());
    assert!(told.header("retry-after").is_some());
    let seen = lockouts(admin).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&seen[0]["kind"], &seen[0]["login"]), (&"account".into(), &"anna".into()));
    assert_eq!(seen[0]["failures"], 5);

    // Whom the browser knows is not kept out by strangers.
    assert_eq!(known.sign_in("anna", PASSWORD).await.status, 303);
    assert_eq!(stranger.sign_in("anna", PASSWORD).await.status, 429);

    let path = format!("/api/v1/lockouts/{}", seen[0]["id"].as_str().unwrap());
    assert_eq!(admin.delete(&path).await.status, 204);
    assert!(lockouts(admin).await.is_empty());
    admin.delete(&path).await.refused(404, "not-found");
    assert_eq!(stranger.sign_in("anna", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn i6_wrong_links_do_not_lock_an_address() {
    let gate = TestGate::start().await;
    let admin = &gate.admin;
    admin.acme_with_user("anna", "limited").await;
    for number in 0..31 {
        let link = format!("/.portcullis/link/wrong{number}");
        assert_eq!(Browser::at(&gate).open(&link).await.status, 404);
    }
    let seen = lockouts(admin).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&seen[0]["kind"], &seen[0]["address"]), (&"link".into(), &"127.0.0.1/32".into()));
    assert_eq!(Browser::at(&gate).sign_in("anna", PASSWORD).await.status, 303);
    let path = format!("/api/v1/lockouts/{}", seen[0]["id"].as_str().unwrap());
    assert_eq!(admin.delete(&path).await.status, 204);

    for number in 0..30 {
        let login = format!("nobody{number}");
        assert_eq!(Browser::at(&gate).sign_in(&login, WRONG).await.status, 401);
    }
    let mut browser = Browser::at(&gate);
    assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 429);
    let seen = lockouts(admin).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (&seen[0]["kind"], &seen[0]["address"]),
        (&"address".into(), &"127.0.0.1/32".into())
    );
    admin.delete("/api/v1/lockouts?address=nowhere").await.refused(422, "invalid");
    admin.delete("/api/v1/lockouts").await.refused(422, "invalid");
    admin.delete("/api/v1/lockouts?login=anna").await.refused(404, "not-found");
    assert_eq!(admin.delete("/api/v1/lockouts?address=127.0.0.1").await.status, 204);
    assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 303);
}
