//! What a portal user sees of us: signing in and out, second factors, secure links, and every
//! answer that is not the portal's.
//!
//! [`Pages`] is the gateway's [`ErrorPages`]. A refusal becomes a page for a person and a problem
//! document (RFC 9457) for a script; both say the same in the same words. Under
//! [`RESERVED`] an axum router answers:
//!
//! | path | answers |
//! |---|---|
//! | `sign-in` | the form, and what comes of it (R8, R12, R14, R61) |
//! | `mfa`, `mfa/setup` | the code after the password, and setting it up (R50, R51) |
//! | `sign-out` | the way out (R63) |
//! | `sessions` | where a portal user is signed in |
//! | `link/{token}` | a secure link (R10–R14, R19) |
//! | `invitation/{token}` | a password is chosen on invitation (R40) |
//! | `password/forgot` | asking for a link in place of a forgotten password (R33) |
//! | `password/reset/{token}` | another password is chosen by it |
//! | `assets/{name}` | the style sheet, the script, the logo |
//!
//! Invariants:
//! - A page works without script, loads nothing from elsewhere and is never cached.
//! - A request that changes something comes from a page of ours, twice over: browsers say so
//!   (`origin`), and the form brings a token of its visitor (`form`).
//! - Of somebody who is asked for a second factor, no session begins before it was given.
//! - A session begins or changes by a form, or by a navigation to a secure link, and by no other GET
//!   (`navigation`).
//! - A sign-in always begins a new session under a new token, and ends the one it replaces.
//! - Tokens and passwords are neither logged nor shown; no address with a token is ever a referrer.
//!
//! Every word of a page is in the catalogue (`text`); what follows from a reader's language is
//! the words alone.
//!
//! Nothing is decided here: who may come in is the directory's answer, what is refused the
//! gateway's.

mod agent;
mod asset;
mod brand;
mod choose;
mod forgot;
mod form;
mod known_browser;
mod link;
mod logo;
mod mfa;
mod notice;
mod origin;
mod pending;
mod problem;
mod refusal;
mod response;
mod return_to;
mod sessions;
mod sign_in;
mod sign_out;
mod text;
mod when;
mod whole;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use axum::{Extension, extract};
use futures_util::future::BoxFuture;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use tower::ServiceExt as _;

pub use self::brand::{Appearance, AppearanceProblem};
pub use self::logo::LogoProblem;
pub use self::return_to::ReturnTo;
pub use self::text::{TextProblem, TextProblems};

use self::brand::Brand;
use self::forgot::ResetQueue;
use self::known_browser::KnownBrowsers;
use self::notice::Notice;
use self::origin::Origins;
use self::pending::PendingCookie;
use self::text::{Catalogue, Texts};
use self::whole::Incomplete;
use crate::config::Settings;
use crate::credential::csrf::Csrf;
use crate::credential::key::SecretKey;
use crate::directory::Directory;
use crate::directory::letters::Occasion;
use crate::proxy::{ErrorPages, Refused};
use crate::session::Sessions;
use crate::web::Visitor;
use crate::web::cookie::{self, OwnCookie};
use crate::web::fetch_metadata::ResponseKind;
use crate::web::paths::RESERVED;
use portcullis_policy::Host;

/// What comes of a form: either way an answer.
type Answer = Result<Response<Body>, Response<Body>>;

/// More than any form of ours needs, the address that it may carry aside.
const LARGEST_FORM: usize = 16 * 1024;
/// Of a request's head, what is kept for all but its address. Less than the least head there is.
const HEAD_ASIDE: usize = 4 * 1024;
/// How much longer an address may be where it stands in a form or a query.
const ENCODED: usize = 3;

/// The pages, and the gateway's way to answer in its own words.
#[derive(Debug, Clone)]
pub struct Pages {
    state: Arc<PagesState>,
    router: Router,
    /// How long a request may take to come in whole.
    patience: Duration,
    /// How large a form may be.
    largest_form: usize,
}

/// What every page works with.
#[derive(Debug)]
struct PagesState {
    brand: Brand,
    texts: Texts,
    /// The longest address of a page of ours.
    longest_address: usize,
    origins: Origins,
    https: bool,
    session_cookie: &'static str,
    directory: Directory,
    sessions: Sessions,
    csrf: Csrf,
    known_browsers: KnownBrowsers,
    resets: ResetQueue,
    pending: PendingCookie,
}

