//! A compiled policy.

use std::sync::Arc;

use super::expectation::Expectation;
use super::group::GroupSeed;
use super::method_override::MethodOverride;
use super::permission::Catalogue;
use super::route::Route;
use super::router::Router;

/// A compiled policy. Immutable; a reload replaces it as a whole.
#[derive(Debug)]
pub struct Policy {
    pub(super) version: String,
    pub(super) catalogue: Catalogue,
    pub(super) seeds: Vec<GroupSeed>,
    pub(super) routes: Vec<Arc<Route>>,
    pub(super) router: Router,
    /// Of requests in a trial that none of the routes is for.
    pub(super) route_of_trials: Arc<Route>,
    /// Those of the routes, each once.
    pub(super) method_overrides: Vec<MethodOverride>,
    pub(super) expectations: Vec<Expectation>,
}

impl Policy {
    /// A short hash of the four files.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The catalogue of permissions.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The route of requests in a trial of the portal that none of the routes is for.
    pub(super) fn route_of_trials(&self) -> &Arc<Route> {
        &self.route_of_trials
    }

    /// The routes, by host and path.
    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    /// The groups of a new installation, in the order of the file.
    #[must_use]
    pub fn seeds(&self) -> &[GroupSeed] {
        &self.seeds
    }

    /// The group of a new installation with this id.
    #[must_use]
    pub fn seed(&self, id: &str) -> Option<&GroupSeed> {
        self.seeds.iter().find(|seed| seed.id == id)
    }

    /// The routes, in the order of the file.
    #[must_use]
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// Where the portal reads another method than the request's own, as far as routes name it. It
    /// may do so on every route.
    #[must_use]
    pub fn method_overrides(&self) -> &[MethodOverride] {
        &self.method_overrides
    }

    /// The expectations, in the order of the file.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }
}
