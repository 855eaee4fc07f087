//! Portal users and their passwords (R15, R16, R30, R31, R34, R42).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::credential::hashing::PasswordHash;
use crate::credential::password::{NewPassword, PasswordRule};
use crate::credential::secret::Secret;
use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::mailed_link::BlindCopy;
use crate::directory::accounts::password_reuse::{Compared, differs, reject_password};
use crate::directory::accounts::patch;
use crate::directory::accounts::{mailed_link, name};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, as_given};
use crate::directory::records::login_key;
use crate::directory::records::{
    Change, EndUserId, Group, GroupId, LastSignIn, OrganizationId, Page, PageRequest, Preferences,
    Stored, User, UserId, UserStatus, UserToken, kind, present, put, retry,
};
use crate::telemetry::events::{Event, OneTime};
use portcullis_store::{Expect, Key, Write};

/// A portal user to be created.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The organization's id.
    pub organization: OrganizationId,
    /// The end user that it belongs to; `None` if it belongs to the organization itself (R16).
    #[serde(default)]
    pub end_user: Option<EndUserId>,
    /// The login; by default the email address (R15).
    #[serde(default)]
    pub login: Option<String>,
    /// The displayed name.
    #[serde(default)]
    pub name: Option<String>,
    /// The group's id; by default the default group (R6).
    #[serde(default)]
    pub group: Option<GroupId>,
    /// A password chosen by the administrator (R42).
    #[serde(default)]
    pub password: Option<Secret<String>>,
    /// The hash of the password, imported from an existing portal.
    #[serde(default)]
    pub password_hash: Option<Secret<String>>,
    /// Whether to send an invitation to choose a password (R40).
    #[serde(default)]
    pub invite: bool,
    /// The address for a blind copy of the invitation, instead of the sender's (R41).
    #[serde(default)]
    pub blind_copy: Option<String>,
    /// The address of the administrator, which cannot be set by a request.
    #[serde(skip)]
    pub sender: Option<String>,
    /// Whether a second factor is required.
    #[serde(default)]
    pub require_mfa: bool,
}

/// Changes to a portal user; fields that are left out stay as they are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// The new group's id.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// The new login.
    #[serde(default)]
    pub login: Option<String>,
    /// The new displayed name; `Some(None)` removes it.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub name: Option<Option<String>>,
    /// Whether a second factor is required.
    #[serde(default)]
    pub require_mfa: Option<bool>,
    /// Whether the account is disabled.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// Another end user of the same organization; `Some(None)` assigns it to the organization itself
    /// (R16).
    #[serde(default, deserialize_with = "patch::nullable")]
    pub end_user: Option<Option<EndUserId>>,
}

/// Which portal users to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserFilter {
    /// All portal users.
    All,
    /// Those of the organization with this id.
    Organization(OrganizationId),
    /// Those of the end user with this id.
    EndUser(EndUserId),
    /// Those in the group with this id.
    Group(GroupId),
}

impl UserFilter {
    fn key(&self) -> Option<Key> {
        match self {
            Self::All => None,
            Self::Organization(id) => Some(Key::new("organization", id.as_str())),
            Self::EndUser(id) => Some(Key::new("end_user", id.as_str())),
            Self::Group(id) => Some(Key::new("group", id.as_str())),
        }
    }
}

/// A portal user as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserView {
    /// Its id.
    pub id: UserId,
    /// The login, as given.
    pub login: String,
    /// The displayed name, if the user has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The end user's id, if it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUserId>,
    /// The group's id.
    pub group: GroupId,
    /// Whether a second factor is required.
    pub require_mfa: bool,
    /// Whether a second factor is set up.
    pub mfa_enrolled: bool,
    /// Whether the user has a password or is invited.
    pub status: UserStatus,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// When the user last signed in; left out if that has never happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sign_in: Option<Timestamp>,
    /// The version of its record.
    pub version: u64,
}

