//! The policy: the catalogue of permissions, the routes, and the decision on a request.
//!
//! Pure, except that [`Policy::load`] reads the four files: no clock, no async, no other I/O. Only
//! [`decide`] makes a [`Permit`], and forwarding requires one, so nothing is forwarded without a
//! decision.
//!
//! ```
//! use http::Method;
//! use jiff::Timestamp;
//! use portcullis_policy::{Policy, PolicyFiles, RequestFacts, RequestTarget, decide};
//!
//! # let groups = ["admin", "non-portal", "limited", "no-access"].map(|id| format!(
//! #     "[[group]]\nid = \"{id}\"\nname = \"{id}\"\npermissions = []\ndefault = {}\n", id == "admin"
//! # )).concat();
//! let policy = Policy::compile(&PolicyFiles {
//!     permissions: "[[permission]]\nid = \"view\"\nname = \"View\"\n".to_owned(),
//!     routes: "[[route]]\nname = \"Tickets\"\npath = \"/tickets/{ticket}\"\nrequire = \"view\"\n".to_owned(),
//!     groups,
//!     expectations: String::new(),
//!     ..PolicyFiles::default()
//! })?;
//! let target = RequestTarget::parse("/tickets/7?page=2").unwrap();
//! let request = RequestFacts::new("portal.example", &Method::GET, &target);
//! let decision = decide(&policy, None, &request, Timestamp::UNIX_EPOCH);
//! assert_eq!((decision.name(), decision.reason().as_str()), ("sign-in", "no-session"));
//! # Ok::<(), portcullis_policy::PolicyProblems>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `request_line` | the host and the target of a request, or why it has none |
//! | `request_path` | the canonical form of a request target, or why it has none |
//! | `host`, `host_pattern` | the canonical form of a `Host`, and the hosts of a route |
//! | `permission`, `group` | the catalogue, sets of permissions, the initial groups |
//! | `name`, [`folding`] | valid names, and when two names are the same |
//! | `route`, `path_pattern`, `segment_type`, `name_pattern`, `query_rule` | a route, and how `routes.toml` is read |
//! | `foreign_syntax` | paths in the syntax of other programs |
//! | `nearest` | routes whose paths resemble one that no route matches |
//! | `similar` | what a misspelt name may have been meant to be |
//! | `method_override` | requests that name another method than their own |
//! | `reading` | other readings that a portal may have of a path |
//! | `portal` | what a policy has to know about the portal |
//! | `router` | finds the route of a request |
//! | `policy` | a compiled policy |
//! | `subject`, `reason` | who asks, and why a request is allowed or refused |
//! | `decision` | the decision on a request |
//! | `twin` | stricter routes with other spellings that a laxer route matches |
//! | `suggestion` | routes for the requests that a portal has had |
//! | `expectation` | decisions that operators require |
//! | `load`, `document`, `problem` | files to a policy, or to a list of problems |
//!
//! Invariant I1 (*deny by default, fail closed*) starts here: a request that matches no route is
//! denied, and so is every request for which the decision finds no reason to allow it.

mod decision;
mod document;
mod expectation;
#[cfg(any(test, feature = "fuzzing"))]
mod fixture;
pub mod folding;
mod foreign_syntax;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod group;
mod host;
mod host_pattern;
mod load;
mod method_override;
mod name;
mod name_pattern;
mod nearest;
mod path_pattern;
mod permission;
mod policy;
mod portal;
mod problem;
mod query_rule;
mod reading;
mod reason;
mod request_line;
mod request_path;
mod route;
mod router;
mod segment_type;
mod similar;
mod subject;
mod suggestion;
mod twin;

pub use decision::{
    Decision, Denial, Permit, Redirection, RefusedReading, RequestFacts, Step, decide, route_for,
    route_of_path,
};
pub use expectation::{As, Expectation};
pub use group::{BadGroupId, GroupSeed, built_in, group_id};
pub use host::{BadHost, Host, port_of};
pub use host_pattern::HostPattern;
pub use load::PolicyFiles;
pub use method_override::{AmbiguousOverride, MethodOverride};
pub use name::{BadName, MAX_NAME, breaks_line, is_invisible, name};
pub use nearest::Exclusion;
pub use path_pattern::{PathPattern, RESERVED};
pub use permission::{Catalogue, Permission, PermissionSet, UnknownPermission};
pub use policy::Policy;
pub use portal::{Portal, Upstream};
pub use problem::{PolicyProblems, Problem};
pub use query_rule::QueryRule;
pub use reading::{Reading, Readings};
pub use reason::Reason;
pub use request_line::{BadRequest, RequestLine};
pub use request_path::{BadTarget, RequestTarget};
pub use route::{Access, MethodSet, Requirement, Route};
pub use similar::{did_you_mean, is_similar};
pub use subject::{SessionKind, Subject};
pub use suggestion::{
    Observations, Observed, Proposal, Seen, SeenRequest, Suggestion, example_of, folded_path,
};
pub use twin::Twin;
