//! What a trial of the portal opens, and what it does not.

use std::fmt::Write as _;
use std::sync::Arc;

use http::Method;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{ask, at, policy, subject};
use crate::decision::{Decision, RequestFacts, decide, route_for};
use crate::{Policy, Reason, RequestTarget, SessionKind, Subject, fixture};

fn of_kind(policy: &Policy, kind: SessionKind) -> Subject {
    Subject { kind, ..subject(policy, "non-portal") }
}

/// Requests and what a trial may do, each beside what viewing the portal may.
const TABLE: &[(&str, &str, Reason, Reason)] = &[
    ("GET /nowhere", "allow", Reason::Trial, Reason::NoRoute),
    ("DELETE /nowhere/7", "allow", Reason::Trial, Reason::NoRoute),
    ("WS /nowhere", "allow", Reason::Trial, Reason::NoRoute),
    ("GET /both", "allow", Reason::Trial, Reason::MissingPermission),
    ("GET /redirected", "allow", Reason::Trial, Reason::MissingPermission),
    ("POST /view", "allow", Reason::Trial, Reason::MethodNotAllowed),
    ("GET /wiki/a?do=admin", "allow", Reason::Trial, Reason::QueryNotAllowed),
    ("GET /view", "allow", Reason::Permitted, Reason::Permitted),
    ("GET /public/a", "allow", Reason::Public, Reason::Public),
    // The floor.
    ("GET /closed", "deny", Reason::RouteClosed, Reason::RouteClosed),
    ("PROPFIND /closed", "deny", Reason::RouteClosed, Reason::MethodNotAllowed),
    ("GET /CLOSED", "deny", Reason::AmbiguousPath, Reason::NoRoute),
    ("PROPFIND /Closed", "deny", Reason::AmbiguousPath, Reason::NoRoute),
    ("GET /old", "redirect", Reason::RouteClosed, Reason::RouteClosed),
    ("GET /site/admin/x", "deny", Reason::RouteClosed, Reason::RouteClosed),
    ("GET /uploads/shell.php", "deny", Reason::NoRoute, Reason::NoRoute),
    ("PROPFIND /uploads/shell.php", "deny", Reason::NoRoute, Reason::MethodNotAllowed),
    (
        "GET /organizations/globex/invoices",
        "deny",
        Reason::OtherOrganization,
        Reason::OtherOrganization,
    ),
    (
        "PROPFIND /organizations/globex/invoices",
        "deny",
        Reason::OtherOrganization,
        Reason::MethodNotAllowed,
    ),
    ("GET /project/a?p=globex&tab=x", "deny", Reason::OtherOrganization, Reason::QueryNotAllowed),
    ("GET /wiki/a?do=show&do=edit", "deny", Reason::AmbiguousQuery, Reason::AmbiguousQuery),
    ("GET /office", "deny", Reason::AddressNotAllowed, Reason::AddressNotAllowed),
    ("PROPFIND /office", "deny", Reason::AddressNotAllowed, Reason::MethodNotAllowed),
    ("WS /view", "deny", Reason::WebsocketNotAllowed, Reason::WebsocketNotAllowed),
];

#[test]
fn trial_opens_what_lacks_a_route_and_nothing_closed() {
    let policy = policy();
    let [trial, view] = [SessionKind::Trial, SessionKind::Staff].map(|k| of_kind(&policy, k));
    for (request, name, reason, without) in TABLE {
        let decision = ask(&policy, Some(&trial), request);
        let decided = (decision.name(), decision.reason());
        assert_eq!(decided, (*name, *reason), "{request}");
        assert_eq!(ask(&policy, Some(&view), request).reason(), *without, "{request}");
    }
}

#[test]
fn trial_keeps_staff_out_where_staff_never_is() {
    let policy = fixture::compile(
        "[[route]]\nname = \"Profile\"\nmethods = [\"GET\"]\npath = \"/profile\"\n\
         require = \"view\"\nstaff = \"never\"\n",
    )
    .unwrap();
    let trial = of_kind(&policy, SessionKind::Trial);
    for request in ["GET /profile", "POST /profile"] {
        let decision = ask(&policy, Some(&trial), request);
        assert_eq!(decision.reason(), Reason::StaffNotAllowed, "{request}");
    }
}

/// A closed part of the portal with one page that is not, and single pages with closed actions.
const PARTS: &str = r#"
[[route]]
name = "Administration"
path = "/adm/{*rest}"
access = "deny"

