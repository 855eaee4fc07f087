//! What a route requires, and what of it a subject lacks.

use portcullis_policy::{Access, Catalogue, PermissionSet, Requirement, Route, Subject};

/// The stable name of what a route requires: `public`, `signed-in`, `deny`, or `all` or `any` of its
/// permissions.
#[must_use]
pub fn access(route: &Route) -> &'static str {
    match route.access() {
        Access::Public => "public",
        Access::SignedIn => "signed-in",
        Access::Deny => "deny",
        Access::Require(Requirement::All(_)) => "all",
        Access::Require(Requirement::Any(_)) => "any",
    }
}

/// What the route needs and the subject lacks; nothing without a subject. Of `any`, one of them is
/// enough.
#[must_use]
pub fn missing(
    route: Option<&Route>,
    subject: Option<&Subject>,
    catalogue: &Catalogue,
) -> PermissionSet {
    let (Some(Access::Require(requirement)), Some(subject)) = (route.map(Route::access), subject)
    else {
        return PermissionSet::EMPTY;
    };
    let held = subject.held(catalogue);
    match requirement {
        _ if requirement.is_met_by(held) => PermissionSet::EMPTY,
        Requirement::All(needed) | Requirement::Any(needed) => needed.difference(held),
    }
}
