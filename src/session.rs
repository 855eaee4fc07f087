//! Portal sessions: started at sign-in or with a secure link, looked up on each request, listed and
//! ended.
//!
//! A session is a record under the hash of its token; only the browser holds the token itself (I4).
//! On each request the record, read through a cache that the change feed invalidates (I2), is
//! compared with what holds *now*: the user's group and password, or the state of the organization's
//! secure link (R14). So a change to a group, a password or a preference never has to search for
//! sessions.
//!
//! [`Sessions`] is declared in `sessions`; `start`, `start_staff`, `staff`, `lookup`, `last_use`, `list`, `end`,
//! `ended`, `consequences` and `portal_cookies` add its operations.

mod banner;
mod cache;
mod consequences;
mod end;
mod ended;
mod filter;
mod last_use;
mod link_quota;
mod list;
mod lookup;
mod new_session;
mod portal_cookie;
mod portal_cookies;
mod record;
mod sessions;
mod staff;
mod start;
mod start_staff;
pub mod subject;

pub use self::banner::Banner;
pub use self::cache::SessionCache;
pub use self::ended::EndReason;
pub use self::filter::SessionFilter;
pub use self::list::{SessionData, SessionView};
pub use self::lookup::{Absence, SessionLookup};
pub use self::new_session::{NewSession, SignInWay};
pub use self::portal_cookie::PortalCookie;
pub use self::sessions::Sessions;
pub use self::start::{StartError, StartedSession};
pub use self::start_staff::{OpenedView, ViewOpening};

#[cfg(test)]
mod tests;
