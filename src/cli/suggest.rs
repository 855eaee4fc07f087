//! `portcullis policy suggest`: routes for the requests in decision records. It reads files and needs
//! no running gateway.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::console::Console;
use portcullis_policy::{Observations, Observed, Reason, Suggestion};

/// Bytes of a line. A longer one is not a decision record.
const LONGEST_LINE: usize = 256 * 1024;

#[derive(Debug, Args)]
pub(super) struct SuggestArgs {
    /// Files with decision records; `-` for standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Include the requests that a route was for
    #[arg(long)]
    all: bool,
}

/// The fields of a decision record that matter here.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    decision: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(default)]
    query: Vec<String>,
    #[serde(default)]
    websocket: bool,
    status: Option<u16>,
    #[serde(borrow)]
    organization: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Counts {
    records: u64,
    counted: u64,
    others: u64,
    method_not_allowed: u64,
}

impl SuggestArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let (mut observations, mut counts) = (Observations::default(), Counts::default());
        for log in &self.logs {
            let read = if log == Path::new("-") {
                self.read(io::stdin().lock(), &mut observations, &mut counts)
            } else {
                File::open(log).and_then(|file| {
                    self.read(BufReader::new(file), &mut observations, &mut counts)
                })
            };
            read.with_context(|| format!("{}: cannot be read", log.display()))?;
        }
        let suggestions = observations.suggest();
        let items: Vec<_> = suggestions.iter().map(document).collect();
        let document = json!({
            "items": items,
            "next": null,
            "records": counts.records,
            "counted": counts.counted,
            "method_not_allowed": counts.method_not_allowed,
            "not_records": counts.others,
        });
        console.report(&document, self.text(&suggestions, &counts).trim_end())
    }

    fn read(
        &self,
        mut log: impl BufRead,
        observations: &mut Observations,
        counts: &mut Counts,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        while read_line(&mut log, &mut line)? {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let Ok(record) = serde_json::from_slice::<Record<'_>>(&line) else {
                counts.others += 1;
                continue;
            };
            counts.records += 1;
            if record.reason == Reason::MethodNotAllowed.as_str() {
                counts.method_not_allowed += 1;
            }
            let is_wanted = if self.all {
                !matches!(&*record.decision, "bad-request" | "unavailable")
            } else {
                record.reason == Reason::NoRoute.as_str()
            };
            if is_wanted && record.add_to(observations) {
                counts.counted += 1;
            }
        }
        Ok(())
    }

    fn text(&self, suggestions: &[Suggestion], counts: &Counts) -> String {
        let Counts { records, counted, others, method_not_allowed } = counts;
        let what = if self.all { "" } else { ": those without a route" };
        let mut text = format!(
            "# Routes for {counted} of {records} requests{what}.\n\
             # All are closed. Replace `access = \"deny\"` where people may have access.\n"
        );
        if *others > 0 {
            text += &format!("# Lines that are not decision records: {others}.\n");
        }
        if *method_not_allowed > 0 && !self.all {
            text += &format!(
                "# Requests with a method that no route for their path lists: {method_not_allowed}.\n\
                 # Add it to a route for that path.\n"
            );
        }
        for suggestion in suggestions {
            text.push('\n');
            text += &suggestion.to_toml();
        }
        text
    }
}

impl Record<'_> {
    fn add_to(&self, observations: &mut Observations) -> bool {
        let Some(path) = &self.path else { return false };
        let query: Vec<_> = self.query.iter().map(String::as_str).collect();
        // The sessions of a secure link are those of its organization.
        let sender = self.user.as_deref().or(self.organization.as_deref());
        observations.add(&Observed {
            method: &self.method,
            path,
            query: &query,
            websocket: self.websocket,
            status: self.status,
            content: None,
            sender,
            requests: 1,
        })
    }
}

/// Reads a line without its end, of which at most [`LONGEST_LINE`] bytes are kept. Returns `false`
/// at the end.
fn read_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut is_some = false;
    loop {
        let read = log.fill_buf()?;
        if read.is_empty() {
            return Ok(is_some);
        }
        is_some = true;
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = end.and_then(|end| read.get(..end)).unwrap_or(read);
        let room = LONGEST_LINE.saturating_sub(line.len());
        line.extend(part.iter().take(room));
        let used = end.map_or(read.len(), |end| end + 1);
        log.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn document(suggestion: &Suggestion) -> Value {
    let Suggestion { name, path, slash_is_data, seen } = suggestion;
    let counts: BTreeMap<_, _> = seen.methods().collect();
    let statuses: BTreeMap<_, _> =
        seen.statuses().map(|(status, count)| (status.to_string(), count)).collect();
    json!({
        "name": name,
        "methods": suggestion.methods(),
        "path": path,
        "access": "deny",
        "slash": slash_is_data.then_some("data"),
        "websocket": seen.websocket(),
        "requests": seen.requests(),
        "requests_by_method": counts,
        "senders": seen.senders(),
        "statuses": statuses,
        "query": seen.query().collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(log: &str, all: bool) -> (Vec<String>, Counts) {
        let args = SuggestArgs { logs: Vec::new(), all };
        let (mut observations, mut counts) = (Observations::default(), Counts::default());
        args.read(BufReader::with_capacity(7, log.as_bytes()), &mut observations, &mut counts)
            .unwrap();
        let mut paths: Vec<_> =
            observations.suggest().into_iter().map(|route| route.path).collect();
        paths.sort();
        (paths, counts)
    }

    #[test]
    fn only_records_without_a_route_count_unless_all_do() {
        let record = |path: &str, decision: &str, reason: &str| {
            json!({ "method": "GET", "path": path, "decision": decision, "reason": reason })
                .to_string()
        };
        let log = [
            record("/a", "deny", "no-route"),
            record("/b", "allow", "permitted"),
            record("/c", "deny", "method-not-allowed"),
            record("/%zz", "bad-request", "bad-escape"),
            "not a record".to_owned(),
            "{\"level\":\"INFO\"}".to_owned(),
            format!("{{\"{}", "x".repeat(LONGEST_LINE)),
            String::new(),
            record("/d", "deny", "no-route"),
        ]
        .join("\n");
        let (paths, counts) = suggested(&log, false);
        assert_eq!(paths, ["/a", "/d"]);
        assert_eq!((counts.records, counts.counted, counts.others), (5, 2, 3));
        assert_eq!(counts.method_not_allowed, 1);
        assert_eq!(suggested(&log, true).0, ["/a", "/b", "/c", "/d"]);
    }
}
