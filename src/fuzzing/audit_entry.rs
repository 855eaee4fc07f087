//! A portal user whose changes `benches/audit_entry.rs` measures.

use std::path::Path;

use tokio::runtime::Runtime;

use super::bench::{Records, settings};
use crate::clock;
use crate::directory::accounts::organizations::NewOrganization;
use crate::directory::accounts::users::NewUser;
use crate::directory::records::cost::Measured;
use crate::directory::{Actor, Change, Directory, UserId};

/// A directory over a store, with one portal user.
#[derive(Debug)]
pub struct AuditEntryBench {
    runtime: Runtime,
    directory: Directory,
    user: UserId,
    change: Change,
}

impl AuditEntryBench {
    /// Creates the records in a store in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let change = Change::new(Actor::SocketOwner, clock::now());
        let (directory, user) = runtime.block_on(async {
            let records = Records::open(folder, &settings("http://127.0.0.1:1")).await;
            let directory = records.directory;
            let acme =
                NewOrganization { id: Some("acme".into()), name: "Acme".to_owned(), email: None };
            directory.organizations().create(acme, &change).await.unwrap();
            let user = NewUser {
                organization: "acme".into(),
                login: Some("ann@example.com".to_owned()),
                group: Some("limited".into()),
                ..NewUser::default()
            };
            let user = directory.users().create(user, &change).await.unwrap().id;
            (directory, user)
        });
        Self { runtime, directory, user, change }
    }

    /// Makes this many commits, one after the other.
    pub fn commits(&self, count: u32, measured: Measured) {
        let records = self.directory.records();
        self.runtime.block_on(async {
            for _ in 0..count {
                records.change_user(&self.user, &self.change, measured).await.unwrap();
            }
        });
    }
}
