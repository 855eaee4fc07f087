//! The sessions of portal users, secure links and staff, and ending them.

use askama::Template;
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::client::Write;
use super::confirmation::{self, Question};
use super::field::Field;
use super::fields::{Fields, address, segment};
use super::frame::Frame;
use super::groups::Listed;
use super::organizations::filter::{self, Meant};
use super::organizations::names::Names;
use super::organizations::suggestions;
use super::refusal::{Answer, Refusal};
use super::texts::Sessions as Words;
use super::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

const API: &str = "/api/v1/sessions";
const PATH: &str = "/sessions";
/// How many are on a page; the name of each one's user is read.
const SHOWN: &str = "50";
const KINDS: [&str; 4] = ["user", "link", "staff", "impersonation"];

#[derive(Debug, Deserialize)]
struct Session {
    id: String,
    kind: String,
    organization: String,
    user: Option<String>,
    created: Timestamp,
    last_seen: Timestamp,
    address: String,
    agent: String,
    /// Who of the operator's staff started it.
    actor: Option<String>,
    /// The login of its user, which the list does not have.
    #[serde(skip)]
    login: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Session>,
    next: Option<String>,
    hidden: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    login: String,
}

/// Which sessions are shown.
#[derive(Debug)]
struct Filter<'a> {
    kind: &'static str,
    /// Its id, or what was typed.
    organization: String,
    login: &'a str,
    /// The id of the user with that login.
    user: String,
    meant: Meant,
}

#[derive(Template)]
#[template(path = "admin/sessions/list.html")]
struct View<'a> {
    frame: Frame<'a>,
    text: &'a Words,
    filter: Filter<'a>,
    sessions: Vec<Session>,
    /// The names of their organizations.
    names: Names,
    next: Option<String>,
    hidden: u64,
    done: Option<&'a Text>,
    problem: Option<String>,
    organization: Field<'a>,
    /// The organizations that the filter may mean: an address of this page, and a name.
    matches: Vec<(String, String)>,
    may_end: bool,
}

impl View<'_> {
    fn kind<'a>(&'a self, kind: &'a str) -> &'a str {
        kind_words(self.text, kind).map_or(kind, Text::as_str)
    }

    /// The kinds to choose from, with their names.
    fn kinds(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        KINDS.into_iter().filter_map(|kind| Some((kind, kind_words(self.text, kind)?)))
    }
}

impl Session {
    fn organization_segment(&self) -> String {
        segment(&self.organization)
    }

    fn user_segment(&self) -> Option<String> {
        self.user.as_deref().map(segment)
    }

    fn name(&self) -> &str {
        self.login.as_deref().or(self.user.as_deref()).unwrap_or_default()
    }
}

fn kind_words<'a>(text: &'a Words, kind: &str) -> Option<&'a Text> {
    match kind {
        "user" => Some(&text.of_user),
        "link" => Some(&text.of_link),
        "staff" => Some(&text.of_staff),
        "impersonation" => Some(&text.of_impersonation),
        _ => None,
    }
}

impl<'a> Filter<'a> {
    /// Reads the filter; the login becomes the id of its user.
    async fn read(visit: &'a Visit, given: &'a Fields) -> Answer<Self> {
        let login = given.get("login");
        let user = match login {
            "" => given.get("user").to_owned(),
            login => id_of(visit, login).await?,
        };
        let meant = filter::meant(visit, given.get("organization")).await?;
        Ok(Self {
            kind: KINDS.into_iter().find(|kind| *kind == given.get("kind")).unwrap_or_default(),
            organization: meant.id.clone(),
            login,
            user,
            meant,
        })
    }