[[route]]
name = "Help"
methods = ["GET"]
path = "/adm/help"
access = "signed-in"

[[route]]
name = "Files"
path = "/up/{*rest}"
require = "view"
except = ["*.php"]

[[route]]
name = "Pictures"
methods = ["GET"]
path = "/up/safe/{name}"
require = "view"

[[route]]
name = "Organization"
path = "/o/{organization}/{*rest}"
require = "view"
organization = "{organization}"

[[route]]
name = "Logo"
methods = ["GET"]
path = "/o/{organization}/logo.png"
access = "public"

[[route]]
name = "Wiki administration"
path = "/wiki.php"
query = { do = ["admin"] }
query_other = "deny"
access = "deny"

[[route]]
name = "Wiki"
path = "/wild/{*rest}"
access = "signed-in"
methods = ["GET"]

[[route]]
name = "Wiki administration below"
path = "/wild/wiki.php"
query = { do = ["admin"] }
access = "deny"

[[route]]
name = "Staff's"
path = "/never.php"
query = { do = ["admin"] }
access = "deny"
staff = "never"
"#;

#[test]
fn trial_opens_nothing_that_a_wider_route_or_a_query_closes() {
    let policy = fixture::compile(PARTS).unwrap();
    let trial = of_kind(&policy, SessionKind::Trial);
    for request in [
        "POST /adm/help",
        "PROPFIND /adm/help",
        "POST /adm/HELP",
        "PUT /up/safe/x.php",
        "DELETE /o/globex/logo.png",
        "GET /wiki.php?do=admin",
        "GET /wiki.php?do=admin&x=1",
        "GET /wiki.php?do=Admin",
        "GET /wiki.php?do=admin~",
        "GET /wiki.php?a[do]=admin",
        "GET /wiki.php?DO=admin",
        "GET /wiki.php?do=edit&do=admin",
        "POST /wiki.php",
        "POST /wiki.php?do=edit",
        "GET /wiki.php%3Fdo=admin",
        "GET /wiki.php%23x",
        "GET /WIKI.php%3Fdo=admin",
        "GET /wild/wiki.php%3Fdo=admin",
        "POST /wild/wiki.php/%3Fdo=admin",
        "GET /never.php",
        "GET /never.php?do=edit",
        "TRACE /nowhere",
        "get /nowhere",
    ] {
        let decision = ask(&policy, Some(&trial), request);
        assert_ne!(decision.name(), "allow", "{request}: {decision:?}");
    }
    for request in [
        "GET /adm/help",
        "POST /up/safe/x.png",
        "DELETE /o/acme/logo.png",
        "GET /wiki.php?do=edit",
        "GET /wiki.php",
        "HEAD /wiki.php?page=2",
        "POST /wild/page.php",
        "PROPFIND /nowhere",
    ] {
        let decision = ask(&policy, Some(&trial), request);
        assert_eq!(decision.name(), "allow", "{request}: {decision:?}");
    }
}

#[test]
fn trial_that_has_expired_opens_nothing() {
    let policy = policy();
    let late = Subject { valid_until: at(99), ..of_kind(&policy, SessionKind::Trial) };
    for request in ["GET /nowhere", "GET /both", "POST /view"] {
        let decision = ask(&policy, Some(&late), request);
        assert_eq!(decision.reason(), Reason::SessionExpired, "{request}");
        assert!(decision.route().is_none_or(|route| !route.is_of_trials()), "{request}");
    }
}

const PATHS: [&str; 10] = [
    "/a",
    "/a/b",
    "/a/{x}",
    "/{x}/b",
    "/a/{*rest}",
    "/{*rest}",
    "/a/B",
    "/a/b/",
    "/o/{organization}",
    "/o/{organization}/{*rest}",
];
const METHODS: [&str; 3] = ["GET", "POST", "PROPFIND"];
const TARGETS: [&str; 19] = [
    "/",
    "/a",
    "/a/b",
    "/a/B",
    "/A/b",
    "/a/b/",
    "/a/c",
    "/a/c.php",
    "/z",
    "/z/b",
    "/a/b;x=1",
    "/a/b%2Fc",
    "/o/acme",
    "/o/globex",
    "/o/globex/x",
    "/a/b?q=1",
    "/a/b?q=2",
    "/a/b%3Fq=1",
    "/a/B%23",
];
const ACCESS: [&str; 5] = [
    "access = \"public\"",
    "access = \"signed-in\"",
    "access = \"deny\"",
    "require = \"pay\"",
    "require = \"view\"",
];

