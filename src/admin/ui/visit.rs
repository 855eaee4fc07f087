//! One request for a page, as its handler gets it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::client::Client;
use super::fields::Fields;
use super::kit::Ui;
use super::navigation::Entry;
use super::refusal::Refusal;
use super::texts::Catalogue;
use super::who::Who;
use crate::credential::token::TokenHash;
use crate::directory::records::Authority;
use crate::web::response::{Referrer, html, see_other};

/// What a handler of a page returns.
pub(super) type PageResult = Result<Response, Failure>;

/// Why there is no page, or another one in its place.
#[derive(Debug)]
pub(super) enum Failure {
    /// The API refused a request.
    Api(Refusal),
    /// No page has this address, or the record of its address does not exist.
    NotFound,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Api(refusal)
    }
}

/// A file in a form.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    /// The name of the form's field.
    pub(super) field: String,
    pub(super) content: Bytes,
}

/// One request for a page.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) ui: Arc<Ui>,
    pub(super) client: Client,
    /// The pages of the navigation that this visitor may open.
    pub(super) entries: Arc<[Entry]>,
    pub(super) headers: HeaderMap,
    pub(super) path: String,
    /// The ids in the path, in order.
    pub(super) ids: Vec<String>,
    pub(super) query: Fields,
    pub(super) form: Fields,
    pub(super) uploads: Vec<Upload>,
    /// Who is signed in; `None` on public pages.
    pub(super) who: Option<Who>,
    pub(super) session: Option<TokenHash>,
    pub(super) now: Timestamp,
}

impl Visit {
    /// The texts in the visitor's language.
    pub(super) fn text(&self) -> &Catalogue {
        self.ui.texts.of(&self.headers)
    }

    /// An id in the path, by its place.
    pub(super) fn id(&self, place: usize) -> &str {
        self.ids.get(place).map_or("", String::as_str)
    }

    /// The token for a form of this visitor; empty without a session.
    pub(super) fn token(&self) -> String {
        self.session.map(|key| self.ui.csrf.issue(&binding(&key), self.now)).unwrap_or_default()
    }

    /// Whether a form has the token of this visitor's session.
    pub(super) fn has_token(&self) -> bool {
        let token = self.form.raw(TOKEN);
        self.session.is_some_and(|key| self.ui.csrf.check(token, &binding(&key), self.now))
    }

    /// A page.
    pub(super) fn page(&self, status: StatusCode, page: &impl askama::Template) -> Response {
        html(&self.text().language, status, page, Referrer::Origin)
    }

    /// A page, with status 200.
    #[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
    pub(super) fn show(&self, page: &impl askama::Template) -> PageResult {
        Ok(self.page(StatusCode::OK, page))
    }

    /// Continues at another page, with GET.
    #[expect(clippy::unnecessary_wraps, reason = "what handlers return")]
    pub(super) fn go(&self, address: &str) -> PageResult {
        Ok(see_other(address))
    }

    /// Whether the visitor has an authority over the gateway as a whole.
    pub(super) fn may_over_gateway(&self, authority: Authority) -> bool {
        self.who.as_ref().is_some_and(|who| who.may_over_gateway(authority))
    }

    /// Whether the visitor has an authority over the organizations of the own scope.
    pub(super) fn may(&self, authority: Authority) -> bool {
        self.who.as_ref().is_some_and(|who| who.may(authority))
    }

    /// Whether the page was opened after this change was made: `done` in the query.
    pub(super) fn is_done(&self, what: &str) -> bool {
        self.query.get("done") == what
    }
}

/// The name of the form's field with the token.
pub(super) const TOKEN: &str = "token";

/// What a form's token is bound to.
fn binding(session: &TokenHash) -> String {
    format!("admin {session}")
}
