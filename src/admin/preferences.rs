//! `preferences` (R12, R60).

use axum::extract::State;

use super::request::{Body, IfMatch};
use super::response::{ApiResult, record};
use super::state::AdminState;
use crate::directory::preferences::PreferencesPatch;

pub(super) async fn show(State(admin): State<AdminState>) -> ApiResult {
    record(&admin.directory.preferences().await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    IfMatch(version): IfMatch,
    Body(patch): Body<PreferencesPatch>,
) -> ApiResult {
    record(&admin.directory.change_preferences(patch, version).await?)
}
