//! Jobs: changes to many people, made one after the other by a task, with a report.
//!
//! A job is a record of the store: who queued it, what is to be done, and how far it is. Its plan, the
//! list of items, is fixed when it is queued. The task ([`Jobs::run`]) does some items at a time and
//! commits what they change together with the job's progress and its report. So a process that is
//! killed at any moment goes on after the next start where it was, and neither repeats an item nor
//! leaves one out. One job runs at a time; the others wait in the order in which they were queued.
//!
//! A job has the rights of the account or token that queued it, as they are at each commit (I10). If
//! they no longer suffice, it fails with a reason, and what it has done stays. Ended jobs and their
//! reports are removed after [`removal::RETENTION`].
//!
//! In a dry run, a job is done at once, on the copy of which nothing is kept.
//!
//! # Adding a kind of job
//!
//! 1. Implement [`Work`]: the type is what the job was asked to do, and is kept as JSON. Its `Item` is
//!    one entry of the plan, with one line in the report. `apply` does an item with the operations of
//!    the directory that it is given. It must be idempotent: an item that is as wanted is
//!    [`Effect::Unchanged`]. An error skips the item, with the error as the reason, and takes back what
//!    the item has written. It reads no clock and sends nothing: operations get the time of the
//!    [`Context`](work::Context), and mails are records.
//! 2. Add the type to `kinds::read`.
//! 3. Plan the items in the request, with the directory as the caller's scope shows it, and pass them
//!    to [`Jobs::start`]. The response is the job.
//!
//! Nothing else is needed: progress, report, queue, cancelling, rights, audit entries and dry runs are
//! the same for all kinds.
//!
//! | module | holds |
//! |---|---|
//! | `queue` | [`Jobs`]: queue, list, show, cancel |
//! | `runner` | the task, and what it commits |
//! | `report` | reading what was done about each item |
//! | `removal` | removal of old jobs |
//! | `kinds` | the kinds of jobs by name |
//! | `bulk`, `chosen_users` | bulk changes, by organization and for a list of users |
//! | [`import`] | imports of CSV files |
//! | `person` | what both do to one portal user |
//! | `apply` | applying a file |
//! | `work` | what a kind of job is |
//! | `record`, `line`, `view` | the documents; a line of a report; a job as administrators see it |
//! | `csv` | a report as CSV |

mod apply;
mod bulk;
mod chosen_users;
mod csv;
pub mod import;
mod kinds;
mod line;
mod person;
mod queue;
mod record;
mod removal;
mod report;
mod runner;
mod view;
mod work;

#[cfg(test)]
mod tests;

pub use self::apply::ApplyFile;
pub use self::bulk::BulkRequest;
pub use self::chosen_users::UsersRequest;
pub use self::csv::{HEADER, row};
pub use self::line::{Effect, ReportLine};
pub use self::queue::Jobs;
pub use self::record::Counts;
pub use self::report::LinesRequest;
pub use self::view::JobView;
pub use self::work::{Plan, Work};
