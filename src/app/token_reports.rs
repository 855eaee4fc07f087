//! Reports tokens of the admin API that never expire, or soon do: at start, and once a day.

use std::time::Duration;

use tokio::time::interval;

use crate::clock;
use crate::directory::Directory;

/// Time between two reports.
const INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Reports them until the gateway stops.
pub(super) async fn run(directory: Directory) {
    let mut ticks = interval(INTERVAL);
    loop {
        ticks.tick().await;
        let now = clock::now();
        match directory.api_tokens().to_report(now).await {
            Ok(tokens) => {
                for text in tokens.iter().filter_map(|token| token.warning_text(now)) {
                    tracing::warn!("{text}");
                }
            }
            Err(error) => tracing::warn!(%error, "could not read the tokens of the admin API"),
        }
    }
}
