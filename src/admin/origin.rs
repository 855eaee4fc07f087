//! Where requests come from, for the audit log and for events.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::caller::Access;
use super::state::AdminState;
use crate::authz::Authorizer;
use crate::telemetry::events::{self, Origin};
use crate::web::peer::Peer;

/// Finds the clients of requests.
#[derive(Clone)]
pub(super) struct Origins {
    access: Access,
    authz: Arc<Authorizer>,
}

impl Origins {
    pub(super) fn new(access: Access, state: &AdminState) -> Self {
        Self { access, authz: Arc::clone(&state.authz) }
    }
}

/// Handles a request as one of its client: the peer, or the one that a trusted proxy names
/// (`server.trusted_proxies`). The admin socket has no addresses.
pub(super) async fn during(
    State(origins): State<Origins>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let (Access::Token, Some(peer)) = (origins.access, peer) else {
        return next.run(request).await;
    };
    let client = origins.authz.proxies().client(request.headers(), peer);
    request.extensions_mut().insert(Peer::from(client));
    events::during(Origin { client, request: None }, next.run(request)).await
}
