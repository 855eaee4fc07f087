//! Requests with a token of a portal user: which session they are in, or why they are refused.
//!
//! The token decides. A session cookie beside it is not a second identity: if it is of another user,
//! the request is refused, because the portal's own cookies would be that user's.
//!
//! A valid token is accepted whatever the lockout counts: 256 random bits cannot be guessed, so a
//! refusal would only let others, or one program with an old token, lock programs out (I6).

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;
use jiff::Timestamp;

use super::authorization::Presented;
use super::token_refusal::TokenRefusal;
use super::{Activity, Authorizer, Outcome};
use crate::credential::folding::fold;
use crate::credential::password::loggable_login;
use crate::credential::token::TokenHash;
use crate::directory::{Disclosed, Snapshot, UserTokenFacts};
use crate::session::{Absence, SessionLookup, subject};
use crate::telemetry::events::{Cause, Event};
use crate::web::cookie;
use portcullis_policy::{SessionKind, Subject};
use portcullis_store::StoreError;

/// A token's user.
enum Found {
    Valid(Subject, Option<Box<Disclosed>>),
    NotEnrolled,
    Invalid,
}

impl Authorizer {
    /// The session of a request that presents a token. This is a use of the token.
    pub(super) async fn token_session<'s>(
        &self,
        presented: &Presented,
        (client, headers): (Option<IpAddr>, &HeaderMap),
        snapshot: &'s Snapshot,
        now: Timestamp,
    ) -> Result<SessionLookup, Outcome<'s>> {
        let key = match presented {
            Presented::Several => return Err(Outcome::Token(TokenRefusal::SeveralHeaders)),
            Presented::Malformed(_) => None,
            Presented::Token { key, .. } => Some(*key),
        };
        let token = match key {
            Some(key) => self.directory.user_tokens().find(&key).await?,
            None => None,
        };
        let found = match &token {
            Some(token) => self.token_user(token, presented.login(), snapshot, now).await?,
            None => Found::Invalid,
        };
        let (token, subject, disclosed) = match (token, found) {
            (Some(token), Found::Valid(subject, disclosed)) => (token, subject, disclosed),
            (_, Found::NotEnrolled) => return Err(Outcome::Token(TokenRefusal::NotEnrolled)),
            (_, Found::Valid(..) | Found::Invalid) => {
                let client = client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                return Err(Outcome::Token(self.invalid_token(presented, client, now).await?));
            }
        };
        if let Some(cookie) = cookie::token_hash(headers, self.session_cookie) {
            let other = self.sessions.look_at(cookie, snapshot, now).await?;
            if other.subject().is_some_and(|other| other.user != subject.user) {
                return Err(Outcome::Token(TokenRefusal::OtherSession));
            }
        }
        self.directory.user_tokens().used(&token, now);
        Ok(SessionLookup::Found { key: token.key, subject, disclosed, staff: None })
    }

    /// The session of a token that was valid before.
    pub(super) async fn token_session_again(
        &self,
        key: &TokenHash,
        activity: Activity,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<SessionLookup, StoreError> {
        let ended = Ok(SessionLookup::Missing(Absence::Ended));
        let Some(token) = self.directory.user_tokens().find(key).await? else { return ended };
        let found = self.token_user(&token, None, snapshot, now).await?;
        let Found::Valid(subject, disclosed) = found else { return ended };
        if activity == Activity::Active {
            self.directory.user_tokens().used(&token, now);
        }
        Ok(SessionLookup::Found { key: *key, subject, disclosed, staff: None })
    }

    /// The user of a token as it is now, if the token is valid.
    async fn token_user(
        &self,
        token: &UserTokenFacts,
        login: Option<&str>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Found, StoreError> {
        if token.is_expired(now) || (token.by_user && !self.tokens_by_users) {
            return Ok(Found::Invalid);
        }
        let user = match self.directory.cached_user(&token.user) {
            Some(user) => Some(user),
            None => self.directory.user(&token.user).await?,
        };
        let is_of_login = |user: &str| login.is_none_or(|login| fold(login) == fold(user));
        let Some(user) = user.filter(|user| is_of_login(&user.login)) else {
            return Ok(Found::Invalid);
        };
        let valid_until = token.expires.unwrap_or(Timestamp::MAX);
        let subject = subject::of_user(&user, token.password_generation, snapshot, valid_until);
        Ok(match subject {
            None => Found::Invalid,
            Some(_) if user.asks_for_second_factor && !user.mfa_enrolled => Found::NotEnrolled,
            Some(subject) => {
                let disclosed = match self.directory.discloses() {
                    true => Some(self.directory.disclosed_of_user(&user, snapshot).await?),
                    false => None,
                };
                Found::Valid(Subject { kind: SessionKind::Token, ..subject }, disclosed)
            }
        })
    }

    /// Counts a token that is not valid.
    async fn invalid_token(
        &self,
        presented: &Presented,
        client: IpAddr,
        now: Timestamp,
    ) -> Result<TokenRefusal, StoreError> {
        let tokens = self.directory.user_tokens();
        let refused = |cause| {
            let token = match presented {
                Presented::Token { key, .. } => Some(key.to_string()),
                Presented::Several | Presented::Malformed(_) => None,
            };
            let (token, login) = (token.as_deref(), presented.login().map(loggable_login));
            Event::TokenRefused { cause, client, token, login }.log();
        };
        Ok(match tokens.count_invalid(client, presented.login(), now).await? {
            None => {
                refused(Cause::Invalid);
                TokenRefusal::Invalid(presented.scheme())
            }
            Some(until) => {
                refused(Cause::LockedOut);
                let seconds = until.duration_since(now).as_secs();
                let retry_after = u64::try_from(seconds).unwrap_or_default().max(1);
                TokenRefusal::LockedOut { retry_after }
            }
        })
    }
}
