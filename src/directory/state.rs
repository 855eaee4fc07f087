//! What requests are decided by, kept in memory: one snapshot of policy, groups and preferences,
//! and what a request must know about a portal user or an organization. The change feed keeps it
//! up to date (I2).

mod facts;
mod memory;
mod snapshot;

pub use facts::{OrganizationFacts, UserFacts};
pub use memory::Memory;
pub use snapshot::Snapshot;
pub(in crate::directory) use snapshot::{grantable, granted};
