//! `mail`: the outbox and the mails of the last 30 days.

use axum::extract::State;
use serde::Deserialize;

use super::request::{Id, NoFields, OptionalBody, PageParams, Params, RecordChange};
use super::response::{ApiResult, created, document, record};
use super::state::AdminState;
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
    document(&admin.mail.list(filter.state.as_deref(), &page.request()?).await?)
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id<MailId>) -> ApiResult {
    record(&admin.mail.get(&id).await?)
}

pub(super) async fn retry(
    State(admin): State<AdminState>,
    Id(id): Id<MailId>,
    RecordChange(change): RecordChange,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> ApiResult {
    let mail = admin.mail.retry(&id, &change).await?;
    created(&mail, format!("/api/v1/mail/{id}"))
}
