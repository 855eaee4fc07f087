//! The state that requests are decided by, in memory: one snapshot of policy, groups and
//! preferences, facts about portal users and organizations, and tokens of users. The change feed
//! keeps it current (I2). And how many requests each route has decided, and how
//! the last reload of the policy ended.

mod disclosed;
mod facts;
mod memory;
mod reloads;
mod route_hits;
mod snapshot;
mod token_facts;

pub use disclosed::{Disclosed, FieldText};
pub use facts::{OrganizationFacts, UserFacts};
pub use memory::Memory;
pub use reloads::{LastReload, Reloads};
pub use route_hits::{CountedRoute, Hits};
pub use snapshot::{Snapshot, check_expectations, granted_to};
pub(in crate::directory) use snapshot::{grantable, granted};
pub use token_facts::UserTokenFacts;
