//! What may be done: the catalogue of permissions, the routes and the one decision.
//!
//! Pure: after [`Policy::load`] has read the four files there is no I/O, no clock and no async.
//! Everything that decides anything goes through [`decide`], and only [`decide`] makes a
//! [`Permit`], which forwarding takes; so nothing is forwarded that was not decided here.
//!
//! | module | holds |
//! |---|---|
//! | `request_line` | which host and target a request names, or why there are none |
//! | `request_path` | the one spelling of a request target, or why there is none |
//! | `host` | the one spelling of a `Host` |
//! | `permission`, `group` | the catalogue, sets of permissions, the groups to start with |
//! | `name`, [`folding`] | what may be a name, and when two are the same one |
//! | `path_pattern`, `query_rule`, `route` | what a route says |
//! | `reading` | how else a portal might read a path |
//! | `router` | which route a request falls on |
//! | `decision` | may this person do this here? |
//! | `twin` | which stricter routes have twins that a laxer one matches |
//! | `expectation` | what operators say the answers must be |
//! | `load`, `document`, `problem` | from files to a policy, or to a list of what is wrong |
//!
//! Invariant I1 (*deny by default, fail closed*) starts here: what no route names is denied, and
//! every branch of the decision that does not find a reason to allow ends in another answer.

mod decision;
mod document;
mod expectation;
#[cfg(any(test, feature = "fuzzing"))]
mod fixture;
pub mod folding;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod group;
mod host;
mod load;
mod name;
mod path_pattern;
mod permission;
mod problem;
mod query_rule;
mod reading;
mod request_line;
mod request_path;
mod route;
mod router;
mod twin;

pub use decision::{
    Decision, Denial, Permit, Reason, Redirection, RefusedReading, RequestFacts, SessionKind, Step,
    Subject, decide,
};
pub use expectation::{As, Expectation, Expected};
pub use group::{GroupSeed, RESERVED_IDS, built_in};
pub use host::{BadHost, Host, port_of};
pub use load::PolicyFiles;
pub use name::{BadName, MAX_NAME, breaks_line, is_invisible, name};
pub use path_pattern::{PathPattern, RESERVED};
pub use permission::{Catalogue, Permission, PermissionSet, UnknownPermission};
pub use problem::{PolicyProblems, Problem};
pub use query_rule::QueryRule;
pub use reading::{Reading, Readings};
pub use request_line::{BadRequest, RequestLine};
pub use request_path::{BadTarget, MAX_TARGET, RequestTarget};
pub use route::{Access, MethodSet, Requirement, Route};
pub use twin::Twin;

use std::sync::Arc;

use router::Router;

/// A compiled policy: immutable, swapped whole on reload.
#[derive(Debug)]
pub struct Policy {
    version: String,
    catalogue: Catalogue,
    seeds: Vec<GroupSeed>,
    routes: Vec<Arc<Route>>,
    router: Router,
    expectations: Vec<Expectation>,
}

impl Policy {
    /// A short hash of the files, the same for the same files.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The permissions there are.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The groups a new installation starts with, in the order of the file.
    #[must_use]
    pub fn seeds(&self) -> &[GroupSeed] {
        &self.seeds
    }

    /// The group with this id among them.
    #[must_use]
    pub fn seed(&self, id: &str) -> Option<&GroupSeed> {
        self.seeds.iter().find(|seed| seed.id == id)
    }

    /// The routes, in the order of the file.
    #[must_use]
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// What operators say the answers must be, in the order of the file.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }
}
