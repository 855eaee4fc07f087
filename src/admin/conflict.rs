//! The response to a write whose `If-Match` does not hold: it has the record as it is now, so that a
//! client can show both versions, and neither administrator's change is lost.

use std::convert::Infallible;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::Value;

use super::problem::{Changed, Problem};
use super::state::AdminState;
use crate::directory::accounts::end_users::EndUserView;
use crate::directory::records::{EndUser, kind};
use crate::directory::{Actor, DirectoryError};

/// Adds the current record to the problem document.
pub(super) async fn add_current(
    State(admin): State<AdminState>,
    request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let response = next.run(request).await;
    let Some(changed) = response.extensions().get::<Changed>() else { return Ok(response) };
    match current(&admin, changed).await {
        Ok(current) => Ok(changed.problem.clone().with_current(current).into_response()),
        // It was deleted since, or the store failed. The write is refused either way.
        Err(_) => Ok(response),
    }
}

/// The record as `GET` returns it; `null` for kinds that cannot be edited, such as tokens of portal
/// users.
async fn current(admin: &AdminState, changed: &Changed) -> Result<Value, Problem> {
    let (directory, id) = (&admin.directory, changed.id.as_str());
    Ok(match changed.what {
        kind::GROUP => json(&directory.groups().get(&id.into()).await?),
        kind::ORGANIZATION => json(&directory.organizations().get(&id.into()).await?),
        kind::USER => json(&directory.users().get(&id.into()).await?),
        kind::END_USER => {
            let read = directory.records().read();
            let end_user = read.get::<EndUser>(&id.into()).await.map_err(DirectoryError::from)?;
            json(&end_user.map(EndUserView::from))
        }
        kind::PREFERENCES => json(&directory.preferences().get().await?),
        kind::ADMINISTRATOR => json(&directory.administrators().get(&id.into()).await?),
        // The caller sees it: only then is its version compared.
        kind::JOB => json(&admin.jobs.get(&id.into(), &Actor::SocketOwner).await?),
        kind::API_TOKEN => json(&directory.api_tokens().get(&id.into()).await?),
        kind::MAIL => json(&admin.mail.get(&id.into()).await?),
        _ => Value::Null,
    })
}

fn json(record: &impl Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}
