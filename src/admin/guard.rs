//! Runs before every handler: authenticates the caller, and rejects a request whose path, method or
//! query parameters are not declared.
//!
//! Authentication comes first, so that a caller without a token learns nothing about which paths
//! exist, and cannot make the gateway keep a body. After a body, it is repeated.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{HeaderValue, Method, StatusCode, Uri, header};

use super::authority::{Authority, Reach};
use super::caller::{Access, Authentication, Caller, Unattended};
use super::conflict;
use super::dry_run;
use super::openapi::Description;
use super::origin::{self, Origins};
use super::problem::{Problem, StoreFailed};
use super::refused_write::Attempt;
use super::request;
use super::state::AdminState;
use super::table::{Declaration, Declarations, Table};
use crate::directory::DirectoryError;

#[derive(Debug)]
struct Guard {
    declarations: Arc<Declarations>,
    authentication: Authentication,
    state: AdminState,
}

/// The routes of a table, behind the guard.
pub(super) fn router(table: Table, state: AdminState, access: Access) -> Router {
    let Table { router, declarations } = table;
    let authentication = state.authentication(access);
    let declarations = Arc::new(declarations);
    let description = Description::new(Arc::clone(&declarations));
    let guard = Arc::new(Guard { declarations, authentication, state: state.clone() });
    let origins = Origins::new(access, &state);
    router
        .fallback(|uri: Uri| async move { nothing_at(&uri) })
        .layer(Extension(description))
        .layer(middleware::from_fn_with_state(state.clone(), conflict::add_current))
        .layer(middleware::from_fn_with_state(guard, check))
        .layer(middleware::from_fn_with_state(origins, origin::during))
        .layer(middleware::map_response(protect))
        .with_state(state)
}

/// No cache keeps an answer, and no browser takes it for another type than it says.
async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn check(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = matched.as_ref().map(MatchedPath::as_str);
    let methods = path.and_then(|path| guard.declarations.of(path));
    let declared = methods.and_then(|methods| find(methods, request.method()));
    let is_public = declared.is_some_and(Declaration::is_public);
    let authenticated = match is_public {
        true => Ok(()),
        false => guard.authenticate(&mut request, declared).await,
    };
    let attempt = declared.and_then(|it| Attempt::of(&request, it, path.unwrap_or_default()));
    let response = match (authenticated, declared, methods) {
        (Err(problem), ..) => problem.into_response(),
        (Ok(()), Some(declared), _) => {
            let declared = (declared, path.unwrap_or_default());
            guard.respond(request, declared, next).await.unwrap_or_else(Problem::into_response)
        }
        (Ok(()), None, Some(methods)) => method_not_allowed(request.method(), methods),
        (Ok(()), None, None) => nothing_at(request.uri()).into_response(),
    };
    if let Some(attempt) = attempt {
        attempt.report(&response);
    }
    Ok(response)
}

impl Guard {
    /// Adds the caller to a request, and refuses it if it is not the caller's to make.
    async fn authenticate(
        &self,
        request: &mut Request,
        declared: Option<&Declaration>,
    ) -> Result<(), Problem> {
        let is_unattended = request.extensions().get::<Unattended>().is_some();
        let authentication = &self.authentication;
        let caller =
            authentication.caller(request.method(), request.headers(), is_unattended).await?;
        let refused = declared.and_then(|declared| declared.refuses(&caller));
        request.extensions_mut().insert(caller);
        refused.map_or(Ok(()), Err)
    }

    /// The response to a request of a route, whose caller may make it.
    async fn respond(
        &self,
        mut request: Request,
        (declared, path): (&Declaration, &str),
        next: Next,
    ) -> Result<Response, Problem> {
        let is_dry_run = declared.check_query(request.uri(), path)?;
        if !declared.is_public() {
            request = self.after_body(request, declared).await?;
        }
        if is_dry_run {
            return Ok(dry_run::answer(&self.state, request, next).await);
        }
        let is_write = declared.method != Method::GET;
        let response = next.run(request).await;
        Ok(match response.extensions().get::<StoreFailed>() {
            Some(StoreFailed) if is_write => Problem::write_in_doubt().into_response(),
            _ => response,
        })
    }

    /// A request with its whole body. The client decides how long that takes, so the caller is
    /// authenticated a second time: what has ended in between writes nothing, and the time of the
    /// change is that of the whole request.
    async fn after_body(
        &self,
        request: Request,
        declared: &Declaration,
    ) -> Result<Request, Problem> {
        if declared.method == Method::GET || request.body().is_end_stream() {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        let body = request::read(Request::new(body), declared.largest_body).await?;
        let mut request = Request::from_parts(parts, Body::from(body));
        self.authenticate(&mut request, Some(declared)).await?;
        Ok(request)
    }
}

impl Declaration {
    /// 403 if the caller's role or scope does not suffice.
    fn refuses(&self, caller: &Caller) -> Option<Problem> {
        let (rights, least) = (caller.rights(), self.authority.least());
        if !self.authority.includes(rights.role) {
            let (least, role) = (least.name(), rights.role.name());
            let detail = format!("this needs the role `{least}`; yours is `{role}`");
            let problem = Problem::new(StatusCode::FORBIDDEN, "role-required", detail);
            return Some(problem.naming_role(least));
        }
        let is_outside = self.reach == Reach::Gateway && rights.scope.is_limited();
        is_outside.then(|| DirectoryError::OutOfScope { role: least }.into())
    }

    fn is_public(&self) -> bool {
        self.authority == Authority::Public
    }

    /// Whether the request is a dry run. Rejects parameters that the route does not declare; probes
    /// ignore them, because load balancers may add some.
    fn check_query(&self, uri: &Uri, path: &str) -> Result<bool, Problem> {
        let is_probe = self.is_public() && self.method == Method::GET;
        if is_probe {
            return Ok(false);
        }
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::invalid("", "the query string cannot be decoded"))?;
        let is_dry_run = dry_run::is_requested(&self.method, path, &given)?;
        let Some((unknown, _)) = given.iter().find(|(name, _)| !self.query.contains(&&**name))
        else {
            return Ok(is_dry_run);
        };
        let known: Vec<_> = self.query.iter().map(|name| format!("`{name}`")).collect();
        let message = match &*known {
            [] => "unknown parameter; this resource takes none".to_owned(),
            known => format!("unknown parameter, expected {}", known.join(", ")),
        };
        Err(Problem::invalid(unknown, message))
    }
}

/// The declaration of a method; HEAD is answered as GET.
fn find<'a>(methods: &'a [Declaration], method: &Method) -> Option<&'a Declaration> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    methods.iter().find(|declared| declared.method == method)
}

fn nothing_at(uri: &Uri) -> Problem {
    let detail = format!("there is no resource at `{}`", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

fn method_not_allowed(method: &Method, methods: &[Declaration]) -> Response {
    let allowed =
        methods.iter().map(|declared| declared.method.as_str()).collect::<Vec<_>>().join(", ");
    let detail = format!("this resource does not support `{method}`; it supports {allowed}");
    let problem =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).into_response();
    let Ok(allowed) = HeaderValue::from_str(&allowed) else { return problem };
    ([(header::ALLOW, allowed)], problem).into_response()
}
