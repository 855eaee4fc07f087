//! `portcullis top`: what the running gateway does, again and again.
//!
//! Everything is computed of two readings of the metrics. Rates are those between the two, totals
//! those since the gateway was started.

mod reading;

use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use self::reading::Reading;
use super::console::{Console, array, field, text};
use super::impact::separated;
use crate::clock;

/// Routes and reasons that are shown.
const MOST: usize = 10;

#[derive(Debug, Args)]
pub(super) struct TopArgs {
    /// Seconds between two readings
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Print what happens within one interval, and end
    #[arg(long)]
    once: bool,
}

impl TopArgs {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let interval = Duration::from_secs(self.interval);
        let mut last = (Instant::now(), Reading::of(&console.metrics()?));
        loop {
            console.pause(interval);
            let next = (Instant::now(), Reading::of(&console.metrics()?));
            let passed = next.0.duration_since(last.0).as_secs_f64();
            let view = View::between(&last.1, &next.1, passed, clock::now());
            if !self.once {
                console.clear()?;
            }
            view.print(console)?;
            if self.once {
                return Ok(());
            }
            last = next;
        }
    }
}

/// What is shown. Rates are per second, times are in seconds.
#[derive(Debug, Serialize)]
struct View {
    time: Timestamp,
    /// Seconds since the gateway was started.
    up: f64,
    connections: f64,
    sessions: f64,
    /// Requests that a route has decided, and refused ones, those without a route included.
    requests: f64,
    refused: f64,
    /// Mean times of a decision and of the portal; `null` without requests.
    decision_time: Option<f64>,
    portal_time: Option<f64>,
    /// Responses of the portal with 5xx, and requests without a response of it.
    portal_errors: f64,
    sign_ins: Vec<Outcome>,
    servers: Vec<Server>,
    refusals: Vec<Refusal>,
    routes: Vec<Route>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    outcome: String,
    rate: f64,
    total: f64,
}

#[derive(Debug, Serialize)]
struct Server {
    server: String,
    up: bool,
    idle_connections: f64,
}

/// Refused requests of a reason.
#[derive(Debug, Serialize)]
struct Refusal {
    reason: String,
    rate: f64,
    total: f64,
}

/// A route that the portal has answered requests of within the interval.
#[derive(Debug, Serialize)]
struct Route {
    route: String,
    rate: f64,
    /// The mean time of the portal.
    portal_time: f64,
}

impl View {
    fn between(from: &Reading, to: &Reading, passed: f64, now: Timestamp) -> Self {
        let rate = |name: &str, labels: &[(&str, &str)]| {
            (to.sum(name, labels) - from.sum(name, labels)).max(0.0) / passed.max(0.001)
        };
        let mean = |sum: &str, count: &str, labels: &[(&str, &str)]| {
            let count = rate(count, labels);
            (count > 0.0).then(|| rate(sum, labels) / count)
        };
        let outcomes = |name: &'static str, label: &'static str| {
            let mut outcomes: Vec<_> = to
                .by(name, label)
                .into_iter()
                .map(|(value, total)| (value.to_owned(), rate(name, &[(label, value)]), total))
                .collect();
            outcomes.sort_by(|a, b| (b.1, b.2).partial_cmp(&(a.1, a.2)).unwrap_or(a.0.cmp(&b.0)));
            outcomes.truncate(MOST);
            outcomes
        };
        let [time, answers] =
            ["portcullis_route_portal_seconds_total", "portcullis_route_portal_responses_total"];
        let route = |route: &str| {
            let labels = [("route", route)];
            let portal_time = mean(time, answers, &labels)?;
            Some(Route { route: route.to_owned(), rate: rate(answers, &labels), portal_time })
        };
        let mut routes: Vec<_> = to.by(answers, "route").into_keys().filter_map(route).collect();
        routes.sort_by(|a, b| b.portal_time.total_cmp(&a.portal_time));
        routes.truncate(MOST);
        let servers = to.by("portcullis_portal_server_up", "server").into_iter();
        Self {
            time: now,
            up: now.as_duration().as_secs_f64() - to.sum("portcullis_start_time_seconds", &[]),
            connections: to.sum("portcullis_open_connections", &[]),
            sessions: to.sum("portcullis_sessions", &[]),
            requests: rate("portcullis_requests_total", &[]),
            refused: rate("portcullis_refused_requests_total", &[]),
            decision_time: mean(
                "portcullis_decision_seconds_sum",
                "portcullis_decision_seconds_count",
                &[],
            ),
            portal_time: mean(
                "portcullis_portal_seconds_sum",
                "portcullis_portal_seconds_count",
                &[],
            ),
            portal_errors: rate("portcullis_portal_responses_total", &[("class", "5xx")])
                + rate("portcullis_portal_failures_total", &[]),
            sign_ins: outcomes("portcullis_sign_ins_total", "outcome")
                .into_iter()
                .map(|(outcome, rate, total)| Outcome { outcome, rate, total })
                .collect(),
            servers: servers
                .map(|(server, up)| Server {
                    server: server.to_owned(),
                    up: up > 0.0,
                    idle_connections: to
                        .sum("portcullis_portal_idle_connections", &[("server", server)]),
                })
                .collect(),
            refusals: outcomes("portcullis_refused_requests_total", "reason")
                .into_iter()
                .map(|(reason, rate, total)| Refusal { reason, rate, total })
                .collect(),
            routes,
        }
    }

