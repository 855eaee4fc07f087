use serde_json::{Value, json};

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::config::Decisions;

fn entry() -> Entry<'static> {
    Entry {
        time: "2026-11-24T09:30:00.012345678Z".parse().unwrap(),
        request: "5f3a",
        method: "GET",
        path: Some("/tickets/7"),
        target: Some("/tickets/%37".to_owned()),
        decision: "allow",
        reason: "permitted",
        reading: None,
        route: Some("Tickets"),
        session: Some("user"),
        token: None,
        organization: Some("acme"),
        user: Some("u-1"),
        group: Some("admin"),
        policy: "1a2b",
        dropped: &[],
        micros: 17,
    }
}

fn line(entry: &Entry<'_>, second: &mut Second) -> Value {
    let mut line = Vec::new();
    entry.write(&mut line, second);
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'), "one line each");
    serde_json::from_slice(&line).unwrap()
}

#[test]
fn line_has_every_field_of_a_decision() {
    let fields = json!({
        "time": "2026-11-24T09:30:00.012345Z", "request": "5f3a", "method": "GET",
        "path": "/tickets/7", "target": "/tickets/%37", "decision": "allow", "reason": "permitted", "route": "Tickets",
        "session": "user", "organization": "acme", "user": "u-1", "group": "admin",
        "policy": "1a2b", "micros": 17,
    });
    assert_eq!(line(&entry(), &mut Second::default()), fields);
}

#[test]
fn absent_values_have_no_field() {
    let unknown = Entry {
        path: None,
        target: None,
        route: None,
        session: None,
        organization: None,
        user: None,
        group: None,
        ..entry()
    };
    let fields = line(&unknown, &mut Second::default());
    for name in ["path", "target", "route", "session", "organization", "user", "group"] {
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

#[test]
fn a_flush_writes_each_line_once() {
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
    let out = Out::default();
    let log = DecisionLog::new(Decisions::All, Box::new(out.clone()));
    for count in 1..=3 {
        log.record(&entry());
        log.flush();
        log.flush();
        assert_eq!(out.0.lock().iter().filter(|byte| **byte == b'\n').count(), count);
    }
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
