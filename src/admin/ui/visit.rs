//! One request for a page, as its handler gets it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;

use super::client::Client;
use super::fields::Fields;
use super::kit::Ui;
use super::navigation::Entry;
use super::refusal::{Answer, Refusal};
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
    /// What the API said to a form of the page that was sent too late.
    pub(super) late: Option<String>,
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

    /// The token for a form of this visitor; empty for one who is not signed in. Its first part is
    /// bound to the session, its second to the account.
    pub(super) fn token(&self) -> String {
        let (Some(session), Some(who)) = (&self.session, &self.who) else { return String::new() };
        let issue = |binding: &str| self.ui.csrf.issue(binding, self.now);
        format!("{}.{}", issue(&of_session(session)), issue(&of_account(who)))
    }

    /// Whether a form has the token of this visitor's session.
    pub(super) fn has_token(&self) -> bool {
        let token = self.form.raw(TOKEN).split_once('.');
        let (Some(session), Some((token, _))) = (&self.session, token) else { return false };
        self.ui.csrf.check(token, &of_session(session), self.now)
    }

    /// Whether a form with this token was on a page of this visitor's account in the last twelve
    /// hours, also in another session.
    pub(super) fn is_of_account(&self, token: &str) -> bool {
        let token = token.split_once('.');
        let (Some(who), Some((_, token))) = (&self.who, token) else { return false };
        self.ui.csrf.check(token, &of_account(who), self.now)
    }

    /// The visit goes on in a session that was opened with this `Set-Cookie` line.
    pub(super) async fn enter(&mut self, line: &HeaderValue) -> Answer<()> {
        let line = line.to_str().unwrap_or_default();
        let pair = line.split(';').next().unwrap_or_default();
        let cookie =
            HeaderValue::from_str(pair).map_err(|error| Refusal::broken(&error.to_string()))?;
        self.headers.insert(header::COOKIE, cookie.clone());
        self.session = self.ui.site.session_token(&self.headers);
        self.client = self.client.with_cookie(cookie);
        self.who = Some(self.client.get("/api/v1/session").await?);
        Ok(())
    }

    /// What the button does that the form was sent with: the one of these with the name in `do`, which
    /// is empty without such a button.
    ///
    /// # Errors
    /// 400 for another name.
    pub(super) fn chosen<T: Copy>(&self, buttons: &[(&str, T)]) -> Answer<T> {
        let wanted = self.form.get("do");
        let found = buttons.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, act)| *act).ok_or_else(|| Refusal::malformed("this form has no such button"))
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

/// Fields with secrets, which no page shows again.
const SECRET: [&str; 5] = ["password", "current", "code", "new_code", TOKEN];

/// Whether a field has a secret.
pub(super) fn is_secret(name: &str) -> bool {
    SECRET.contains(&name)
}

/// What the first part of a form's token is bound to.
fn of_session(session: &TokenHash) -> String {
    format!("admin {session}")
}

/// What its second part is bound to.
fn of_account(who: &Who) -> String {
    format!("admin account {}", who.actor)
}
