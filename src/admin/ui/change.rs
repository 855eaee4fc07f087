//! A change that a form asks for: it is tried out, asked about if it has consequences, and made.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use super::client::Write;
use super::confirmation::{self, CONFIRMED, Question};
use super::frame::Frame;
use super::refusal::Answer;
use super::texts::People;
use super::visit::{PageResult, Visit, is_secret};

/// The field of a form that detaches the record from the file that manages it.
const DETACH: &str = "detach";

/// The page in place of a change of a record that a file manages.
#[derive(Template)]
#[template(path = "admin/people/detach.html")]
struct Managed<'a> {
    frame: Frame<'a>,
    text: &'a People,
    question: Question<'a>,
    fields: Vec<(&'a str, &'a str)>,
}

/// What has become of a change.
#[derive(Debug)]
pub(super) enum Change {
    /// It was made; with the document of the response.
    Made(Value),
    /// It has consequences. This page asks about them.
    Asked(Response),
}

/// Makes a change, or asks about it.
///
/// # Errors
/// Those of the write, except that a file manages the record: then the page offers to detach it.
pub(super) async fn carry_out(
    visit: &Visit,
    write: Write<'_>,
    question: Question<'_>,
) -> Answer<Change> {
    let made = match confirmation::needed(visit, write.clone()).await {
        Ok(Some(changes)) => {
            return Ok(Change::Asked(confirmation::ask(visit, question, &changes)));
        }
        Ok(None) => visit.client.write(write).await,
        Err(refusal) => Err(refusal),
    };
    or_detach(visit, made, question)
}

/// Makes a change that is always asked about, because it takes something away.
///
/// # Errors
/// As above.
pub(super) async fn carry_out_asked(
    visit: &Visit,
    write: Write<'_>,
    question: Question<'_>,
) -> Answer<Change> {
    confirmation::cancelled(visit)?;
    let made = match visit.form.has(CONFIRMED) {
        true => visit.client.write(write).await,
        false => match confirmation::tried(visit, write).await {
            Ok(changes) => {
                return Ok(Change::Asked(confirmation::ask(visit, question, &changes)));
            }
            Err(refusal) => Err(refusal),
        },
    };
    or_detach(visit, made, question)
}

fn or_detach(visit: &Visit, made: Answer<Value>, question: Question<'_>) -> Answer<Change> {
    match made {
        Err(refusal) if refusal.kind == "managed" => {
            let fields = visit.form.iter();
            let fields =
                fields.filter(|(name, _)| ![CONFIRMED, DETACH].contains(name) && !is_secret(name));
            let fields = fields.collect();
            let (frame, text) = (visit.frame(), &visit.text().people);
            let page = visit.page(StatusCode::CONFLICT, &Managed { frame, text, question, fields });
            Ok(Change::Asked(page))
        }
        made => made.map(Change::Made),
    }
}

impl Change {
    /// The page that asks, or the address to go on at.
    pub(super) fn or_go(self, visit: &Visit, address: &str) -> PageResult {
        match self {
            Self::Made(_) => visit.go(address),
            Self::Asked(page) => Ok(page),
        }
    }
}
