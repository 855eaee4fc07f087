use std::collections::HashMap;
use std::path::Path;

use data_encoding::BASE64;
use jiff::Timestamp;

use super::*;
use crate::config::Settings;
use crate::credential::token::PlainToken;
use portcullis_policy::{SessionKind, Subject};

/// The account that is sent for a portal user with this login, or for a link.
fn account(user: &str, password: &str, login: Option<&str>) -> Option<String> {
    let set = [
        ("SERVER__PUBLIC_URL", "http://localhost"),
        ("UPSTREAM__SERVERS", "http://127.0.0.1:1"),
        ("IDENTITY__BASIC__USER", user),
        ("IDENTITY__BASIC__PASSWORD", password),
    ];
    let set: HashMap<_, _> =
        set.map(|(key, value)| (format!("PORTCULLIS__{key}"), value.to_owned())).into();
    let settings = Settings::parse("", Path::new("test"), &set).unwrap();
    let held = ("limited".into(), PermissionSet::EMPTY);
    let kind = if login.is_some() { SessionKind::User } else { SessionKind::Link };
    let subject = Subject::nameless(kind, "acme".into(), held, Timestamp::MAX);
    let subject = Subject { login: login.map(Into::into), ..subject };
    let key = PlainToken::generate().hash();
    let session = SessionLookup::Found { key, subject, disclosed: None, staff: None };
    let identity = Identity::of(&session, PermissionSet::EMPTY).unwrap();
    let header = identity.facts.account(settings.identity.basic.as_ref().unwrap())?;
    let credentials = BASE64.decode(header.strip_prefix("Basic ").unwrap().as_bytes()).unwrap();
    Some(String::from_utf8(credentials).unwrap())
}

#[test]
fn account_has_all_its_values_or_is_not_sent() {
    for (user, password, login, expected) in [
        ("{login}", "x", Some("ada"), Some("ada:x")),
        ("{login}", "x", None, None),
        ("{organization}", "{group}", None, Some("acme:limited")),
        ("portal", "x:{login}", Some("ada"), Some("portal:x:ada")),
        ("portal", "{login}", None, None),
        ("portal", "x", None, Some("portal:x")),
        ("{email}", "x", Some("ada"), None),
        ("it-{login}", "x", Some("jörg"), Some("it-jörg:x")),
        // These would be another account or password.
        ("{login}", "x", Some("ada:y"), None),
        ("{login}", "x", Some("ada\n"), None),
    ] {
        assert_eq!(account(user, password, login).as_deref(), expected, "{user} {login:?}");
    }
}
