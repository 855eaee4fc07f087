//! Writes that are refused because the caller's role or scope does not suffice, for the log and the
//! audit log.
//!
//! Dry runs and reads are not reported. Neither are requests without a caller: those are refused
//! sign-ins and tokens, with events of their own.

use axum::extract::Request;
use axum::response::Response;
use http::Method;

use super::caller::Caller;
use super::dry_run;
use super::problem::Forbidden;
use super::table::Declaration;
use crate::directory::Actor;
use crate::telemetry::events::Event;

/// A write that someone has sent.
#[derive(Debug)]
pub(super) struct Attempt {
    actor: Actor,
    /// The method, and the path as it is declared.
    request: String,
}

impl Attempt {
    /// The attempt of a request with a caller. `None` if it writes nothing.
    pub(super) fn of(request: &Request, declared: &Declaration, path: &str) -> Option<Self> {
        let is_write = declared.method != Method::GET && !dry_run::is_named(request.uri());
        let caller = request.extensions().get::<Caller>().filter(|_| is_write)?;
        let request = format!("{} {path}", declared.method);
        Some(Self { actor: caller.actor.clone(), request })
    }

    /// Logs it, if the response refuses it.
    pub(super) fn report(&self, response: &Response) {
        let Some(Forbidden(cause)) = response.extensions().get() else { return };
        let (administrator, token, login) = match &self.actor {
            Actor::Administrator { id, login, .. } => (Some(id.as_str()), None, &**login),
            Actor::Token { id, name, .. } => (None, Some(id.as_str()), &**name),
            // They may do everything, or are not callers of this API.
            Actor::SocketOwner | Actor::System(_) | Actor::PortalUser { .. } | Actor::Staff(_) => {
                return;
            }
        };
        let (cause, request) = (*cause, &*self.request);
        Event::RequestRefused { cause, request, administrator, token, login }.log();
    }
}
