//! Which handler serves which page, and the layer that turns their errors into notices.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::future::BoxFuture;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use tower::ServiceExt as _;

use super::known_browser::KnownBrowsers;
use super::notices::Notices;
use super::pending_cookie::PendingCookie;
use super::reset_queue::ResetQueue;
use super::{
    Appearance, PageResult, PagesState, access_tokens, account, choose_password, forgot_password,
    keys, mfa, secure_link, sessions, sign_in, sign_out, view,
};
use crate::config::Settings;
use crate::credential::key::SecretKey;
use crate::directory::Directory;
use crate::directory::records::Occasion;
use crate::proxy::{ErrorPages, PageBanner, Refused, Viewing};
use crate::session::Sessions;
use crate::telemetry::events::{self, Origin};
use crate::web::asset::Asset;
use crate::web::cookie::{self, OwnCookie};
use crate::web::fetch_metadata::ResponseKind;
use crate::web::form::Forms;
use crate::web::request_error::RequestError;
use crate::web::{Visitor, paths, request_body, response};
use portcullis_policy::Host;

/// Bytes of a form without the address that it may contain.
const MAX_FORM_FIELDS: usize = 16 * 1024;
/// Bytes of a request's head that are not its target. Less than the smallest `header_bytes`.
const HEAD_WITHOUT_TARGET: usize = 4 * 1024;
/// How many times longer an address may become when it is encoded in a form or a query.
const ENCODING_FACTOR: usize = 3;

/// The pages, and the proxy's error pages.
#[derive(Debug, Clone)]
pub struct Pages {
    pub(super) state: Arc<PagesState>,
    router: Router,
    /// How long a request's body may take to arrive.
    max_body_time: Duration,
    max_body_bytes: usize,
}

impl Pages {
    /// The pages with the operator's settings and look.
    #[must_use]
    pub fn new(
        settings: &Settings,
        appearance: Appearance,
        directory: Directory,
        sessions: Sessions,
        key: &SecretKey,
    ) -> Self {
        let https = settings.server.public_url.is_https();
        let limits = &settings.server.limits;
        let Appearance { brand, texts, banner } = appearance;
        let state = Arc::new(PagesState {
            brand,
            texts,
            banner,
            max_address: limits.header_bytes - HEAD_WITHOUT_TARGET,
            forms: Forms::new(&settings.server, key),
            public_url: settings.server.public_url.as_str().to_owned(),
            admin_url: settings.admin.public_url.as_ref().map(|url| url.as_str().to_owned()),
            https,
            hsts: settings.server.transport_security(),
            session_cookie: OwnCookie::Session.name(https),
            tokens_by_users: settings.tokens_by_users,
            directory,
            sessions,
            known_browsers: KnownBrowsers::new(key, https),
            resets: ResetQueue::new(),
            reset_lifetime: settings.passwords.reset_lifetime,
            pending: PendingCookie::new(key, https),
            keys: settings.identity.assertion.as_ref().map(|assertion| assertion.keys(key)),
        });
        Self {
            router: router(Arc::clone(&state)),
            state,
            max_body_time: limits.header_timeout,
            max_body_bytes: MAX_FORM_FIELDS + ENCODING_FACTOR * limits.target_bytes,
        }
    }

    /// Processes the resets that visitors ask for; never returns. Runs once, off the data plane, so
    /// that the work neither delays a response nor shows in its timing.
    pub async fn work(&self) {
        self.state.resets.work(&self.state.directory).await;
    }
}

fn router(state: Arc<PagesState>) -> Router {
    let with_token = |path: &str| format!("{path}{{token}}");
    let choose_password = |occasion: Occasion| {
        get(choose_password::show).post(choose_password::submit).layer(Extension(occasion))
    };
    Router::new()
        .route(paths::SIGN_IN, get(sign_in::show).post(sign_in::submit))
        .route(paths::MFA, get(mfa::show).post(mfa::submit))
        .route(paths::MFA_SETUP, get(mfa::set_up::show).post(mfa::set_up::submit))
        .route(paths::RECOVERY_CODES_FILE, post(mfa::recovery_codes::file))
        .route(paths::SIGN_OUT, get(sign_out::show).post(sign_out::submit))
        .route(paths::ACCOUNT, get(account::show))
        .route(
            paths::ACCOUNT_PASSWORD,
            get(account::password::show).post(account::password::submit),
        )
        .route(
            paths::ACCOUNT_MFA,
            get(account::second_factor::show).post(account::second_factor::submit),
        )
        .route(
            paths::RECOVERY_CODES,
            get(account::recovery_codes::show).post(account::recovery_codes::submit),
        )
        .route(paths::SESSIONS, get(sessions::show).post(sessions::submit))
        .route(paths::ACCESS_TOKENS, get(access_tokens::show).post(access_tokens::submit))
        .route(&with_token(paths::SECURE_LINK), get(secure_link::open).post(secure_link::confirm))
        .route(paths::VIEW_STOP, get(view::show_stop).post(view::stop))
        .route(&with_token(paths::VIEW), get(view::open).post(view::confirm))
        .route(&with_token(paths::INVITATION), choose_password(Occasion::Invitation))
        .route(paths::FORGOT_PASSWORD, get(forgot_password::show).post(forgot_password::submit))
        .route(&with_token(paths::PASSWORD_RESET), choose_password(Occasion::Reset))
        .route(&format!("{}{{name}}", paths::ASSETS), get(asset))
        .route(paths::KEYS, get(keys::show))
        .fallback(async || RequestError::NoSuchPage)
        .method_not_allowed_fallback(async || RequestError::MethodNotAllowed)
        .with_state(state)
}

