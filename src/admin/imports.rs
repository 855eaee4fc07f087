//! `import/…`: CSV files, each row of which becomes an item of a job.

use axum::Extension;
use bytes::Bytes;

use super::caller::Caller;
use super::jobs::Queued;
use super::problem::Problem;
use super::request::{CsvFile, NewRecord, Params};
use super::response::{ApiResult, Created};
use super::scoped::State;
use super::state::AdminState;
use crate::directory::Change;
use crate::jobs::import::{
    EndUserFile, EndUserImport, File, OrganizationFile, UserFile, UserImport, plan,
};

pub(super) async fn organizations(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    CsvFile(bytes): CsvFile,
) -> ApiResult<Created<Queued>> {
    admin.import(OrganizationFile::default(), bytes, &change, caller).await
}

pub(super) async fn end_users(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    Params(how): Params<EndUserImport>,
    CsvFile(bytes): CsvFile,
) -> ApiResult<Created<Queued>> {
    admin.import(EndUserFile(how), bytes, &change, caller).await
}

pub(super) async fn users(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    NewRecord(change): NewRecord,
    Params(how): Params<UserImport>,
    CsvFile(bytes): CsvFile,
) -> ApiResult<Created<Queued>> {
    let file = UserFile::new(how, &admin.directory).await?;
    admin.import(file, bytes, &change, caller).await
}

impl AdminState {
    async fn import<F: File>(
        &self,
        file: F,
        bytes: Bytes,
        change: &Change,
        caller: Caller,
    ) -> Result<Created<Queued>, Problem> {
        let plan = plan(file, &bytes, &self.directory, &change.actor).await?;
        drop(bytes);
        self.queue(plan, change, caller).await
    }
}
