//! Bearer tokens of the admin API: shown once, stored as a hash.

use jiff::Timestamp;
use serde::Serialize;

use crate::credential::token::PlainToken;
use crate::directory::accounts::name;
use crate::directory::core::Core;
use crate::directory::error::{AttemptError, DirectoryError};
use crate::directory::records::{
    ApiToken, ApiTokenId, Change, Page, PageRequest, Stored, put, retry,
};
use portcullis_store::{Expect, StoreError};

/// A token as administrators see it, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiTokenView {
    /// The token's hash.
    pub id: ApiTokenId,
    /// What it is for.
    pub name: String,
    /// The address of the administrator who uses it (R41).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// The version of its record.
    pub version: u64,
}

impl From<Stored<ApiToken>> for ApiTokenView {
    fn from(token: Stored<ApiToken>) -> Self {
        Self {
            id: token.id,
            name: token.doc.name,
            email: token.doc.email,
            created: token.doc.created,
            version: token.version,
        }
    }
}

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
        Ok(self.core.read().page::<ApiToken>(None, request).await?.map(ApiTokenView::from))
    }

    /// Creates a token. The token itself is only in the result; its hash is stored.
    ///
    /// # Errors
    /// When the name or the address is invalid, or the store is unavailable.
    pub async fn create(
        &self,
        given: &str,
        email: Option<&str>,
        change: &Change,
    ) -> Result<(ApiTokenView, PlainToken), DirectoryError> {
        let email = email.map(name::email).transpose()?;
        let doc = ApiToken { name: name::name("name", given)?, email, created: change.at };
        let (created, token) = retry(|| async {
            let token = PlainToken::generate_api();
            let id = ApiTokenId::from(token.hash().to_string());
            self.core.commit(change, vec![put(&id, Expect::Absent, &doc)]).await?;
            Ok::<_, AttemptError>((Stored { id, version: 1, doc: doc.clone() }, token))
        })
        .await?;
        Ok((created.into(), token))
    }

    /// The token that was presented, if it exists. The store is asked each time, so a revoked token is
    /// invalid at once in every process.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn verify(&self, bearer: &str) -> Result<Option<ApiTokenView>, StoreError> {
        let Some(token) = PlainToken::parse_api(bearer) else { return Ok(None) };
        let known = self.core.read().get::<ApiToken>(&token.hash().to_string().into()).await?;
        Ok(known.map(ApiTokenView::from))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// When there is no such token, it is not at the expected version, or the store is unavailable.
    pub async fn revoke(&self, id: &ApiTokenId, change: &Change) -> Result<(), DirectoryError> {
        retry(|| async {
            let token = self.core.read().existing::<ApiToken>(id, change.expected).await?;
            self.core.commit(change, vec![token.delete()]).await?;
            Ok::<_, AttemptError>(())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
