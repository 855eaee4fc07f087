//! Records that depend on the secret key, for a new key.
//!
//! Secrets that can be read again are sealed with the new key. Recovery codes are keyed hashes, so
//! they cannot be carried over and are removed. Sessions end: whoever had the old key could start
//! some with a forged link or a forged pending sign-in.

use portcullis_store::sled::Rekeyed;

use crate::credential::key::{Purpose, SecretKey};
use crate::credential::seal::Sealer;
use crate::directory::records::document::Document;
use crate::directory::records::{
    AdminFactor, AdminSecret, Administrator, Mail, Organization, Preferences, SecondFactor, User,
    kind,
};

/// What a new key changes about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Affected {
    /// A session, which ends.
    Session,
    /// An administrator.
    Administrator {
        /// Whether a second factor was issued.
        second_factor: bool,
        /// Whether there are recovery codes, which stop working.
        recovery_codes: bool,
    },
    /// A portal user.
    User {
        /// The organization's id.
        organization: String,
        /// Whether a second factor is set up.
        second_factor: bool,
        /// Whether there are recovery codes, which stop working.
        recovery_codes: bool,
    },
    /// An organization whose secure link is enabled; it changes.
    Organization {
        /// The organization's name.
        name: String,
    },
    /// The preferences.
    Preferences {
        /// Whether links of organizations with portal users open no session (R12).
        secure_with_password: bool,
    },
    /// Nothing.
    Nothing,
}

impl Affected {
    /// What a new key changes about a record of this kind.
    pub(crate) fn by(kind_name: &str, doc: &[u8]) -> Self {
        if [kind::SESSION.name(), kind::ADMIN_SESSION.name()].contains(&kind_name) {
            return Self::Session;
        }
        if let Some(administrator) = decoded::<Administrator>(kind_name, doc) {
            let factor = administrator.second_factor.as_ref();
            return Self::Administrator {
                second_factor: factor.is_some(),
                recovery_codes: factor.is_some_and(|factor| !factor.recovery_codes.is_empty()),
            };
        }
        if let Some(user) = decoded::<User>(kind_name, doc) {
            let factor = user.second_factor.as_ref();
            return Self::User {
                organization: user.organization.as_str().to_owned(),
                second_factor: factor.is_some(),
                recovery_codes: factor.is_some_and(|factor| !factor.recovery_codes.is_empty()),
            };
        }
        if let Some(organization) = decoded::<Organization>(kind_name, doc) {
            let Organization { name, link_enabled, .. } = organization;
            return if link_enabled { Self::Organization { name } } else { Self::Nothing };
        }
        match decoded::<Preferences>(kind_name, doc) {
            Some(preferences) => Self::Preferences {
                secure_with_password: preferences.secure_with_password_if_portal_users_exist,
            },
            None => Self::Nothing,
        }
    }
}

/// Seals records with a new key.
#[derive(Debug)]
pub(crate) struct Resealing {
    second_factors: Pair,
    mails: Pair,
}

/// The sealers of one purpose.
#[derive(Debug)]
struct Pair {
    old: Sealer,
    new: Sealer,
}

impl Resealing {
    /// From the old key to the new one.
    pub(crate) fn new(old: &SecretKey, new: &SecretKey) -> Self {
        let pair =
            |purpose| Pair { old: Sealer::new(old, purpose), new: Sealer::new(new, purpose) };
        Self { second_factors: pair(Purpose::SecondFactor), mails: pair(Purpose::Mail) }
    }

    /// What becomes of a record. One that cannot be read, or was sealed with yet another key, stays
    /// as it is.
    pub(crate) fn record(&self, kind_name: &str, id: &str, doc: &[u8]) -> Rekeyed {
        if [kind::SESSION.name(), kind::ADMIN_SESSION.name()].contains(&kind_name) {
            return Rekeyed::Removed;
        }
        if let Some(administrator) = decoded::<Administrator>(kind_name, doc)
            && let Some(factor) = &administrator.second_factor
            && let Some(secret) =
                self.second_factors.reseal(&factor.secret.0, &Administrator::sealed_for(id))
        {
            let (secret, recovery_codes) = (AdminSecret(secret), Vec::new());
            let factor = AdminFactor { secret, recovery_codes, ..factor.clone() };
            return replaced(&Administrator { second_factor: Some(factor), ..administrator });
        }
        if let Some(user) = decoded::<User>(kind_name, doc)
            && let Some(factor) = &user.second_factor
            && let Some(secret) = self.second_factors.reseal(&factor.secret, id)
        {
            let recovery_codes = Vec::new();
            let factor = SecondFactor { secret, recovery_codes, ..factor.clone() };
            return replaced(&User { second_factor: Some(factor), ..user });
        }
        if let Some(mail) = decoded::<Mail>(kind_name, doc)
            && let Some(token) = &mail.token
            && let Some(token) = self.mails.reseal(token, id)
        {
            return replaced(&Mail { token: Some(token), ..mail });
        }
        Rekeyed::Kept
    }
}

