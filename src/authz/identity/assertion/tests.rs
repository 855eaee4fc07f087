use std::collections::HashMap;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::*;
use crate::credential::token::PlainToken;
use portcullis_policy::{SessionKind, Subject};

/// The beginning of the first assertion's life.
const START: i64 = 1_800_000_000;

struct Bench {
    assertions: Assertions,
    key: TokenHash,
}

impl Bench {
    fn new(more: &[(&str, &str)]) -> Self {
        let set = [
            ("SERVER__PUBLIC_URL", "https://portal.example"),
            ("UPSTREAM__SERVERS", "http://127.0.0.1:1"),
            ("IDENTITY__ASSERTION__AUDIENCE", "helpdesk"),
        ];
        let set = set.iter().chain(more);
        let set: HashMap<_, _> =
            set.map(|(key, value)| (format!("PORTCULLIS__{key}"), (*value).to_owned())).collect();
        let settings = Settings::parse("", Path::new("test"), &set).unwrap();
        let assertions = Assertions::new(&settings, &SecretKey::generate()).unwrap();
        Self { assertions, key: PlainToken::generate().hash() }
    }

    fn session(&self, subject: Subject) -> SessionLookup {
        SessionLookup::Found { key: self.key, subject, disclosed: None, staff: None }
    }

    /// The header for a request in a session of the subject.
    fn value(&self, subject: Subject, second: i64) -> Option<String> {
        let at = Timestamp::from_second(START + second).unwrap();
        let value = self.assertions.value(&self.session(subject), at)?;
        assert!(value.is_sensitive());
        Some(value.to_str().unwrap().to_owned())
    }

    fn claims(&self, subject: Subject) -> Value {
        claims(&self.value(subject, 0).unwrap())
    }
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap()
}

fn of_link() -> Subject {
    let held = ("non-portal".into(), PermissionSet::EMPTY);
    Subject::nameless(SessionKind::Link, "acme".into(), held, Timestamp::MAX)
}

fn ann() -> Subject {
    Subject {
        kind: SessionKind::User,
        user: Some("u1".into()),
        login: Some("änn".into()),
        end_user: Some("e1".into()),
        group: "limited".into(),
        ..of_link()
    }
}

#[test]
fn assertion_states_the_identity_and_for_whom() {
    let bench = Bench::new(&[]);
    let expected = json!({
        "iss": "https://portal.example", "aud": "helpdesk", "sub": "u1",
        "iat": START, "nbf": START, "exp": START + 60,
        "session_kind": "user", "organization": "acme", "group": "limited", "end_user": "e1",
        "preferred_username": "änn",
    });
    assert_eq!(bench.claims(ann()), expected);
    let by_staff = Subject { kind: SessionKind::Impersonation, actor: Some("bob".into()), ..ann() };
    let stated = bench.claims(by_staff);
    assert_eq!(stated["session_kind"], "impersonation");
    assert_eq!((&stated["sub"], &stated["act"]), (&json!("u1"), &json!({ "sub": "bob" })));
}

#[test]
fn link_session_has_the_organization_as_subject() {
    let bench = Bench::new(&[]);
    let stated = bench.claims(of_link());
    assert_eq!(
        (&stated["sub"], &stated["organization"]),
        (&json!("organization:acme"), &json!("acme"))
    );
    assert_eq!(stated["session_kind"], "link");
    for absent in ["preferred_username", "end_user", "act", "email"] {
        assert_eq!(stated.get(absent), None, "{absent}");
    }
    // A user whose id reads like an organization gets no assertion.
    let named = Subject { user: Some("organization:acme".into()), ..ann() };
    assert_eq!(bench.value(named, 0), None);
}

#[test]
fn assertion_is_reused_for_half_of_its_lifetime() {
    let bench = Bench::new(&[]);
    let first = bench.value(ann(), 0).unwrap();
    for second in [1, 29] {
        assert_eq!(bench.value(ann(), second).unwrap(), first, "{second}");
    }
    let renewed = bench.value(ann(), 30).unwrap();
    assert_eq!(claims(&renewed)["exp"], START + 90);
    // With a clock that was set back, the assertion would not be valid yet.
    assert_eq!(claims(&bench.value(ann(), -5).unwrap())["nbf"], START - 5);
}

#[test]
fn i2_changed_identity_is_in_the_next_assertion() {
    let bench = Bench::new(&[]);
    for (changed, claim, value) in [
        (Subject { group: "admin".into(), ..ann() }, "group", json!("admin")),
        (Subject { login: Some("bob".into()), ..ann() }, "preferred_username", json!("bob")),
        (Subject { end_user: None, ..ann() }, "end_user", Value::Null),
        (Subject { organization: "other".into(), ..ann() }, "organization", json!("other")),
        (Subject { actor: Some("staff".into()), ..ann() }, "act", json!({ "sub": "staff" })),
    ] {
        bench.value(ann(), 0).unwrap();
        assert_eq!(bench.claims(changed)[claim], value, "{claim}");
    }
}

#[test]
fn r8_user_without_access_gets_no_assertion() {
    let bench = Bench::new(&[]);
    assert!(bench.value(ann(), 0).is_some());
    assert_eq!(bench.value(Subject { group: "no-access".into(), ..ann() }, 0), None);
    assert_eq!(bench.value(Subject { disabled: true, ..ann() }, 0), None);
}

#[test]
fn bearer_token_is_the_assertion_in_authorization() {
    let bench = Bench::new(&[("IDENTITY__ASSERTION__HEADER", "Authorization")]);
    let value = bench.value(ann(), 0).unwrap();
    assert_eq!(claims(value.strip_prefix("Bearer ").unwrap())["sub"], "u1");
}

#[test]
fn debug_shows_no_assertion() {
    let bench = Bench::new(&[]);
    let value = bench.value(ann(), 0).unwrap();
    let shown = format!("{:?}", bench.assertions);
    assert!(!shown.contains(&value) && !shown.contains("acme"), "{shown}");
}
