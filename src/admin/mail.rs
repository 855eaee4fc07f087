//! `mail`: the outbox, the mails of the last 30 days, and test mails.

use serde::Deserialize;
use serde_json::Map;

use super::problem::Problem;
use super::request::{
    Body, Id, NewRecord, NoFields, OptionalBody, PageParams, Params, RecordChange,
};
use super::response::{
    ApiResult, Created, Document, Listed, Record, created, document, listed, record,
};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::records::kind;
use crate::directory::{DirectoryError, MailId, Page};
use crate::mail::queue::MailView;
use crate::mail::{MailContent, MailTest};

#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(super) struct Filter {
    state: Option<String>,
    login: Option<String>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewMailTest")]
pub(super) struct Test {
    to: String,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(page): Params<PageParams>,
    Params(filter): Params<Filter>,
) -> ApiResult<Document<Listed<Page<MailView>>>> {
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
    listed(&admin, (kind::MAIL, true), &Page { items, next: None }).await
}

pub(super) async fn show(
    State(admin): State<AdminState>,
    Id(id): Id<MailId>,
) -> ApiResult<Record<MailView>> {
    record(&admin.mail.get(&id).await?)
}

pub(super) async fn content(
    State(admin): State<AdminState>,
    Id(id): Id<MailId>,
) -> ApiResult<Document<MailContent>> {
    document(&admin.mail_tester.content(&admin.mail, &id).await?)
}

pub(super) async fn retry(
    State(admin): State<AdminState>,
    Id(id): Id<MailId>,
    RecordChange(change): RecordChange,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> ApiResult<Created<MailView>> {
    let mail = admin.mail.retry(&id, &change).await?;
    created(&mail, format!("/api/v1/mail/{id}"))
}

/// A test that fails is a result too, not an error of the request.
pub(super) async fn test(
    State(admin): State<AdminState>,
    NewRecord(change): NewRecord,
    Body(test): Body<Test>,
) -> ApiResult<Document<MailTest>> {
    let tested = admin.mail_tester.send(&test.to, change.at).await;
    let tested = tested.map_err(|message| Problem::invalid("to", message))?;
    let subject = Subject::new("address", &test.to, &test.to);
    let after = Map::from_iter([("sent".to_owned(), tested.is_sent().into())]);
    let occurrence = Occurrence { subject, ..Occurrence::of_gateway("mail.tested", after) };
    admin.audit.note(&change, occurrence).await?;
    document(&tested)
}
