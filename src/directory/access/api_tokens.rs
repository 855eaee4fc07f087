//! Bearer tokens of the admin API: shown once, stored as a hash.

mod expiry;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credential::token::PlainToken;
use crate::directory::access::scope;
use crate::directory::accounts::{name, patch, portal_sessions};
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{
    Actor, ApiToken, ApiTokenId, ApiTokenUse, Authority, Change, Page, PageRequest, Rights, Role,
    Scope, StaffMember, Stored, kind, put, retry,
};
use portcullis_store::{CommitError, Expect, StoreError, Write};

pub use self::expiry::TokenWarning;

/// A token as administrators see it, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ApiToken")]
pub struct ApiTokenView {
    /// The token's hash.
    pub id: ApiTokenId,
    /// What it is for.
    pub name: String,
    /// The address of the administrator who uses it (R41).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What it may do.
    #[serde(flatten)]
    pub rights: Rights,
    /// When it was created.
    pub created: Timestamp,
    /// When it expires; `null` for never.
    pub expires: Option<Timestamp>,
    /// When it was last used, to a minute.
    pub last_used: Option<Timestamp>,
    /// The version of its record.
    pub version: u64,
}

impl ApiTokenView {
    fn new(token: Stored<ApiToken>, last_used: Option<Timestamp>) -> Self {
        let rights = token.doc.rights();
        let ApiToken { name, email, created, expires, .. } = token.doc;
        Self {
            id: token.id,
            name,
            email,
            rights,
            created,
            expires,
            last_used,
            version: token.version,
        }
    }
}

/// A token to be created.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// What it is for.
    pub name: String,
    /// The address of the administrator who uses it.
    pub email: Option<String>,
    /// What it may do.
    pub rights: Rights,
    /// When it expires: by default in 90 days. `Some(None)` for never.
    pub expires: Option<Option<Timestamp>>,
}

/// Changes to a token; fields that are left out stay as they are. The token itself stays the same.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTokenPatch {
    /// What it is for.
    #[serde(default)]
    pub name: Option<String>,
    /// Another address for blind copies of invitations; `null` removes it.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub email: Option<Option<String>>,
    /// Another role.
    #[serde(default)]
    pub role: Option<Role>,
    /// Other organizations that it is limited to.
    #[serde(default, deserialize_with = "patch::present")]
    pub scope: Option<Scope>,
    /// Whether it may be used to see the portal as a portal user does.
    #[serde(default)]
    pub impersonate: Option<bool>,
    /// When it expires; `null` for never.
    #[serde(default, deserialize_with = "patch::nullable")]
    pub expires: Option<Option<Timestamp>>,
}

/// How long a token is valid, unless its creator says otherwise.
const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How old the saved time of the last use may be.
const SAVED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The tokens of the admin API.
#[derive(Debug, Clone)]
pub struct ApiTokens {
    pub(in crate::directory) core: Core,
}

