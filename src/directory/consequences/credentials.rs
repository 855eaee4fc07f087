//! The sessions of administrators and the tokens of portal users that end. A session or token ends
//! with its own record, or with what it was issued for: the account and its password.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portcullis_store::StoreError;

use super::changed_users::ChangedUser;
use super::comparison::Comparison;
use crate::directory::access::administrators::{AdminRules, is_open};
use crate::directory::access::user_tokens::is_valid;
use crate::directory::records::{
    AdminSession, Administrator, AdministratorId, Reader, Stored, User, UserToken, kind,
};

impl Comparison<'_> {
    /// How many sessions of administrators are open, and are not afterwards.
    pub(super) async fn ended_admin_sessions(
        &self,
        rules: AdminRules,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut concerned = BTreeMap::new();
        for difference in self.differences {
            let Some(before) = &difference.before else { continue };
            let sessions = match difference.kind {
                kind::ADMIN_SESSION => vec![Stored::decode(before.clone())?],
                kind::ADMINISTRATOR => {
                    let of = AdminSession::of(&AdministratorId::from(difference.id.clone()));
                    self.real.all_intact::<AdminSession>(Some(&of)).await?
                }
                _ => continue,
            };
            concerned.extend(sessions.into_iter().map(|session| (session.id.clone(), session)));
        }
        let admits = async |reader: &Reader, session: &Stored<AdminSession>| {
            let of = reader.get::<Administrator>(&session.doc.administrator).await?;
            Ok::<_, StoreError>(of.is_some_and(|of| is_open(&session.doc, &of.doc, rules, now)))
        };
        let mut ended = 0;
        for (id, session) in concerned {
            if !admits(self.real, &session).await? {
                continue;
            }
            let is_kept = match self.dry.get::<AdminSession>(&id).await? {
                Some(after) => admits(self.dry, &after).await?,
                None => false,
            };
            ended += usize::from(!is_kept);
        }
        Ok(ended)
    }

    /// How many tokens of portal users are valid, and are not afterwards.
    pub(super) async fn revoked_tokens(
        &self,
        users: &[ChangedUser],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut concerned = BTreeMap::new();
        for difference in self.differences.iter().filter(|it| it.kind == kind::USER_TOKEN) {
            let Some(before) = &difference.before else { continue };
            let token = Stored::<UserToken>::decode(before.clone())?;
            concerned.insert(token.id.clone(), token);
        }
        for user in users.iter().filter(|user| user.may_end_sessions()) {
            let of_user = UserToken::of_user(&user.id);
            let tokens = self.real.all_intact::<UserToken>(Some(&of_user)).await?;
            concerned.extend(tokens.into_iter().map(|token| (token.id.clone(), token)));
        }
        let admits = async |reader: &Reader, token: &Stored<UserToken>| {
            let user = reader.get::<User>(&token.doc.user).await?;
            Ok::<_, StoreError>(user.is_some_and(|user| is_valid(&token.doc, &user.doc, now)))
        };
        let mut revoked = 0;
        for (id, token) in concerned {
            if !admits(self.real, &token).await? {
                continue;
            }
            let is_kept = match self.dry.get::<UserToken>(&id).await? {
                Some(after) => admits(self.dry, &after).await?,
                None => false,
            };
            revoked += usize::from(!is_kept);
        }
        Ok(revoked)
    }
}
