//! How routes are declared: [`Table::route`] is the only way into the router, and takes the
//! authority, the scope and the description of the route. What is not declared is not served.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use http::Method;

use super::authority::{Authority, Reach};
use super::dry_run;
use super::input::{Inputs, Parts};
use super::operation::Operation;
use super::problem::Problem;
use super::response::{Reply, Success};
use super::schemas::Schemas;
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
pub(super) struct Declarations(BTreeMap<&'static str, Vec<Declaration>>);

/// A method of a path.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) method: Method,
    pub(super) authority: Authority,
    pub(super) reach: Reach,
    /// Whether it honours `If-Match`: it writes to a record that exists.
    pub(super) reads_version: bool,
    /// The largest body in MiB.
    pub(super) largest_body: usize,
    /// The names of its query parameters.
    pub(super) query: Vec<&'static str>,
    /// What clients know it by.
    pub(super) operation: Operation,
    /// What it reads and what it responds with.
    pub(super) describe: fn(&mut Schemas) -> (Parts, Success),
}

/// A handler whose arguments and response are known from their types.
pub(super) trait Endpoint<A>: Handler<A, AdminState> {
    /// What it reads and what it responds with.
    fn describe(schemas: &mut Schemas) -> (Parts, Success);
}

macro_rules! endpoints {
    ($($argument:ident),*) => {
        impl<Function, Answer, Response, Marker, $($argument),*> Endpoint<(Marker, $($argument,)*)>
            for Function
        where
            Function: Handler<(Marker, $($argument,)*), AdminState> + Fn($($argument),*) -> Answer,
            Answer: Future<Output = Result<Response, Problem>>,
            Response: Reply,
            (Marker, $($argument,)*): Inputs,
        {
            fn describe(schemas: &mut Schemas) -> (Parts, Success) {
                (<(Marker, $($argument,)*) as Inputs>::describe(schemas), Response::describe(schemas))
            }
        }
    };
}

endpoints!();
endpoints!(A);
endpoints!(A, B);
endpoints!(A, B, C);
endpoints!(A, B, C, D);
endpoints!(A, B, C, D, E);

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
        operation: Operation,
    ) -> Self
    where
        H: Endpoint<A>,
        A: Inputs + Send + 'static,
    {
        let mut query = A::query();
        if dry_run::is_taken_by(&method, path) {
            query.push(dry_run::PARAMETER);
        }
        let (reads_version, largest_body) = (A::READS_VERSION, A::LARGEST_BODY);
        let describe = H::describe;
        let declaration = Declaration {
            method,
            authority,
            reach,
            reads_version,
            largest_body,
            query,
            operation,
            describe,
        };
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

    /// All declarations, in order of their paths.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Declaration)> {
        self.0.iter().flat_map(|(path, methods)| methods.iter().map(|method| (*path, method)))
    }
}
