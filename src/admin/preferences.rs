//! `preferences` (R12, R60).

use super::request::{Body, RecordEdit};
use super::response::{ApiResult, Record, record};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::accounts::preferences::PreferencesPatch;
use crate::directory::accounts::preferences::PreferencesView;

pub(super) async fn show(State(admin): State<AdminState>) -> ApiResult<Record<PreferencesView>> {
    record(&admin.directory.preferences().get().await?)
}

pub(super) async fn change(
    State(admin): State<AdminState>,
    RecordEdit(change): RecordEdit,
    Body(patch): Body<PreferencesPatch>,
) -> ApiResult<Record<PreferencesView>> {
    record(&admin.directory.preferences().change(patch, &change).await?)
}
