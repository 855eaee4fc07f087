//! Creating, changing and deleting the accounts of administrators.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::Administrators;
use super::proposed_factor::ISSUER;
use crate::credential::hashing::PasswordHash;
use crate::credential::password::NewPassword;
use crate::credential::secret::Secret;
use crate::credential::totp::{TotpSecret, UsedSteps};
use crate::directory::access::scope;
use crate::directory::accounts::portal_sessions;
use crate::directory::accounts::users::broken;
use crate::directory::accounts::{name, patch};
use crate::directory::error::{AttemptError, DirectoryError, Refusal, as_given};
use crate::directory::records::{
    Actor, AdminFactor, AdminSecret, AdminSession, Administrator, AdministratorId, Authority,
    Change, Page, PageRequest, Rights, Role, Scope, StaffMember, Stored, kind, put, retry,
};
use portcullis_store::{Expect, Write};

/// An administrator to be created.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdministrator {
    /// The login, unique among administrators.
    pub login: String,
    /// The address for blind copies of invitations.
    #[serde(default)]
    pub email: Option<String>,
    /// The role.
    pub role: Role,
    /// The organizations that it is limited to.
    #[serde(default)]
    pub scope: Scope,
    /// Whether it may see the portal as a portal user does.
    #[serde(default)]
    pub impersonate: bool,
    /// The password.
    pub password: Secret<String>,
    /// Whether to issue a second factor.
    #[serde(default = "yes")]
    pub mfa: bool,
}

const fn yes() -> bool {
    true
}

/// Changes to an administrator; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdministratorPatch {
    /// Another address; `null` removes it.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub email: Option<Option<String>>,
    /// Another role.
    #[serde(default)]
    pub role: Option<Role>,
    /// Other organizations that it is limited to.
    #[serde(default, deserialize_with = "patch::present")]
    pub scope: Option<Scope>,
    /// Whether it may see the portal as a portal user does.
    #[serde(default)]
    pub impersonate: Option<bool>,
}

/// An administrator as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Administrator")]
pub struct AdministratorView {
    /// The id.
    pub id: AdministratorId,
    /// The login, as given.
    pub login: String,
    /// The address for blind copies of invitations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What it may do.
    #[serde(flatten)]
    pub rights: Rights,
    /// Whether a second factor was issued.
    pub mfa_enrolled: bool,
    /// When a session last started; `null` if that has never happened.
    pub last_sign_in: Option<Timestamp>,
    /// When the account was created.
    pub created: Timestamp,
    /// The version of its record.
    pub version: u64,
}

/// An administrator whose second factor was just issued.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct IssuedAdministrator {
    /// The administrator.
    #[serde(flatten)]
    pub administrator: AdministratorView,
    /// The second factor, which is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<IssuedFactor>,
}

impl IssuedAdministrator {
    /// The administrator's id.
    #[must_use]
    pub const fn id(&self) -> &AdministratorId {
        &self.administrator.id
    }
}

/// A second factor with its secrets.
#[derive(Serialize, schemars::JsonSchema)]
pub struct IssuedFactor {
    /// The secret in base32, for typing it into an app.
    pub secret: String,
    /// The `otpauth` URL, for a QR code.
    pub url: String,
    /// The recovery codes.
    pub recovery_codes: Vec<String>,
}

impl std::fmt::Debug for IssuedFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IssuedFactor(…)")
    }
}

/// Refuses what an administrator does to the own account by the authority of an owner: a session alone
/// would suffice for it. The own account is changed with the present password and a code.
fn refuse_own(id: &AdministratorId, change: &Change) -> Result<(), DirectoryError> {
    match &change.actor {
        Actor::Administrator { id: own, .. } if own == id => Err(Refusal::OwnAccount.into()),
        _ => Ok(()),
    }
}

/// Whether an account has all rights over the gateway.
fn is_owner(administrator: &Administrator) -> bool {
    administrator.rights().over_gateway(Authority::Own)
}

impl From<Stored<Administrator>> for AdministratorView {
    fn from(stored: Stored<Administrator>) -> Self {
        let rights = stored.doc.rights();
        let Administrator { login, email, second_factor, created, last_sign_in, .. } = stored.doc;
        Self {
            id: stored.id,
            login,
            email,
            rights,
            mfa_enrolled: second_factor.is_some(),
            last_sign_in,
            created,
            version: stored.version,
        }
    }
}

