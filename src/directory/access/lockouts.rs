//! Listing and releasing lockouts (I6). The rules are in [`crate::credential::lockout`].

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Map;

use crate::credential::lockout::{Key, Locked};
use crate::credential::password::loggable_login;
use crate::directory::core::Core;
use crate::directory::error::DirectoryError;
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::records::{Authority, Change, Stored, User, login_key};
use crate::telemetry::events::Event;
use portcullis_store::StoreError;

/// A lockout as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Lockout")]
pub struct LockoutView {
    /// An id to release it by.
    pub id: String,
    /// Whose failures were counted.
    pub kind: LockoutKind,
    /// The folded login that was tried; it need not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The network that the attempts came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The number of failures.
    pub failures: u32,
    /// When the next attempt is allowed.
    pub until: Timestamp,
}

/// Whose failures are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockoutKind {
    /// A login, in browsers that have not signed in to it.
    Account,
    /// A login, in one browser that has signed in to it before.
    Browser,
    /// A login, in all browsers together that have signed in to it before.
    Browsers,
    /// The login of an administrator; with `address`, in the network that it last signed in from.
    Administrator,
    /// A network, for any login.
    Address,
    /// A network that asked for resets too often; sign-in is not affected.
    Asking,
    /// A network that opened invalid links; nothing is refused for this.
    Link,
    /// A network that sent invalid tokens of portal users; valid tokens are not affected.
    Token,
}

/// Which failures to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release<'a> {
    /// Those of the lockout with this id; for a login, those of its known browsers too.
    Id(&'a str),
    /// Those of a login, however it is spelled, and of its known browsers; for an owner, those of
    /// the administrator with this login too.
    Login(&'a str),
    /// Those of the network of an address, for passwords and for tokens of portal users.
    Address(IpAddr),
}

impl From<Locked> for LockoutView {
    fn from(Locked { key, failures, until }: Locked) -> Self {
        let id = id_of(&key);
        let (kind, login, address) = match key {
            Key::Account(login) => (LockoutKind::Account, Some(login), None),
            Key::Browser { account, .. } => (LockoutKind::Browser, Some(account), None),
            Key::Administrator(login) => (LockoutKind::Administrator, Some(login), None),
            Key::AdministratorAt { account, network } => {
                (LockoutKind::Administrator, Some(account), Some(network.to_string()))
            }
            Key::Browsers(login) => (LockoutKind::Browsers, Some(login), None),
            Key::Address(network) => (LockoutKind::Address, None, Some(network.to_string())),
            Key::Asking(network) => (LockoutKind::Asking, None, Some(network.to_string())),
            Key::Link(network) => (LockoutKind::Link, None, Some(network.to_string())),
            Key::Token(network) => (LockoutKind::Token, None, Some(network.to_string())),
        };
        Self { id, kind, login, address, failures, until }
    }
}

/// The lockouts in this process.
#[derive(Debug, Clone)]
pub struct Lockouts {
    pub(in crate::directory) core: Core,
}

impl Lockouts {
    /// The lockouts in this process, longest first. A limited scope shows those of the logins of its
    /// portal users.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<LockoutView>, StoreError> {
        Ok(self.list_and_hidden(now).await?.0)
    }

    /// The same, and with a limited scope the number of those that it does not show.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn list_and_hidden(
        &self,
        now: Timestamp,
    ) -> Result<(Vec<LockoutView>, Option<u64>), StoreError> {
        let (mut shown, mut hidden) = (Vec::new(), 0);
        for locked in self.core.auth.lockout.locked(now) {
            match self.is_shown(&locked.key).await? {
                true => shown.push(locked.into()),
                false => hidden += 1,
            }
        }
        Ok((shown, self.core.read().is_limited().then_some(hidden)))
    }

    /// Whether the scope shows the lockouts of this key.
    async fn is_shown(&self, key: &Key) -> Result<bool, StoreError> {
        if !self.core.read().is_limited() {
            return Ok(true);
        }
        match key {
            Key::Account(login) | Key::Browser { account: login, .. } | Key::Browsers(login) => {
                Ok(self.core.read().find::<User>(&login_key(login)).await?.is_some())
            }
            Key::Administrator(_)
            | Key::AdministratorAt { .. }
            | Key::Address(_)
            | Key::Asking(_)
            | Key::Link(_)
            | Key::Token(_) => Ok(false),
        }
    }

    /// Forgets failures. Returns whether there were any.
    ///
    /// # Errors
    /// When the actor may not (I10): those of an administrator are for owners, those of an address
    /// for actors without a scope. Or when the
    /// store is unavailable; the failures are forgotten all the same.
    pub async fn release(
        &self,
        what: Release<'_>,
        change: &Change,
    ) -> Result<bool, DirectoryError> {
        change.requires(Authority::Support)?;
        let mut keys = match what {
            Release::Id(id) => Vec::from_iter(key_of(id)),
            Release::Login(login) => {
                let is_owner = change.requires_over_gateway(Authority::Own).is_ok();
                let administrator = is_owner.then(|| Key::administrator(login));
                [Key::account(login)].into_iter().chain(administrator).collect()
            }
            Release::Address(address) => vec![Key::address(address), Key::token(address)],
        };
        for key in &keys {
            match key {
                Key::Administrator(_) | Key::AdministratorAt { .. } => {
                    change.requires_over_gateway(Authority::Own)?;
                }
                Key::Account(_) | Key::Browser { .. } | Key::Browsers(_) => {
                    if !self.is_shown(key).await? {
                        return Ok(false);
                    }
                }
                Key::Address(_) | Key::Asking(_) | Key::Link(_) | Key::Token(_) => {
                    change.requires_over_gateway(Authority::Support)?;
                }
            }
        }
        keys.retain(|key| self.core.auth.lockout.release(key));
        if let Some(via) = change.actor.logged_via() {
            for key in &keys {
                let (actor, id) = (&change.actor.to_string(), &id_of(key));
                let (kind, action) = ("lockout", "delete");
                Event::Change { actor, via, kind, action, id, records: None, changed: None }.log();
            }
        }
        for key in &keys {
            let user = match key {
                Key::Account(login)
                | Key::Browser { account: login, .. }
                | Key::Browsers(login) => self.core.read().find::<User>(&login_key(login)).await?,
                Key::Administrator(_)
                | Key::AdministratorAt { .. }
                | Key::Address(_)
                | Key::Asking(_)
                | Key::Link(_)
                | Key::Token(_) => None,
            };
            let entry = released(key, user.as_ref(), change.at);
            self.core.records.append(vec![(change.clone(), entry)]).await?;
        }
        Ok(!keys.is_empty())
    }
}

