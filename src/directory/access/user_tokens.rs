//! Tokens of portal users, for programs: shown once, stored as a hash.
//!
//! A token is valid as long as its user could have stayed signed in since it was created: the
//! password is still the same (R34). Tokens of an earlier password and expired ones are removed
//! when the user gets another token, or is deleted.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::credential::lockout::LockedUntil;
use crate::credential::token::{PlainToken, TokenHash};
use crate::directory::accounts::name;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError, Refusal, as_given};
use crate::directory::records::{
    Actor, Change, PLACE, Records, Stored, User, UserId, UserStatus, UserToken, UserTokenId, kind,
    login_key, put, retry,
};
use crate::directory::state::UserTokenFacts;
use portcullis_store::{CommitError, Expect, StoreError};

/// The most tokens that a user can have.
const MOST: usize = 50;

/// A token to be created.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserToken {
    /// What it is for.
    pub name: String,
    /// When it expires; left out for never.
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// A token without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "UserToken")]
pub struct UserTokenView {
    /// The token's hash.
    pub id: UserTokenId,
    /// What it is for.
    pub name: String,
    /// Who created it.
    pub created_by: Creator,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires; left out for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// The version of its record; saving the last use changes it too.
    pub version: u64,
}

/// Who created a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Creator {
    /// An operator.
    Operator,
    /// The portal user.
    User,
}

/// The tokens of portal users.
#[derive(Debug, Clone)]
pub struct UserTokens {
    pub(in crate::directory) core: Core,
}

impl UserTokens {
    /// The tokens of a user, by name, without those of an earlier password.
    ///
    /// # Errors
    /// When there is no such user, or the store is unavailable.
    pub async fn list(&self, user: &UserId) -> Result<Vec<UserTokenView>, DirectoryError> {
        let user = self.core.read().existing::<User>(user, None).await?;
        let of_user = UserToken::of_user(&user.id);
        let mut tokens = self.core.read().all_intact::<UserToken>(Some(&of_user)).await?;
        tokens.retain(|token| is_of_password(&token.doc, &user.doc));
        tokens.sort_by(|one, other| one.doc.name.cmp(&other.doc.name));
        Ok(tokens.into_iter().map(|token| self.view(token)).collect())
    }

    /// Creates a token. The token itself is only in the result; its hash is stored.
    ///
    /// # Errors
    /// When there is no such user, it has no password or too many tokens, the name is invalid or
    /// taken, the time is not in the future, or the store is unavailable.
    pub async fn create(
        &self,
        user: &UserId,
        new: &NewUserToken,
        change: &Change,
    ) -> Result<(UserTokenView, PlainToken), DirectoryError> {
        let name = name::name("name", &new.name)?;
        if new.expires.is_some_and(|expires| expires <= change.at) {
            return Err(DirectoryError::invalid("expires", "is not in the future"));
        }
        let (created, token) = retry(|| async {
            let user = self.core.read().existing::<User>(user, None).await?;
            if user.doc.status() != UserStatus::Active {
                return Err(refused(Refusal::NoPassword { login: user.doc.login }));
            }
            let of_user = UserToken::of_user(&user.id);
            let tokens = self.core.read().all_intact::<UserToken>(Some(&of_user)).await?;
            let (valid, over): (Vec<_>, Vec<_>) =
                tokens.into_iter().partition(|token| is_valid(&token.doc, &user.doc, change.at));
            let is_free = |place: &usize| valid.iter().all(|token| token.doc.place != *place);
            let Some(place) = (0..MOST).find(is_free) else {
                return Err(refused(Refusal::TooManyTokens { login: user.doc.login, most: MOST }));
            };
            let doc = UserToken {
                user: user.id.clone(),
                name: name.clone(),
                place,
                by_user: matches!(change.actor, Actor::PortalUser { .. }),
                password_generation: user.doc.password_generation,
                created: change.at,
                expires: new.expires,
                last_used: None,
            };
            let token = PlainToken::generate_user();
            let id = UserTokenId::from(token.hash().to_string());
            let mut commit = vec![user.require(), put(&id, Expect::Absent, &doc)];
            commit.extend(over.iter().map(Stored::delete));
            match self.core.commit(change, commit).await {
                Ok(_) => Ok((Stored { id, version: 1, doc }, token)),
                // Another token was created at the same time.
                Err(CommitError::Taken { field: PLACE, .. }) => Err(AttemptError::Conflict),
                Err(error) => Err(as_given(&name)(error)),
            }
        })
        .await?;
        Ok((self.view(created), token))
    }

