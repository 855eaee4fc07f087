//! Sessions of the operator's staff (R17, R18, R20).

use super::*;
use crate::directory::access::trials::NewTrial;
use crate::directory::access::views::ViewTarget;

/// The browser of a member of staff.
fn browser(replaces: Option<TokenHash>) -> OpenedView {
    OpenedView { replaces, address: [192, 0, 2, 9].into(), agent: "staff".into() }
}

impl Portal {
    async fn link(&self, target: &ViewTarget, now: Timestamp) -> TokenHash {
        let change = by_operator_at(now);
        self.directory.views().request(target, "Ticket 7", &change).await.unwrap().token.hash()
    }

    async fn open_link(&self, link: &TokenHash, now: Timestamp) -> Option<PlainToken> {
        let opened = self.sessions.open_view(link, &browser(None), now).await.unwrap();
        opened.map(|started| started.token)
    }

    async fn staff(&self, target: &ViewTarget) -> PlainToken {
        let link = self.link(target, noon()).await;
        self.open_link(&link, noon()).await.unwrap()
    }
}

fn acme() -> ViewTarget {
    ViewTarget::Organization("acme".into())
}

#[tokio::test]
async fn r17_a_link_opens_once_within_60_seconds() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let second = |seconds: i64| noon() + seconds.seconds();
    let late = portal.link(&acme(), noon()).await;
    let in_time = portal.link(&acme(), noon()).await;
    assert!(portal.open_link(&late, second(60)).await.is_none());
    let session = portal.open_link(&in_time, second(59)).await.unwrap();
    assert!(portal.open_link(&in_time, second(59)).await.is_none());
    assert!(portal.is_in(&session, second(60)).await);
    // Of many at once, one gets the session.
    let link = portal.link(&acme(), noon()).await;
    let opened = futures_util::future::join_all((0..8).map(|_| portal.open_link(&link, noon())));
    assert_eq!(opened.await.into_iter().flatten().count(), 1);
    assert_eq!(portal.directory.views().remove_expired(second(60)).await.unwrap(), 1);
}

#[tokio::test]
async fn i3_a_link_survives_a_restart_and_still_opens_once() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let (opened, waiting) =
        (portal.link(&acme(), noon()).await, portal.link(&acme(), noon()).await);
    let session = portal.open_link(&opened, noon()).await.unwrap();
    portal.close().await;
    let portal = Portal::open(folder.path()).await;
    assert!(portal.is_in(&session, after(1)).await);
    assert!(portal.open_link(&opened, noon()).await.is_none());
    assert!(portal.open_link(&waiting, noon()).await.is_some());
}

#[tokio::test]
async fn r20_sessions_of_staff_end_at_their_own_limits() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let user = ViewTarget::User(portal.user("ada").await.id);
    let (used, idle) = (portal.staff(&acme()).await, portal.staff(&acme()).await);
    let (acting, acting_used) = (portal.staff(&user).await, portal.staff(&user).await);
    assert!(portal.is_in(&acting_used, after(29)).await);
    assert!(!portal.is_in(&acting_used, after(30)).await);
    assert!(!portal.is_in(&acting, after(30)).await);
    for hours in [3, 6, 9, 12, 15, 18, 21] {
        assert!(portal.is_in(&used, after(hours * 60)).await);
    }
    assert!(!portal.is_in(&used, after(24 * 60)).await);
    assert!(!portal.is_in(&idle, after(4 * 60)).await);
    let banner_ends = |found: SessionLookup| found.banner().map(|banner| banner.ends);
    let other = portal.staff(&user).await;
    assert_eq!(banner_ends(portal.presented(&other, after(1)).await), Some(after(30)));
    assert_eq!(portal.sessions.sweep(after(24 * 60)).await.unwrap(), 5);
}

#[tokio::test]
async fn trial_ends_after_its_minutes_although_it_is_used() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let trial = async |minutes: u8| {
        let new = NewTrial { organization: None, minutes, reason: "Map it".to_owned() };
        let (id, link) =
            portal.directory.trials().request(&new, &by_operator_at(noon())).await.unwrap();
        let session = portal.open_link(&link.token.hash(), noon()).await.unwrap();
        assert!(portal.open_link(&link.token.hash(), noon()).await.is_none());
        (id, session)
    };
    let (id, short) = trial(5).await;
    let (_, long) = trial(60).await;
    let found = portal.presented(&short, after(1)).await;
    assert_eq!(found.subject().unwrap().kind, SessionKind::Trial);
    assert_eq!((found.trial(), found.banner().unwrap().ends), (Some(&id), after(5)));
    assert!(portal.is_in(&short, after(4)).await && !portal.is_in(&short, after(5)).await);
    for minutes in [20, 40, 59] {
        assert!(portal.is_in(&long, after(minutes)).await);
    }
    assert!(!portal.is_in(&long, after(60)).await);
    assert_eq!(portal.sessions.sweep(after(60)).await.unwrap(), 2);
    let view = portal.staff(&acme()).await;
    assert_eq!(portal.presented(&view, noon()).await.trial(), None);
}

#[tokio::test]
async fn r34_a_new_password_ends_impersonations_of_the_user() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let ada = portal.user("ada").await;
    let acting = portal.staff(&ViewTarget::User(ada.id.clone())).await;
    let view = portal.staff(&acme()).await;
    assert!(portal.is_in(&acting, noon()).await);
    let password = Secret::new("Another horse 8!".into());
    portal.directory.users().set_password(&ada.id, password, &by_operator()).await.unwrap();
    assert!(!portal.is_in(&acting, noon()).await);
    assert!(portal.is_in(&view, noon()).await);
}

#[tokio::test]
async fn r17_a_view_does_not_depend_on_the_secure_link() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let view = portal.staff(&acme()).await;
    portal.user("ada").await;
    let links = portal.directory.secure_links();
    links.set_enabled(&"acme".into(), false, &by_operator()).await.unwrap();
    let found = portal.presented(&view, noon()).await;
    let subject = found.subject().unwrap();
    assert_eq!((subject.kind, &*subject.group), (SessionKind::Staff, "non-portal"));
    assert_eq!(subject.actor.as_deref(), Some("socket"));
    assert_eq!((&subject.user, &subject.login), (&None, &None));
    let banner = found.banner().unwrap();
    assert_eq!((banner.organization_name, banner.login, banner.actor), ("Acme", None, "socket"));
}

#[tokio::test]
async fn r18_the_users_own_session_has_no_banner() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let ada = portal.user("ada").await;
    let own = portal.session_of(&ada).await;
    assert_eq!(portal.presented(&own, noon()).await.banner(), None);
    let acting = portal.staff(&ViewTarget::User(ada.id.clone())).await;
    let found = portal.presented(&acting, noon()).await;
    assert_eq!(found.banner().unwrap().login, Some("ada"));
    // Neither side ends or lists the other's.
    let change = by_operator();
    let ended = portal.sessions.end_others(&ada.id, &own.hash(), &change).await.unwrap();
    assert_eq!(ended, 0);
    assert!(!portal.sessions.end_of_user(&ada.id, &acting.hash(), &change).await.unwrap());
    assert_eq!(portal.sessions.of_user(&ada.id, 10, noon()).await.unwrap().len(), 1);
    let kind = Some(SessionKind::Impersonation);
    let filter = SessionFilter::All;
    let (found, _) = portal.sessions.list_of_kind(&filter, kind, None, 10, noon()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].actor.as_deref(), Some("socket"));
}
