//! `portcullis serve`: runs the gateway until it is stopped.

use std::path::Path;

use anyhow::Context;

use crate::app::{Server, Sockets};
use crate::telemetry;

/// Runs the gateway with the settings in `file`, or in the default file, or in the environment.
///
/// # Errors
/// When the gateway cannot start, or one of its long-running tasks ended.
pub fn run(file: Option<&Path>) -> anyhow::Result<()> {
    let settings = super::settings::settings(file)?;
    let _log = telemetry::start(&settings.telemetry.log).context("telemetry.log")?;
    let sockets = Sockets::bind(
        (&settings.server.listen, "server.listen"),
        (settings.admin.listen, "admin.listen"),
        settings.server.backlog,
    )?;
    let server = Server::assemble(&settings, sockets)?;
    tracing::info!(
        gateway = ?server.gateway,
        admin = %server.admin,
        socket = %server.socket.display(),
        "serving {}", settings.server.public_url.as_str()
    );
    server.run()?;
    tracing::info!("stopped");
    Ok(())
}