impl ApiTokens {
    /// A page of the tokens.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn list(&self, request: &PageRequest) -> Result<Page<ApiTokenView>, DirectoryError> {
        let Page { items, next } = self.core.read().page::<ApiToken>(None, request).await?;
        let mut views = Vec::with_capacity(items.len());
        for token in items {
            let last = self.core.read().get::<ApiTokenUse>(&token.id).await?;
            views.push(ApiTokenView::new(token, last.map(|last| last.doc.at)));
        }
        Ok(Page { items: views, next })
    }

    /// Creates a token. The token itself is only in the result; its hash is stored.
    ///
    /// # Errors
    /// When the actor may not (I10), a value is invalid, or the store is unavailable.
    pub async fn create(
        &self,
        new: &NewApiToken,
        change: &Change,
    ) -> Result<(ApiTokenView, PlainToken), DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        let expires = match new.expires {
            Some(expires) => expires,
            None => change.at.checked_add(LIFETIME).ok(),
        };
        check_expiry(expires, change.at)?;
        let doc = ApiToken {
            name: name::name("name", &new.name)?,
            email: new.email.as_deref().map(name::email).transpose()?,
            role: new.rights.role,
            scope: new.rights.scope.clone(),
            impersonate: new.rights.impersonate,
            created: change.at,
            expires,
        };
        let (created, token) = retry(|| async {
            let token = PlainToken::generate_api();
            let id = ApiTokenId::from(token.hash().to_string());
            let mut commit = scope::existing(self.core.read(), &doc.scope).await?;
            commit.push(put(&id, Expect::Absent, &doc));
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>((Stored { id, version: 1, doc: doc.clone() }, token))
        })
        .await?;
        Ok((ApiTokenView::new(created, None), token))
    }

    /// The token with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store is unavailable.
    pub async fn get(&self, id: &ApiTokenId) -> Result<ApiTokenView, DirectoryError> {
        let token = self.core.read().existing::<ApiToken>(id, None).await?;
        let last = self.core.read().get::<ApiTokenUse>(id).await?;
        Ok(ApiTokenView::new(token, last.map(|last| last.doc.at)))
    }

    /// Changes what a token is for and may do. Requests that begin after it have the new rights.
    ///
    /// # Errors
    /// When the actor may not (I10), there is no such token, it is not at the expected version, a value
    /// is invalid, or the store is unavailable.
    pub async fn change(
        &self,
        id: &ApiTokenId,
        patch: &ApiTokenPatch,
        change: &Change,
    ) -> Result<ApiTokenView, DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        let ApiTokenPatch { name: called, email, role, scope: limit, impersonate, expires } = patch;
        retry(|| async {
            let token = self.core.read().existing::<ApiToken>(id, change.expected).await?;
            let mut doc = token.doc.clone();
            if let Some(called) = called {
                doc.name = name::name("name", called)?;
            }
            if let Some(email) = email {
                doc.email = email.as_deref().map(name::email).transpose()?;
            }
            if let Some(expires) = *expires {
                check_expiry(expires, change.at)?;
                doc.expires = expires;
            }
            doc.role = role.unwrap_or(doc.role);
            doc.impersonate = impersonate.unwrap_or(doc.impersonate);
            let mut commit = Vec::new();
            if let Some(limit) = limit {
                commit = scope::existing(self.core.read(), limit).await?;
                doc.scope.clone_from(limit);
            }
            let (write, _) = token.replace(doc);
            commit.push(write);
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(())
        })
        .await?;
        self.get(id).await
    }

    /// The token that was presented, if it exists and has not expired. The store is asked each time,
    /// so a revoked token is invalid at once in every process.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn verify(
        &self,
        bearer: &str,
        now: Timestamp,
    ) -> Result<Option<ApiTokenView>, StoreError> {
        let Some(token) = PlainToken::parse_api(bearer) else { return Ok(None) };
        let known = self.core.read().get::<ApiToken>(&token.hash().to_string().into()).await?;
        let is_valid = |token: &Stored<ApiToken>| token.doc.expires.is_none_or(|end| now < end);
        let Some(token) = known.filter(is_valid) else { return Ok(None) };
        let last = self.core.read().get::<ApiTokenUse>(&token.id).await?.map(|last| last.doc.at);
        if last.is_none_or(|last| now.duration_since(last) >= SAVED_EVERY) {
            self.save_use(&token, now).await?;
        }
        Ok(Some(ApiTokenView::new(token, last)))
    }

    /// Saves the time of a use, unless the token was revoked since.
    async fn save_use(&self, token: &Stored<ApiToken>, now: Timestamp) -> Result<(), StoreError> {
        let change = Change::new(Actor::System("last use of a token"), now);
        let saved = put(&token.id, Expect::Any, &ApiTokenUse { at: now });
        match self.core.commit(&change, vec![token.require(), saved]).await {
            Err(CommitError::Store(error)) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Revokes a token, and ends the sessions in the portal that its holder has started.
    ///
    /// # Errors
    /// When the actor may not (I10), there is no such token, it is not at the expected version, or the
    /// store is unavailable.
    pub async fn revoke(&self, id: &ApiTokenId, change: &Change) -> Result<(), DirectoryError> {
        change.requires_over_gateway(Authority::Own)?;
        retry(|| async {
            let token = self.core.read().existing::<ApiToken>(id, change.expected).await?;
            let of_use = Write::Delete {
                kind: kind::API_TOKEN_USE,
                id: id.to_string(),
                expect: Expect::Any,
            };
            let (started, _) =
                portal_sessions::ending(&self.core, StaffMember::by_token(id)).await?;
            let commit = [token.delete(), of_use].into_iter().chain(started).collect();
            self.core.commit(change, commit).await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }
}

fn check_expiry(expires: Option<Timestamp>, now: Timestamp) -> Result<(), DirectoryError> {
    match expires.is_some_and(|expires| expires <= now) {
        true => Err(DirectoryError::invalid("expires", "must be in the future")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