impl Pages {
    /// The pages of the operator that the settings name.
    #[must_use]
    pub fn new(
        settings: &Settings,
        appearance: Appearance,
        directory: Directory,
        sessions: Sessions,
        key: &SecretKey,
    ) -> Self {
        let https = settings.server.public_url.is_https();
        let Appearance { brand, texts } = appearance;
        let state = Arc::new(PagesState {
            brand,
            texts,
            longest_address: settings.server.limits.header_bytes - HEAD_ASIDE,
            origins: Origins::new(&settings.server),
            https,
            session_cookie: OwnCookie::Session.name(https),
            directory,
            sessions,
            csrf: Csrf::new(key),
            known_browsers: KnownBrowsers::new(key, https),
            resets: ResetQueue::new(),
            pending: PendingCookie::new(key, https),
        });
        let choose =
            |occasion: Occasion| get(choose::show).post(choose::submit).layer(Extension(occasion));
        let ours = Router::new()
            .route("/sign-in", get(sign_in::show).post(sign_in::submit))
            .route("/mfa", get(mfa::show).post(mfa::submit))
            .route("/mfa/setup", get(mfa::set_up::show).post(mfa::set_up::submit))
            .route("/sign-out", get(sign_out::show).post(sign_out::submit))
            .route("/sessions", get(sessions::show).post(sessions::submit))
            .route("/link/{token}", get(link::open).post(link::confirm))
            .route("/invitation/{token}", choose(Occasion::Invitation))
            .route("/password/forgot", get(forgot::show).post(forgot::submit))
            .route("/password/reset/{token}", choose(Occasion::Reset))
            .route("/assets/{name}", get(asset::serve));
        let router = Router::new()
            .nest(RESERVED.trim_end_matches('/'), ours)
            .fallback(nothing_here)
            .method_not_allowed_fallback(not_done_here)
            .with_state(Arc::clone(&state));
        let limits = &settings.server.limits;
        Self {
            state,
            router,
            patience: limits.header_timeout,
            largest_form: LARGEST_FORM + ENCODED * limits.target_bytes,
        }
    }

    /// Sees to the resets that people ask for, for good: what follows from them must not delay an
    /// answer, nor show in its time. To be run once, off the data plane.
    pub async fn work(&self) {
        self.state.resets.work(&self.state.directory).await;
    }
}

impl ErrorPages for Pages {
    fn refuse(&self, refused: &Refused<'_>) -> Response<Body> {
        self.state.dress(self.state.refused(refused))
    }

    fn reserved(
        &self,
        request: Request<Body>,
        mut visitor: Visitor,
    ) -> BoxFuture<'static, Response<Body>> {
        let Self { state, router, patience, largest_form } = self.clone();
        Box::pin(async move {
            let headers = request.headers().clone();
            let path = request.uri().path().to_owned();
            let mut response =
                match whole::read(request, &mut visitor, largest_form, patience).await {
                    Ok(mut request) => {
                        request.extensions_mut().insert(visitor);
                        let Ok(response) = router.oneshot(request).await;
                        response
                    }
                    Err(incomplete) => state.not_whole(incomplete, &headers, &visitor),
                };
            state.clear_doubled_cookies(&headers, &path, &mut response);
            state.dress(response)
        })
    }
}

async fn nothing_here(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: extract::Request,
) -> Response<Body> {
    state.notice_for(&request, &visitor, Notice::no_such_page)
}

async fn not_done_here(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    request: extract::Request,
) -> Response<Body> {
    state.notice_for(&request, &visitor, Notice::not_done_here)
}

impl PagesState {
    fn notice_for<'a>(
        &'a self,
        request: &extract::Request,
        visitor: &Visitor,
        notice: impl FnOnce(&'a Catalogue) -> Notice<'a>,
    ) -> Response<Body> {
        let wants = wants(request.method(), request.headers());
        self.notice(&notice(self.text(wants, request.headers())), wants, &visitor.request_id)
    }

    /// Removes cookies of ours that the browser has several of, of which none counts.
    fn clear_doubled_cookies(
        &self,
        headers: &HeaderMap,
        path: &str,
        response: &mut Response<Body>,
    ) {
        let host = headers.get(header::HOST).and_then(|host| Host::parse(host.to_str().ok()?).ok());
        let names = OwnCookie::ALL.map(|cookie| cookie.name(self.https));
        for name in names.into_iter().filter(|name| cookie::is_doubled(headers, name)) {
            let place = (host.as_ref().map_or("", Host::name), path);
            cookie::clear_doubled(response.headers_mut(), name, place);
        }
    }

    /// The answer to what has not come in whole. The connection is of no use any more.
    fn not_whole(
        &self,
        incomplete: Incomplete,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Response<Body> {
        let notice = Notice::unreadable_form(self.text(ResponseKind::Page, headers));
        let mut response = self.notice(&notice, ResponseKind::Page, &visitor.request_id);
        *response.status_mut() = incomplete.status();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// The texts for whoever sent these headers.
    fn text(&self, wants: ResponseKind, headers: &HeaderMap) -> &Catalogue {
        match wants {
            ResponseKind::Page => self.texts.of(headers),
            ResponseKind::Problem => self.texts.accepted(None),
        }
    }

    /// The answer when the store gives none (I1).
    fn store_unavailable(
        &self,
        error: &portcullis_store::StoreError,
        (wants, headers): (ResponseKind, &HeaderMap),
        visitor: &Visitor,
    ) -> Response<Body> {
        tracing::error!(%error, request.id = visitor.request_id, "a page could not be answered");
        self.notice(
            &Notice::store_unavailable(self.text(wants, headers)),
            wants,
            &visitor.request_id,
        )
    }
}

/// Forms are sent by people, whatever the program in between says of itself.
fn wants(method: &Method, headers: &HeaderMap) -> ResponseKind {
    if method == Method::POST { ResponseKind::Page } else { ResponseKind::of(headers) }
}
