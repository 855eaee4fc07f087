//! Groups, organizations, end users, portal users and preferences as a file in TOML: written from the
//! records, read, compared with them, and applied.
//!
//! A file describes each of its records completely, and refers to others by their ids. It holds no
//! passwords, second factors, mailed links, tokens or secure links. Sections and records that it does
//! not have are left alone, unless records that it managed are to be removed.
//!
//! A file is validated as a whole before anything is done. What it changes is done a record at a time,
//! by the operations of `accounts`, which check the rules (I8) and mark the records as managed by the
//! file. A step is safe to repeat.
//!
//! | module | holds |
//! |---|---|
//! | [`apply`] | doing a step |
//! | [`plan`] | what applying a file would do, as steps |
//! | `check` | what is wrong with a file, compared with the records |
//! | [`step`] | what is done to a record |
//! | [`export`] | the records as the text of a file |
//! | [`read`] | the text of a file as entries |
//! | [`entry`] | a record as it is in a file |
//! | `table`, `text` | tables and values of TOML, read and written |
//! | [`problem`] | what is wrong, and where |

pub mod apply;
mod check;
pub mod entry;
pub mod export;
pub mod plan;
pub mod problem;
pub mod read;
pub mod step;
mod table;
mod text;

pub use self::apply::Applied;
pub use self::export::Sections;
pub use self::plan::{Action, FieldChange, FilePlan};
pub use self::problem::{FileProblem, FileProblems, Place, PlanError};
pub use self::read::File;
pub use self::step::{ApplyOptions, Step};

#[cfg(test)]
mod tests;
