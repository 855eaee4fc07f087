use serde_json::{Value, json};

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::config::Decisions;
use crate::config::RecordFormat;

fn entry() -> Entry<'static> {
    Entry {
        time: "2026-11-24T09:30:00.012345678Z".parse().unwrap(),
        request: "5f3a",
        client: "2001:db8::7".parse().unwrap(),
        via: Some("nginx"),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        method: "GET",
        path: Some("/tickets/7"),
        target: Some("/tickets/%37".to_owned()),
        query: Some("page=2"),
        websocket: true,
        decision: "allow",
        reason: "permitted",
        reading: None,
        route: Some("Tickets"),
        session: Some("user"),
        token: None,
        organization: Some("acme"),
        user: Some("u-1"),
        group: Some("admin"),
        actor: Some("theo"),
        policy: "1a2b",
        dropped: &[],
        micros: 17,
    }
}

fn line(entry: &Entry<'_>, second: &mut Second) -> Value {
    let mut line = Vec::new();
    entry.write(&mut line, second);
    end(&mut line, Some((StatusCode::NOT_FOUND, 250)));
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'), "one line each");
    serde_json::from_slice(&line).unwrap()
}

#[test]
fn line_has_every_field_of_a_decision() {
    let fields = json!({
        "time": "2026-11-24T09:30:00.012345Z", "request": "5f3a", "client": "2001:db8::7",
        "via": "nginx",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "method": "GET", "path": "/tickets/7", "target": "/tickets/%37", "query": ["page"], "websocket": true, "decision": "allow", "reason": "permitted", "route": "Tickets",
        "session": "user", "organization": "acme", "user": "u-1", "group": "admin", "actor": "theo",
        "policy": "1a2b", "micros": 17, "status": 404, "portal_micros": 250,
    });
    assert_eq!(line(&entry(), &mut Second::default()), fields);
}

#[test]
fn absent_values_have_no_field() {
    let unknown = Entry {
        path: None,
        target: None,
        query: None,
        websocket: false,
        route: None,
        session: None,
        organization: None,
        user: None,
        group: None,
        ..entry()
    };
    let fields = line(&unknown, &mut Second::default());
    for name in [
        "path",
        "target",
        "query",
        "websocket",
        "route",
        "session",
        "organization",
        "user",
        "group",
    ] {
        assert!(fields.get(name).is_none(), "{name}");
    }
}

#[test]
fn text_cannot_end_its_field_or_line() {
    for text in ["a\"b", "a\\", "\",\"user\":\"root", "a\nb", "a\u{0}b\u{1f}", "\u{7f}é\u{2028}"] {
        let fields = line(
            &Entry { method: text, path: Some(text), route: Some(text), ..entry() },
            &mut Second::default(),
        );
        for name in ["method", "path", "route"] {
            assert_eq!(fields[name], text);
        }
        assert_eq!(fields["user"], "u-1");
    }
}

#[test]
fn lines_of_other_seconds_have_their_own_time() {
    let mut second = Second::default();
    for time in [
        "2026-11-24T09:30:00.999999Z",
        "2026-11-24T09:30:01.000000Z",
        "2026-11-24T09:30:01.100000Z",
        "2026-11-24T09:29:59.000009Z",
        "1969-12-31T23:59:59.500000Z",
    ] {
        let fields = line(&Entry { time: time.parse().unwrap(), ..entry() }, &mut second);
        assert_eq!(fields["time"], time);
    }
}

/// A log, and the lines that it has written.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Out {
    fn log(which: Decisions) -> (DecisionLog, Self) {
        let out = Self::default();
        (DecisionLog::new(which, Output::stream(out.clone(), RecordFormat::Json)), out)
    }

    fn records(&self) -> Vec<Value> {
        let text = self.0.lock().clone();
        String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn a_flush_writes_each_line_once() {
    let (log, out) = Out::log(Decisions::All);
    for count in 1..=3 {
        log.record(&entry());
        log.flush();
        log.flush();
        assert_eq!(out.records().len(), count);
    }
}

#[test]
fn an_open_line_is_recorded_with_the_status() {
    let (log, out) = Out::log(Decisions::All);
    let line = log.open(&entry());
    log.flush();
    assert_eq!(out.records(), Vec::<Value>::new());
    log.awaiting_status(line).answered(StatusCode::CREATED, 1700);
    log.flush();
    assert_eq!(out.records().len(), 1);
    assert_eq!(out.records()[0]["status"], 201);
    assert_eq!(out.records()[0]["portal_micros"], 1700);
}

#[test]
fn an_open_line_is_recorded_once_without_an_answer() {
    let (log, out) = Out::log(Decisions::All);
    drop(log.awaiting_status(log.open(&entry())));
    let panics = std::panic::AssertUnwindSafe(|| {
        let _record = log.awaiting_status(log.open(&entry()));
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    log.flush();
    let records = out.records();
    assert_eq!(records.len(), 2);
    assert!(
        records.iter().all(|it| it.get("status").or(it.get("portal_micros")).is_none()),
        "{records:?}"
    );
}

#[test]
fn an_allowed_request_is_not_recorded_unless_wanted() {
    let (log, out) = Out::log(Decisions::Refused);
    log.awaiting_status(log.open(&entry())).answered(StatusCode::OK, 1);
    let denied = Entry { decision: "deny", ..entry() };
    log.awaiting_status(log.open(&denied)).answered(StatusCode::OK, 1);
    log.flush();
    assert_eq!(out.records().len(), 1);
}

#[test]
fn open_lines_are_written_again() {
    let (log, out) = Out::log(Decisions::All);
    for name in ["a", "b"] {
        let open = log.open(&Entry { path: Some(name), ..entry() });
        log.awaiting_status(open).answered(StatusCode::OK, 1);
    }
    assert!(log.open(&entry()).0.capacity() > 0);
    log.flush();
    let paths: Vec<_> = out.records().iter().map(|record| record["path"].clone()).collect();
    assert_eq!(paths, ["a", "b"]);
}

#[test]
fn dropped_headers_are_named_within_bounds() {
    let names: Vec<HeaderName> = ["script_name", "x-original-url"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..20).map(|number| format!("x_{number}_{}", "y".repeat(100))))
        .map(|name| name.parse().unwrap())
        .collect();
    let names: Vec<&HeaderName> = names.iter().collect();
    let fields = |dropped| line(&Entry { dropped, ..entry() }, &mut Second::default());
    assert_eq!(fields(&names[..2])["dropped"], json!(["script_name", "x-original-url"]));
    let many = fields(&names)["dropped"].as_array().unwrap().clone();
    assert_eq!(many.len(), 16);
    assert!(many.iter().all(|name| name.as_str().unwrap().len() <= 64), "{many:?}");
    assert!(fields(&[]).get("dropped").is_none());
}

#[test]
fn numbers_and_addresses_are_written_as_display_does() {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut line = b"x".to_vec();
        write(&mut line);
        String::from_utf8(line).unwrap()
    };
    for number in [0, 9, 10, 255, 1_000, u64::MAX] {
        assert_eq!(written(&|line| decimal(line, number)), format!("x{number}"));
    }
    for text in ["0.0.0.0", "192.0.2.255", "255.10.100.1", "::1", "2001:db8::7", "::ffff:1.2.3.4"] {
        let client: IpAddr = text.parse().unwrap();
        assert_eq!(written(&|line| address(line, client)), format!("x{client}"));
    }
}
