//! `mail`: the outbox and the mails of the last 30 days.

use axum::extract::State;
use serde::Deserialize;

use super::request::{Id, IfMatch, NoFields, OptionalBody, PageParams, Params};
use super::response::{ApiResult, created, document, record};
use super::state::AdminState;
use crate::clock;
use crate::directory::MailId;

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    state: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(filter): Params<Filter>,
) -> ApiResult {
    document(&admin.directory.letters(filter.state.as_deref(), &page.request()?).await?)
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id<MailId>) -> ApiResult {
    record(&admin.directory.show_letter(&id).await?)
}

pub(super) async fn retry(
    State(admin): State<AdminState>,
    Id(id): Id<MailId>,
    IfMatch(version): IfMatch,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> ApiResult {
    let letter = admin.directory.retry_letter(&id, version, clock::now()).await?;
    created(&letter, format!("/api/v1/mail/{id}"))
}
