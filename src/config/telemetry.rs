//! `[telemetry]`: the log and the decision records.

use std::path::PathBuf;

use super::reader::Reader;
use crate::telemetry;
use crate::telemetry::otlp::Collector;

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// `telemetry.log`: the filter of the log, in the language of `tracing`.
    pub log: String,
    /// `telemetry.decisions`: which decisions are recorded.
    pub decisions: Decisions,
    /// `telemetry.decisions_format`: how they are written.
    pub format: RecordFormat,
    /// `telemetry.decisions_output`: where they go.
    pub output: RecordOutput,
    /// `telemetry.traces`: which of them are sent to a collector as traces, if any.
    pub traces: Option<TraceSettings>,
}

/// `telemetry.traces`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSettings {
    /// `telemetry.traces.endpoint`
    pub collector: Collector,
    /// `telemetry.traces.one_in`: one in so many recorded requests.
    pub one_in: u64,
}

/// `telemetry.decisions_format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// A JSON object in each line.
    Json,
    /// `name=value` for each field.
    Logfmt,
    /// For people: the most important fields first, without their names.
    Plain,
}

/// `telemetry.decisions_output`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordOutput {
    /// Standard output.
    StandardOutput,
    /// The journal of systemd.
    Journal,
    /// The end of this file, which is opened again on SIGHUP.
    File(PathBuf),
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
            traces: {
                let collector = r.parsed::<Collector>("telemetry.traces.endpoint");
                let one_in = r.number("telemetry.traces.one_in", 100, 1, 1_000_000);
                collector.map(|collector| TraceSettings { collector, one_in })
            },
            format: r.choice(
                "telemetry.decisions_format",
                &[
                    ("json", RecordFormat::Json),
                    ("logfmt", RecordFormat::Logfmt),
                    ("plain", RecordFormat::Plain),
                ],
                RecordFormat::Json,
            ),
            output: match &*r.text_or("telemetry.decisions_output", "stdout") {
                "stdout" => RecordOutput::StandardOutput,
                "journald" => RecordOutput::Journal,
                path if path.contains('/') => RecordOutput::File(path.into()),
                other => {
                    let message = format!(
                        "`{other}` is not `stdout`, `journald` or the path of a file, which \
                         contains a `/`"
                    );
                    r.problem("telemetry.decisions_output", message);
                    RecordOutput::StandardOutput
                }
            },
        }
    }
}