    fn parameters(&self) -> [(&'static str, &str); 3] {
        [("kind", self.kind), ("organization", &self.organization), ("user", &self.user)]
    }

    /// The address of the page with this filter.
    fn address(&self, more: (&str, &str)) -> String {
        let user = if self.login.is_empty() { &*self.user } else { "" };
        let given = [
            ("kind", self.kind),
            ("organization", &self.organization),
            ("login", self.login),
            ("user", user),
            more,
        ];
        address(PATH, &given)
    }

    fn is_empty(&self) -> bool {
        self.parameters().iter().all(|(_, value)| value.is_empty()) && self.login.is_empty()
    }
}

/// The id of the user with a login; an unknown login as it is, which the API refuses.
async fn id_of(visit: &Visit, login: &str) -> Answer<String> {
    let path = address("/api/v1/users", &[("login", login)]);
    let found: Listed<User> = visit.client.get(&path).await?;
    Ok(found.items.into_iter().next().map_or_else(|| login.to_owned(), |user| user.id))
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let filter = Filter::read(&visit, &visit.query).await?;
    let [kind, organization, user] = filter.parameters();
    let after = ("after", visit.query.get("after"));
    let path = address(API, &[kind, organization, user, ("limit", SHOWN), after]);
    let text = &visit.text().sessions;
    let done = match visit.query.get("done") {
        "ended" => Some(&text.ended),
        "all" => Some(&text.all_ended),
        _ => None,
    };
    let (page, problem) = match visit.client.get::<Page>(&path).await {
        Ok(page) => (page, None),
        // An unknown user or organization finds nothing.
        Err(refusal) if is_about_the_filter(&refusal) => {
            let page = Page { items: Vec::new(), next: None, hidden: None };
            (page, Some(refusal.detail.clone()))
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let mut sessions = page.items;
    for place in 0..sessions.len() {
        let user = sessions.get(place).and_then(|session| session.user.clone());
        let Some(user) = user else { continue };
        let known = sessions.iter().take(place).find(|other| other.user.as_ref() == Some(&user));
        let login = match known {
            Some(known) => known.login.clone(),
            None => {
                let path = format!("/api/v1/users/{}", segment(&user));
                visit.client.get::<User>(&path).await.ok().map(|user| user.login)
            }
        };
        if let Some(session) = sessions.get_mut(place) {
            session.login = login;
        }
    }
    let ids = sessions.iter().map(|session| session.organization.as_str());
    let names = Names::read(&visit, ids).await;
    visit.show(&View {
        frame: visit.frame(),
        text,
        next: page.next.map(|next| filter.address(("after", &next))),
        sessions,
        names,
        organization: Field::new("organization", &text.organization)
            .value(&*filter.organization)
            .suggestions(suggestions::PATH),
        matches: filter.meant.links(&visit),
        hidden: page.hidden.unwrap_or_default(),
        filter,
        done,
        problem,
        may_end: visit.may(Authority::Support),
    })
}

fn is_about_the_filter(refusal: &Refusal) -> bool {
    refusal.is_about_the_form() || refusal.kind == "not-found"
}

/// Ends one session.
pub(super) async fn end(visit: Visit) -> PageResult {
    let path = format!("{API}/{}", segment(visit.form.get("id")));
    match visit.client.write(Write::new(Method::DELETE, &path)).await {
        // It may have ended while the page was open.
        Err(refusal) if refusal.kind != "not-found" => return Err(refusal.into()),
        _ => {}
    }
    let filter = Filter::read(&visit, &visit.form).await?;
    visit.go(&filter.address(("done", "ended")))
}

/// Ends all sessions of a filter.
pub(super) async fn end_all(visit: Visit) -> PageResult {
    let filter = Filter::read(&visit, &visit.form).await?;
    let path = address(API, &filter.parameters());
    let write = Write::new(Method::DELETE, &path);
    let back = filter.address(("", ""));
    if let Some(changes) = confirmation::needed(&visit, write.clone()).await? {
        let words = &visit.text().sessions;
        let question = Question {
            title: words.end_all_question.to_string(),
            action: words.end_all.to_string(),
            to: "",
            back: &back,
            is_destructive: true,
            keeps_form: false,
        };
        return Ok(confirmation::ask(&visit, question, &changes));
    }
    visit.client.write(write).await?;
    visit.go(&filter.address(("done", "all")))
}

/// The address of a form leads back to the page.
pub(super) async fn back(visit: Visit) -> PageResult {
    visit.go(PATH)
}
