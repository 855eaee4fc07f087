//! Whether the portal responds, for `check --connect`.

use std::time::Duration;

use http::Method;
use tokio::runtime::Builder;

use super::warning::Warning;
use crate::config::{Settings, UpstreamServer, WarningName};
use crate::proxy::dial::{DialError, Dialer};
use crate::proxy::probe::Probe;

/// The longest wait for each step.
const LONGEST: Duration = Duration::from_secs(5);

/// The servers that do not respond to a request. None if `upstream.tls` cannot be used, which is an
/// error of the check.
pub(super) fn warnings(settings: &Settings) -> Vec<Warning> {
    let timeout = settings.upstream.connect_timeout.min(LONGEST);
    let host = settings.server.public_url.host().to_string();
    let Ok(dialer) = Dialer::new(&settings.upstream) else { return Vec::new() };
    let dialer = dialer.within(timeout);
    // The head of the start page. Any response will do.
    let probe = Probe { method: Method::HEAD, host, target: "/".to_owned(), within: timeout };
    let all = settings.upstream.named_groups();
    all.flat_map(|(key, servers)| servers.iter().map(move |server| (key.clone(), server)))
        .filter_map(|(key, server)| {
            let error = send(&probe, server, &dialer).err()?;
            let detail = format!(
                "{key}: {server} does not respond: {error}. Start the portal, or correct the address"
            );
            Some(Warning::new(WarningName::PortalUnreachable, detail))
        })
        .collect()
}

fn send(probe: &Probe, server: &UpstreamServer, dialer: &Dialer) -> Result<(), DialError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(probe.send(server, dialer)).map(|_| ())
}
