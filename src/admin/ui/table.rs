//! How pages are declared, and what is done before a handler runs.
//!
//! The navigation is made from the same declarations as the router, so it has exactly the pages that
//! an administrator may open. A form must come from a page of ours (`site`) and have the token of its
//! session.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower::ServiceExt as _;

use super::client::Client;
use super::destination::local;
use super::fields::Fields;
use super::kept_form::Kept;
use super::kit::Ui;
use super::late::Late;
use super::navigation::{Declared, Entry, Section};
use super::refusal::{Answer, Refusal};
use super::sent_form::{self, Limits};
use super::texts::AdminTexts;
use super::visit::{Failure, PageResult, Visit};
use super::who::Who;
use super::{kept_form, notice, sign_in};
use crate::admin::authority::{Authority, Reach};
use crate::clock;
use crate::web::fetch_metadata::{ResponseKind, SEC_FETCH_SITE, only};
use crate::web::peer::Peer;
use crate::web::response::{protect, see_other};
use crate::web::text::Text;

/// What pages may load: our own files, and nothing else.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'",
);

/// The most parameters in the query of a page.
const MOST_PARAMETERS: usize = 1_000;

/// Says that a script has sent a request by itself, to show what has changed.
const LIVE: &str = "portcullis-live";

/// The declared pages.
#[derive(Default)]
pub(super) struct Pages {
    router: Router<Arc<Shared>>,
    entries: Vec<Entry>,
    last: Option<Declared>,
}

/// What requests for all pages share.
#[derive(Debug)]
pub(super) struct Shared {
    ui: Arc<Ui>,
    api: Router,
    entries: Vec<Entry>,
}

impl Pages {
    /// Declares a page.
    pub(super) fn show<H, F>(
        self,
        authority: Authority,
        reach: Reach,
        path: &'static str,
        handler: H,
    ) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = PageResult> + Send,
    {
        let declared = Declared { authority, reach, path, takes_file: false };
        self.add(MethodFilter::GET, declared, handler)
    }

    /// Declares what a form is sent to.
    pub(super) fn act<H, F>(
        self,
        authority: Authority,
        reach: Reach,
        path: &'static str,
        handler: H,
    ) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = PageResult> + Send,
    {
        let declared = Declared { authority, reach, path, takes_file: false };
        self.add(MethodFilter::POST, declared, handler)
    }

    /// Declares what a form with a file is sent to.
    pub(super) fn upload<H, F>(
        self,
        authority: Authority,
        reach: Reach,
        path: &'static str,
        handler: H,
    ) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = PageResult> + Send,
    {
        let declared = Declared { authority, reach, path, takes_file: true };
        self.add(MethodFilter::POST, declared, handler)
    }

    /// Puts the page that was declared last into the navigation.
    pub(super) fn entry(mut self, section: Section, label: fn(&AdminTexts) -> &Text) -> Self {
        if let Some(declared) = self.last {
            self.entries.push(Entry { section, path: declared.path, label, declared });
        }
        self
    }

    fn add<H, F>(mut self, method: MethodFilter, declared: Declared, handler: H) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = PageResult> + Send,
    {
        let answer =
            move |State(shared): State<Arc<Shared>>, ids: RawPathParams, request: Request| {
                let handler = handler.clone();
                async move {
                    let ids = ids.iter().map(|(_, id)| id.to_owned()).collect();
                    shared.answer(declared, ids, request, handler).await
                }
            };
        self.router = self.router.route(declared.path, on(method, answer));
        self.last = Some(declared);
        self
    }
}

/// The router of the pages, and `api` for all other paths.
pub(super) fn router(pages: Pages, ui: Arc<Ui>, api: Router) -> Router {
    let Pages { router, entries, .. } = pages;
    let shared = Arc::new(Shared { ui, api, entries });
    router.fallback(elsewhere).method_not_allowed_fallback(other_method).with_state(shared)
}

