mod staff;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan};
use tempfile::TempDir;

use super::link_quota::LinkQuota;
use super::record::{SESSION, SessionRecord};
use super::*;
use crate::config::{LinkLimits, Passwords, ServedHosts, SessionLimits};
use crate::credential::hashing::{Hasher, HashingSettings};
use crate::credential::key::SecretKey;
use crate::credential::lockout::Lockout;
use crate::credential::secret::Secret;
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::accounts::groups::GroupPatch;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::accounts::users::{NewUser, UserPatch, UserView};
use crate::directory::fixture::by_operator;
use crate::directory::fixture::by_operator_at;
use crate::directory::{AuthServices, Directory, Memory};
use portcullis_policy::{Policy, SessionKind};
use portcullis_store::feed::{Feed, Follower};
use portcullis_store::sled::SledStore;
use portcullis_store::{Expect, Store, Write};

const LINKS: LinkLimits = LinkLimits { sessions: 1000, rate: 300 };
const LIMITS: SessionLimits = SessionLimits {
    idle: Duration::from_secs(30 * 60),
    absolute: Duration::from_secs(12 * 3600),
    staff_idle: Duration::from_secs(4 * 3600),
    staff_absolute: Duration::from_secs(24 * 3600),
    impersonation: Duration::from_secs(30 * 60),
};

const CHEAP: HashingSettings =
    HashingSettings { memory_kib: 8, passes: 1, lanes: 1, threads: 1, queue: 8 };

pub(super) struct Portal {
    pub(super) directory: Directory,
    pub(super) sessions: Sessions,
    pub(super) store: Arc<dyn Store>,
}

impl Portal {
    pub(super) async fn open(folder: &Path) -> Self {
        let store: Arc<dyn Store> = Arc::new(SledStore::for_test(folder));
        let policy = Arc::new(Policy::load(Path::new("policies")).unwrap());
        let memory = Arc::new(Memory::new(Arc::clone(&store), policy));
        let cache = Arc::new(SessionCache::new());
        let followers: Vec<Arc<dyn Follower>> =
            vec![Arc::clone(&memory) as Arc<dyn Follower>, Arc::clone(&cache) as Arc<dyn Follower>];
        let feed = Feed::start(Arc::clone(&store), followers).await.unwrap();
        let key = SecretKey::generate();
        let auth = AuthServices::new(
            &key,
            Hasher::new(CHEAP).unwrap(),
            Lockout::default(),
            Passwords::default(),
        );
        let directory =
            Directory::start(feed, memory, auth, ServedHosts::for_test(), noon()).await.unwrap();
        let sessions = Sessions::new(directory.clone(), cache, LIMITS, LINKS);
        Self { directory, sessions, store }
    }

