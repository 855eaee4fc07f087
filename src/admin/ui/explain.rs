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
use super::organizations::names::Names;
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
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let text = &visit.text().explain;
    let question = Question::read(&visit.query);
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
    };
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
            page.problem = Some(refusal.detail.clone());
            Ok(visit.page(refusal.status, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