/// A path that is not a page's is the API's. A browser that navigates there gets a page in place of a
/// problem document.
async fn elsewhere(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let is_page = ResponseKind::of(request.headers()) == ResponseKind::Page
        && request.method() == Method::GET
        && !request.uri().path().starts_with("/api/");
    if !is_page {
        let Ok(response) = shared.api.clone().oneshot(request).await;
        return response;
    }
    let (parts, body) = request.into_parts();
    let asked = Request::from_parts(parts.clone(), body);
    let Ok(response) = shared.api.clone().oneshot(asked).await;
    match response.status() {
        StatusCode::UNAUTHORIZED => see_other(&sign_in::address(&parts.uri)),
        StatusCode::NOT_FOUND => {
            let mut visit = shared.visit(&parts, Vec::new());
            visit.who = visit.client.get("/api/v1/session").await.ok();
            shared.protected(notice::failure(&visit, &Failure::NotFound))
        }
        _ => response,
    }
}

/// The page in place of one that has no such method. Where only forms are sent to, the address leads to
/// the page above: it may be opened by hand, after signing in, or when a kept form is discarded.
async fn other_method(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if parts.method == Method::GET {
        return shared.protected(see_other(above(parts.uri.path())));
    }
    let mut visit = shared.visit(&parts, Vec::new());
    visit.who = visit.client.get("/api/v1/session").await.ok();
    let refusal = Refusal::method_not_allowed(&parts.method);
    shared.protected(notice::failure(&visit, &Failure::Api(refusal)))
}

/// The path of the page above.
fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(above, _)| local(above))
}

impl Shared {
    async fn answer<H, F>(
        self: Arc<Self>,
        declared: Declared,
        ids: Vec<String>,
        request: Request,
        handler: H,
    ) -> Result<Response, Infallible>
    where
        H: Fn(Visit) -> F,
        F: Future<Output = PageResult>,
    {
        let (parts, body) = request.into_parts();
        let mut visit = self.visit(&parts, ids);
        if is_navigation_from_elsewhere(&parts) {
            return Ok(self.protected(notice::arrival(&visit)));
        }
        let response = match self.prepare(&mut visit, declared, &parts, body).await {
            Ok(()) => match self.refused(&visit, declared, &parts.method) {
                Some(response) => response,
                None => {
                    let kept = Kept::of(&visit);
                    let again = self.again(&visit);
                    match handler(visit).await {
                        Ok(response) => response,
                        Err(failure) => self.failed(&again, &kept, &parts, &failure),
                    }
                }
            },
            Err(refusal) => {
                let kept = Kept::of(&visit);
                self.failed(&visit, &kept, &parts, &Failure::Api(refusal))
            }
        };
        Ok(self.protected(response))
    }

