//! What a dry run would change for people: who gains and loses which permissions, which secure links
//! close or open, which sessions, mailed links and tokens end, which mails would be sent, and what the operator may not have meant.
//!
//! Computed from the records that the dry run wrote and from the snapshots before and after it. Users
//! who are not written are counted by their group, never read, so the cost depends on the change and
//! not on the number of users. Only if the address of an organization or end user changes, its invited
//! users are read. If a policy is replaced, routes are compared by name.
//!
//! An organization whose secure link opens sessions counts as one person: it is not known how many
//! use the link.
//!
//! | module | holds |
//! |---|---|
//! | `effects` | the result |
//! | `assembly` | how it is put together |
//! | `comparison` | what is compared |
//! | `changed_users` | the portal users that were written |
//! | `standing` | how a person gets in, and with which permissions |
//! | `people` | whose standing changes |
//! | `links` | the secure links that close, open or are replaced |
//! | `invitations` | the invitations that go to another address than the login |
//! | `mailed_links` | the invitations and reset links that no longer work |
//! | `credentials` | the sessions of administrators and the tokens of portal users that end |
//! | `tally` | permissions and routes gained and lost |
//! | `warnings` | what the answer warns about |

mod assembly;
mod changed_users;
mod comparison;
mod credentials;
mod effects;
mod invitations;
mod links;
mod mailed_links;
mod people;
mod standing;
mod tally;
mod warnings;

pub use self::effects::{Consequences, EndedSessions};
pub use self::links::LinkChange;
pub use self::standing::groups_that_reach;
pub use self::tally::{AccessChange, PermissionChange};
