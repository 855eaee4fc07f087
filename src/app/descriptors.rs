//! The number of files and sockets that the process may have open.
//!
//! Many systems start programs with a soft limit of 1,024 for the sake of `select(2)`, which nothing
//! here uses, and a hard limit far above it. A few clients can use up 1,024.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// For files, sockets between threads, and connections of operators.
const OTHERS: u64 = 512;

/// Raises the soft limit to the hard one, and warns when that is less than the settings allow clients
/// to cause.
pub(super) fn raise_limit(settings: &Settings) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let needed = needed(settings);
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "the limit of open files is less than `server.limits.connections` and \
             `upstream.requests` may need: raise it (`LimitNOFILE` in a systemd unit)"
        );
    }
}

/// One descriptor for each connection of a client and each request at the portal.
fn needed(settings: &Settings) -> u64 {
    let clients = settings.server.limits.connections.saturating_add(settings.upstream.requests);
    u64::try_from(clients).unwrap_or(u64::MAX).saturating_add(OTHERS)
}