    /// Reads who makes the request, its query and its form.
    async fn prepare(
        &self,
        visit: &mut Visit,
        declared: Declared,
        parts: &Parts,
        body: Body,
    ) -> Answer<()> {
        self.ui.site.check_host(&parts.headers).map_err(|it| Refusal::of_problem(&it))?;
        let is_form = parts.method == Method::POST;
        if is_form {
            let checked = self.ui.site.check_cookie_request(&parts.method, &parts.headers);
            checked.map_err(|it| Refusal::of_problem(&it))?;
        }
        let who = match declared.authority {
            Authority::Public => Ok(None),
            _ => visit.client.get::<Who>("/api/v1/session").await.map(Some),
        };
        if is_form {
            let has_file = declared.takes_file && sent_form::is_multipart(parts);
            // Only someone who is signed in can make the gateway hold a large form or a file.
            let limits = match (&who, has_file) {
                (Ok(Some(_)), true) => Limits::WITH_FILE,
                (Ok(Some(_)), false) => Limits::SIGNED_IN,
                _ => Limits::VISITOR,
            };
            match (sent_form::read(parts, body, limits, declared.takes_file).await, &who) {
                (Ok(sent), _) => (visit.form, visit.uploads) = sent,
                (Err(refusal), Ok(_)) => return Err(refusal),
                // That the session has ended is the first thing to say.
                (Err(_), Err(_)) => {}
            }
        }
        visit.who = who?;
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        visit.query = Fields::within(query, MOST_PARAMETERS)
            .ok_or_else(|| Refusal::malformed("the address has too many parameters"))?;
        match &visit.who {
            Some(who) => declared.refusal(who).map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    /// The page in place of a form without the token of its session.
    fn refused(&self, visit: &Visit, declared: Declared, method: &Method) -> Option<Response> {
        let is_bound = method == Method::POST && declared.authority != Authority::Public;
        (is_bound && !visit.has_token()).then(|| kept_form::ask(visit))
    }

    /// The page in place of the one that failed. A form whose session has ended is kept.
    fn failed(&self, visit: &Visit, kept: &Kept, parts: &Parts, failure: &Failure) -> Response {
        match failure {
            Failure::Api(refusal)
                if parts.method == Method::POST
                    && visit.who.is_some()
                    && refusal.is_about_the_form() =>
            {
                let mut response = notice::failure(visit, failure);
                response.extensions_mut().insert(Late(notice::detail(visit.text(), refusal)));
                response
            }
            Failure::Api(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
                if parts.method == Method::POST {
                    return sign_in::keeping(visit, kept);
                }
                see_other(&sign_in::address(&parts.uri))
            }
            failure => notice::failure(visit, failure),
        }
    }

    /// A request for a page, before it is known who makes it.
    fn visit(&self, parts: &Parts, ids: Vec<String>) -> Visit {
        let headers = parts.headers.clone();
        let peer = parts.extensions.get::<Peer>().copied();
        let is_live = headers.contains_key(LIVE);
        Visit {
            ui: Arc::clone(&self.ui),
            client: Client::new(self.api.clone(), &headers, peer, is_live, Arc::clone(&self.ui)),
            entries: self.entries.as_slice().into(),
            session: self.ui.site.session_token(&headers),
            path: parts.uri.path().to_owned(),
            ids,
            query: Fields::default(),
            form: Fields::default(),
            uploads: Vec::new(),
            who: None,
            headers,
            late: parts.extensions.get::<Late>().map(|Late(said)| said.clone()),
            now: clock::now(),
        }
    }

    /// The same request again, for the page of an error.
    fn again(&self, visit: &Visit) -> Visit {
        Visit {
            ui: Arc::clone(&visit.ui),
            client: visit.client.clone(),
            entries: Arc::clone(&visit.entries),
            headers: visit.headers.clone(),
            path: visit.path.clone(),
            ids: visit.ids.clone(),
            query: visit.query.clone(),
            form: Fields::default(),
            uploads: Vec::new(),
            who: visit.who.clone(),
            session: visit.session,
            late: None,
            now: visit.now,
        }
    }

    fn protected(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CONTENT_SECURITY_POLICY);
        protect(response, None)
    }
}

/// Whether a link on another site leads here. Browsers send no cookie with such a request.
fn is_navigation_from_elsewhere(parts: &Parts) -> bool {
    let is = |name: HeaderName, value: &str| matches!(only(&parts.headers, &name), Ok(Some(it)) if it == value);
    parts.method == Method::GET
        && (is(SEC_FETCH_SITE, "cross-site") || is(SEC_FETCH_SITE, "same-site"))
        && is(HeaderName::from_static("sec-fetch-mode"), "navigate")
        && is(HeaderName::from_static("sec-fetch-dest"), "document")
}

#[cfg(test)]
mod tests {
    use super::above;

    #[test]
    fn a_path_of_forms_only_leads_to_the_page_above() {
        for (path, expected) in [
            ("/sign-out", "/"),
            ("/mail/test", "/mail"),
            ("/a/b/c", "/a/b"),
            ("//evil.example/a", "/"),
        ] {
            assert_eq!(above(path), expected, "{path}");
        }
    }
}