prop_compose! {
    fn routes()(all in vec(
        (select(&PATHS[..]), vec(select(&METHODS[..]), 1..3), select(&ACCESS[..]), 0_u8..32),
        0..6,
    )) -> String {
        let mut text = String::new();
        for (number, (path, mut methods, access, flags)) in all.into_iter().enumerate() {
            methods.sort_unstable();
            methods.dedup();
            write!(text, "[[route]]\nname = \"{number}\"\nmethods = {methods:?}\n\
                          path = \"{path}\"\n{access}\n").unwrap();
            for (bit, line) in [
                (1, "staff = \"never\""),
                (2, "websocket = true"),
                (4, "from = [\"10.0.0.0/8\"]"),
                (8, "query = { q = [\"1\"] }"),
            ] {
                if flags & bit > 0 {
                    writeln!(text, "{line}").unwrap();
                }
            }
            let may_bind = path.contains("{organization}") && !access.starts_with("access");
            if flags & 16 > 0 && may_bind {
                text.push_str("organization = \"{organization}\"\n");
            }
        }
        text
    }
}

/// What the floor does not keep closed.
fn is_opened(decision: &Decision) -> bool {
    let reason = match decision.reading() {
        Some(reading) => reading.reason(),
        None => decision.reason(),
    };
    matches!(
        reason,
        Reason::NoRoute
            | Reason::MethodNotAllowed
            | Reason::QueryNotAllowed
            | Reason::MissingPermission
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn trial_adds_to_a_view_and_keeps_the_floor(
        text in routes(),
        target in select(&TARGETS[..]),
        method in select(&METHODS[..]),
        websocket in any::<bool>(),
    ) {
        let Ok(policy) = fixture::compile(&text) else { return Ok(()) };
        let method = if websocket { "GET" } else { method };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let target = RequestTarget::parse(target).unwrap();
        let facts = RequestFacts { websocket, ..RequestFacts::new("h", &method, &target) };
        let decided = |subject: Option<&Subject>| decide(&policy, subject, &facts, at(1));
        let of = |kind| decided(Some(&of_kind(&policy, kind)));
        for kind in SessionKind::ALL.into_iter().filter(|kind| *kind != SessionKind::Trial) {
            prop_assert_ne!(of(kind).reason(), Reason::Trial);
        }
        prop_assert_ne!(decided(None).reason(), Reason::Trial);
        let (trial, view) = (of(SessionKind::Trial), of(SessionKind::Staff));
        let same = (trial.name(), trial.reason()) == (view.name(), view.reason());
        match &trial {
            Decision::Allow(_) if trial.reason() == Reason::Trial => {
                prop_assert!(is_opened(&view), "{view:?}");
                if let Some(route) = trial.route() {
                    prop_assert!(policy.routes().iter().any(|of| Arc::ptr_eq(of, route)));
                    prop_assert!(!route.refuses_staff());
                }
                // No route for this very path is closed, whatever its method, nor is one of
                // everything, unless another route lists the request.
                let lists = route_for(&policy, &facts).is_some();
                let closed = |route: &Arc<crate::Route>| {
                    let path = route.path().as_str();
                    route.access() == crate::Access::Deny
                        && route.query().is_none()
                        && (path == target.path() || path == "/{*rest}" && !lists)
                };
                prop_assert!(!policy.routes().iter().any(closed));
            }
            Decision::Allow(_) => prop_assert!(same, "{trial:?} {view:?}"),
            _ => prop_assert!(view.name() != "allow", "{trial:?} {view:?}"),
        }
        if !is_opened(&view) {
            prop_assert!(same, "{trial:?} {view:?}");
        }
    }
}

#[test]
fn trial_says_so_if_only_a_reading_is_opened() {
    let policy = fixture::compile(
        "[[route]]\nname = \"a\"\nmethods = [\"GET\"]\npath = \"/a/b\"\naccess = \"public\"\n\
         [[route]]\nname = \"b\"\nmethods = [\"POST\"]\npath = \"/{x}/b\"\naccess = \"public\"\n",
    )
    .unwrap();
    let target = RequestTarget::parse("/A/b").unwrap();
    let facts = RequestFacts::new("h", &Method::POST, &target);
    let of = |kind| decide(&policy, Some(&of_kind(&policy, kind)), &facts, at(1));
    assert_eq!(of(SessionKind::Staff).reason(), Reason::AmbiguousPath);
    let trial = of(SessionKind::Trial);
    assert_eq!((trial.name(), trial.reason()), ("allow", Reason::Trial));
}