    /// Revokes a token of a user.
    ///
    /// # Errors
    /// When the user has no such token, it is not at the expected version, or the store is
    /// unavailable.
    pub async fn revoke(
        &self,
        user: &UserId,
        id: &UserTokenId,
        change: &Change,
    ) -> Result<(), DirectoryError> {
        retry(|| async {
            let token = self.core.read().existing::<UserToken>(id, None).await?;
            if token.doc.user != *user {
                return Err(DirectoryError::not_found(kind::USER_TOKEN, id.as_str()).into());
            }
            let token = token.at(change.expected)?;
            self.core.commit(change, vec![token.delete()]).await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }

    /// The token with this hash, from memory or else from the store. Whether it is valid depends on
    /// its user too.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn find(&self, key: &TokenHash) -> Result<Option<Arc<UserTokenFacts>>, StoreError> {
        match self.core.memory.cached_user_token(key) {
            Some(token) => Ok(Some(token)),
            None => self.core.memory.user_token(key).await,
        }
    }

    /// Records a use of a token: in memory, and from time to time in the store, which the request
    /// does not wait for.
    pub fn used(&self, token: &UserTokenFacts, now: Timestamp) {
        if token.note_use(now) {
            let (records, key) = (self.core.records.clone(), token.key);
            tokio::spawn(async move {
                if let Err(error) = save_use(&records, key, now).await {
                    tracing::debug!(%error, "could not save the last use of a token");
                }
            });
        }
    }

    /// Counts a token that is not valid, by address and by the login that came with it (I6).
    /// Returns `Some` with the time of the next attempt if too many have failed.
    ///
    /// # Errors
    /// When the store is unavailable; nothing is counted then.
    pub async fn count_invalid(
        &self,
        address: IpAddr,
        login: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let exists = match login {
            Some(login) => self.core.read().find::<User>(&login_key(login)).await?.is_some(),
            None => false,
        };
        match self.core.auth.lockout.begin_token(address, login, now) {
            // An attempt that is dropped has failed.
            Ok(attempt) if exists => attempt.account_exists(),
            Ok(_) => {}
            Err(LockedUntil(until)) => return Ok(Some(until)),
        }
        Ok(None)
    }

    fn view(&self, token: Stored<UserToken>) -> UserTokenView {
        let UserToken { name, by_user, created, expires, last_used, .. } = token.doc;
        let cached = TokenHash::parse(token.id.as_str())
            .and_then(|key| self.core.memory.cached_user_token(&key));
        UserTokenView {
            id: token.id,
            name,
            created_by: if by_user { Creator::User } else { Creator::Operator },
            created,
            expires,
            last_used: cached.and_then(|token| token.last_used()).or(last_used),
            version: token.version,
        }
    }
}

/// Whether a token of the user has neither expired nor ended with an earlier password.
pub(in crate::directory) fn is_valid(token: &UserToken, user: &User, now: Timestamp) -> bool {
    let expired = token.expires.is_some_and(|expires| expires <= now);
    !expired && is_of_password(token, user)
}

fn is_of_password(token: &UserToken, user: &User) -> bool {
    token.password_generation == user.password_generation
}

fn refused(refusal: Refusal) -> AttemptError {
    DirectoryError::from(refusal).into()
}

/// Saves the last use, on condition that the record is still the one just read: a token that was
/// revoked in between must not be written again.
async fn save_use(records: &Records, key: TokenHash, now: Timestamp) -> Result<(), CommitError> {
    let id = UserTokenId::from(key.to_string());
    let Some(token) = records.read().get::<UserToken>(&id).await? else { return Ok(()) };
    let doc = UserToken { last_used: Some(now), ..token.doc.clone() };
    let change = Change::new(Actor::System("last use of a token"), now);
    records.commit(&change, vec![token.replace(doc).0]).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
