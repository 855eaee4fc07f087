//! What is stored about a portal user: exported, and deleted.
//!
//! Both cover the same records. What is outside of the store, such as the log and sent mail, is in
//! neither.

use jiff::Timestamp;
use serde::Serialize;

use super::end_users::EndUserView;
use super::user_view::{InvitationView, UserView, view};
use super::users::Users;
use crate::credential::lockout;
use crate::directory::error::{AttemptError, DirectoryError, Refusal};
use crate::directory::records::{
    Change, EndUser, Mail, Stored, User, UserId, UserToken, kind, retry,
};
use portcullis_store::{Expect, Key, Kind, StoreError, Write};

/// How many records are read at a time.
const BATCH: usize = 500;

/// What the directory stores about a portal user, without secrets and hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AccountData {
    /// The user.
    pub user: UserView,
    /// When its record was created.
    pub created: Timestamp,
    /// The end user that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<EndUserView>,
    /// The open link for a forgotten password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<InvitationView>,
    /// The second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<FactorData>,
    /// Tokens for programs, those of earlier passwords included.
    pub tokens: Vec<TokenData>,
}

/// What is stored about a second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FactorData {
    /// When it was set up.
    pub since: Timestamp,
    /// How many recovery codes have not been used.
    pub recovery_codes_left: usize,
}

/// What is stored about a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TokenData {
    /// What it is for.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

impl Users {
    /// What the directory stores about a portal user.
    ///
    /// # Errors
    /// When there is no such user, or the store is unavailable.
    pub async fn account_data(&self, id: &UserId) -> Result<AccountData, DirectoryError> {
        let reader = self.core.read();
        let user = reader.existing::<User>(id, None).await?;
        let end_user = match &user.doc.end_user {
            Some(id) => reader.get::<EndUser>(id).await?.map(EndUserView::from),
            None => None,
        };
        let tokens = reader.all_intact::<UserToken>(Some(&UserToken::of_user(id))).await?;
        let tokens = tokens.into_iter().map(|token| {
            let UserToken { name, created, expires, last_used, .. } = token.doc;
            TokenData { name, created, expires, last_used }
        });
        Ok(AccountData {
            created: user.doc.created,
            end_user,
            reset: user.doc.reset.clone().and_then(InvitationView::of),
            second_factor: user.doc.second_factor.as_ref().map(|factor| FactorData {
                since: factor.created,
                recovery_codes_left: factor.recovery_codes.len(),
            }),
            tokens: tokens.collect(),
            user: view(&self.core, user).await?,
        })
    }

    /// Deletes a portal user and everything that is stored about it: sessions, tokens, mails and
    /// failed attempts.
    ///
    /// # Errors
    /// When there is no such user, or it is not at the expected version.
    pub async fn delete(&self, id: &UserId, change: &Change) -> Result<(), DirectoryError> {
        self.remove(id, false, change).await
    }

    /// Deletes a portal user, everything that is stored about it, and the end user that it belongs
    /// to.
    ///
    /// # Errors
    /// When there is no such user, it is not at the expected version, or the end user has another
    /// portal user.
    pub async fn delete_with_end_user(
        &self,
        id: &UserId,
        change: &Change,
    ) -> Result<(), DirectoryError> {
        self.remove(id, true, change).await
    }

    async fn remove(
        &self,
        id: &UserId,
        end_user: bool,
        change: &Change,
    ) -> Result<(), DirectoryError> {
        let login = retry(|| async {
            let user = self.core.read().existing::<User>(id, change.expected).await?;
            let of_id = |kind| Write::Delete { kind, id: id.to_string(), expect: Expect::Any };
            let mut commit = vec![user.delete(), of_id(kind::TOTP_STEP), of_id(kind::LAST_SIGN_IN)];
            commit.extend(self.removal(kind::USER_TOKEN, UserToken::of_user(id)).await?);
            commit.extend(self.removal(kind::MAIL, Mail::of_user(id)).await?);
            let sessions = Key::new(kind::SESSION_USER, id.as_str());
            commit.extend(self.removal(kind::SESSION, sessions).await?);
            if end_user {
                commit.extend(self.removal_of_end_user(&user).await?);
            }
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(user.doc.login)
        })
        .await?;
        self.core.auth.lockout.release(&lockout::Key::account(&login));
        Ok(())
    }

    /// The writes that remove all records with a key. One that is created at the same time is found
    /// on the next attempt.
    async fn removal(&self, kind: Kind, key: Key) -> Result<Vec<Write>, StoreError> {
        let mut writes = Vec::new();
        let mut after = None::<String>;
        loop {
            let records = self.core.read().list(kind, Some(&key), after.as_deref(), BATCH).await?;
            after = records.last().map(|record| record.id.clone());
            let all = records.len() < BATCH;
            let delete = |id| Write::Delete { kind, id, expect: Expect::Any };
            writes.extend(records.into_iter().map(|record| delete(record.id)));
            if all {
                writes.push(Write::RequireNone { kind, key });
                return Ok(writes);
            }
        }
    }

    async fn removal_of_end_user(&self, user: &Stored<User>) -> Result<Vec<Write>, DirectoryError> {
        let Some(id) = &user.doc.end_user else { return Ok(Vec::new()) };
        let Some(end_user) = self.core.read().get::<EndUser>(id).await? else {
            return Ok(Vec::new());
        };
        let key = Key::new("end_user", id.as_str());
        let portal_users = self.core.read().count::<User>(Some(&key)).await?;
        if portal_users > 1 {
            let (end_user, portal_users) = (id.clone(), portal_users - 1);
            return Err(Refusal::EndUserInUse { end_user, portal_users }.into());
        }
        Ok(vec![end_user.delete(), Write::RequireNone { kind: kind::USER, key }])
    }
}
