//! The pages for portal users: signing in and out, second factors, secure links, passwords, and
//! every response that is not the portal's.
//!
//! [`Pages`](router::Pages) implements [`ErrorPages`](crate::proxy::ErrorPages) for the proxy. A refusal is a page for a browser and a
//! problem document (RFC 9457) for a script, with the same words. Below
//! [`RESERVED`](crate::web::paths::RESERVED), an axum router serves:
//!
//! | path | page |
//! |---|---|
//! | `sign-in` | login and password (R8, R12, R14, R61) |
//! | `mfa`, `mfa/setup` | the code after the password, and its set-up (R50, R51) |
//! | `sign-out` | signing out (R63) |
//! | `account` | a portal user's own account |
//! | `account/password`, `account/mfa` | another password, a second factor by choice (R34, R50) |
//! | `account/recovery-codes` | how many are left, and new ones (R51) |
//! | `sessions` | where a portal user is signed in |
//! | `tokens` | a portal user's tokens for programs |
//! | `link/{token}` | a secure link (R10–R14, R19) |
//! | `view/{token}`, `view/stop` | a session of the operator's staff, and its end (R17–R19) |
//! | `invitation/{token}` | a first password (R40) |
//! | `password/forgot` | a request for a link to reset the password (R33) |
//! | `password/reset/{token}` | another password |
//! | `jwks.json` | the keys that verify assertions, for the portal |
//! | `assets/{name}` | style sheet, script, logo and icon; those of the banner |
//!
//! Invariants:
//! - A page works without scripts, loads nothing from other sites, and is never cached.
//! - A request that changes something is sent by a page of ours: the browser says so
//!   (`web::origin`), and the form contains a token of its visitor (`web::form`).
//! - For users with a second factor, the password alone starts no session.
//! - A session starts or changes by a form, or by a navigation to a secure link or one of staff, and by no other GET
//!   (`web::fetch_metadata`).
//! - A sign-in always starts a new session under a new token, and ends the one it replaces.
//! - Tokens and passwords are neither logged nor shown, and no address with a token becomes a
//!   referrer.
//!
//! The banner that the proxy inserts into pages that staff view is made here too (`banner`).
//!
//! All words are in the catalogue (`texts`). Nothing is decided here: the directory decides who may
//! sign in, the proxy what is refused.

mod access_tokens;
mod account;
mod appearance;
mod banner;
mod banner_assets;
mod choose_password;
mod current_user;
mod denial;
mod forgot_password;
mod keys;
mod known_browser;
mod mfa;
mod notices;
mod past_session;
mod pending_cookie;
mod previews;
mod reauthentication;
mod refusal;
mod reset_queue;
pub mod router;
mod sample;
mod secure_link;
mod sessions;
mod sign_in;
mod sign_out;
mod signed_hint;
mod texts;
mod token_refusal;
mod user_agent;
mod view;
mod visit;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Response};

pub use self::appearance::{Appearance, AppearanceProblem};
pub use self::previews::PagePreviews;

use self::banner_assets::BannerAssets;
use self::known_browser::KnownBrowsers;
use self::pending_cookie::PendingCookie;
use self::reset_queue::ResetQueue;
use self::texts::{Catalogue, Texts};
use crate::credential::signing::SigningKeys;
use crate::directory::Directory;
use crate::session::Sessions;
use crate::web::brand::Brand;
use crate::web::fetch_metadata::ResponseKind;
use crate::web::form::Forms;
use crate::web::request_error::RequestError;

/// What a handler returns; the error becomes a notice.
type PageResult = Result<Response<Body>, RequestError>;

/// What the handlers of all pages share.
#[derive(Debug)]
struct PagesState {
    brand: Brand,
    texts: Texts,
    banner: BannerAssets,
    /// The longest address of a page of ours, in bytes.
    max_address: usize,
    forms: Forms,
    /// `server.public_url`.
    public_url: String,
    /// `admin.public_url`, if it is set.
    admin_url: Option<String>,
    https: bool,
    /// The value of `Strict-Transport-Security`, if it is sent.
    hsts: Option<&'static str>,
    session_cookie: &'static str,
    /// Whether users may create tokens for programs.
    tokens_by_users: bool,
    directory: Directory,
    sessions: Sessions,
    known_browsers: KnownBrowsers,
    resets: ResetQueue,
    reset_lifetime: Duration,
    pending: PendingCookie,
    /// The keys of assertions, if they are switched on.
    keys: Option<SigningKeys>,
}

impl PagesState {
    /// The catalogue for a response. Scripts get English.
    fn text(&self, kind: ResponseKind, headers: &HeaderMap) -> &Catalogue {
        match kind {
            ResponseKind::Page => self.texts.of(headers),
            ResponseKind::Problem => self.texts.accepted(None),
        }
    }
}
