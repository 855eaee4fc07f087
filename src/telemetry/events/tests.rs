use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tracing_subscriber::fmt::MakeWriter;

use super::*;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ACCOUNT: Account<'_> = Account { user: "u1", organization: "acme", login: "ann" };

/// What is logged.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The text that `log` logs, in one of the formats.
fn logged(json: bool, log: impl FnOnce()) -> String {
    let written = Written::default();
    let format = tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false);
    if json {
        tracing::subscriber::with_default(format.json().flatten_event(true).finish(), log);
    } else {
        tracing::subscriber::with_default(format.with_target(false).compact().finish(), log);
    }
    let bytes = written.0.lock().clone();
    String::from_utf8(bytes).unwrap()
}

fn line(event: Event<'_>) -> Map<String, Value> {
    let text = logged(true, || event.log());
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The event after this one, with every field: so that a new one cannot be left out.
fn next(event: Option<Event<'_>>) -> Option<Event<'static>> {
    let (cause, account) = (Cause::LockedOut, ACCOUNT);
    let (user, organization, login) = (Some("u1"), Some("acme"), "ann");
    Some(match event {
        None => Event::SignIn(account),
        Some(Event::SignIn(_)) => Event::SignInRefused { cause, user, organization, login },
        Some(Event::SignInRefused { .. }) => Event::SecondFactorRequired(account),
        Some(Event::SecondFactorRequired(_)) => {
            Event::SecondFactorAccepted { account, kind: "app" }
        }
        Some(Event::SecondFactorAccepted { .. }) => Event::SecondFactorRefused { account, cause },
        Some(Event::SecondFactorRefused { .. }) => Event::Locked {
            kind: "account",
            client: CLIENT,
            failures: 5,
            until: Timestamp::UNIX_EPOCH,
            login: Some("ann"),
        },
        Some(Event::Locked { .. }) => Event::LinkOpened { organization: "acme" },
        Some(Event::LinkOpened { .. }) => Event::LinkRefused { cause, organization },
        Some(Event::LinkRefused { .. }) => {
            Event::OneTimeLinkCreated { kind: OneTime::Invitation, account }
        }
        Some(Event::OneTimeLinkCreated { .. }) => {
            Event::OneTimeLinkUsed { kind: OneTime::Reset, account }
        }
        Some(Event::OneTimeLinkUsed { .. }) => Event::OneTimeLinkRefused { kind: OneTime::Reset },
        Some(Event::OneTimeLinkRefused { .. }) => Event::ResetRefused { cause, user, organization },
        Some(Event::ResetRefused { .. }) => Event::SignOut { user, organization: "acme" },
        Some(Event::SignOut { .. }) => Event::SessionsEnded { user: "u1", records: 2 },
        Some(Event::SessionsEnded { .. }) => {
            let (token, login) = (Some("t1"), Some("ann"));
            Event::TokenRefused { cause, client: CLIENT, token, login }
        }
        Some(Event::TokenRefused { .. }) => Event::ApiTokenRefused,
        Some(Event::ApiTokenRefused) => Event::AdministratorSignIn { administrator: "a1", login },
        Some(Event::AdministratorSignIn { .. }) => {
            Event::AdministratorSignInRefused { cause, administrator: Some("a1"), login }
        }
        Some(Event::AdministratorSignInRefused { .. }) => Event::RequestRefused {
            cause,
            request: "PATCH /api/v1/groups/{id}",
            administrator: Some("a1"),
            token: Some("t1"),
            login,
        },
        Some(Event::RequestRefused { .. }) => Event::Change {
            actor: "socket",
            via: "socket",
            kind: "user",
            action: "update",
            id: "u1",
            records: Some(2),
            changed: Some("group"),
        },
        Some(Event::Change { .. }) => return None,
    })
}

fn samples() -> Vec<Event<'static>> {
    std::iter::successors(next(None), |event| next(Some(*event))).collect()
}

/// The texts in backquotes.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn docs_list_every_event_with_its_fields() {
    let docs = include_str!("../../../docs/operations.md");
    let section = docs.split("### Events").nth(1).unwrap().split("## Administration").next();
    let (rows, others): (Vec<_>, Vec<_>) =
        section.unwrap().lines().partition(|line| line.starts_with("| `"));
    let documented: Vec<_> = rows
        .iter()
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (quoted(cells[1]).pop_first().unwrap(), quoted(cells[3]))
        })
        .collect();
    let logged: Vec<_> = samples()
        .iter()
        .map(|event| {
            let mut fields = line(*event);
            for common in ["timestamp", "level", "target", "message", "client", "request.id"] {
                fields.remove(common);
            }
            let name = fields.remove("event").unwrap();
            (name.as_str().unwrap().to_owned(), fields.keys().cloned().collect())
        })
        .collect();
    assert_eq!(documented, logged);
    let mentioned = quoted(&others.join("\n"));
    for cause in Cause::ALL {
        assert!(mentioned.contains(cause.name()), "{} is not in the docs", cause.name());
    }
}

#[test]
fn names_of_events_and_causes_are_unique() {
    let names: BTreeSet<_> = samples().iter().map(Event::name).collect();
    assert_eq!(names.len(), samples().len());
    assert_eq!(
        Cause::ALL.map(Cause::name).into_iter().collect::<BTreeSet<_>>().len(),
        Cause::ALL.len()
    );
}

#[test]
fn refused_events_have_the_target_with_a_share_of_the_queue() {
    for event in samples() {
        let refused = event.name().ends_with("-refused");
        let target = if refused { REFUSED } else { TARGET };
        assert_eq!(line(event)["target"], target, "{}", event.name());
        assert!(REFUSED.starts_with(TARGET), "a filter for one covers the other");
    }
}

#[tokio::test]
async fn client_and_request_are_those_being_handled() {
    let origin = Origin { client: CLIENT, request: Some("5f3a".to_owned()) };
    let inside = during(origin, async { line(Event::SignIn(ACCOUNT)) }).await;
    assert_eq!((&inside["client"], &inside["request.id"]), (&"192.0.2.1".into(), &"5f3a".into()));
    let outside = line(Event::SignIn(ACCOUNT));
    assert!(!outside.contains_key("client") && !outside.contains_key("request.id"));
}

#[test]
fn login_cannot_forge_a_field_or_a_line() {
    let login = "x\" client=1.2.3.4 event=\"sign-in\n\",\"client\":\"1.2.3.4\u{1b}[0m \u{202e}";
    let event = unknown(login);
    let written = line(event);
    assert_eq!(written["login"], login);
    assert_eq!(written["event"], "sign-in-refused");
    assert!(!written.contains_key("client"));
    let text = logged(false, || event.log());
    assert_eq!(text.lines().count(), 1, "{text}");
    let (before, after) = text.split_once(" login=").unwrap();
    assert!(!before.contains("1.2.3.4"), "{before}");
    assert!(after.starts_with("\"x\\\" client=1.2.3.4"), "{after}");
    assert!(!after.contains('\u{1b}') && !after.contains('\u{202e}'), "{after}");
}

const fn unknown(login: &str) -> Event<'_> {
    Event::SignInRefused { cause: Cause::UnknownLogin, user: None, organization: None, login }
}

#[test]
fn long_login_is_cut() {
    let login = "ä".repeat(LONGEST + 1);
    assert_eq!(line(unknown(&login))["login"], format!("{}…", "ä".repeat(LONGEST)));
}
