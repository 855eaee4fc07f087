//! Tokens that an owner should look at: those that never expire, and those that soon do.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{ApiTokenView, ApiTokens};
use crate::directory::records::ApiToken;
use portcullis_store::StoreError;

/// How long before its end a token is reported.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What an owner should know about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenWarning {
    /// If it leaks, it can be used until it is revoked.
    NeverExpires,
    /// It expires within 14 days.
    ExpiresSoon,
    /// It has expired, and can be revoked.
    Expired,
}

impl ApiTokenView {
    /// What an owner should know about it at this time.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<TokenWarning> {
        match self.expires {
            None => Some(TokenWarning::NeverExpires),
            Some(end) if end <= now => Some(TokenWarning::Expired),
            Some(end) if end.duration_since(now) <= SOON => Some(TokenWarning::ExpiresSoon),
            Some(_) => None,
        }
    }

    /// The warning in words; `None` without a warning, and for an expired token, which is no risk.
    #[must_use]
    pub fn warning_text(&self, now: Timestamp) -> Option<String> {
        let (name, role) = (&self.name, self.rights.role.name());
        match self.warning(now)? {
            TokenWarning::NeverExpires => Some(format!(
                "the token `{name}` ({role}) never expires; create one with an end, and revoke it"
            )),
            TokenWarning::ExpiresSoon => {
                let end = self.expires?.strftime("%Y-%m-%d %H:%M UTC");
                Some(format!(
                    "the token `{name}` ({role}) expires on {end}; create another in time"
                ))
            }
            TokenWarning::Expired => None,
        }
    }
}

impl ApiTokens {
    /// The tokens that never expire, or soon do.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn to_report(&self, now: Timestamp) -> Result<Vec<ApiTokenView>, StoreError> {
        let tokens = self.core.read().all_intact::<ApiToken>(None).await?;
        let views = tokens.into_iter().map(|token| ApiTokenView::new(token, None));
        Ok(views.filter(|token| token.warning_text(now).is_some()).collect())
    }
}
