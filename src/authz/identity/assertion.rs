//! Assertions: JWTs (RFC 7519) that state to the portal who the user of a request is.
//!
//! An assertion is signed once for several requests of a session: it states nothing about a single
//! request, so it has no `jti`, and not the permissions that a route grants. It is used again only
//! while the portal would learn the same from the other headers, so it is never older than a change
//! of the user, the group or a text (I2), and for half of its lifetime, so that the portal has the
//! other half to verify it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use moka::sync::Cache;
use serde::Serialize;

use super::facts::Facts;
use crate::config::{IdentitySettings, Settings};
use crate::credential::key::SecretKey;
use crate::credential::signing::{SigningKeyError, SigningKeys};
use crate::credential::token::TokenHash;
use crate::directory::{Disclosed, FieldText};
use crate::session::SessionLookup;
use portcullis_policy::PermissionSet;

/// The most assertions that are kept. Beyond that, some are signed for each request.
const KEPT: u64 = 100_000;

/// How the subject begins in a session without a portal user.
const OF_ORGANIZATION: &str = "organization:";

/// Signs assertions, and keeps them.
pub struct Assertions {
    keys: SigningKeys,
    /// `server.public_url`
    issuer: String,
    audience: String,
    lifetime: i64,
    is_bearer: bool,
    texts: Texts,
    /// By session or token.
    signed: Cache<TokenHash, Arc<Signed>>,
}

/// Which texts are in an assertion: those that have a header too.
#[derive(Clone, Copy)]
struct Texts {
    email: bool,
    name: bool,
    group_name: bool,
    organization_name: bool,
}

/// An assertion, as the value of its header.
struct Signed {
    value: HeaderValue,
    /// What it was signed for.
    session: SessionLookup,
    /// From when it is used.
    from: Timestamp,
    /// Until when it is used.
    until: Timestamp,
}

/// Without those that do not apply. The names are those of RFC 7519, RFC 8693 and OpenID Connect
/// where these have one.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Cow<'a, str>,
    iat: i64,
    nbf: i64,
    exp: i64,
    session_kind: &'static str,
    organization: &'a str,
    group: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_name: Option<&'a str>,
}

/// Who acts as the subject (RFC 8693, 4.1).
#[derive(Serialize)]
struct Actor<'a> {
    sub: &'a str,
}

impl Assertions {
    /// What signs assertions by these settings. `None` if they are switched off.
    #[must_use]
    pub fn new(settings: &Settings, key: &SecretKey) -> Option<Self> {
        let IdentitySettings { assertion, names, .. } = &settings.identity;
        let assertion = assertion.as_ref()?;
        let lifetime = i64::try_from(assertion.lifetime.as_secs()).unwrap_or(i64::MAX);
        Some(Self {
            keys: assertion.keys(key),
            issuer: settings.server.public_url.as_str().to_owned(),
            audience: assertion.audience.clone(),
            lifetime,
            is_bearer: assertion.is_bearer(),
            texts: Texts {
                email: names.email.is_some(),
                name: names.name.is_some(),
                group_name: names.group_name.is_some(),
                organization_name: names.organization_name.is_some(),
            },
            signed: Cache::builder()
                .max_capacity(KEPT)
                .time_to_live(assertion.lifetime / 2)
                .build(),
        })
    }

    /// The assertion for a request in this session, as the value of its header. `None` without an
    /// identity, if it cannot be signed, and for a user whose id reads like the subject of an
    /// organization.
    #[must_use]
    pub fn value(&self, session: &SessionLookup, now: Timestamp) -> Option<HeaderValue> {
        let key = session.key()?;
        let identity = stated(session)?;
        if identity.user.is_some_and(|user| user.starts_with(OF_ORGANIZATION)) {
            return None;
        }
        if let Some(signed) = self.signed.get(&key)
            && (signed.from..signed.until).contains(&now)
            && stated(&signed.session) == Some(identity)
        {
            return Some(signed.value.clone());
        }
        let value = self
            .sign(&identity, now)
            .inspect_err(|error| tracing::error!(%error, "an assertion could not be signed"))
            .ok()?;
        let until = now.saturating_add(Duration::from_secs(self.lifetime.unsigned_abs()) / 2);
        let signed = Signed {
            value: value.clone(),
            session: session.clone(),
            from: now,
            until: until.unwrap_or(now),
        };
        self.signed.insert(key, Arc::new(signed));
        Some(value)
    }

    fn sign(&self, identity: &Facts<'_>, now: Timestamp) -> Result<HeaderValue, SigningKeyError> {
        let Facts { organization, group, login, user, end_user, kind, actor, .. } = *identity;
        let text = |is_sent: bool, of: fn(&Disclosed) -> Option<&FieldText>| {
            identity.disclosed.filter(|_| is_sent).and_then(of).map(FieldText::text)
        };
        let iat = now.as_second();
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: user
                .map_or_else(|| format!("{OF_ORGANIZATION}{organization}").into(), Cow::Borrowed),
            iat,
            nbf: iat,
            exp: iat.saturating_add(self.lifetime),
            session_kind: kind.name_for_portal(),
            organization,
            group,
            end_user,
            preferred_username: login,
            act: actor.map(|sub| Actor { sub }),
            email: text(self.texts.email, |texts| texts.email.as_deref()),
            name: text(self.texts.name, |texts| texts.name.as_deref()),
            group_name: text(self.texts.group_name, |texts| texts.group_name.as_deref()),
            organization_name: text(self.texts.organization_name, |texts| {
                texts.organization_name.as_deref()
            }),
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| SigningKeyError)?;
        let token = self.keys.at(now)?.signer().sign(&claims)?;
        let value = if self.is_bearer { format!("Bearer {token}") } else { token };
        let mut value = HeaderValue::try_from(value).map_err(|_| SigningKeyError)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// What an assertion states: what does not depend on the route.
fn stated(session: &SessionLookup) -> Option<Facts<'_>> {
    Facts::of(session, PermissionSet::EMPTY)
}

impl fmt::Debug for Assertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Assertions are credentials.
        f.debug_struct("Assertions").field("keys", &self.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