/// The entry about a lockout that is released. `user` is the portal user whose login it is of.
fn released(key: &Key, user: Option<&Stored<User>>, now: Timestamp) -> Occurrence {
    let locked = Locked { key: key.clone(), failures: 0, until: now };
    let LockoutView { login, address, .. } = locked.into();
    // A login that was tried need not exist.
    let login = login.as_deref().map(loggable_login);
    let name = login.or(address.as_deref()).unwrap_or_default();
    Occurrence {
        kind: "lockout.released",
        subject: Subject::new("lockout", key.kind(), name),
        reason: None,
        organization: user.map(|user| user.doc.organization.to_string()),
        user: user.map(|user| user.id.to_string()),
        after: Map::new(),
    }
}

/// An id that is safe in a path. A login may contain any character, a browser's name no colon.
fn id_of(key: &Key) -> String {
    let text = match key {
        Key::Account(login) => format!("account:{login}"),
        Key::Browser { account, browser } => format!("browser:{browser}:{account}"),
        Key::Browsers(login) => format!("browsers:{login}"),
        Key::Administrator(login) => format!("administrator:{login}"),
        Key::AdministratorAt { account, network } => {
            format!("administrator-at:{network}|{account}")
        }
        Key::Address(network) => format!("address:{network}"),
        Key::Asking(network) => format!("asking:{network}"),
        Key::Link(network) => format!("link:{network}"),
        Key::Token(network) => format!("token:{network}"),
    };
    BASE64URL_NOPAD.encode(text.as_bytes())
}