    /// Drops everything, and returns when nothing else uses the store.
    async fn close(self) {
        let Self { directory, sessions, store } = self;
        drop((directory, sessions));
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn acme(&self) {
        let new = NewOrganization { id: Some("acme".into()), name: "Acme".into(), email: None };
        self.directory.organizations().create(new, &by_operator_at(noon())).await.unwrap();
    }

    pub(super) async fn user(&self, login: &str) -> UserView {
        let new = NewUser {
            organization: "acme".into(),
            login: Some(login.into()),
            group: Some("limited".into()),
            password: Some(Secret::new("Correct horse 7!".into())),
            ..NewUser::default()
        };
        self.directory.users().create(new, &by_operator_at(noon())).await.unwrap()
    }

    pub(super) async fn session_of(&self, user: &UserView) -> PlainToken {
        self.session_at(user, noon()).await
    }

    async fn session_at(&self, user: &UserView, now: Timestamp) -> PlainToken {
        self.begin(user, None, now).await.token
    }

    /// The user signs in, possibly in a browser that has another session.
    pub(super) async fn begin(
        &self,
        user: &UserView,
        replaces: Option<TokenHash>,
        now: Timestamp,
    ) -> StartedSession {
        let facts = self.directory.user(&user.id).await.unwrap().unwrap();
        let new = NewSession {
            way: SignInWay::Password,
            kind: SessionKind::User,
            organization: "acme".into(),
            user: Some(user.id.clone()),
            generation: facts.password_generation,
            address: [192, 0, 2, 1].into(),
            agent: "test".into(),
        };
        self.sessions.start(new, replaces, &by_operator_at(now)).await.unwrap()
    }

    pub(super) async fn link_session(&self) -> PlainToken {
        let facts = self.directory.organization(&"acme".into()).await.unwrap().unwrap();
        let new = NewSession {
            way: SignInWay::Password,
            kind: SessionKind::Link,
            organization: "acme".into(),
            user: None,
            generation: facts.link_generation,
            address: [192, 0, 2, 1].into(),
            agent: "test".into(),
        };
        self.sessions.start(new, None, &by_operator_at(noon())).await.unwrap().token
    }

    async fn presented(&self, token: &PlainToken, now: Timestamp) -> SessionLookup {
        let snapshot = self.directory.snapshot();
        self.sessions.resolve_key(token.hash(), &snapshot, now).await.unwrap()
    }

    async fn is_in(&self, token: &PlainToken, now: Timestamp) -> bool {
        self.presented(token, now).await.subject().is_some()
    }
}

pub(super) fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn after(minutes: i64) -> Timestamp {
    noon() + minutes.minutes()
}

#[tokio::test]
async fn an_idle_session_ends_and_a_used_one_does_not() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let user = portal.user("ada").await;
    let (used, unused) = (portal.session_of(&user).await, portal.session_of(&user).await);
    assert!(portal.is_in(&used, after(29)).await);
    assert!(portal.is_in(&used, after(58)).await);
    assert!(!portal.is_in(&unused, after(30)).await);
}

#[tokio::test]
async fn a_session_lasts_no_longer_after_a_clock_is_set_back() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let user = portal.user("ada").await;
    let (used, unused) = (
        portal.session_at(&user, noon() + 24.hours()).await,
        portal.session_at(&user, noon() + 24.hours()).await,
    );
    // It ran a day ahead; from noon on, all is as if they had begun then.
    for token in [&used, &unused] {
        assert!(portal.is_in(token, noon()).await);
    }
    // That is on disk, too.
    portal.close().await;
    let portal = Portal::open(folder.path()).await;
    assert!(portal.is_in(&used, after(29)).await);
    assert!(!portal.is_in(&unused, after(30)).await);
    for minutes in (40..720).step_by(20) {
        assert!(portal.is_in(&used, after(minutes)).await, "after {minutes} minutes");
    }
    assert!(!portal.is_in(&used, after(720)).await);
    assert!(!portal.is_in(&unused, after(720)).await);
}

#[tokio::test]
async fn looking_at_a_session_is_not_a_use() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let key = portal.session_of(&portal.user("ada").await).await.hash();
    let snapshot = portal.directory.snapshot();
    let sessions = &portal.sessions;
    let mut live = Vec::new();
    for minutes in [10, 20, 29, 30] {
        let presented = sessions.look_at(key, &snapshot, after(minutes)).await.unwrap();
        live.push(presented.subject().is_some());
    }
    assert_eq!(live, [true, true, true, false]);
    assert!(sessions.resolve_key(key, &snapshot, after(29)).await.unwrap().subject().is_some());
    assert!(sessions.look_at(key, &snapshot, after(58)).await.unwrap().subject().is_some());
}

#[tokio::test]
async fn a_used_session_ends_after_its_absolute_time() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let token = portal.session_of(&portal.user("ada").await).await;
    for minutes in (20..720).step_by(20) {
        assert!(portal.is_in(&token, after(minutes)).await, "after {minutes} minutes");
    }
    assert!(!portal.is_in(&token, after(720)).await);
}

#[tokio::test]
async fn r7_a_group_edit_applies_to_an_open_session_at_once() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let token = portal.session_of(&portal.user("ada").await).await;
    let granted = |presented: &SessionLookup| presented.subject().unwrap().granted.len();
    assert_eq!(granted(&portal.presented(&token, noon()).await), 8);
    let patch =
        GroupPatch { permissions: Some(serde_json::from_str("[]").unwrap()), ..Default::default() };
    portal.directory.groups().change(&"limited".into(), patch, &by_operator()).await.unwrap();
    assert_eq!(granted(&portal.presented(&token, noon()).await), 0);
}

