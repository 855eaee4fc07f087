//! The responses of requests that succeeded.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

use super::problem::Problem;
use super::state::AdminState;
use crate::directory::access::administrators::{AdministratorView, IssuedAdministrator};
use crate::directory::access::second_factors::SecondFactorView;
use crate::directory::accounts::end_users::EndUserView;
use crate::directory::accounts::groups::GroupView;
use crate::directory::accounts::organizations::OrganizationView;
use crate::directory::accounts::preferences::PreferencesView;
use crate::directory::accounts::users::UserView;
use crate::mail::queue::MailView;
use portcullis_store::Kind;

/// What every handler returns.
pub(super) type ApiResult = Result<Response, Problem>;

/// Documents with a version, which is sent as `ETag` too.
pub(super) trait Versioned: Serialize {
    fn version(&self) -> u64;
}

macro_rules! versioned {
    ($($record:ty),+ $(,)?) => {
        $(impl Versioned for $record {
            fn version(&self) -> u64 {
                self.version
            }
        })+
    };
}

versioned!(
    AdministratorView,
    EndUserView,
    GroupView,
    MailView,
    OrganizationView,
    PreferencesView,
    SecondFactorView,
    UserView,
);

impl Versioned for IssuedAdministrator {
    fn version(&self) -> u64 {
        self.administrator.version
    }
}

/// 200 with a document that has no version.
pub(super) fn document(document: &impl Serialize) -> ApiResult {
    Ok(Json(document).into_response())
}

/// 200 with a page of a list.
///
/// With a limited scope, `hidden` is how many records are outside of it. It is given without a filter
/// only: the number that a filter would select tells of other customers.
pub(super) async fn listed<P: Serialize>(
    admin: &AdminState,
    (kind, filtered): (Kind, bool),
    page: &P,
) -> ApiResult {
    #[derive(Serialize)]
    struct List<'a, P> {
        #[serde(flatten)]
        page: &'a P,
        #[serde(skip_serializing_if = "Option::is_none")]
        hidden: Option<u64>,
    }
    let hidden = if filtered { None } else { admin.directory.hidden(kind).await? };
    document(&List { page, hidden })
}

/// 200 with a record.
pub(super) fn record(record: &impl Versioned) -> ApiResult {
    Ok((etag(record.version()), Json(record)).into_response())
}

/// 201 with a new record and its `Location`.
pub(super) fn created(record: &impl Versioned, path: String) -> ApiResult {
    let location = [(header::LOCATION, path)];
    Ok((StatusCode::CREATED, etag(record.version()), location, Json(record)).into_response())
}

/// 204.
pub(super) fn no_content() -> ApiResult {
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn etag(version: u64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}