fn key_of(id: &str) -> Option<Key> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(id.as_bytes()).ok()?).ok()?;
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "account" => Some(Key::Account(rest.to_owned())),
        "browser" => {
            let (browser, account) = rest.split_once(':')?;
            Some(Key::Browser { account: account.to_owned(), browser: browser.to_owned() })
        }
        "browsers" => Some(Key::Browsers(rest.to_owned())),
        "administrator" => Some(Key::Administrator(rest.to_owned())),
        "administrator-at" => {
            let (network, account) = rest.split_once('|')?;
            let network = network.parse().ok()?;
            Some(Key::AdministratorAt { account: account.to_owned(), network })
        }
        "address" => rest.parse().ok().map(Key::Address),
        "asking" => rest.parse().ok().map(Key::Asking),
        "link" => rest.parse().ok().map(Key::Link),
        "token" => rest.parse().ok().map(Key::Token),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::access::attempt_source::KnownBrowser;
    use crate::directory::access::sign_in::{SignIn, SignInRequest};
    use crate::directory::accounts::users::UserView;
    use crate::directory::fixture::by_operator;
    use crate::directory::fixture::sign_in_request;
    use crate::directory::fixture::{ADDRESS, Fixture, OTHER_PASSWORD, PASSWORD, now};
    use crate::directory::records::{Rights, Role};

    /// A browser that signed in as this user with the current password.
    fn of(user: &UserView) -> KnownBrowser<'_> {
        KnownBrowser { name: "her-own", user: user.id.as_str(), password_generation: 0 }
    }

    async fn fail(fixture: &Fixture, login: &str, browser: Option<KnownBrowser<'_>>, times: u32) {
        for _ in 0..times {
            let request = SignInRequest { browser, ..sign_in_request(login, OTHER_PASSWORD) };
            let outcome = fixture.directory.sign_in().check(request, now()).await.unwrap();
            assert_eq!(outcome, SignIn::Wrong);
        }
    }

    #[tokio::test]
    async fn i6_a_locked_login_is_released_with_its_known_browsers() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let ann = fixture.user("acme", "Ann:1", "limited").await;
        fail(&fixture, "ann:1", None, 5).await;
        fail(&fixture, "ann:1", Some(of(&ann)), 5).await;
        fail(&fixture, "bob", None, 5).await;
        let seen = fixture.directory.lockouts().list(now()).await.unwrap();
        let kinds = |login: &str| -> Vec<LockoutKind> {
            let of = seen.iter().filter(|view| view.login.as_deref() == Some(login));
            of.map(|view| view.kind).collect()
        };
        assert_eq!(seen.len(), 3);
        assert!(kinds("ann:1").contains(&LockoutKind::Account));
        assert!(kinds("ann:1").contains(&LockoutKind::Browser));
        assert!(seen.iter().all(|view| view.failures == 5 && view.until > now()));

        let account = |view: &&LockoutView| {
            view.kind == LockoutKind::Account && view.login.as_deref() == Some("ann:1")
        };
        let id = &seen.iter().find(account).unwrap().id;
        assert!(
            fixture.directory.lockouts().release(Release::Id(id), &by_operator()).await.unwrap()
        );
        let left = fixture.directory.lockouts().list(now()).await.unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0].login.as_deref(), Some("bob"), "no other lockout");
        assert!(matches!(fixture.sign_in("ANN:1", PASSWORD).await, SignIn::Accepted(_)));
        assert!(matches!(fixture.sign_in("bob", PASSWORD).await, SignIn::LockedOut { .. }));

        assert!(
            fixture
                .directory
                .lockouts()
                .release(Release::Login(" BOB "), &by_operator())
                .await
                .unwrap()
        );
        assert!(
            !fixture
                .directory
                .lockouts()
                .release(Release::Login("bob"), &by_operator())
                .await
                .unwrap(),
            "there is nothing left"
        );
        assert_eq!(fixture.sign_in("bob", PASSWORD).await, SignIn::Wrong);
    }

    #[tokio::test]
    async fn i6_an_owner_releases_an_administrator_by_login() {
        let fixture = Fixture::new().await;
        let (lockout, lockouts) = (&fixture.auth.lockout, fixture.directory.lockouts());
        for _ in 0..5 {
            drop(lockout.begin_administrator("boss", ADDRESS, None, now()).unwrap());
        }
        let rights = Rights { role: Role::Technician, ..Rights::ALL };
        let technician = Change::new(fixture.token("CI", &rights).await, now());
        assert!(!lockouts.release(Release::Login("boss"), &technician).await.unwrap());
        assert!(lockout.begin_administrator("boss", ADDRESS, None, now()).is_err());
        assert!(lockouts.release(Release::Login("BOSS"), &by_operator()).await.unwrap());
        assert!(lockout.begin_administrator("boss", ADDRESS, None, now()).is_ok());
    }

    #[tokio::test]
    async fn i6_one_browser_and_an_address_can_be_released() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let ann = fixture.user("acme", "ann", "limited").await;
        fail(&fixture, "ann", Some(of(&ann)), 5).await;
        for number in 0..30 {
            fail(&fixture, &format!("login {number}"), None, 1).await;
        }
        let seen = fixture.directory.lockouts().list(now()).await.unwrap();
        let [browser, address] = [LockoutKind::Browser, LockoutKind::Address]
            .map(|kind| seen.iter().find(|view| view.kind == kind).unwrap().clone());
        assert_eq!(address.address.as_deref(), Some("192.0.2.1/32"));
        assert!(
            fixture
                .directory
                .lockouts()
                .release(Release::Id(&browser.id), &by_operator())
                .await
                .unwrap()
        );
        assert_eq!(fixture.directory.lockouts().list(now()).await.unwrap(), [address]);
        assert!(
            fixture
                .directory
                .lockouts()
                .release(Release::Address(ADDRESS), &by_operator())
                .await
                .unwrap()
        );
        assert!(fixture.directory.lockouts().list(now()).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn i6_known_browsers_and_invalid_links_can_be_released() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let ann = fixture.user("acme", "ann", "limited").await;
        for number in 0..30 {
            let name = format!("browser-{number}");
            fail(&fixture, "ann", Some(KnownBrowser { name: &name, ..of(&ann) }), 1).await;
            fixture.auth.lockout.wrong_link(ADDRESS, now());
        }
        let request = SignInRequest { browser: Some(of(&ann)), ..sign_in_request("ann", PASSWORD) };
        let known = fixture.directory.sign_in().check(request.clone(), now()).await.unwrap();
        assert!(matches!(known, SignIn::LockedOut { .. }), "{known:?}");
        let seen = fixture.directory.lockouts().list(now()).await.unwrap();
        assert_eq!(seen.len(), 2, "{seen:?}");
        for view in seen {
            match view.kind {
                LockoutKind::Browsers => assert_eq!(view.login.as_deref(), Some("ann")),
                LockoutKind::Link => assert_eq!(view.address.as_deref(), Some("192.0.2.1/32")),
                kind => panic!("{kind:?}"),
            }
            assert!(
                fixture
                    .directory
                    .lockouts()
                    .release(Release::Id(&view.id), &by_operator())
                    .await
                    .unwrap()
            );
        }
        assert!(fixture.directory.lockouts().list(now()).await.unwrap().is_empty());
        let known = fixture.directory.sign_in().check(request, now()).await.unwrap();
        assert!(matches!(known, SignIn::Accepted(_)), "{known:?}");
    }

    #[tokio::test]
    async fn an_unknown_id_releases_nothing() {
        let fixture = Fixture::new().await;
        fail(&fixture, "ann", None, 5).await;
        for id in ["", "x", "!", "YWNjb3VudA", "bm90aGluZzphbm4", "YnJvd3Nlcjphbm4"] {
            assert!(
                !fixture
                    .directory
                    .lockouts()
                    .release(Release::Id(id), &by_operator())
                    .await
                    .unwrap(),
                "{id}"
            );
        }
        assert_eq!(fixture.directory.lockouts().list(now()).await.unwrap().len(), 1);
    }
}
