//! `portal-servers`: the portal's servers, and draining.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Map;

use super::problem::Problem;
use super::request::{Body, Id, NewRecord};
use super::response::{ApiResult, Document, List, document};
use super::scoped::State;
use super::server_status::ServerStatus;
use super::state::AdminState;
use crate::directory::records::audit::{Occurrence, Subject};

/// How long a server may take to accept a connection.
const PATIENCE: Duration = Duration::from_millis(500);

/// What can be changed.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "PortalServerPatch")]
#[serde(deny_unknown_fields)]
pub(super) struct ServerPatch {
    /// `true`: it gets no new requests, and those that it works on continue. Until the gateway is
    /// restarted.
    draining: Option<bool>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
) -> ApiResult<Document<List<ServerStatus<'static>>>> {
    let servers = admin.portal_servers.statuses(PATIENCE).await;
    document(&servers.into_iter().collect::<List<_>>())
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(address): Id,
) -> ApiResult<Document<ServerStatus<'static>>> {
    document(&admin.portal_server(&address).await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Id(address): Id,
    Body(ServerPatch { draining }): Body<ServerPatch>,
) -> ApiResult<Document<ServerStatus<'static>>> {
    let mut server = admin.portal_server(&address).await?;
    if let Some(draining) = draining.filter(|draining| *draining != server.draining) {
        let kind = if draining { "portal-server.draining" } else { "portal-server.resumed" };
        let subject = Subject::new("portal-server", &address, &address);
        let occurrence = Occurrence { subject, ..Occurrence::of_gateway(kind, Map::new()) };
        admin.audit.note(&change, occurrence).await?;
        admin.portal_servers.set_draining(&address, draining);
        server.draining = draining;
    }
    document(&server)
}

impl AdminState {
    async fn portal_server(&self, address: &str) -> ApiResult<ServerStatus<'_>> {
        let server = self.portal_servers.find(address, PATIENCE).await;
        server.ok_or_else(|| Problem::not_found("portal server", address))
    }
}
