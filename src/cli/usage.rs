//! Wrong usage that only shows while a command runs.

/// The command line lacks something that it needs here, such as an option where there is no terminal
/// to ask at. The exit code is 2, as for what clap refuses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub(super) String);
