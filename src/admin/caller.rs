//! Who calls the API: authentication by the admin socket, a bearer token, or the cookie of an
//! administrator's session.

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode, header};

use super::problem::Problem;
use super::site::Site;
use crate::clock;
use crate::directory::access::administrators::{AdminRules, SessionUse};
use crate::directory::records::{AdminSessionId, Rights, Role, Scope};
use crate::directory::{Actor, Directory, DirectoryError};
use crate::telemetry::events::Event;

/// How callers of the API are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By the file mode of the admin socket: every request is an administrator's.
    Socket,
    /// By a bearer token, or the cookie of an administrator's session.
    Token,
}

/// Marks a request that a page of ours makes by itself. It does not keep a session alive. Only pages
/// in this process can mark one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unattended;

/// The authenticated caller.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    /// The `email` of the caller's token or account. It gets blind copies of invitations.
    pub(super) email: Option<String>,
}

impl Caller {
    /// What the caller may do. A caller is never a portal user.
    pub(super) fn rights(&self) -> Rights {
        let none = || Rights { role: Role::Auditor, scope: Scope::none(), impersonate: false };
        self.actor.rights().cloned().unwrap_or_else(none)
    }

    /// The session, of an administrator who is signed in.
    pub(super) const fn session(&self) -> Option<&AdminSessionId> {
        match &self.actor {
            Actor::Administrator { session, .. } => session.as_ref(),
            _ => None,
        }
    }
}

/// What callers are authenticated with.
#[derive(Debug, Clone)]
pub(super) struct Authentication {
    pub(super) access: Access,
    pub(super) directory: Directory,
    pub(super) rules: AdminRules,
    pub(super) site: Arc<Site>,
}

impl Authentication {
    /// The caller of a request.
    ///
    /// # Errors
    /// 401 without a valid token or session, 403 for a request from a page of another site, 421 for
    /// a cookie that was sent to another host.
    pub(super) async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        is_unattended: bool,
    ) -> Result<Caller, Problem> {
        match self.access {
            // Who can open the socket can read the files behind it, too.
            Access::Socket => {
                let actor = Actor::SocketOwner;
                return Ok(Caller { actor, email: None });
            }
            Access::Token => {}
        }
        self.site.refuse_other_sites(headers)?;
        if headers.contains_key(header::AUTHORIZATION) {
            return self.token_holder(headers).await;
        }
        let Some(token) = self.site.session_token(headers) else { return Err(missing()) };
        self.site.check_cookie_request(method, headers)?;
        let administrators = self.directory.administrators();
        let usage = if is_unattended { SessionUse::Unattended } else { SessionUse::Attended };
        match administrators.session(&token, self.rules, usage, clock::now()).await? {
            Some(signed_in) => {
                let of = signed_in.administrator;
                Ok(Caller {
                    actor: Actor::Administrator {
                        id: of.id,
                        login: of.login,
                        rights: of.rights,
                        session: Some(signed_in.session),
                    },
                    email: of.email,
                })
            }
            None => Err(DirectoryError::SessionEnded.into()),
        }
    }

    async fn token_holder(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let Some(bearer) = bearer(headers) else { return Err(missing()) };
        match self.directory.api_tokens().verify(bearer, clock::now()).await? {
            Some(token) => Ok(Caller {
                actor: Actor::Token { id: token.id, name: token.name, rights: token.rights },
                email: token.email,
            }),
            None => {
                Event::ApiTokenRefused.log();
                Err(DirectoryError::TokenUnknown.into())
            }
        }
    }
}

fn missing() -> Problem {
    let detail = "send `Authorization: Bearer portcullis_…`; create a token with \
                  `portcullis token create NAME`";
    Problem::new(StatusCode::UNAUTHORIZED, "token-missing", detail)
}

/// The bearer token (RFC 6750, 2.1) of the only `Authorization` field; `None` when the field is
/// missing, repeated or of another scheme.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
