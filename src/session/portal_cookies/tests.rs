use super::super::tests::{Portal, noon};
use super::*;
use crate::config::Settings;
use crate::directory::fixture::by_operator;
use crate::session::record::SESSION;

fn names(list: &str) -> CookieNames {
    let text = format!(
        "server.public_url = \"http://localhost\"\nupstream.servers = [\"http://127.0.0.1:1\"]\n\
         session.portal_cookies = {list}\n"
    );
    let none = std::collections::HashMap::new();
    Settings::parse(&text, std::path::Path::new("test"), &none).unwrap().portal_cookies
}

async fn portal() -> (tempfile::TempDir, Portal) {
    let folder = tempfile::TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    (folder, portal)
}

fn cookie(name: &str, path: &str, domain: Option<&str>) -> PortalCookie {
    let (name, path) = (name.to_owned(), path.to_owned());
    PortalCookie { name, path, domain: domain.map(str::to_owned), partitioned: false }
}

#[test]
fn a_cookie_is_named_as_browsers_name_it() {
    let names = names("[\"wordpress_*\"]");
    let set_by = |line: &str| PortalCookie::set_by(line.as_bytes(), &names, "/blog/wp-login.php");
    for (line, path, domain) in [
        ("wordpress_a=1", "/blog", None),
        (" wordpress_a =1; HttpOnly", "/blog", None),
        ("wordpress_a=1; Path=/wp-admin; Secure", "/wp-admin", None),
        ("wordpress_a=1;path = /", "/", None),
        ("wordpress_a=1; Path=; Domain=", "/blog", None),
        ("wordpress_a=1; Path=x", "/blog", None),
        ("wordpress_a=1; Path=/a; Path=/b", "/b", None),
        ("wordpress_a=1; Path=/; Domain=.Example.COM", "/", Some("example.com")),
        ("wordpress_a=1; Path=/; Max-Age=3600", "/", None),
        ("wordpress_a=1; Path=/; Max-Age=", "/", None),
    ] {
        assert_eq!(set_by(line), Some(cookie("wordpress_a", path, domain)), "{line}");
    }
    for line in [
        "wordpress_a",
        "=wordpress_a=1",
        "wordpress=1",
        "Wordpress_a=1",
        "a=wordpress_a=1",
        "wordpress_a=; Path=/; Max-Age=0",
        "wordpress_a=; Max-Age=-1",
    ] {
        assert_eq!(set_by(line), None, "{line}");
    }
    assert_eq!(default_path("/"), "/");
    assert_eq!(default_path("/a"), "/");
    assert_eq!(default_path("/a/b/"), "/a/b");
}

#[test]
fn a_partitioned_cookie_is_expired_in_its_partition() {
    let names = names("[\"wordpress_*\"]");
    let line = b"wordpress_a=1; Path=/; Secure; HttpOnly; partitioned";
    let set = PortalCookie::set_by(line, &names, "/").unwrap();
    assert_ne!(set, cookie("wordpress_a", "/", None));
    let kept: PortalCookie = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
    assert_eq!(
        kept.expired(true).unwrap(),
        "wordpress_a=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; Partitioned"
    );
}

#[test]
fn a_cookie_is_expired_under_its_own_path_and_domain() {
    let expired = |cookie: PortalCookie, https| cookie.expired(https).unwrap();
    assert_eq!(
        expired(cookie("a", "/x", None), false),
        "a=; Path=/x; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
    assert_eq!(
        expired(cookie("a", "/", Some("example.com")), true),
        "a=; Path=/; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure"
    );
}

#[tokio::test]
async fn sign_out_answers_exactly_the_cookies_that_were_noted() {
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
    // Whose session has ended gets none any more.
    assert!(!portal.sessions.note_portal_cookies(key, &[a], &by_operator()).await.unwrap());
}

#[tokio::test]
async fn a_cookie_that_is_known_costs_no_write() {
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
async fn cookies_noted_at_once_are_all_kept() {
    let (_folder, portal) = portal().await;
    let key = portal.link_session().await.hash();
    let cookies: Vec<_> = (0..12).map(|n| [cookie(&format!("c{n}"), "/", None)]).collect();
    let change = by_operator();
    let noted =
        cookies.iter().map(|cookie| portal.sessions.note_portal_cookies(key, cookie, &change));
    for noted in futures_util::future::join_all(noted).await {
        assert!(noted.unwrap());
    }
    let mut kept = portal.sessions.sign_out(&key, &by_operator()).await.unwrap();
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    let mut expected = cookies.concat();
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn a_session_has_no_more_cookies_than_a_browser_needs() {
    let (_folder, portal) = portal().await;
    let key = portal.link_session().await.hash();
    let many: Vec<_> = (0..=MOST).map(|n| cookie(&format!("c{n}"), "/", None)).collect();
    assert!(!portal.sessions.note_portal_cookies(key, &many, &by_operator()).await.unwrap());
    assert!(portal.sessions.note_portal_cookies(key, &many[..MOST], &by_operator()).await.unwrap());
}

#[tokio::test]
async fn another_persons_sign_in_ends_the_portals_cookies() {
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
async fn a_record_with_cookies_outlives_its_session_for_a_week() {
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
