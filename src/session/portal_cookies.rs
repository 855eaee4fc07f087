//! The portal's own cookies in a session (`session.portal_cookies`): a portal keeps a sign-in of its
//! own in them, which must not outlive ours.
//!
//! The session's record keeps what names such a cookie to a browser: name, path, domain and whether
//! it is partitioned. They are expired when the person signs out, and when another person begins a
//! session in that browser; the same person's next session takes them over. The record is written
//! when a name is new to it, not on each request.

use http::HeaderValue;
use serde::{Deserialize, Serialize};

use super::cache::millis;
use super::record::SessionRecord;
use super::{Sessions, store_fault};
use crate::config::CookieNames;
use crate::credential::token::TokenHash;
use crate::directory::Change;
use crate::session::record::SESSION;
use portcullis_store::{CommitError, Expect, StoreError, Write};

/// A session has no more of them.
const MOST: usize = 32;
/// How often a record is read again that others are changing at the same time.
pub(super) const TRIES: usize = 16;

/// What names a cookie to a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalCookie {
    name: String,
    path: String,
    /// Absent for a cookie of one host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// Whether it is kept apart for each site that embeds the portal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partitioned: bool,
}

impl PortalCookie {
    /// The cookie that a `Set-Cookie` line sets in answer to a request for this path, as browsers
    /// read it (RFC 6265, 5.2); none if its name is not meant, or the line removes it.
    #[must_use]
    pub fn set_by(line: &[u8], names: &CookieNames, request_path: &str) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let mut parts = line.split(';');
        let name = parts.next()?.split_once('=')?.0.trim();
        if name.is_empty() || !names.contains(name) {
            return None;
        }
        let (mut path, mut domain, mut partitioned) = (None, None, false);
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            let (attribute, value) = (attribute.trim(), value.trim());
            if attribute.eq_ignore_ascii_case("path") {
                path = value.starts_with('/').then(|| value.to_owned());
            } else if attribute.eq_ignore_ascii_case("domain") {
                let value = value.strip_prefix('.').unwrap_or(value);
                domain = (!value.is_empty()).then(|| value.to_ascii_lowercase());
            } else if attribute.eq_ignore_ascii_case("partitioned") {
                partitioned = true;
            } else if attribute.eq_ignore_ascii_case("max-age") && is_over(value) {
                return None;
            }
        }
        let path = path.unwrap_or_else(|| default_path(request_path).to_owned());
        Some(Self { name: name.to_owned(), path, domain, partitioned })
    }

    /// A `Set-Cookie` line that removes it.
    #[must_use]
    pub fn expired(&self, https: bool) -> Option<HeaderValue> {
        let Self { name, path, domain, partitioned } = self;
        let domain = domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        // A browser keeps a partitioned cookie beside others of the same name, and only over TLS.
        let attributes = match (https, partitioned) {
            (_, true) => "; Secure; Partitioned",
            (true, false) => "; Secure",
            (false, false) => "",
        };
        let line = format!(
            "{name}=; Path={path}{domain}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{attributes}"
        );
        HeaderValue::from_str(&line).ok()
    }
}

/// Whether a `Max-Age` is of the past.
fn is_over(max_age: &str) -> bool {
    max_age.starts_with('-') || (!max_age.is_empty() && max_age.bytes().all(|byte| byte == b'0'))
}

/// The path of a cookie that names none (RFC 6265, 5.1.4).
fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        Some(last) if last > 0 => request_path.get(..last).unwrap_or("/"),
        Some(_) | None => "/",
    }
}

impl Sessions {
    /// Notes cookies that the portal sets in a session; `false` when they cannot be: the session has
    /// ended, or it has too many. Nothing is written unless one of them is new.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_portal_cookies(
        &self,
        key: TokenHash,
        cookies: &[PortalCookie],
        change: &Change,
    ) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let Some(session) = self.cached(&key).await? else { return Ok(false) };
            if cookies.iter().all(|cookie| session.portal_cookies.contains(cookie)) {
                return Ok(true);
            }
            let Some(record) = self.records().read().record(SESSION, &key.to_string()).await?
            else {
                return Ok(false);
            };
            let mut stored = SessionRecord::read(&record)?;
            for cookie in cookies {
                if !stored.portal_cookies.contains(cookie) {
                    stored.portal_cookies.push(cookie.clone());
                }
            }
            if stored.portal_cookies.len() > MOST {
                tracing::warn!("a session has too many cookies of the portal");
                return Ok(false);
            }
            // What memory knows of its use is lost with this write, so it is written too.
            let [created, last_seen] = session.times();
            (stored.created, stored.last_seen) = (millis(created), millis(last_seen));
            let write = stored.put(&key, Expect::Version(record.version))?;
            match self.records().commit(change, vec![write]).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(store_fault(error)),
            }
        }
        Err(busy())
    }

    /// Ends the session of a browser; answers the cookies that the portal has set in it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sign_out(
        &self,
        key: &TokenHash,
        change: &Change,
    ) -> Result<Vec<PortalCookie>, StoreError> {
        for _ in 0..TRIES {
            let Some((left, delete)) = self.replaced(key, None).await? else {
                return Ok(Vec::new());
            };
            match self.records().commit(change, vec![delete]).await {
                Ok(_) => return Ok(left.unwrap_or_default()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(store_fault(error)),
            }
        }
        Err(busy())
    }

    /// The cookies of the session that ends in a browser, and its end; the cookies are none when the
    /// next session is the same person's, which takes them over. None when there is no such session.
    pub(super) async fn replaced(
        &self,
        key: &TokenHash,
        next: Option<&mut SessionRecord>,
    ) -> Result<Option<(Option<Vec<PortalCookie>>, Write)>, StoreError> {
        let Some(record) = self.records().read().record(SESSION, &key.to_string()).await? else {
            return Ok(None);
        };
        // At this version, so that no cookie is noted in between.
        let expect = Expect::Version(record.version);
        let delete = Write::Delete { kind: SESSION, id: record.id.clone(), expect };
        let cookies = match (SessionRecord::read(&record), next) {
            (Ok(old), Some(next)) if next.is_same_person_as(&old) => {
                next.portal_cookies = old.portal_cookies;
                None
            }
            (Ok(old), _) => Some(old.portal_cookies),
            (Err(error), _) => {
                tracing::error!(%error, "a session that ends cannot be read");
                None
            }
        };
        Ok(Some((cookies, delete)))
    }
}

pub(super) fn busy() -> StoreError {
    StoreError::Unavailable("a session is changed too often at once".to_owned())
}

#[cfg(test)]
mod tests;
