//! Portal users and their passwords (R15, R16, R30, R31, R34, R42).

use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::credential::hashing::PasswordHash;
use crate::credential::password::{NewPassword, PasswordRule};
use crate::credential::secret::Secret;
use crate::directory::accounts::context::AccountContext;
use crate::directory::accounts::mailed_link::Addresses;
use crate::directory::accounts::password_reuse::{Compared, differs, reject_password};
pub use crate::directory::accounts::user_input::{NewUser, UserPatch};
pub use crate::directory::accounts::user_view::UserView;
use crate::directory::accounts::user_view::view;
use crate::directory::accounts::{change_notice, mailed_link, name};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, as_given};
use crate::directory::records::login_key;
use crate::directory::records::{
    Change, Group, GroupId, LastSignIn, Occasion, Preferences, Stored, User, UserId, kind, of_new,
    present, put, retry,
};
use crate::telemetry::events::{Event, OneTime};
use portcullis_store::{Expect, Write};

/// The hash of a new password, computed once however often the operation is retried.
pub(in crate::directory) type Hashed = OnceCell<PasswordHash>;

/// The portal users.
#[derive(Debug, Clone)]
pub struct Users {
    pub(in crate::directory) core: Core,
}

impl Users {
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
        let of_invitation = [("send_to", &new.send_to), ("blind_copy", &new.blind_copy)];
        for (field, address) in of_invitation {
            if address.is_some() && !new.invite {
                return Err(DirectoryError::invalid(field, "is allowed only with an invitation"));
            }
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
            let by = change_notice::by(change);
            let notice = change_notice::mail(&self.core, &user, &changed.doc, by, change.at);
            let mut commit = context.conditions;
            commit.push(write);
            commit.extend(notice.await?);
            self.core.commit(change, commit).await?;
            self.core.auth.password_replaced(&changed.doc);
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        view(&self.core, changed).await
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
            None => self.default_group(&context).await?,
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
        if let Some(id) = &new.id
            && self.core.read().get::<User>(id).await?.is_some()
        {
            let (what, value) = (kind::USER, id.to_string());
            return Err(DirectoryError::Taken { what, field: "id", value }.into());
        }
        let id = new.id.clone().unwrap_or_else(|| name::random_id().into());
        let tokens = &self.core.auth.one_time_tokens;
        let (invitation, mail) = if new.invite {
            let addresses = Addresses {
                send_to: new.send_to.as_deref(),
                blind_copy: new.blind_copy.as_deref(),
                sender: new.sender.as_deref(),
            };
            let (link, mail) =
                mailed_link::invitation(tokens, (&id, &login), &context, addresses, change.at)?;
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
            disabled: new.disabled,
            require_mfa: new.require_mfa,
            second_factor: None,
            created: change.at,
            managed_by: of_new(change),
        };
        let mut commit = context.conditions;
        commit.push(present::<Group>(&doc.group));
        commit.push(put(&id, Expect::Absent, &doc));
        commit.extend(mail);
        let created = Stored { id, version: 1, doc };
        let invited = created.doc.invitation.as_ref();
        let entry = invited.map(|_| mailed_link::created(Occasion::Invitation, &created));
        let committed = self.core.records.commit_noting(change, commit, entry).await;
        committed.map_err(as_given(&created.doc.login))?;
        Ok(created)
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
        let (write, changed) = user.edit(doc, change);
        commit.push(write);
        let by = change_notice::by(change);
        let notice = change_notice::mail(&self.core, &user, &changed.doc, by, change.at);
        commit.extend(notice.await?);
        self.core.commit(change, commit).await.map_err(as_given(&changed.doc.login))?;
        Ok(changed)
    }

    async fn check_group(&self, id: &GroupId) -> Result<GroupId, DirectoryError> {
        match self.core.read().existing::<Group>(id, None).await {
            Ok(group) => Ok(group.id),
            Err(error) => Err(error.in_field("group")),
        }
    }

    /// The group of users that are created without one: the organization's, else the gateway's (R6).
    async fn default_group(&self, context: &AccountContext) -> Result<GroupId, DirectoryError> {
        if let Some(group) = &context.default_group {
            return Ok(group.clone());
        }
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
    let message = format!("the {owner} has no email address to use as the login; specify `login`");
    DirectoryError::invalid("login", message)
}

fn taken(value: String) -> DirectoryError {
    DirectoryError::Taken { what: kind::USER, field: "login", value }
}

/// The error of a password that breaks these rules (R31).
pub(in crate::directory) fn broken(rules: &[PasswordRule]) -> DirectoryError {
    let rules: Vec<_> = rules.iter().map(PasswordRule::to_string).collect();
    let needs = match &*rules {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        rules => rules.concat(),
    };
    DirectoryError::invalid("password", format!("it needs {needs}"))
}

#[cfg(test)]
mod tests;
