//! `portcullis serve`: runs the gateway until it is stopped.

use std::path::Path;

use anyhow::Context;

use crate::app::{Server, Sockets};
use crate::check::{self, Checked, Expectations};
use crate::clock;
use crate::telemetry;

/// Runs the gateway with the settings in `file`, or in the default file, or in the environment. Logs
/// what [`check::warnings`] finds; none of it prevents a start.
///
/// # Errors
/// When the gateway cannot start, or one of its long-running tasks ended.
pub fn run(file: Option<&Path>) -> anyhow::Result<()> {
    let (settings, references) = super::settings::read(file)?;
    let settings = super::settings::valid(settings, &references)?;
    let _log = telemetry::start(&settings.telemetry.log).context("telemetry.log")?;
    let mut sockets = Sockets::bind(
        (&settings.server.listen, "server.listen"),
        (settings.admin.listen, "admin.listen"),
        settings.server.backlog,
    )?
    .redirect(&settings.server.redirect_listen, "server.redirect_listen")?;
    if let Some(address) = settings.forward_auth.grpc_listen {
        sockets.add_grpc(address, "forward_auth.grpc_listen")?;
    }
    let server = Server::assemble(&settings, sockets)?;
    let snapshot = server.prepare(|directory| async move { directory.snapshot() });
    let expectations = snapshot.check_expectations();
    check::log(&check::warnings(&Checked {
        settings: Some(&settings),
        certificates: &settings.certificates().collect::<Vec<_>>(),
        policy: Some((snapshot.policy(), &settings.policy.directory)),
        ignored_variables: &references.ignored_variables,
        expectations: Expectations::Running(expectations.as_ref().copied()),
        connect: false,
        now: clock::now(),
    }));
    drop(snapshot);
    if !server.redirect.is_empty() {
        tracing::info!(redirect = ?server.redirect, "redirecting to https");
    }
    tracing::info!(
        gateway = ?server.gateway,
        admin = %server.admin,
        grpc = server.grpc.map(tracing::field::display),
        socket = %server.socket.display(),
        "serving {}", settings.server.public_url.as_str()
    );
    server.run()?;
    tracing::info!("stopped");
    Ok(())
}
