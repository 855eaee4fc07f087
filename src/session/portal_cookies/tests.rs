use super::super::portal_cookie::tests::cookie;
use super::super::tests::{Portal, noon};
use super::*;
use crate::directory::fixture::by_operator;

async fn portal() -> (tempfile::TempDir, Portal) {
    let folder = tempfile::TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    (folder, portal)
}

#[tokio::test]
async fn sign_out_returns_the_recorded_cookies() {
    let (_folder, portal) = portal().await;
    let key = portal.link_session().await.hash();
    let [a, b] = [cookie("a", "/", None), cookie("b", "/x", Some("example.com"))];
    assert!(
        portal
            .sessions
            .note_portal_cookies(key, std::slice::from_ref(&a), &by_operator())
            .await
            .unwrap()
    );
    assert!(
        portal
            .sessions
            .note_portal_cookies(key, &[a.clone(), b.clone()], &by_operator())
            .await
            .unwrap()
    );
    assert_eq!(portal.sessions.sign_out(&key, &by_operator()).await.unwrap(), [a.clone(), b]);
    assert!(portal.sessions.sign_out(&key, &by_operator()).await.unwrap().is_empty());
    // After the end of a session, no cookies are recorded.
    assert!(!portal.sessions.note_portal_cookies(key, &[a], &by_operator()).await.unwrap());
}

#[tokio::test]
async fn a_recorded_cookie_is_not_written_again() {
    let (_folder, portal) = portal().await;
    let key = portal.link_session().await.hash();
    let known = [cookie("a", "/", None)];
    portal.sessions.note_portal_cookies(key, &known, &by_operator()).await.unwrap();
    let version =
        || async { portal.store.get(SESSION, &key.to_string()).await.unwrap().unwrap().version };
    let before = version().await;
    assert!(portal.sessions.note_portal_cookies(key, &known, &by_operator()).await.unwrap());
    assert_eq!(version().await, before);
    let new = [cookie("a", "/x", None)];
    assert!(portal.sessions.note_portal_cookies(key, &new, &by_operator()).await.unwrap());
    assert_ne!(version().await, before);
}

#[tokio::test]
async fn cookies_recorded_at_once_are_all_kept() {
    let (_folder, portal) = portal().await;
    let key = portal.link_session().await.hash();
    let cookies: Vec<_> = (0..12).map(|n| [cookie(&format!("c{n}"), "/", None)]).collect();
    let change = by_operator();
    let noted =
        cookies.iter().map(|cookie| portal.sessions.note_portal_cookies(key, cookie, &change));
    for noted in futures_util::future::join_all(noted).await {
        assert!(noted.unwrap());
    }
    let kept = portal.sessions.sign_out(&key, &by_operator()).await.unwrap();
    let lines = |cookies: &[PortalCookie]| {
        let mut lines: Vec<_> = cookies.iter().map(|cookie| cookie.expired(true)).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&kept), lines(&cookies.concat()));
}

#[tokio::test]
async fn a_session_with_too_many_cookies_records_none() {
    let (_folder, portal) = portal().await;
    let key = portal.link_session().await.hash();
    let many: Vec<_> = (0..=MOST).map(|n| cookie(&format!("c{n}"), "/", None)).collect();
    assert!(!portal.sessions.note_portal_cookies(key, &many, &by_operator()).await.unwrap());
    assert!(portal.sessions.note_portal_cookies(key, &many[..MOST], &by_operator()).await.unwrap());
}

#[tokio::test]
async fn the_sign_in_of_another_person_expires_the_cookies() {
    let (_folder, portal) = portal().await;
    let (anna, ludwig) = (portal.user("anna").await, portal.user("ludwig").await);
    let left = [cookie("a", "/", None)];
    let first = portal.session_of(&anna).await.hash();
    portal.sessions.note_portal_cookies(first, &left, &by_operator()).await.unwrap();
    let again = portal.begin(&anna, Some(first), noon()).await;
    assert!(again.expired.is_empty());
    let next = portal.begin(&ludwig, Some(again.token.hash()), noon()).await;
    assert_eq!(next.expired, left);
    assert!(portal.sessions.sign_out(&next.token.hash(), &by_operator()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_record_with_cookies_is_kept_for_a_week() {
    let (_folder, portal) = portal().await;
    let key = portal.link_session().await.hash();
    portal
        .sessions
        .note_portal_cookies(key, &[cookie("a", "/", None)], &by_operator())
        .await
        .unwrap();
    let hours = |hours| noon() + jiff::SignedDuration::from_hours(hours);
    assert_eq!(portal.sessions.sweep(hours(24)).await.unwrap(), 0);
    assert_eq!(portal.sessions.sweep(hours(24 * 9)).await.unwrap(), 1);
}
