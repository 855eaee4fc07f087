//! `upgrade`: what a new version of the program must be able to take over.

use std::collections::BTreeMap;

use serde::Serialize;

use super::installation::Installation;
use super::response::{ApiResult, Document, document};
use super::scoped::State;
use super::state::AdminState;

/// What the gateway works with, and a new version would.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Upgrade<'a> {
    version: &'static str,
    store: &'a Installation,
    /// The permissions that each group has been granted, by its id.
    groups: BTreeMap<String, Vec<String>>,
}

pub(super) async fn show(State(admin): State<AdminState>) -> ApiResult<Document<Upgrade<'static>>> {
    let snapshot = admin.directory.snapshot();
    let groups = snapshot.groups().map(|group| {
        let permissions = group.permissions().iter().map(ToString::to_string);
        (group.id().to_string(), permissions.collect())
    });
    document(&Upgrade {
        version: env!("CARGO_PKG_VERSION"),
        store: &admin.installation,
        groups: groups.collect(),
    })
}
