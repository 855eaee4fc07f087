//! Who may call what: the table of routes with the role each of them asks for and the parameters
//! it takes, and the gate that stands before all of them.
//!
//! A route gets in only through [`Table::on`], which takes its role. The gate looks the request up
//! in the table and answers itself when the request is not there, not allowed, or has a parameter
//! that the route does not declare; so a handler is never reached by a way that nobody declared,
//! and nothing that a caller says is ignored.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::problem::Problem;
use super::{Access, AdminState};
use crate::directory::Directory;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing: for probes, which tell no secrets.
    Anyone,
    /// To administer the installation.
    Administrator,
}

/// Who is let through, as far as handlers must know.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// Where the administrator gets mail, if the token says so.
    pub(super) email: Option<String>,
}

/// The routes, each with its role.
#[derive(Debug, Default)]
pub(super) struct Table {
    router: Router<AdminState>,
    declared: Declared,
}

/// By path as it is declared: what each method is.
type Declared = HashMap<&'static str, Vec<Declaration>>;

/// What is said of a method of a path.
#[derive(Debug)]
struct Declaration {
    method: Method,
    role: Role,
    /// The names of its parameters, with `&` in between.
    params: &'static str,
}

/// What the gate needs to know.
#[derive(Debug)]
struct Gate {
    declared: Declared,
    access: Access,
    directory: Directory,
}

impl Table {
    /// Declares a route: its path, and after a `?` the names of its parameters.
    pub(super) fn on<H, T>(
        mut self,
        role: Role,
        (method, filter): (Method, MethodFilter),
        path: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, AdminState>,
        T: 'static,
    {
        let (path, params) = path.split_once('?').unwrap_or((path, ""));
        self.declared.entry(path).or_default().push(Declaration { method, role, params });
        Self { router: self.router.route(path, on(filter, handler)), ..self }
    }

    /// The routes behind their gate.
    pub(super) fn into_router(self, state: AdminState, access: Access) -> Router {
        let Self { router, declared } = self;
        let directory = state.directory.clone();
        let gate = Arc::new(Gate { declared, access, directory });
        router
            .fallback(|| async { Problem::no_such("resource", "here") })
            .layer(middleware::from_fn_with_state(gate, guard))
            .with_state(state)
    }

    #[cfg(test)]
    pub(super) fn declared(&self) -> impl Iterator<Item = (&Method, &'static str, Role)> {
        self.declared
            .iter()
            .flat_map(|(path, methods)| methods.iter().map(|m| (&m.method, *path, m.role)))
    }
}

async fn guard(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let methods = path.and_then(|path| gate.declared.get(path));
    let declared = methods.and_then(|methods| declaration(methods, request.method()));
    if !declared.is_some_and(|declared| declared.role == Role::Anyone) {
        match gate.admit(request.headers()).await {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(problem) => return Ok(problem.into_response()),
        };
    }
    Ok(match (declared, methods) {
        (Some(declared), _) => match declared.check_params(request.uri()) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        },
        (None, Some(methods)) => wrong_method(request.method(), methods),
        (None, None) => Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("there is nothing at `{}`", request.uri().path()),
        )
        .into_response(),
    })
}

impl Declaration {
    /// Refuses parameters that the route does not take. Probes are asked by programs that add some
    /// of their own, and answer whatever is said.
    fn check_params(&self, uri: &Uri) -> Result<(), Problem> {
        if self.role == Role::Anyone {
            return Ok(());
        }
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::invalid("", "the parameters cannot be read"))?;
        let taken = || self.params.split('&').filter(|name| !name.is_empty());
        match given.iter().find(|(name, _)| !taken().any(|taken| taken == name)) {
            None => Ok(()),
            Some((name, _)) => {
                let known = taken().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let there_are = if known.is_empty() { "none".to_owned() } else { known };
                let message = format!("there is no such parameter; this takes {there_are}");
                Err(Problem::invalid(name, message))
            }
        }
    }
}

impl Gate {
    /// The caller, who must be an administrator.
    async fn admit(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        match self.access {
            // Who can open the socket owns the files behind it.
            Access::Socket => return Ok(Caller::default()),
            Access::Token => {}
        }
        if is_cross_site(headers) {
            let detail = "this API is not for pages of other sites";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross-site", detail));
        }
        let Some(bearer) = bearer(headers) else {
            let detail = "send `Authorization: Bearer portcullis_…`; make a token with \
                          `portcullis token create NAME`";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "token-missing", detail));
        };
        match self.directory.verify_api_token(bearer).await? {
            Some(token) => Ok(Caller { email: token.email }),
            None => {
                let detail = "the token is unknown or has been revoked; make another with \
                              `portcullis token create NAME`";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "token-unknown", detail))
            }
        }
    }
}

/// What is said of a method of a path; HEAD follows GET.
fn declaration<'a>(methods: &'a [Declaration], method: &Method) -> Option<&'a Declaration> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    methods.iter().find(|declared| declared.method == method)
}

fn wrong_method(method: &Method, methods: &[Declaration]) -> Response {
    let allowed =
        methods.iter().map(|declared| declared.method.as_str()).collect::<Vec<_>>().join(", ");
    let detail = format!("`{method}` is not for this resource; it takes {allowed}");
    let problem =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).into_response();
    let Ok(allowed) = HeaderValue::from_str(&allowed) else { return problem };
    ([(header::ALLOW, allowed)], problem).into_response()
}

/// The bearer token (RFC 6750, 2.1), if there is exactly one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a browser says that a page of another site makes it ask. Such a page has no token, so
/// this is a second lock. A client that is no browser says nothing.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (host, origin) {
        (Some(host), Some((_, origin))) => !origin.eq_ignore_ascii_case(host),
        _ => true,
    }
}
