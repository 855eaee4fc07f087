//! `mail`: the outbox, the mails of the last 30 days, and test mails.

use serde::Deserialize;

use super::problem::Problem;
use super::request::{Body, Id, NoFields, OptionalBody, PageParams, Params, RecordChange};
use super::response::{ApiResult, created, document, listed, record};
use super::scoped::State;
use super::state::AdminState;
use crate::clock;
use crate::directory::records::kind;
use crate::directory::{DirectoryError, MailId, Page};

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    state: Option<String>,
    login: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    to: String,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(filter): Params<Filter>,
) -> ApiResult {
    let (state, request) = (filter.state.as_deref(), page.request()?);
    // Also without a user: it checks the name of the state.
    let page = admin.mail.list(state, &request).await?;
    let Some(login) = &filter.login else {
        return listed(&admin, (kind::MAIL, state.is_some()), &page).await;
    };
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

/// A test that fails is a result too, not an error of the request.
pub(super) async fn test(State(admin): State<AdminState>, Body(test): Body<Test>) -> ApiResult {
    let tested = admin.mail_tester.send(&test.to, clock::now()).await;
    document(&tested.map_err(|message| Problem::invalid("to", message))?)
}
