//! Whether the portal's servers accept connections when the gateway starts.
//!
//! The gateway serves in any case; this only writes to the log. A server that does not accept a
//! connection is tried until it does, so that the log also shows when that was.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Time between two attempts.
const INTERVAL: Duration = Duration::from_secs(5);

/// Connects to each server (`host:port`) until it has accepted a connection; never returns.
pub(super) async fn run(mut servers: Vec<String>, within: Duration) {
    let mut is_first = true;
    while !servers.is_empty() {
        let mut failed = Vec::new();
        for server in servers {
            match connect(&server, within).await {
                Ok(()) if is_first => {}
                Ok(()) => tracing::info!(server, "the portal accepts connections now"),
                Err(error) => {
                    if is_first {
                        tracing::warn!(
                            server, %error,
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

async fn connect(server: &str, within: Duration) -> io::Result<()> {
    timeout(within, TcpStream::connect(server)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok(())
}
