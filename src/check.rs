//! Checks of settings, files and policy: what prevents a start, and what is probably not meant.
//!
//! A mistake is an error only if the gateway could not run with it. Everything else is a [`Warning`]
//! with a stable name, which `portcullis check` prints, `portcullis serve` logs, and operators allow
//! with `check.allow`. All warnings are made here, by [`warnings()`].
//!
//! | module | holds |
//! |---|---|
//! | `warning` | a warning, and whether it is allowed |
//! | `warnings` | all of them, for `check` and for `serve` |
//! | `report` | everything that `portcullis check` finds |
//! | `upgrade` | whether a new version can take over from the running gateway |
//! | `settings`, `certificate`, `policy`, `portal` | the warnings, by what they are about |

mod certificate;
mod policy;
mod portal;
mod report;
mod settings;
mod upgrade;
mod warning;
mod warnings;

pub use self::report::{Problem, Report, Valid};
pub use self::settings::ignored_variables;
pub use self::upgrade::Running;
pub use self::warning::Warning;
pub use self::warnings::{Checked, Expectations, log, warnings};

#[cfg(test)]
mod tests;