#[tokio::test]
async fn a_moved_user_has_the_new_group_on_the_next_request() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let user = portal.user("ada").await;
    let token = portal.session_of(&user).await;
    let patch = UserPatch { group: Some("admin".into()), ..Default::default() };
    portal.directory.users().change(&user.id, patch, &by_operator()).await.unwrap();
    let presented = portal.presented(&token, noon()).await;
    assert_eq!(&*presented.subject().unwrap().group, "admin");
}

#[tokio::test]
async fn r14_the_first_portal_user_ends_link_sessions() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let token = portal.link_session().await;
    let presented = portal.presented(&token, noon()).await;
    assert_eq!(&*presented.subject().unwrap().group, "non-portal");
    portal.user("ada").await;
    match portal.presented(&token, noon()).await {
        SessionLookup::Missing(Absence::LinkNotEnough { organization }) => {
            assert_eq!(&*organization, "acme");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn r13_preference_off_keeps_link_sessions_with_portal_users() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let token = portal.link_session().await;
    let set = |on| PreferencesPatch {
        secure_with_password_if_portal_users_exist: Some(on),
        ..Default::default()
    };
    portal.directory.preferences().change(set(false), &by_operator()).await.unwrap();
    portal.user("ada").await;
    assert!(portal.is_in(&token, noon()).await);
    portal.directory.preferences().change(set(true), &by_operator()).await.unwrap();
    assert!(!portal.is_in(&token, noon()).await, "R14: switched on");
}

#[tokio::test]
async fn r14_rotating_or_disabling_a_link_ends_its_sessions() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let before = portal.link_session().await;
    portal.directory.secure_links().rotate(&"acme".into(), &by_operator()).await.unwrap();
    assert!(!portal.is_in(&before, noon()).await);
    let now = portal.link_session().await;
    assert!(portal.is_in(&now, noon()).await);
    portal
        .directory
        .secure_links()
        .set_enabled(&"acme".into(), false, &by_operator())
        .await
        .unwrap();
    assert!(!portal.is_in(&now, noon()).await);
}

#[tokio::test]
async fn r34_a_new_password_ends_only_that_users_sessions() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let (ada, ben) = (portal.user("ada").await, portal.user("ben").await);
    let (hers, also_hers) = (portal.session_of(&ada).await, portal.session_of(&ada).await);
    let his = portal.session_of(&ben).await;
    let password = Secret::new("Battery staple 8?".to_owned());
    portal.directory.users().set_password(&ada.id, password, &by_operator()).await.unwrap();
    assert!(!portal.is_in(&hers, noon()).await);
    assert!(!portal.is_in(&also_hers, noon()).await);
    assert!(portal.is_in(&his, noon()).await);
    let filter = SessionFilter::Organization("acme".into());
    let (listed, _) = portal.sessions.list(&filter, None, 10, noon()).await.unwrap();
    assert_eq!(listed.len(), 1, "sessions that have ended are not listed");
}

#[tokio::test]
async fn r63_an_ended_session_admits_no_request() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let user = portal.user("ada").await;
    let (ended, other) = (portal.session_of(&user).await, portal.session_of(&user).await);
    assert!(portal.is_in(&ended, noon()).await);
    assert!(portal.sessions.end(&ended.hash(), &by_operator()).await.unwrap());
    assert!(!portal.is_in(&ended, noon()).await);
    assert!(
        !portal.sessions.end(&ended.hash(), &by_operator()).await.unwrap(),
        "it has already ended"
    );
    assert!(portal.is_in(&other, noon()).await);
    assert_eq!(
        portal.sessions.end_all(&SessionFilter::User(user.id), &by_operator()).await.unwrap(),
        1
    );
    assert!(!portal.is_in(&other, noon()).await);
}