impl ErrorPages for Pages {
    fn refuse(&self, refused: &Refused<'_>) -> Response<Body> {
        response::protect(self.state.refusal(refused), self.state.hsts)
    }

    fn own_page(
        &self,
        request: Request<Body>,
        mut visitor: Visitor,
    ) -> BoxFuture<'static, Response<Body>> {
        let Self { state, router, max_body_time, max_body_bytes } = self.clone();
        let origin = Origin { client: visitor.address, request: Some(visitor.request_id.clone()) };
        Box::pin(events::during(origin, async move {
            let method = request.method().clone();
            let headers = request.headers().clone();
            let path = request.uri().path().to_owned();
            let read =
                request_body::read(request, &mut visitor, max_body_bytes, max_body_time).await;
            let mut response = match read {
                Ok(mut request) => {
                    request.extensions_mut().insert(visitor.clone());
                    let Ok(response) = router.oneshot(request).await;
                    response
                }
                Err(incomplete) => RequestError::Incomplete(incomplete).into_response(),
            };
            if let Some(error) = RequestError::take(&mut response) {
                response = state.error_page(&error, &method, &headers, &visitor).await;
            }
            state.clear_doubled_cookies(&headers, &path, &mut response);
            response::protect(response, state.hsts)
        }))
    }

    fn asset(&self, path: &str) -> Option<Response<Body>> {
        let asset = self.state.asset(path.strip_prefix(paths::ASSETS)?)?;
        Some(response::protect(asset.response(), self.state.hsts))
    }

    fn banner(&self, viewing: &Viewing<'_>) -> Option<PageBanner> {
        self.state.banner(viewing)
    }
}

async fn asset(State(state): State<Arc<PagesState>>, Path(name): Path<String>) -> PageResult {
    let asset = state.asset(&name);
    Ok(asset.ok_or(RequestError::NoSuchPage)?.response())
}

impl PagesState {
    /// The file of this name that the pages or the banner load.
    fn asset(&self, name: &str) -> Option<&Asset> {
        self.brand.asset(name).or_else(|| self.banner.asset(name))
    }

    /// The notice for a handler's error.
    async fn error_page(
        &self,
        error: &RequestError,
        method: &Method,
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Response<Body> {
        // Browsers send forms, whatever an app around the browser adds to the request.
        let kind = match *method {
            Method::POST => ResponseKind::Page,
            _ => ResponseKind::of(headers),
        };
        let text = self.text(kind, headers);
        let start_opens = match error {
            RequestError::Store(_) => false,
            _ => self.start_opens(headers, visitor).await,
        };
        let notices = Notices { start_opens, ..self.notices(text) };
        let notice = match error {
            RequestError::NoSuchPage => notices.no_such_page(),
            RequestError::MethodNotAllowed => notices.method_not_allowed(),
            RequestError::ForeignForm => notices.foreign_form(),
            RequestError::UnreadableForm => notices.unreadable_form(),
            RequestError::Incomplete(incomplete) => {
                let mut notice = notices.unreadable_form();
                notice.status = incomplete.status();
                notice
            }
            RequestError::Store(cause) => {
                tracing::error!(error = %cause, request.id = visitor.request_id,
                    "the store did not respond for a page");
                match error.may_have_changed(method) {
                    true => notices.change_unconfirmed(),
                    false => notices.reloading(notices.store_unavailable(), visitor.now),
                }
            }
        };
        let mut response = self.notice(&notice, text, kind, &visitor.request_id);
        if let RequestError::Incomplete(_) = error {
            // The rest of the body would be taken for the next request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Removes our cookies that the browser has several of, because none of those counts.
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
}