impl Pair {
    fn reseal(&self, sealed: &str, owner: &str) -> Option<String> {
        let secret = self.old.open(sealed, owner)?;
        Some(self.new.seal(secret.expose(), owner))
    }
}

fn decoded<T: Document>(kind_name: &str, doc: &[u8]) -> Option<T> {
    (kind_name == T::KIND.name()).then(|| serde_json::from_slice(doc).ok()).flatten()
}

fn replaced(doc: &impl Document) -> Rekeyed {
    serde_json::to_vec(doc).map_or(Rekeyed::Kept, Rekeyed::Replaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::totp::TotpSecret;
    use crate::directory::access::administrators::NewAdministrator;
    use crate::directory::fixture::Fixture;
    use crate::directory::fixture::{PASSWORD, by_operator};
    use crate::directory::records::{AdministratorId, Role, Scope};

    #[tokio::test]
    async fn second_factors_open_with_the_new_key_only() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let user = fixture.user("acme", "ann", "limited").await;
        let (old, new) = (SecretKey::generate(), SecretKey::generate());
        let secret = TotpSecret::generate();
        let sealed =
            Sealer::new(&old, Purpose::SecondFactor).seal(secret.expose(), user.id.as_str());
        let stored = fixture.directory.records().read().existing::<User>(&user.id, None).await;
        let factor = SecondFactor {
            secret: sealed,
            recovery_codes: vec!["hash".to_owned()],
            created: crate::directory::fixture::now(),
            by_choice: false,
        };
        let before = User { second_factor: Some(factor), ..stored.unwrap().doc };
        let doc = serde_json::to_vec(&before).unwrap();
        let affected = Affected::by("user", &doc);
        assert!(matches!(affected, Affected::User { recovery_codes: true, .. }), "{affected:?}");
        let resealing = Resealing::new(&old, &new);
        let Rekeyed::Replaced(after) = resealing.record("user", user.id.as_str(), &doc) else {
            panic!()
        };
        let after: User = serde_json::from_slice(&after).unwrap();
        let factor = after.second_factor.clone().unwrap();
        assert!(factor.recovery_codes.is_empty());
        let open =
            |key| Sealer::new(key, Purpose::SecondFactor).open(&factor.secret, user.id.as_str());
        assert_eq!(open(&new).unwrap().expose(), secret.expose());
        assert!(open(&old).is_none());
        assert_eq!(User { second_factor: before.second_factor.clone(), ..after }, before);

        // Of another user, the secret does not open: the record stays as it is.
        assert_eq!(resealing.record("user", "another", &doc), Rekeyed::Kept);
        assert_eq!(resealing.record("session", "x", b"{}"), Rekeyed::Removed);
        assert_eq!(resealing.record("group", "x", b"{}"), Rekeyed::Kept);
    }

    #[tokio::test]
    async fn second_factors_of_administrators_are_sealed_again() {
        let fixture = Fixture::new().await;
        let olga = NewAdministrator {
            login: "olga".to_owned(),
            email: None,
            role: Role::Owner,
            scope: Scope::ALL,
            impersonate: false,
            password: PASSWORD.into(),
            mfa: true,
        };
        let olga = fixture.directory.administrators().create(olga, &by_operator()).await.unwrap();
        let id = AdministratorId::from(olga.id().as_str());
        let read = fixture.directory.records().read();
        let mut before = read.existing::<Administrator>(&id, None).await.unwrap().doc;
        let (old, new) = (SecretKey::generate(), SecretKey::generate());
        let owner = Administrator::sealed_for(id.as_str());
        let sealed = Sealer::new(&old, Purpose::SecondFactor).seal(&[7; 20], &owner);
        before.second_factor.as_mut().unwrap().secret = AdminSecret(sealed);
        let doc = serde_json::to_vec(&before).unwrap();
        let resealed = Resealing::new(&old, &new).record("administrator", id.as_str(), &doc);
        let Rekeyed::Replaced(after) = resealed else { panic!("{resealed:?}") };
        let after: Administrator = serde_json::from_slice(&after).unwrap();
        let factor = after.second_factor.unwrap();
        assert!(factor.recovery_codes.is_empty());
        let opened = Sealer::new(&new, Purpose::SecondFactor).open(&factor.secret.0, &owner);
        assert_eq!(**opened.unwrap().expose(), [7; 20]);
        let session = Resealing::new(&old, &new).record("admin_session", "x", b"{}");
        assert_eq!(session, Rekeyed::Removed);
    }
}
