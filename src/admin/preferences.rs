//! `preferences` (R12, R60).

use axum::extract::State;

use super::AdminState;
use super::answer::{Answer, record};
use super::request::{Body, IfMatch};
use crate::directory::preferences::PreferencesPatch;

pub(super) async fn show(State(admin): State<AdminState>) -> Answer {
    record(&admin.directory.preferences().await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    IfMatch(version): IfMatch,
    Body(patch): Body<PreferencesPatch>,
) -> Answer {
    record(&admin.directory.change_preferences(patch, version).await?)
}
