//! Explain: what is decided about a request, why, and what would change it.
//!
//! The question is the query of the page, so an answer can be linked to.

mod answer;
mod change;
mod question;
mod suggestions;
mod ways;

use askama::Template;
use http::StatusCode;

use self::answer::Answered;
use self::question::Question;
use self::ways::Ways;
use super::fields::address;
use super::frame::Frame;
use super::groups::{self, Group};
use super::organizations::filter::{self, Meant};
use super::organizations::names::Names;
use super::refusal::Refusal;
use super::texts::Explain;
use super::visit::{PageResult, Visit};
use crate::web::text::Text;

pub(super) use self::change::{grant, move_person};
pub(super) use self::suggestions::{organizations, people};

#[derive(Template)]
#[template(path = "admin/explain/page.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Explain,
    question: Question<'a>,
    groups: Vec<Group>,
    answer: Option<Answered>,
    /// The name of the organization that the answer is about.
    organizations: Names,
    ways: Option<Ways>,
    done: Option<&'a Text>,
    problem: Option<String>,
    /// The field that has a problem, and the problem.
    wrong: Option<(&'static str, String)>,
    /// The organizations that a link may be of: an address of this page, and a name.
    matches: Vec<(String, String)>,
}

/// The fields, as the API names them.
const FIELDS: [&str; 7] = ["reference", "user", "group", "link", "method", "target", "host"];

impl Page<'_> {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        let (name, problem) = self.wrong.as_ref()?;
        (*name == field).then_some(problem.as_str())
    }

    /// Whether the first field has the focus: there is no answer, and no other field is wrong.
    fn begins_at_reference(&self) -> bool {
        let is_first = |(field, _): &(&str, String)| *field == "reference";
        self.answer.is_none() && self.wrong.as_ref().is_none_or(is_first)
    }

    /// Shows what the API refuses, beside the field that it is about.
    fn refuse(&mut self, refusal: &Refusal) {
        let field = match refusal.status {
            StatusCode::NOT_FOUND => Some(self.question.subject()).filter(|it| !it.is_empty()),
            _ => FIELDS.into_iter().find(|field| refusal.field(field).is_some()),
        };
        match field {
            Some(field) => {
                let problem = refusal.field(field).unwrap_or(&refusal.detail);
                self.wrong = Some((field, problem.to_owned()));
            }
            None => self.problem = Some(refusal.detail.clone()),
        }
    }
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let text = &visit.text().explain;
    let question = Question::read(&visit.query);
    let meant = match question.subject() {
        "link" if !question.link.contains("/link/") => filter::meant(&visit, question.link).await?,
        _ => Meant { id: question.link.to_owned(), others: Vec::new() },
    };
    let question = Question { link: &meant.id, ..question };
    let groups = groups::all(&visit).await?;
    let done = match visit.query.get("done") {
        "moved" => Some(&text.moved),
        "granted" => Some(&text.granted),
        _ => None,
    };
    let mut page = Page {
        frame: visit.frame(),
        text,
        question,
        groups,
        answer: None,
        organizations: Names::default(),
        ways: None,
        done,
        problem: (visit.query.get("done") == "changed").then(|| text.changed.to_string()),
        wrong: None,
        matches: meant.links_of("link", &visit.path, &visit.query),
    };
    if let Some(field) = page.question.missing() {
        let words = match field {
            "link" => &text.link_missing,
            "group" => &text.group_missing,
            _ => &text.user_missing,
        };
        page.wrong = Some((field, words.to_string()));
        return Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let Some(parameters) = page.question.parameters() else { return visit.show(&page) };
    let path = address("/api/v1/explain", &parameters);
    match visit.client.get::<Answered>(&path).await {
        Ok(answer) => {
            page.ways = Ways::of(&visit, &answer, &page.groups, &page.question).await?;
            let session = answer.session.as_ref().map(|session| session.organization.as_str());
            page.organizations = Names::read(&visit, session.into_iter()).await;
            page.answer = Some(answer);
            visit.show(&page)
        }
        Err(refusal) if refusal.is_about_the_form() || refusal.status == StatusCode::NOT_FOUND => {
            page.refuse(&refusal);
            Ok(visit.page(refusal.status, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
