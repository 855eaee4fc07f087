//! Stands before all handlers: authenticates the caller, and rejects a request whose path, method
//! or query parameters are not declared.
//!
//! Authentication comes first, so that a caller without a token learns nothing about which paths
//! exist.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::problem::{Problem, StoreFailed};
use super::table::{Declaration, Declarations, Role, Table};
use super::{Access, AdminState};
use crate::directory::Directory;

/// The authenticated caller.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// The `email` of the caller's token. It gets blind copies of invitations.
    pub(super) email: Option<String>,
}

#[derive(Debug)]
struct Guard {
    declarations: Declarations,
    access: Access,
    directory: Directory,
}

impl Table {
    /// The routes behind a guard.
    pub(super) fn into_router(self, state: AdminState, access: Access) -> Router {
        let Self { router, declarations } = self;
        let directory = state.directory.clone();
        let guard = Arc::new(Guard { declarations, access, directory });
        router
            .fallback(|uri: Uri| async move { nothing_at(&uri) })
            .layer(middleware::from_fn_with_state(guard, check))
            .with_state(state)
    }
}

async fn check(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let methods = path.and_then(|path| guard.declarations.of(path));
    let declared = methods.and_then(|methods| find(methods, request.method()));
    if !declared.is_some_and(|declared| declared.role == Role::Public) {
        match guard.authenticate(request.headers()).await {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(problem) => return Ok(problem.into_response()),
        };
    }
    Ok(match (declared, methods) {
        (Some(declared), _) => match declared.check_query(request.uri()) {
            Ok(()) => {
                let is_write = declared.method != Method::GET;
                let response = next.run(request).await;
                match response.extensions().get::<StoreFailed>() {
                    Some(StoreFailed) if is_write => Problem::write_in_doubt().into_response(),
                    _ => response,
                }
            }
            Err(problem) => problem.into_response(),
        },
        (None, Some(methods)) => method_not_allowed(request.method(), methods),
        (None, None) => nothing_at(request.uri()).into_response(),
    })
}

impl Declaration {
    /// Rejects parameters that the route does not declare. Probes ignore them: load balancers may
    /// add some.
    fn check_query(&self, uri: &Uri) -> Result<(), Problem> {
        if self.role == Role::Public {
            return Ok(());
        }
        let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::invalid("", "the query string cannot be decoded"))?;
        let Some((unknown, _)) = given.iter().find(|(name, _)| !self.query.contains(&&**name))
        else {
            return Ok(());
        };
        let known: Vec<_> = self.query.iter().map(|name| format!("`{name}`")).collect();
        let message = match &*known {
            [] => "unknown parameter; this resource takes none".to_owned(),
            known => format!("unknown parameter, expected {}", known.join(", ")),
        };
        Err(Problem::invalid(unknown, message))
    }
}

impl Guard {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        match self.access {
            // Who can open the socket can read the files behind it, too.
            Access::Socket => return Ok(Caller::default()),
            Access::Token => {}
        }
        if is_cross_site(headers) {
            let detail = "requests from pages of other sites are refused";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross-site", detail));
        }
        let Some(bearer) = bearer(headers) else {
            let detail = "send `Authorization: Bearer portcullis_…`; create a token with \
                          `portcullis token create NAME`";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "token-missing", detail));
        };
        match self.directory.verify_api_token(bearer).await? {
            Some(token) => Ok(Caller { email: token.email }),
            None => {
                let detail = "the token is unknown or has been revoked; create another with \
                              `portcullis token create NAME`";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "token-unknown", detail))
            }
        }
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

/// The bearer token (RFC 6750, 2.1) of the only `Authorization` field; `None` when the field is
/// missing, repeated or of another scheme.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a browser marks the request as made by a page of another site. Defence in depth: such a
/// page has no token. Clients other than browsers send neither header.
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