impl Administrators {
    /// A page of the administrators.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn list(
        &self,
        request: &PageRequest,
    ) -> Result<Page<AdministratorView>, DirectoryError> {
        Ok(self.core.read().page::<Administrator>(None, request).await?.map(Into::into))
    }

    /// The administrator with this id or login.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store is unavailable.
    pub async fn get(&self, id: &AdministratorId) -> Result<AdministratorView, DirectoryError> {
        Ok(self.core.read().existing::<Administrator>(id, None).await?.into())
    }

    /// Creates an administrator.
    ///
    /// # Errors
    /// When the actor may not (I10), a value is invalid, the login is taken, or the store or the
    /// password pool is unavailable.
    pub async fn create(
        &self,
        new: NewAdministrator,
        change: &Change,
    ) -> Result<IssuedAdministrator, DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        let login = name::name("login", &new.login)?;
        let email = new.email.as_deref().map(name::email).transpose()?;
        let hash = self.hash(&login, email.as_deref(), &new.password).await?;
        let id = AdministratorId::from(name::random_id());
        let (factor, second_factor) = match new.mfa {
            true => Some(self.issue(&id, &login, change.at)).unzip(),
            false => (None, None),
        };
        let doc = Administrator {
            login,
            email,
            role: new.role,
            scope: new.scope,
            impersonate: new.impersonate,
            password: AdminSecret(hash.as_str().to_owned()),
            generation: 1,
            second_factor: factor,
            created: change.at,
            last_sign_in: None,
            last_address: None,
        };
        retry(|| async {
            let mut commit = scope::existing(self.core.read(), &doc.scope).await?;
            commit.push(put(&id, Expect::Absent, &doc));
            self.core.commit(change, commit).await.map_err(as_given(&doc.login))?;
            Ok::<_, AttemptError>(())
        })
        .await?;
        let administrator = Stored { id, version: 1, doc }.into();
        Ok(IssuedAdministrator { administrator, second_factor })
    }

    /// Changes an administrator.
    ///
    /// # Errors
    /// When the actor may not (I10), no administrator has this id, a value is invalid, or the last
    /// owner would lose that role or be limited.
    pub async fn change(
        &self,
        id: &AdministratorId,
        patch: &AdministratorPatch,
        change: &Change,
    ) -> Result<AdministratorView, DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        retry(|| async {
            let stored = self.core.read().existing::<Administrator>(id, change.expected).await?;
            let mut doc = stored.doc.clone();
            if let Some(email) = &patch.email {
                doc.email = email.as_deref().map(name::email).transpose()?;
            }
            if let Some(role) = patch.role {
                doc.role = role;
            }
            if let Some(impersonate) = patch.impersonate {
                doc.impersonate = impersonate;
            }
            let mut commit = Vec::new();
            if let Some(scope) = &patch.scope {
                commit = scope::existing(self.core.read(), scope).await?;
                doc.scope.clone_from(scope);
            }
            if is_owner(&stored.doc) && !is_owner(&doc) {
                commit.push(self.another_owner(&stored).await?);
            }
            let (write, changed) = stored.replace(doc);
            commit.push(write);
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(changed.into())
        })
        .await
    }

    /// Sets the password, and ends all sessions of the account.
    ///
    /// # Errors
    /// When the actor may not (I10), it is the actor's own account, there is no such administrator, or the
    /// password breaks a rule.
    pub async fn set_password(
        &self,
        id: &AdministratorId,
        password: &Secret<String>,
        change: &Change,
    ) -> Result<AdministratorView, DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        refuse_own(id, change)?;
        let hashed: OnceCell<PasswordHash> = OnceCell::new();
        retry(|| async {
            let stored = self.core.read().existing::<Administrator>(id, change.expected).await?;
            let mut doc = stored.doc.clone();
            let hash = hashed
                .get_or_try_init(|| self.hash(&doc.login, doc.email.as_deref(), password))
                .await?;
            doc.password = AdminSecret(hash.as_str().to_owned());
            doc.generation += 1;
            let (write, changed) = stored.replace(doc);
            self.core.commit(change, vec![write]).await?;
            Ok::<_, AttemptError>(changed.into())
        })
        .await
    }

    /// Issues another second factor, and ends all sessions of the account.
    ///
    /// # Errors
    /// When the actor may not (I10), it is the actor's own account, or there is no such administrator.
    pub async fn reset_second_factor(
        &self,
        id: &AdministratorId,
        change: &Change,
    ) -> Result<IssuedAdministrator, DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        refuse_own(id, change)?;
        retry(|| async {
            let stored = self.core.read().existing::<Administrator>(id, change.expected).await?;
            let mut doc = stored.doc.clone();
            let (factor, issued) = self.issue(id, &doc.login, change.at);
            doc.second_factor = Some(factor);
            doc.generation += 1;
            let (write, changed) = stored.replace(doc);
            self.core.commit(change, vec![write]).await?;
            let administrator = changed.into();
            Ok::<_, AttemptError>(IssuedAdministrator {
                administrator,
                second_factor: Some(issued),
            })
        })
        .await
    }

    /// Deletes an administrator and its sessions, those in the portal included.
    ///
    /// # Errors
    /// When the actor may not (I10), no administrator has this id, or it is the last owner.
    pub async fn delete(
        &self,
        id: &AdministratorId,
        change: &Change,
    ) -> Result<(), DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        retry(|| async {
            let stored = self.core.read().existing::<Administrator>(id, change.expected).await?;
            let mut commit = vec![stored.delete()];
            if is_owner(&stored.doc) {
                commit.push(self.another_owner(&stored).await?);
            }
            let of = AdminSession::of(id);
            let sessions = self.core.read().all_intact::<AdminSession>(Some(&of)).await?;
            commit.extend(sessions.iter().map(Stored::delete));
            commit.push(Write::RequireNone { kind: kind::ADMIN_SESSION, key: of });
            let by = StaffMember::by_administrator(id);
            commit.extend(portal_sessions::ending(&self.core, by).await?.0);
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }

    /// The condition that another account stays an owner who can sign in: with none, tokens and
    /// accounts could only be managed on the host.
    async fn another_owner(&self, leaving: &Stored<Administrator>) -> Result<Write, AttemptError> {
        let all = self.core.read().all_intact::<Administrator>(None).await?;
        let can_replace = |other: &&Stored<Administrator>| {
            // Without a second factor, an owner may not be able to sign in.
            let signs_in = other.doc.second_factor.is_some() || leaving.doc.second_factor.is_none();
            other.id != leaving.id && is_owner(&other.doc) && signs_in
        };
        match all.iter().find(can_replace) {
            Some(owner) => Ok(owner.require()),
            None => {
                Err(DirectoryError::from(Refusal::LastOwner { login: leaving.doc.login.clone() })
                    .into())
            }
        }
    }

    /// The hash of a new password, which is checked by the rules for passwords.
    pub(super) async fn hash(
        &self,
        login: &str,
        email: Option<&str>,
        password: &Secret<String>,
    ) -> Result<PasswordHash, DirectoryError> {
        let password =
            NewPassword::parse(password.clone(), login, email).map_err(|rules| broken(&rules))?;
        self.core.auth.hasher.hash(&password).await.map_err(|_| DirectoryError::Busy)
    }

    fn issue(
        &self,
        id: &AdministratorId,
        login: &str,
        now: Timestamp,
    ) -> (AdminFactor, IssuedFactor) {
        let keys = &self.core.auth.second_factors;
        let secret = TotpSecret::generate();
        let context = Administrator::sealed_for(id.as_str());
        let (codes, hashes) = keys.recovery_codes.issue(&context);
        let factor = AdminFactor {
            secret: AdminSecret(keys.secrets.seal(secret.expose(), &context)),
            recovery_codes: hashes,
            created: now,
            confirmed: false,
            steps: UsedSteps::default(),
        };
        let issued = IssuedFactor {
            secret: secret.text().expose().clone(),
            url: secret.url(ISSUER, login).expose().clone(),
            recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect(),
        };
        (factor, issued)
    }
}