#[tokio::test]
async fn r19_a_session_replaces_another_in_one_commit() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let old = portal.link_session().await;
    let facts = portal.directory.organization(&"acme".into()).await.unwrap().unwrap();
    let new = NewSession {
        way: SignInWay::Password,
        kind: SessionKind::Link,
        organization: "acme".into(),
        user: None,
        generation: facts.link_generation,
        address: [192, 0, 2, 1].into(),
        agent: String::new(),
    };
    let new =
        portal.sessions.start(new, Some(old.hash()), &by_operator_at(noon())).await.unwrap().token;
    assert!(!portal.is_in(&old, noon()).await);
    assert!(portal.is_in(&new, noon()).await);
}

#[tokio::test]
async fn i3_sessions_survive_a_restart_and_their_idle_time_goes_on() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let token = portal.session_of(&portal.user("ada").await).await;
    portal.close().await;
    let portal = Portal::open(folder.path()).await;
    assert!(portal.is_in(&token, after(29)).await);
    portal.close().await;
    let portal = Portal::open(folder.path()).await;
    assert!(!portal.is_in(&token, after(60)).await);
}

/// A record that is not a valid session.
fn damaged(id: String) -> Write {
    Write::Put {
        kind: SESSION,
        id,
        expect: Expect::Absent,
        doc: "{}".into(),
        unique: Vec::new(),
        index: Vec::new(),
        ordered: Vec::new(),
    }
}

#[tokio::test]
async fn a_sweep_removes_only_expired_sessions() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let user = portal.user("ada").await;
    let (kept, over) = (portal.session_of(&user).await, portal.session_of(&user).await);
    // The first and the last record: neither stops the sweep.
    let unread = ["0".repeat(64), "f".repeat(64)];
    portal.store.commit(unread.clone().map(damaged).into()).await.unwrap();
    assert!(portal.is_in(&kept, after(20)).await);
    assert_eq!(portal.sessions.sweep(after(40)).await.unwrap(), 1);
    for id in unread {
        assert!(portal.store.get(SESSION, &id).await.unwrap().is_some());
    }
    assert!(portal.store.get(SESSION, &over.hash().to_string()).await.unwrap().is_none());
    assert!(portal.is_in(&kept, after(40)).await);
}

#[test]
fn r20_staff_sessions_have_limits_of_their_own() {
    let record = |kind| {
        let new = NewSession {
            way: SignInWay::Password,
            kind,
            organization: "acme".into(),
            user: None,
            generation: 0,
            address: [192, 0, 2, 1].into(),
            agent: String::new(),
        };
        SessionRecord::new(new, noon())
    };
    let hours = |kind| record(kind).valid_until(noon(), &LIMITS).duration_since(noon());
    assert_eq!(hours(SessionKind::User), SignedDuration::from_mins(30));
    assert_eq!(hours(SessionKind::Link), SignedDuration::from_mins(30));
    assert_eq!(hours(SessionKind::Staff), SignedDuration::from_hours(4));
    assert_eq!(hours(SessionKind::Impersonation), SignedDuration::from_mins(30));
    let late = after(20 * 60);
    let until = record(SessionKind::Staff).valid_until(late + 3.hours(), &LIMITS);
    assert_eq!(until, noon() + 24.hours());
}

