//! How handlers get the state: as the scope of the caller shows it.
//!
//! A handler cannot take the state itself (`input` does not list axum's `State`), so it cannot reach
//! records outside of the scope.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use super::caller::Caller;
use super::problem::Problem;
use super::state::AdminState;

/// The state, limited to the scope of the caller.
#[derive(Debug)]
pub(super) struct State<T>(pub(super) T);

impl FromRequestParts<AdminState> for State<AdminState> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Problem> {
        match parts.extensions.get::<Caller>() {
            Some(caller) => Ok(Self(state.within(&caller.actor.scope()))),
            None => Err(no_caller()),
        }
    }
}

/// The state, for public routes.
#[derive(Debug)]
pub(super) struct Unauthenticated(pub(super) AdminState);

impl FromRequestParts<AdminState> for Unauthenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Problem> {
        // The guard authenticates the callers of all routes that are not public.
        match parts.extensions.get::<Caller>() {
            Some(_) => Err(no_caller()),
            None => Ok(Self(state.clone())),
        }
    }
}

/// Refuses each request to a route whose declaration and handler do not fit together.
pub(super) fn no_caller() -> Problem {
    let detail = "this resource requires an administrator or a token";
    Problem::new(StatusCode::UNAUTHORIZED, "token-missing", detail)
}
