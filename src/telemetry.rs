//! What the program says of its own doings: `tracing` events, on standard error. Decision records
//! are not here; they go to standard output ([`crate::gateway::decision_record`]).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to log what `filter` lets through, in the filter language of `tracing`. Readable on a
/// terminal, one JSON object a line elsewhere.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(filter: &str) -> Result<(), ParseError> {
    let filter = parse(filter)?;
    let events = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A subscriber that is there already stays: tests in one process share it.
    let _ = if std::io::stderr().is_terminal() {
        events.with_target(false).compact().finish().try_init()
    } else {
        events.json().flatten_event(true).finish().try_init()
    };
    Ok(())
}

/// Reads a filter without using it.
///
/// # Errors
/// When it cannot be read.
pub fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    // pingora tells of its own start and stop; here the server does.
    EnvFilter::try_new(format!("pingora_core=warn,{filter}"))
}
