//! `mail`: mails to portal users, waiting and done with.

use axum::extract::State;
use serde::Deserialize;

use super::AdminState;
use super::answer::{Answer, created, record, shown};
use super::request::{Id, IfMatch, Nothing, OptionalBody, PageParams, Params};
use crate::clock;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    state: Option<String>,
    limit: Option<usize>,
    #[serde(alias = "cursor")]
    after: Option<String>,
}

pub(super) async fn list(
    State(admin): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer {
    let request = PageParams::new(params.limit, params.after).request()?;
    shown(&admin.directory.letters(params.state.as_deref(), &request).await?)
}

pub(super) async fn show(State(admin): State<AdminState>, Id(id): Id) -> Answer {
    record(&admin.directory.show_letter(&id).await?)
}

pub(super) async fn retry(
    State(admin): State<AdminState>,
    Id(id): Id,
    IfMatch(version): IfMatch,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Answer {
    let letter = admin.directory.retry_letter(&id, version, clock::now()).await?;
    created(&letter, format!("/api/v1/mail/{id}"))
}
