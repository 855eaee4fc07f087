//! Whether the portal's servers accept connections when the gateway starts.
//!
//! The gateway serves in any case; this only writes to the log. A server that does not accept a
//! connection is tried until it does, so that the log also shows when that was.

use std::future::pending;
use std::time::Duration;

use tokio::time::sleep;

use crate::config::UpstreamServer;
use crate::proxy::dial::Dialer;

/// Time between two attempts.
const INTERVAL: Duration = Duration::from_secs(5);

/// Connects to each server until it has accepted a connection; never returns.
pub(super) async fn run(mut servers: Vec<UpstreamServer>, dialer: Dialer) {
    let mut is_first = true;
    while !servers.is_empty() {
        let mut failed = Vec::new();
        for server in servers {
            let address = &server.address;
            match dialer.connect(&server).await {
                Ok(_) if is_first => {}
                Ok(_) => {
                    tracing::info!(server = address, "the portal accepts connections now");
                }
                Err(error) => {
                    if is_first {
                        tracing::warn!(
                            server = address, %error,
                            "the portal does not accept connections; requests get 502 until it does. \
                             Check that it is running and that `upstream` has its address"
                        );
                    }
                    failed.push(server);
                }
            }
        }
        (servers, is_first) = (failed, false);
        sleep(INTERVAL).await;
    }
    pending().await
}
