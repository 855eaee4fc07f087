//! Bearer tokens of the admin API: told once, kept as a hash.

use jiff::Timestamp;
use serde::Serialize;

use crate::credential::token::PlainToken;
use crate::directory::error::Stopped;
use crate::directory::id::ApiTokenId;
use crate::directory::page::{Page, PageRequest};
use crate::directory::record::ApiToken;
use crate::directory::records::{Stored, attempt, existing, get, page, put};
use crate::directory::{Directory, DirectoryError, name};
use portcullis_store::{Expect, StoreError};

/// A token as administrators see it; the token itself is not there.
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

impl Directory {
    /// The tokens, a page at a time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn api_tokens(
        &self,
        request: &PageRequest,
    ) -> Result<Page<ApiTokenView>, DirectoryError> {
        Ok(page::<ApiToken>(self.store(), None, request).await?.map(ApiTokenView::from))
    }

    /// Makes a token; it is in the answer, and nowhere else.
    ///
    /// # Errors
    /// When the name or the address is none, or the store does not answer.
    pub async fn create_api_token(
        &self,
        called: &str,
        email: Option<&str>,
        now: Timestamp,
    ) -> Result<(ApiTokenView, PlainToken), DirectoryError> {
        let email = email.map(name::email).transpose()?;
        let doc = ApiToken { name: name::name("name", called)?, email, created: now };
        let (created, token) = attempt(|| async {
            let token = PlainToken::generate_api();
            let id = ApiTokenId::from(token.hash().to_string());
            self.commit(vec![put(&id, Expect::Absent, &doc)]).await?;
            Ok::<_, Stopped>((Stored { id, version: 1, doc: doc.clone() }, token))
        })
        .await?;
        Ok((created.into(), token))
    }

    /// The token that was presented, if it is one of ours. Asks the store each time, so a token that was revoked is worth nothing anywhere at once.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn verify_api_token(&self, bearer: &str) -> Result<Option<ApiTokenView>, StoreError> {
        let Some(token) = PlainToken::parse_api(bearer) else { return Ok(None) };
        let known = get::<ApiToken>(self.store(), &token.hash().to_string().into()).await?;
        Ok(known.map(ApiTokenView::from))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// When there is no such token, it is not at the expected version, or the store does not answer.
    pub async fn revoke_api_token(
        &self,
        id: &ApiTokenId,
        expected: Option<u64>,
    ) -> Result<(), DirectoryError> {
        attempt(|| async {
            let token = existing::<ApiToken>(self.store(), id, expected).await?;
            self.commit(vec![token.delete()]).await?;
            Ok::<_, Stopped>(())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