    fn print(&self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let document = json!(self);
        if console.is_json() {
            return console.line(&document);
        }
        let rows = [
            (
                "requests",
                format!("{}, {} refused", per_second(self.requests), per_second(self.refused)),
            ),
            ("decision", self.decision_time.map_or("-".to_owned(), duration)),
            (
                "portal",
                format!(
                    "{}, errors {}",
                    self.portal_time.map_or("-".to_owned(), duration),
                    per_second(self.portal_errors)
                ),
            ),
            ("connections", whole(self.connections)),
            ("sessions", whole(self.sessions)),
        ];
        console.record(&document, rows)?;
        let list = |name: &str| json!({ "items": array(&document, name) });
        console.note("")?;
        console.table(
            &list("servers"),
            ["PORTAL SERVER", "STATE", "IDLE CONNECTIONS"],
            |server| {
                let state = if field(server, "up") == &json!(true) { "up" } else { "down" };
                [
                    text(server, "server"),
                    state.to_owned(),
                    whole(number(server, "idle_connections")),
                ]
            },
        )?;
        console.note("")?;
        console.table(&list("routes"), ["SLOWEST ROUTES", "RATE", "PORTAL'S TIME"], |route| {
            let time = duration(number(route, "portal_time"));
            [text(route, "route"), per_second(number(route, "rate")), time]
        })?;
        let counted = |of: &'static str| {
            move |item: &_| {
                let [rate, total] = ["rate", "total"].map(|name| number(item, name));
                [text(item, of), per_second(rate), whole(total)]
            }
        };
        console.note("")?;
        console.table(&list("refusals"), ["REFUSALS", "RATE", "TOTAL"], counted("reason"))?;
        console.note("")?;
        console.table(&list("sign_ins"), ["SIGN-INS", "RATE", "TOTAL"], counted("outcome"))
    }
}

fn number(document: &serde_json::Value, name: &str) -> f64 {
    field(document, name).as_f64().unwrap_or_default()
}

fn per_second(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}/s") } else { format!("{}/s", whole(rate)) }
}

/// A count, which is exact below 2⁵³.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0")]
fn whole(count: f64) -> String {
    separated(count.max(0.0).round() as usize)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::console::Options;
    use super::*;

    const BEFORE: &str = "portcullis_requests_total{route=\"Tickets\",decision=\"allow\"} 100\n\
        portcullis_route_portal_responses_total{route=\"Tickets\"} 100\n\
        portcullis_route_portal_seconds_total{route=\"Tickets\"} 1\n";
    const AFTER: &str = "portcullis_requests_total{route=\"Tickets\",decision=\"allow\"} 140\n\
        portcullis_requests_total{route=\"Invoices\",decision=\"refuse\"} 2\n\
        portcullis_refused_requests_total{decision=\"deny\",reason=\"missing-permission\"} 2\n\
        portcullis_route_portal_responses_total{route=\"Tickets\"} 140\n\
        portcullis_route_portal_responses_total{route=\"Invoices\"} 0\n\
        portcullis_route_portal_seconds_total{route=\"Tickets\"} 2\n\
        portcullis_decision_seconds_sum 0.0021\nportcullis_decision_seconds_count 42\n\
        portcullis_open_connections 3\nportcullis_sessions 1200\n\
        portcullis_sign_ins_total{outcome=\"accepted\"} 7\n\
        portcullis_portal_server_up{server=\"10.0.0.7:9000\"} 1\n\
        portcullis_portal_server_up{server=\"10.0.0.8:9000\"} 0\n\
        portcullis_portal_idle_connections{server=\"10.0.0.7:9000\"} 4\n";

    fn printed(json: bool) -> String {
        let mut out = Vec::new();
        let options = Options { json, ..Options::default() };
        let mut console = Console::new(PathBuf::new(), options, &mut out).unwrap();
        let now = "2026-11-27T10:00:00Z".parse().unwrap();
        let view = View::between(&Reading::of(BEFORE), &Reading::of(AFTER), 2.0, now);
        view.print(&mut console).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rates_are_those_between_two_readings() {
        insta::assert_snapshot!("top", printed(false));
    }

    #[test]
    fn json_is_a_line_for_each_reading() {
        let json = printed(true);
        assert_eq!(json.lines().count(), 1);
        let view: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(view["requests"], 21.0);
        assert_eq!(view["routes"][0]["portal_time"], 0.025);
        assert_eq!(view["servers"][1]["up"], false);
    }

    #[test]
    fn nothing_is_divided_by_zero_without_requests() {
        let now = "2026-11-27T10:00:00Z".parse().unwrap();
        let view = View::between(&Reading::default(), &Reading::default(), 0.0, now);
        assert_eq!((view.decision_time, view.requests), (None, 0.0));
    }
}
