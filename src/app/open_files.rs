//! The limit on open files and sockets of the process.
//!
//! Many systems start programs with a soft limit of 1,024, for `select(2)`, which is not used here,
//! and a hard limit far above it. A few clients can use up 1,024.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// Files, sockets between threads, and connections of the admin plane.
const OTHERS: u64 = 512;

/// Raises the soft limit to the hard one, and warns when that is less than clients may need under
/// these settings.
pub(super) fn raise_limit(settings: &Settings) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    let needed = needed(settings);
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "the limit on open files is lower than `server.limits.connections` and \
             `upstream.requests` may need: raise it (`LimitNOFILE` in a systemd unit)"
        );
    }
}

/// One descriptor for each connection of a client and each request at the portal.
fn needed(settings: &Settings) -> u64 {
    let clients = settings.server.limits.connections.saturating_add(settings.upstream.requests);
    u64::try_from(clients).unwrap_or(u64::MAX).saturating_add(OTHERS)
}