#[tokio::test]
async fn a_user_cannot_end_the_session_of_another() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let (ada, bob) = (portal.user("ada").await, portal.user("bob").await);
    let tokens = [portal.session_of(&ada).await, portal.session_of(&ada).await];
    let bobs = portal.session_of(&bob).await;
    let link = portal.link_session().await;
    let sessions = &portal.sessions;
    for not_hers in [bobs.hash(), link.hash(), PlainToken::generate().hash()] {
        assert!(!sessions.end_of_user(&ada.id, &not_hers, &by_operator()).await.unwrap());
    }
    assert!(sessions.end_of_user(&ada.id, &tokens[0].hash(), &by_operator()).await.unwrap());
    assert!(!sessions.end_of_user(&ada.id, &tokens[0].hash(), &by_operator()).await.unwrap());
    let left = sessions.of_user(&ada.id, 10, noon()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, tokens[1].hash().to_string());
    assert_eq!(sessions.of_user(&bob.id, 10, noon()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_shows_only_sessions_that_admit_requests() {
    let folder = tempfile::tempdir().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let anna = portal.user("anna").await;
    let facts = portal.directory.user(&anna.id).await.unwrap().unwrap();
    let begin = async |kind, user: Option<&str>| {
        let new = NewSession {
            way: SignInWay::Password,
            kind,
            organization: "acme".into(),
            user: user.map(str::to_owned).map(Into::into),
            generation: facts.password_generation,
            address: [192, 0, 2, 1].into(),
            agent: "test".into(),
        };
        portal.sessions.start(new, None, &by_operator_at(noon())).await.unwrap().token
    };
    let own = begin(SessionKind::User, Some(anna.id.as_str())).await;
    for (kind, user) in [
        (SessionKind::Staff, None),
        (SessionKind::Impersonation, Some(anna.id.as_str())),
        (SessionKind::User, None),
        (SessionKind::Link, Some(anna.id.as_str())),
    ] {
        let other = begin(kind, user).await;
        assert!(!portal.is_in(&other, after(1)).await, "{kind:?}");
    }
    portal.store.commit(vec![damaged(PlainToken::generate().hash().to_string())]).await.unwrap();
    assert!(portal.is_in(&own, after(1)).await);
    let (listed, _) = portal.sessions.list(&SessionFilter::All, None, 100, after(1)).await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|view| view.id).collect();
    assert_eq!(listed, [own.hash().to_string()]);
    assert_eq!(
        portal.sessions.end_all(&SessionFilter::All, &by_operator()).await.unwrap(),
        6,
        "all records go"
    );
}

#[tokio::test]
async fn ending_other_sessions_keeps_the_current_one() {
    let folder = TempDir::new().unwrap();
    let portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let (ada, bob) = (portal.user("ada").await, portal.user("bob").await);
    let kept = portal.session_of(&ada).await;
    let others = [portal.session_of(&ada).await, portal.session_of(&ada).await];
    let bobs = portal.session_of(&bob).await;
    let sessions = &portal.sessions;
    assert_eq!(sessions.end_others(&ada.id, &kept.hash(), &by_operator()).await.unwrap(), 2);
    assert_eq!(sessions.end_others(&ada.id, &kept.hash(), &by_operator()).await.unwrap(), 0);
    for token in [&kept, &bobs] {
        assert!(portal.presented(token, noon()).await.key().is_some());
    }
    for token in &others {
        assert!(portal.presented(token, noon()).await.key().is_none());
    }
}

#[tokio::test]
async fn i12_link_sessions_are_counted_again_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut portal = Portal::open(folder.path()).await;
    portal.acme().await;
    let by_link = async |portal: &Portal, now| {
        let facts = portal.directory.organization(&"acme".into()).await.unwrap().unwrap();
        let new = NewSession {
            way: SignInWay::Password,
            kind: SessionKind::Link,
            organization: "acme".into(),
            user: None,
            generation: facts.link_generation,
            address: [192, 0, 2, 1].into(),
            agent: "test".into(),
        };
        portal.sessions.start(new, None, &by_operator_at(now)).await.map(|begun| begun.token)
    };
    let two = || Arc::new(LinkQuota::new(LinkLimits { sessions: 2, rate: 100 }));
    portal.sessions.link_quota = two();
    let first = by_link(&portal, noon()).await.unwrap();
    by_link(&portal, after(20)).await.unwrap();
    portal.close().await;

    let mut portal = Portal::open(folder.path()).await;
    portal.sessions.link_quota = two();
    let refused = by_link(&portal, after(21)).await.unwrap_err();
    assert!(matches!(refused, StartError::TooMany { .. }), "{refused:?}");
    assert!(portal.is_in(&first, after(21)).await, "those that exist stay");
    // The second one has not been used for half an hour.
    assert!(by_link(&portal, after(50)).await.is_ok());
    assert!(by_link(&portal, after(50)).await.is_err());
    // Sessions of a link that was replaced do not count.
    portal.directory.secure_links().rotate(&"acme".into(), &by_operator()).await.unwrap();
    assert!(by_link(&portal, after(50)).await.is_ok());
}
