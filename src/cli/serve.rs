//! `portcullis serve`: runs the gateway until it is stopped.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use crate::app::{Server, SettingsSource, Sockets};
use crate::check::{self, Checked, Expectations};
use crate::clock;
use crate::service_manager::{Notifier, PassedSockets};
use crate::telemetry;

/// Runs the gateway with the settings in `file`, or in the default file, or in the environment. Logs
/// what [`check::warnings`] finds; none of it prevents a start.
///
/// # Errors
/// When the gateway cannot start, or one of its long-running tasks ended.
pub fn run(file: Option<&Path>) -> anyhow::Result<()> {
    // First, as long as there are no other threads.
    let names = std::env::var_os("LISTEN_FDNAMES");
    let passed = PassedSockets::take(names.as_deref().and_then(OsStr::to_str))?;
    let (settings, references) = super::settings::read(file)?;
    let settings = super::settings::valid(settings, &references)?;
    let log = telemetry::start(&settings.telemetry.log).context("telemetry.log")?;
    let notifier = Notifier::new(|name| std::env::var_os(name), std::process::id())
        .context("the environment variable NOTIFY_SOCKET")?;
    let sockets = Sockets::bind(
        passed,
        (&settings.server.listen, "server.listen"),
        (settings.admin.listen, "admin.listen"),
        settings.server.backlog,
    )?
    .redirect(&settings.server.redirect_listen, "server.redirect_listen")?
    .grpc(settings.forward_auth.grpc_listen, "forward_auth.grpc_listen")?;
    let named = file.map(Path::to_owned);
    let source = SettingsSource {
        read: Arc::new(move || super::settings::effective(named.as_deref())),
        started_with: super::settings::effective(file)?.1,
        log: log.filter(),
    };
    let server = Server::assemble(&settings, sockets, (Some(source), notifier))?;
    let snapshot = server.prepare(|directory| async move { directory.snapshot() });
    let expectations = snapshot.check_expectations();
    check::log(&check::warnings(&Checked {
        settings: Some(&settings),
        listens: &server.gateway,
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
    let gateway: Vec<_> = server.gateway.iter().map(ToString::to_string).collect();
    tracing::info!(
        gateway = %format_args!("[{}]", gateway.join(", ")),
        admin = %server.admin,
        grpc = server.grpc.map(tracing::field::display),
        socket = %server.socket.display(),
        "serving {}", settings.server.public_url.as_str()
    );
    server.run()?;
    tracing::info!("stopped");
    Ok(())
}