impl UserView {
    fn new(user: Stored<User>, last_sign_in: Option<Timestamp>) -> Self {
        Self {
            status: user.doc.status(),
            disabled: user.doc.disabled,
            last_sign_in,
            mfa_enrolled: user.doc.second_factor.is_some(),
            id: user.id,
            login: user.doc.login,
            name: user.doc.name,
            organization: user.doc.organization,
            end_user: user.doc.end_user,
            group: user.doc.group,
            require_mfa: user.doc.require_mfa,
            version: user.version,
        }
    }
}

/// The hash of a new password, computed once however often the operation is retried.
pub(in crate::directory) type Hashed = OnceCell<PasswordHash>;

/// The portal users.
#[derive(Debug, Clone)]
pub struct Users {
    pub(in crate::directory) core: Core,
}

impl Users {
    /// A page of the portal users.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn list(
        &self,
        filter: &UserFilter,
        request: &PageRequest,
    ) -> Result<Page<UserView>, DirectoryError> {
        let key = filter.key();
        let page = self.core.read().page::<User>(key.as_ref(), request).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for user in page.items {
            items.push(view(&self.core, user).await?);
        }
        Ok(Page { items, next: page.next })
    }

    /// The portal user with this id, as administrators see it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store does not answer.
    pub async fn get(&self, id: &UserId) -> Result<UserView, DirectoryError> {
        self.get_at(id, None).await
    }

    /// The portal user with this id, if it is still at the version the caller expects.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Changed`], or when the store does not answer.
    pub async fn get_at(
        &self,
        id: &UserId,
        expected: Option<u64>,
    ) -> Result<UserView, DirectoryError> {
        view(&self.core, self.core.read().existing::<User>(id, expected).await?).await
    }

    /// The portal user with this login, however it is spelled (R15).
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store does not answer.
    pub async fn with_login(&self, login: &str) -> Result<UserView, DirectoryError> {
        match self.core.read().find::<User>(&login_key(login)).await? {
            Some(user) => view(&self.core, user).await,
            None => Err(DirectoryError::not_found(kind::USER, login)),
        }
    }

    /// Creates a portal user, with a password, with an invitation, or with neither.
    ///
    /// # Errors
    /// When what it refers to does not exist, the login is taken (R15) or missing (R42), the
    /// password breaks a rule (R30, R31) or its hash cannot be checked, or there is no address to
    /// mail an invitation to (R42).
    pub async fn create(&self, new: NewUser, change: &Change) -> Result<UserView, DirectoryError> {
        if new.invite && new.password.is_some() {
            return Err(DirectoryError::invalid("invite", "cannot be combined with a password"));
        }
        if new.blind_copy.is_some() && !new.invite {
            return Err(DirectoryError::invalid(
                "blind_copy",
                "is allowed only with an invitation",
            ));
        }
        if new.password_hash.is_some() && (new.invite || new.password.is_some()) {
            return Err(DirectoryError::invalid(
                "password_hash",
                "cannot be combined with a password or an invitation",
            ));
        }
        let hashed = Hashed::default();
        let created = retry(|| self.try_create(&new, &hashed, change)).await?;
        if created.doc.invitation.is_some() {
            let account = created.account();
            Event::OneTimeLinkCreated { kind: OneTime::Invitation, account }.log();
        }
        Ok(UserView::new(created, None))
    }

    /// Changes a portal user. Its organization cannot be changed, because it has seen that
    /// organization's data.
    ///
    /// # Errors
    /// When what it refers to does not exist, the login is taken or invalid (R15), the login or the
    /// end user's address is the user's password (R31), too many passwords are being hashed, or the
    /// user is not at the expected version.
    pub async fn change(
        &self,
        id: &UserId,
        patch: UserPatch,
        change: &Change,
    ) -> Result<UserView, DirectoryError> {
        let compared = Compared::default();
        let changed = retry(|| self.try_change(id, &patch, &compared, change)).await?;
        view(&self.core, changed).await
    }

    /// Sets a portal user's password, which ends all of the user's sessions (R34) and invalidates
    /// mailed links.
    ///
    /// # Errors
    /// When the password breaks a rule (R30, R31), the user is not at the expected version, or too
    /// many passwords are being hashed.
    pub async fn set_password(
        &self,
        id: &UserId,
        password: Secret<String>,
        change: &Change,
    ) -> Result<UserView, DirectoryError> {
        let hashed = Hashed::default();
        let changed = retry(|| async {
            let user = self.core.read().existing::<User>(id, change.expected).await?;
            let context = AccountContext::of(self.core.read(), &user.doc).await?;
            let mut doc = user.doc.clone();
            let names = (doc.login.as_str(), context.email.as_deref());
            let hash = self.hash(&password, names, &hashed).await?;
            doc.set_password(&hash);
            let (write, changed) = user.replace(doc);
            let mut commit = context.conditions;
            commit.push(write);
            self.core.commit(change, commit).await?;
            self.core.auth.password_replaced(&changed.doc);
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        view(&self.core, changed).await
    }

    /// Deletes a portal user; its sessions end with it.
    ///
    /// # Errors
    /// When there is no such user, or it is not at the expected version.
    pub async fn delete(&self, id: &UserId, change: &Change) -> Result<(), DirectoryError> {
        retry(|| async {
            let user = self.core.read().existing::<User>(id, change.expected).await?;
            let of_user = UserToken::of_user(id);
            let tokens = self.core.read().all_intact::<UserToken>(Some(&of_user)).await?;
            let of_id = |kind| Write::Delete { kind, id: id.to_string(), expect: Expect::Any };
            let mut commit = vec![user.delete(), of_id(kind::TOTP_STEP), of_id(kind::LAST_SIGN_IN)];
            commit.extend(tokens.iter().map(Stored::delete));
            // One that is created at the same time is read on the next attempt.
            commit.push(Write::RequireNone { kind: kind::USER_TOKEN, key: of_user });
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }

    /// The writes of a commit that starts a session of a user: the time of the last sign-in, on
    /// condition that the user still exists.
    pub(crate) fn signed_in(user: &UserId, at: Timestamp) -> [Write; 2] {
        [present::<User>(user), put(user, Expect::Any, &LastSignIn { at })]
    }

    async fn try_create(
        &self,
        new: &NewUser,
        hashed: &Hashed,
        change: &Change,
    ) -> Result<Stored<User>, AttemptError> {
        let context =
            AccountContext::read(self.core.read(), &new.organization, new.end_user.as_ref())
                .await?;
        let login = match new.login.as_ref().or(context.email.as_ref()) {
            Some(login) => name::name("login", login)?,
            None => return Err(missing_login(new).into()),
        };
        let display_name = display_name(new.name.as_deref())?;
        let group = match &new.group {
            Some(group) => self.check_group(group).await?,
            None => self.default_group().await?,
        };
        // The commit checks again; checked here, a taken login does not cost a hash.
        if self.core.read().find::<User>(&login_key(&login)).await?.is_some() {
            return Err(taken(login).into());
        }
        let password = match (&new.password, &new.password_hash) {
            (Some(password), _) => {
                Some(self.hash(password, (&login, context.email.as_deref()), hashed).await?)
            }
            (None, Some(hash)) => Some(import(hash)?),
            (None, None) => None,
        };
        let id = UserId::from(name::random_id());
        let tokens = &self.core.auth.one_time_tokens;
        let (invitation, mail) = if new.invite {
            let copy =
                BlindCopy { named: new.blind_copy.as_deref(), sender: new.sender.as_deref() };
            let (link, mail) =
                mailed_link::invitation(tokens, (&id, &login), &context, copy, change.at)?;
            (Some(link), Some(mail))
        } else {
            (None, None)
        };
        let doc = User {
            login,
            name: display_name,
            organization: new.organization.clone(),
            end_user: new.end_user.clone(),
            group,
            password,
            password_generation: 0,
            invitation,
            reset: None,
            disabled: false,
            require_mfa: new.require_mfa,
            second_factor: None,
            created: change.at,
        };
        let mut commit = context.conditions;
        commit.push(present::<Group>(&doc.group));
        commit.push(put(&id, Expect::Absent, &doc));
        commit.extend(mail);
        self.core.commit(change, commit).await.map_err(as_given(&doc.login))?;
        Ok(Stored { id, version: 1, doc })
    }

    async fn try_change(
        &self,
        id: &UserId,
        patch: &UserPatch,
        compared: &Compared,
        change: &Change,
    ) -> Result<Stored<User>, AttemptError> {
        let user = self.core.read().existing::<User>(id, change.expected).await?;
        let mut doc = user.doc.clone();
        let mut commit = Vec::new();
        if let Some(group) = &patch.group {
            doc.group = self.check_group(group).await?;
            commit.push(present::<Group>(group));
        }
        if let Some(login) = &patch.login {
            doc.login = name::name("login", login)?;
            if differs(Some(&user.doc.login), &doc.login) {
                reject_password(&self.core.auth.hasher, ("login", login), &user.doc, compared)
                    .await?;
            }
            if doc.login != user.doc.login {
                // The reset link went to the old login.
                doc.reset = None;
            }
        }
        if let Some(given) = &patch.name {
            doc.name = display_name(given.as_deref())?;
        }
        if let Some(require_mfa) = patch.require_mfa {
            doc.require_mfa = require_mfa;
        }
        if let Some(disabled) = patch.disabled {
            doc.disabled = disabled;
        }
        if let Some(end_user) = &patch.end_user {
            let context =
                AccountContext::read(self.core.read(), &doc.organization, end_user.as_ref())
                    .await?;
            commit.extend(context.conditions);
            if let Some(email) = context.email.filter(|_| user.doc.end_user != *end_user) {
                reject_password(&self.core.auth.hasher, ("end_user", &email), &user.doc, compared)
                    .await?;
            }
            doc.end_user.clone_from(end_user);
        }
        let (write, changed) = user.replace(doc);
        commit.push(write);
        self.core.commit(change, commit).await.map_err(as_given(&changed.doc.login))?;
        Ok(changed)
    }

    async fn check_group(&self, id: &GroupId) -> Result<GroupId, DirectoryError> {
        match self.core.read().existing::<Group>(id, None).await {
            Ok(group) => Ok(group.id),
            Err(error) => Err(error.in_field("group")),
        }
    }

    /// The group of users that are created without one (R6).
    async fn default_group(&self) -> Result<GroupId, DirectoryError> {
        let preferences =
            self.core.read().existing::<Preferences>(&Preferences::id(), None).await?;
        Ok(preferences.doc.default_group)
    }

    async fn hash(
        &self,
        password: &Secret<String>,
        (login, email): (&str, Option<&str>),
        hashed: &Hashed,
    ) -> Result<String, DirectoryError> {
        let password =
            NewPassword::parse(password.clone(), login, email).map_err(|rules| broken(&rules))?;
        match hashed.get_or_try_init(|| self.core.auth.hasher.hash(&password)).await {
            Ok(hash) => Ok(hash.as_str().to_owned()),
            Err(_) => Err(DirectoryError::Busy),
        }
    }
}

/// A user as administrators see it.
pub(in crate::directory) async fn view(
    core: &Core,
    user: Stored<User>,
) -> Result<UserView, DirectoryError> {
    let last = core.read().get::<LastSignIn>(&user.id).await?;
    Ok(UserView::new(user, last.map(|last| last.doc.at)))
}

fn display_name(given: Option<&str>) -> Result<Option<String>, DirectoryError> {
    given.map(|given| name::name("name", given)).transpose()
}

fn import(hash: &Secret<String>) -> Result<String, DirectoryError> {
    match PasswordHash::import(hash) {
        Ok(hash) => Ok(hash.as_str().to_owned()),
        Err(error) => Err(DirectoryError::invalid("password_hash", error.to_string())),
    }
}

fn missing_login(new: &NewUser) -> DirectoryError {
    let owner = if new.end_user.is_some() { "end user" } else { "organization" };
    let message = format!("the {owner} has no email address to use as the login; give a login");
    DirectoryError::invalid("login", message)
}

fn taken(value: String) -> DirectoryError {
    DirectoryError::Taken { what: kind::USER, field: "login", value }
}

fn broken(rules: &[PasswordRule]) -> DirectoryError {
    let rules: Vec<_> = rules.iter().map(PasswordRule::to_string).collect();
    let needs = match &*rules {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        rules => rules.concat(),
    };
    DirectoryError::invalid("password", format!("it needs {needs}"))
}

#[cfg(test)]
mod tests;
