//! The shapes of answers that are no errors.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

use super::organizations::LinkView;
use super::problem::Problem;
use super::tokens::NewApiToken;
use crate::directory::end_users::EndUserView;
use crate::directory::groups::GroupView;
use crate::directory::letters::LetterView;
use crate::directory::organizations::OrganizationView;
use crate::directory::preferences::PreferencesView;
use crate::directory::second_factor::SecondFactorView;
use crate::directory::users::UserView;

/// What every handler answers.
pub(super) type Answer = Result<Response, Problem>;

/// Documents with a version, which is told as an entity tag too.
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
    EndUserView,
    GroupView,
    LetterView,
    LinkView,
    NewApiToken,
    OrganizationView,
    PreferencesView,
    SecondFactorView,
    UserView,
);

/// 200 with a document.
pub(super) fn shown(document: &impl Serialize) -> Answer {
    Ok(Json(document).into_response())
}

/// 200 with a record.
pub(super) fn record(record: &impl Versioned) -> Answer {
    Ok((tag(record.version()), Json(record)).into_response())
}

/// 201 with a record that was made, and where it is.
pub(super) fn created(record: &impl Versioned, path: String) -> Answer {
    let place = [(header::LOCATION, path)];
    Ok((StatusCode::CREATED, tag(record.version()), place, Json(record)).into_response())
}

/// 204.
pub(super) fn done() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn tag(version: u64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}
