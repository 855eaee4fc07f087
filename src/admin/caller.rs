//! Who calls the API: authentication by the admin socket or by a bearer token.

use http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use super::state::Access;
use crate::directory::{Actor, Directory};
use crate::telemetry::events::Event;

/// The authenticated caller.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    /// The `email` of the caller's token. It gets blind copies of invitations.
    pub(super) email: Option<String>,
}

/// The caller of a request.
///
/// # Errors
/// 401 without a valid token, 403 for a request from a page of another site.
pub(super) async fn authenticate(
    access: Access,
    directory: &Directory,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    match access {
        // Who can open the socket can read the files behind it, too.
        Access::Socket => return Ok(Caller { actor: Actor::SocketOwner, email: None }),
        Access::Token => {}
    }
    if is_cross_site(headers) {
        let detail = "requests from pages of other sites are refused";
        return Err(Problem::new(StatusCode::FORBIDDEN, "cross-site", detail));
    }
    let Some(bearer) = bearer(headers) else {
        let detail = "send `Authorization: Bearer portcullis_…`; create a token with \
                      `portcullis token create NAME`";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "token-missing", detail));
    };
    match directory.api_tokens().verify(bearer).await? {
        Some(token) => {
            let actor = Actor::Token { id: token.id, name: token.name };
            Ok(Caller { actor, email: token.email })
        }
        None => {
            Event::ApiTokenRefused.log();
            let detail = "the token is unknown or has been revoked; create another with \
                          `portcullis token create NAME`";
            Err(Problem::new(StatusCode::UNAUTHORIZED, "token-unknown", detail))
        }
    }
}

/// The bearer token (RFC 6750, 2.1) of the only `Authorization` field; `None` when the field is
/// missing, repeated or of another scheme.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a browser marks the request as made by a page of another site. Defence in depth: such a
/// page has no token. Clients other than browsers send neither header.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (host, origin) {
        (Some(host), Some((_, origin))) => !origin.eq_ignore_ascii_case(host),
        _ => true,
    }
}
