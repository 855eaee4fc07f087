//! A change that a form asks for: it is tried out, asked about if it has consequences, and made.

use axum::response::Response;
use serde_json::Value;

use super::client::Write;
use super::confirmation::{self, Question};
use super::refusal::Answer;
use super::visit::Visit;

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
/// Those of the write.
pub(super) async fn carry_out(
    visit: &Visit,
    write: Write<'_>,
    question: Question<'_>,
) -> Answer<Change> {
    match confirmation::needed(visit, write.clone()).await? {
        Some(changes) => Ok(Change::Asked(confirmation::ask(visit, question, &changes))),
        None => visit.client.write(write).await.map(Change::Made),
    }
}

/// Makes a change that is always asked about, because it takes something away.
///
/// # Errors
/// Those of the write.
pub(super) async fn carry_out_asked(
    visit: &Visit,
    write: Write<'_>,
    question: Question<'_>,
) -> Answer<Change> {
    if visit.form.has(confirmation::CONFIRMED) {
        return visit.client.write(write).await.map(Change::Made);
    }
    let changes = confirmation::tried(visit, write).await?;
    Ok(Change::Asked(confirmation::ask(visit, question, &changes)))
}

impl Change {
    /// The page that asks, or the address to go on at.
    pub(super) fn or_go(self, visit: &Visit, address: &str) -> super::visit::PageResult {
        match self {
            Self::Made(_) => visit.go(address),
            Self::Asked(page) => Ok(page),
        }
    }
}
