//! `[telemetry]`: the log and the decision records.

use super::reader::Reader;
use crate::telemetry;

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// `telemetry.log`: the filter of the log, in the language of `tracing`.
    pub log: String,
    /// `telemetry.decisions`: which decisions are recorded.
    pub decisions: Decisions,
}

/// `telemetry.decisions`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decisions {
    /// Every decision.
    All,
    /// Decisions other than `allow`.
    Refused,
}

impl Telemetry {
    pub(super) fn read(r: &mut Reader) -> Self {
        let log = r.text_or("telemetry.log", "info");
        if telemetry::parse(&log).is_err() {
            let message =
                format!("`{log}` is not a log filter (e.g. `info` or `warn,hyper=error`)");
            r.problem("telemetry.log", message);
        }
        Self {
            log,
            decisions: r.choice(
                "telemetry.decisions",
                &[("all", Decisions::All), ("refused", Decisions::Refused)],
                Decisions::All,
            ),
        }
    }
}
