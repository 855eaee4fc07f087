//! Imports of CSV files: jobs whose items are the rows of a file.
//!
//! A row says how a record should be. It is created if it does not exist; otherwise the cells that are
//! not empty replace what differs. So a file can be imported again after its errors are fixed, and
//! again changes nothing more. A row is done as a whole or skipped with a reason; nothing is deleted.
//!
//! The file is read when the job is queued ([`plan`]), so errors of the file as a whole are those of
//! the request, and the plan of the job is what is left of it. Passwords in it are sealed there.
//! Organizations are looked up then, as the caller's scope shows them.
//!
//! | module | holds |
//! |---|---|
//! | `row` | a row as an item of a plan, and cells as values |
//! | `organizations`, `end_users`, `users` | what a row of each kind of file means |
//! | `found` | records by id, name or address, as people write them in a file |

mod end_users;
mod found;
mod organizations;
mod row;
mod users;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::line::ReportLine;
use super::work::{Context, Plan, Work};
use crate::directory::records::Authority;
use crate::directory::{Actor, Directory, DirectoryError, OrganizationId};
use crate::spreadsheet::{Column, Sheet};

pub use self::end_users::{EndUserFile, EndUserImport};
pub use self::organizations::OrganizationFile;
use self::row::{Content, Fault, Line};
pub use self::users::{UserFile, UserImport};

/// The most rows of a file.
const MOST_ROWS: usize = 250_000;

/// A kind of file.
pub trait File: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What a row says.
    type Row: Serialize + DeserializeOwned + Send + Sync;

    /// The name of the kind of job.
    const KIND: &'static str;

    /// The kind of record that a row is about, in reports.
    const RECORD: &'static str;

    /// The columns of the file.
    const COLUMNS: &'static [Column];

    /// What is done, for lists of jobs.
    fn summary(&self) -> String;

    /// Reads a row, and finds the organization that its record belongs to; `None` for a new
    /// organization.
    ///
    /// # Errors
    /// What is wrong with the row, or when the store is unavailable.
    fn read(
        &self,
        row: &crate::spreadsheet::Row,
        found: &mut found::Organizations<'_>,
    ) -> impl Future<Output = Result<(Option<OrganizationId>, Self::Row), Fault>> + Send;

    /// Does what a row says.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn apply(
        &self,
        row: &Self::Row,
        line: ReportLine,
        context: &Context<'_>,
    ) -> impl Future<Output = Result<ReportLine, DirectoryError>> + Send;
}

/// The import of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Import<F> {
    file: F,
    /// How the file was read: its encoding, if that is a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Reads a file: what is done with its rows. `directory` is what the scope of the actor shows.
///
/// # Errors
/// When it is not such a file, or the store is unavailable.
pub async fn plan<F: File>(
    file: F,
    bytes: &[u8],
    directory: &Directory,
    actor: &Actor,
) -> Result<Plan<Import<F>>, DirectoryError> {
    let mut sheet = Sheet::open(bytes, F::COLUMNS).map_err(|error| invalid(error.to_string()))?;
    let mut found = found::Organizations::new(directory, actor.scope().is_limited());
    let mut items = Vec::new();
    while let Some((line, row)) = sheet.next_row().map_err(|error| invalid(error.to_string()))? {
        if items.len() >= MOST_ROWS {
            return Err(invalid(format!("there are more than {MOST_ROWS} rows; split the file")));
        }
        let read = match row {
            Ok(row) => file.read(&row, &mut found).await,
            Err(error) => Err(Fault::of_row(error.to_string())),
        };
        items.push(match read {
            Ok((organization, row)) => Line { line, organization, content: Content::Row(row) },
            Err(Fault::Row { code, reason }) => {
                Line { line, organization: None, content: Content::Problem { code, reason } }
            }
            Err(Fault::Failed(error)) => return Err(error),
        });
    }
    Ok(Plan { work: Import { file, note: sheet.note() }, items })
}

impl<F: File> Work for Import<F> {
    type Item = Line<F::Row>;

    const AUTHORITY: Authority = Authority::Manage;

    fn kind(&self) -> &'static str {
        F::KIND
    }

    fn summary(&self) -> String {
        match &self.note {
            Some(note) => format!("{}; {note}", self.file.summary()),
            None => self.file.summary(),
        }
    }

    fn organization(item: &Self::Item) -> Option<&OrganizationId> {
        item.organization.as_ref()
    }

    fn changes_something(item: &Self::Item) -> bool {
        matches!(item.content, Content::Row(_))
    }

    fn line(item: &Self::Item) -> ReportLine {
        ReportLine {
            line: Some(item.line),
            organization: item.organization.clone(),
            ..ReportLine::new(F::RECORD)
        }
    }

    async fn apply(
        &self,
        item: &Self::Item,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let line = Self::line(item);
        match &item.content {
            Content::Row(row) => self.file.apply(row, line, context).await,
            Content::Problem { code, reason } => Ok(line.skipped(code, reason.as_str())),
        }
    }
}

fn invalid(message: String) -> DirectoryError {
    DirectoryError::invalid("", message)
}
