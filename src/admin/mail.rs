//! `mail`: the outbox and the mails of the last 30 days.

use axum::extract::State;
use serde::Deserialize;

use super::problem::Problem;
use super::request::{Id, NoFields, OptionalBody, PageParams, Params, RecordChange};
use super::response::{ApiResult, created, document, record};
use super::state::AdminState;
use crate::directory::{DirectoryError, MailId, Page};

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    state: Option<String>,
    login: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(filter): Params<Filter>,
) -> ApiResult {
    let (state, request) = (filter.state.as_deref(), page.request()?);
    // Also without a user: it checks the name of the state.
    let page = admin.mail.list(state, &request).await?;
    let Some(login) = &filter.login else { return document(&page) };
    let user = admin.directory.users().with_login(login).await.map_err(|error| match error {
        DirectoryError::NotFound { .. } => Problem::invalid("login", error.to_string()),
        other => other.into(),
    })?;
    let mut items = admin.mail.of_user(&user.id).await?;
    items.retain(|mail| state.is_none_or(|state| mail.state.name() == state));
    document(&Page { items, next: None })
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
