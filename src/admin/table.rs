//! How routes are declared: [`Table::route`] is the only way into the router, and takes the
//! authority and the scope that the route requires. What is not declared is not served.

use std::collections::HashMap;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use http::Method;

use super::authority::{Authority, Reach};
use super::dry_run;
use super::input::Inputs;
use super::state::AdminState;

/// A method, as the declaration and as axum's router name it.
pub(super) type RouteMethod = (Method, MethodFilter);

pub(super) const GET: RouteMethod = (Method::GET, MethodFilter::GET);
pub(super) const POST: RouteMethod = (Method::POST, MethodFilter::POST);
pub(super) const PUT: RouteMethod = (Method::PUT, MethodFilter::PUT);
pub(super) const PATCH: RouteMethod = (Method::PATCH, MethodFilter::PATCH);
pub(super) const DELETE: RouteMethod = (Method::DELETE, MethodFilter::DELETE);

/// The router, and the declarations that the guard checks requests against.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) router: Router<AdminState>,
    pub(super) declarations: Declarations,
}

/// The routes by path, as it is declared (`/api/v1/groups/{id}`).
#[derive(Debug, Default)]
pub(super) struct Declarations(HashMap<&'static str, Vec<Declaration>>);

/// A method of a path.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) method: Method,
    pub(super) authority: Authority,
    pub(super) reach: Reach,
    /// Whether it honours `If-Match`: it writes to a record that exists.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare it with the routes"))]
    pub(super) reads_version: bool,
    /// The names of its query parameters.
    pub(super) query: Vec<&'static str>,
}

impl Table {
    /// Declares a route. Its query parameters are those of the handler's arguments, and `dry_run` for
    /// a write.
    pub(super) fn route<H, A>(
        mut self,
        authority: Authority,
        reach: Reach,
        (method, filter): RouteMethod,
        path: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<A, AdminState>,
        A: Inputs + Send + 'static,
    {
        let mut query = A::query();
        if dry_run::is_taken_by(&method, path) {
            query.push(dry_run::PARAMETER);
        }
        let reads_version = A::READS_VERSION;
        let declaration = Declaration { method, authority, reach, reads_version, query };
        self.declarations.0.entry(path).or_default().push(declaration);
        let handler = dry_run::Switched(handler);
        Self { router: self.router.route(path, on(filter, handler)), ..self }
    }
}

impl Declarations {
    /// The declared methods of a path.
    pub(super) fn of(&self, path: &str) -> Option<&[Declaration]> {
        self.0.get(path).map(Vec::as_slice)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Declaration)> {
        self.0.iter().flat_map(|(path, methods)| methods.iter().map(|method| (*path, method)))
    }
}
