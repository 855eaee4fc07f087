//! Other readings of a path never allow more than the session may have.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use super::{ask, at, subject};
use crate::decision::{Decision, Reason, RequestFacts, decide};
use crate::fixture::TWINS;
use crate::fuzzing::portal::{Habit, check_reading};
use crate::request_path::{BadTarget, RequestTarget};
use crate::{Policy, Reading, Readings, fixture};

fn policy() -> Policy {
    fixture::compile(TWINS).unwrap()
}

fn without(struck: Reading) -> Policy {
    let readings: Readings =
        Reading::ALL.into_iter().filter(|reading| *reading != struck).collect();
    Policy::compile_for(&fixture::files(TWINS, ""), &readings.into()).unwrap()
}

/// As `limited`: may view, may not pay.
fn asked(policy: &Policy, request: &str) -> Decision {
    ask(policy, Some(&subject(policy, "limited")), request)
}

/// Each is the twin of a path that `limited` may not have, and the readings that make it one.
const REFUSED: &[(&str, &str, &str)] = &[
    ("/tickets/New", "case", "New ticket"),
    ("/tickets/NEW", "case", "New ticket"),
    ("/TICKETS/new", "case", "New ticket"),
    ("/tickets/archive", "case", "Capital"),
    ("/tickets/ARCHIVE", "case", "Capital"),
    ("/Wp-Admin/users.php", "case", "Users"),
    ("/wp-admin/users.php/", "slash", "Users"),
    ("/wp-admin/USERS.php/", "case, slash", "Users"),
    ("/tickets/drafts", "slash", "With a slash"),
    ("/tickets/Drafts", "case, slash", "With a slash"),
    ("/wp-admin/users.php/x", "path-info", "Users"),
    ("/wp-admin/users.php/x/y.z/", "path-info", "Users"),
    ("/wp-admin/Users.PHP/x", "case, path-info", "Users"),
    ("/tickets/new.", "dot", "New ticket"),
    ("/tickets/new.%20.", "dot", "New ticket"),
    ("/tickets/new::$DATA", "dot", "New ticket"),
    ("/tickets/new:$i30:$INDEX_ALLOCATION", "dot", "New ticket"),
    ("/tickets./new", "dot", "New ticket"),
    ("/tickets/new.json", "suffix", "New ticket"),
    ("/tickets/new.tar.gz", "suffix", "New ticket"),
    ("/tickets/NEW.json", "case, suffix", "New ticket"),
    ("/tickets/new.json/", "slash, suffix", "New ticket"),
    ("/tickets/New.json;a=b", "case, suffix", "New ticket"),
    ("/tickets/new;a=b", "parameters", "New ticket"),
    ("/tickets/new%3Ba", "parameters", "New ticket"),
    ("/tickets;a/new", "parameters", "New ticket"),
    ("/(S(x))/tickets/new", "parameters", "New ticket"),
    ("/tickets/(A(b)S(x))/new", "parameters", "New ticket"),
    ("/tickets/%6eew%20", "outer-space", "New ticket"),
    ("/tickets/%20new", "outer-space", "New ticket"),
    ("/tickets/new%E3%80%80", "outer-space", "New ticket"),
    ("/tickets/new%2520", "decode-twice, outer-space", "New ticket"),
    ("/tickets/%256eew", "decode-twice", "New ticket"),
    ("/tickets/%25256eew", "decode-twice", "New ticket"),
    ("/tickets/%25u006eew", "decode-twice", "New ticket"),
    ("/tickets%252fnew", "decode-twice", "New ticket"),
    ("/tickets/new%253fx", "decode-twice, early-end", "New ticket"),
    ("/tickets/new%3Fx", "early-end", "New ticket"),
    ("/tickets;x%3Fy/new%3Fz", "parameters, early-end", "New ticket"),
    ("/tickets:x%23y/new%23z", "dot, early-end", "New ticket"),
    ("/tickets;x%252Fy/%256eew", "parameters, decode-twice", "New ticket"),
    ("/tickets/%EF%BD%8E%EF%BD%85%EF%BD%97", "compatibility", "New ticket"),
    ("/tickets/n%E2%80%8Bew", "compatibility", "New ticket"),
    ("/tickets/new%EF%BC%8Ejson", "suffix, compatibility", "New ticket"),
    ("/tickets/new%EF%BC%9Bx", "compatibility, parameters", "New ticket"),
    ("/tickets%EF%BC%8Fnew", "compatibility", "New ticket"),
    ("/tickets%EF%BC%BCnew", "compatibility", "New ticket"),
    ("/tickets/caf%C3%A9", "compatibility", "Decomposed"),
    ("/wp-admin/users.php%EF%BC%8Fx", "path-info, compatibility", "Users"),
    ("/t%C4%B1ckets/new", "case", "New ticket"),
    ("/t%C4%B0CKETS/new", "case", "New ticket"),
    ("/ticket%C5%BF/new", "case", "New ticket"),
    ("/Organizations/globex/orders", "case", "Orders of an organization"),
    ("/organizations/globex/Orders", "case", "Orders of an organization"),
    ("/organizations/acme;globex/orders/", "slash", "Orders of an organization"),
    ("/projects/New", "case", "New project"),
    ("/assets/a.php;x", "parameters", ""),
    ("/assets/a.php.", "dot", ""),
    ("/assets/a.php%20", "outer-space", ""),
    ("/assets/a.php::$DATA", "dot", ""),
    ("/assets/a.php.json", "suffix", ""),
    ("/assets/a.%2570hp", "decode-twice", ""),
    ("/assets/a%EF%BC%8Ephp", "compatibility", ""),
    ("/assets/a.php;x/b", "parameters", ""),
    ("/records/7.json", "suffix", "Record by number"),
    ("/records/7.", "dot", "Record by number"),
    ("/records/%EF%BC%97", "compatibility", "Record by number"),
    ("/records/%2537", "decode-twice", "Record by number"),
    ("/records/7+", "plus, outer-space", "Record by number"),
    ("/records/7;x", "parameters", "Record by number"),
    ("/records/a;x/edit", "parameters", "Record by word"),
    ("/records/a;x/EDIT", "case, parameters", "Record by word"),
    ("/records/a.b/x/Checkpoints", "case", "Checkpoint"),
    ("/records/a.b/x/checkpoints/", "slash", "Checkpoint"),
    ("/records/a.b/checkpoints.json", "suffix", "Checkpoint"),
    ("/records/a.b/x%252fcheckpoints", "decode-twice", "Checkpoint"),
];

#[test]
fn another_spelling_of_a_stricter_path_is_refused() {
    let policy = policy();
    for (path, readings, route) in REFUSED {
        let decision = asked(&policy, &format!("GET {path}"));
        assert_eq!(decision.reason(), Reason::AmbiguousPath, "{path}: {decision:?}");
        let reading = decision.reading().unwrap();
        let refused_by = reading.route().map_or("", |route| route.name());
        assert_eq!(reading.readings().to_string(), *readings, "{path}");
        assert_eq!(refused_by, *route, "{path}");
        // Users who may have the twin may have this path too.
        let all = ask(&policy, Some(&subject(&policy, "admin")), &format!("GET {path}"));
        let closed = ["Users", "Orders of an organization", ""].contains(route);
        assert_eq!(all.name(), if closed { "deny" } else { "allow" }, "{path}: {all:?}");
    }
}

#[test]
fn legitimate_names_are_allowed() {
    let policy = policy();
    for path in [
        "/FAQ",
        "/report.pdf",
        "/tickets/7/",
        "/tickets/7.json",
        "/tickets/Ticket%20%237.txt",
        "/tickets/a;b.txt",
        "/tickets/a%3Bb.txt",
        "/tickets/100%25.txt",
        "/tickets/100%25ab.txt",
        "/tickets/trail%20",
        "/tickets/C%2B%2B",
        "/tickets/10:30",
        "/tickets/(S(x)",
        "/tickets/%C3%A9t%C3%A9.pdf",
        "/tickets/%E6%96%B0.pdf",
        "/tickets/.hidden",
        "/.well-known/security.txt",
        "/wp-admin/Edit.php",
        "/wp-admin/edit.php/x",
        "/wp-admin/v1.2/x",
        "/organizations/acme",
        "/organizations/acme/orders",
        "/organizations/acme/Files/My%20Report.v1.2.PDF",
        "/sign-up;jsessionid=0123ABCdef.node-1!2",
        "/Sign-Up;jsessionid=0123ABCdef",
        "/projects/group%2Fproject",
        "/files/a.png",
        "/files/A%20b.v1.png",
        "/assets/a.php5",
        "/assets/A.css",
        "/records/a.7",
        "/records/a.b/x/y.z",
        "/projects/group%2fProject.js",
    ] {
        let decision = asked(&policy, &format!("GET {path}"));
        assert_eq!(decision.name(), "allow", "{path}: {decision:?}");
    }
}

#[test]
fn an_invalid_reading_is_a_bad_request() {
    use BadTarget::{Control, DotSegment, EmptySegment, EncodedSlash};
    let policy = policy();
    for (path, bad) in [
        ("/a/..;/b", DotSegment),
        ("/a/..;x", DotSegment),
        ("/a/...", DotSegment),
        ("/a/..%20/b", DotSegment),
        ("/a/.%3Fx", DotSegment),
        ("/a/%252e%252e/b", DotSegment),
        ("/a/%25252e%25252e/b", DotSegment),
        ("/a/..%252fb", DotSegment),
        ("/a/%25u002e/b", DotSegment),
        ("/a/%EF%BC%8E%EF%BC%8E/b", DotSegment),
        ("/a/%E2%80%A5/b", DotSegment),
        ("/a/.%E2%80%8B./b", DotSegment),
        ("/a/%EF%BC%8E%EF%BC%8E%EF%BC%8Fb", DotSegment),
        ("/a/%EF%BC%85252e%EF%BC%85252e/b", DotSegment),
        ("/a/;x", EmptySegment),
        ("/a/;x/b", EmptySegment),
        ("/a/%20", EmptySegment),
        ("/a/+", EmptySegment),
        ("/a/%252f/b", EmptySegment),
        ("/a%EF%BC%8F%EF%BC%8Fb", EmptySegment),
        ("/a/%E2%80%8B/b", EmptySegment),
        ("/a/x%2500", Control),
        ("/a/x%250d%250a", Control),
        ("/a/b%2Fc", EncodedSlash),
        ("/tickets/a%2Fb", EncodedSlash),
        ("/tickets%2Fnew", EncodedSlash),
        ("/projects/a%2Fb/c", EncodedSlash),
        ("/projects/a%2F..;", DotSegment),
        ("/projects/a%2F%252e", DotSegment),
    ] {
        let decision = asked(&policy, &format!("GET {path}"));
        assert_eq!(decision.name(), "bad-request", "{path}: {decision:?}");
        assert_eq!(decision.reason(), Reason::BadTarget(bad), "{path}");
    }
}

#[test]
fn a_reading_without_a_route_denies_with_two_exceptions() {
    let policy = fixture::compile(
        "[[route]]\nname = \"Deep\"\npath = \"/a/{b}/{c}\"\naccess = \"public\"\n\
         [[route]]\nname = \"Rest\"\npath = \"/r/{one}/{*rest}\"\naccess = \"public\"\n",
    )
    .unwrap();
    for (path, name) in [
        ("/a/x/y", "allow"),
        ("/a/X.php/y", "allow"),
        ("/r/x/", "allow"),
        ("/r/x.php/y/", "allow"),
        ("/a/x/(S(y))", "deny"),
        ("/a/x/y%252fz", "deny"),
        ("/a/x%3F/y", "deny"),
        ("/a/x/y%EF%BC%8Fz", "deny"),
    ] {
        let decision = ask(&policy, None, &format!("GET {path}"));
        assert_eq!(decision.name(), name, "{path}: {decision:?}");
        if name == "deny" {
            assert_eq!(decision.reading().unwrap().reason(), Reason::NoRoute, "{path}");
        }
    }
}

#[test]
fn literals_of_the_matched_route_are_not_read_again() {
    let policy = fixture::compile(
        "[[route]]\nname = \"FAQ\"\npath = \"/FAQ\"\naccess = \"public\"\n\
         [[route]]\nname = \"Staff\"\npath = \"/faq\"\naccess = \"deny\"\n\
         [[route]]\nname = \"Page\"\npath = \"/Docs.v1/{page}\"\naccess = \"public\"\n\
         [[route]]\nname = \"Old\"\npath = \"/docs/{page}\"\naccess = \"deny\"\n\
         [[route]]\nname = \"Setup\"\npath = \"/index.php/setup\"\naccess = \"public\"\n\
         [[route]]\nname = \"Index\"\npath = \"/index.php\"\naccess = \"deny\"\n",
    )
    .unwrap();
    for path in ["/FAQ", "/Docs.v1/a", "/Docs.v1/A", "/index.php/setup"] {
        let decision = ask(&policy, None, &format!("GET {path}"));
        assert_eq!(decision.name(), "allow", "{path}: {decision:?}");
    }
}

#[test]
fn only_a_jsessionid_is_removed_from_a_path() {
    let policy = fixture::compile(
        "[[route]]\nname = \"Form\"\npath = \"/sign-up\"\naccess = \"public\"\n\
         [[route]]\nname = \"Staff\"\npath = \"/staff\"\nrequire = \"pay\"\n",
    )
    .unwrap();
    for (path, name) in [
        ("/sign-up;jsessionid=1A", "allow"),
        ("/sign-up;JSESSIONID=1A", "allow"),
        ("/sign-up;jsessionid=", "deny"),
        ("/sign-up;other=1", "deny"),
        ("/sign-up;jsessionid=1;x=2", "deny"),
        ("/sign-up%3Bjsessionid=1", "deny"),
        ("/sign-up;jsessionid=1/x", "deny"),
        ("/staff;jsessionid=1", "sign-in"),
    ] {
        assert_eq!(ask(&policy, None, &format!("GET {path}")).name(), name, "{path}");
    }
}

#[test]
fn a_disabled_reading_does_not_count() {
    for (reading, path) in [
        (Reading::Case, "/tickets/New"),
        (Reading::Case, "/tickets/archive"),
        (Reading::Slash, "/wp-admin/users.php/"),
        (Reading::Slash, "/tickets/drafts"),
        (Reading::Dot, "/tickets/new."),
        (Reading::Dot, "/tickets/..."),
        (Reading::PathInfo, "/wp-admin/users.php/x"),
        (Reading::Suffix, "/tickets/new.json"),
        (Reading::Compatibility, "/tickets/n%E2%80%8Bew"),
        (Reading::Parameters, "/tickets/new;a"),
        (Reading::DecodeTwice, "/tickets/%256eew"),
        (Reading::DecodeTwice, "/tickets/%252e%252e"),
    ] {
        let request = format!("GET {path}");
        assert_ne!(asked(&policy(), &request).name(), "allow", "{path}");
        let policy = match path {
            // The slash that PATH_INFO would be is a slash at the end too.
            "/wp-admin/users.php/" => {
                let readings = Reading::ALL.into_iter();
                let neither = |r: &Reading| !matches!(r, Reading::Slash | Reading::PathInfo);
                let readings: Readings = readings.filter(neither).collect();
                Policy::compile_for(&fixture::files(TWINS, ""), &readings.into()).unwrap()
            }
            _ => without(reading),
        };
        let decision = asked(&policy, &request);
        assert_eq!(decision.name(), "allow", "{path} without {}: {decision:?}", reading.name());
    }
}

#[test]
fn the_method_the_query_and_websockets_count_in_every_reading() {
    let policy = fixture::compile(
        "[[route]]\nname = \"Any\"\npath = \"/{x}\"\naccess = \"public\"\nwebsocket = true\n\
         [[route]]\nname = \"Read\"\nmethods = [\"GET\"]\npath = \"/new\"\naccess = \"public\"\n\
         query = { do = [\"\"] }\n",
    )
    .unwrap();
    for (request, name) in [
        ("GET /New", "allow"),
        ("POST /New", "deny"),
        ("GET /New?do=", "deny"),
        ("GET /New?do=x", "deny"),
        ("GET /new%3Fdo=x", "deny"),
        ("WS /other", "allow"),
        ("WS /Other", "allow"),
        ("WS /New", "deny"),
    ] {
        assert_eq!(ask(&policy, None, request).name(), name, "{request}");
    }
}

#[test]
fn a_path_with_too_many_readings_is_refused() {
    let policy = policy();
    for path in [
        format!("/tickets/{}", "a.b".repeat(80)),
        format!("/wp-admin/{}", "a.b/".repeat(60)),
        format!("/tickets/%{}61", "25".repeat(60)),
    ] {
        let decision = asked(&policy, &format!("GET {path}"));
        assert_eq!(decision.reason(), Reason::AmbiguousPath, "{path}: {decision:?}");
    }
}

/// A path with an optional slash matches more than the operator has in mind: the portal treats the
/// path with the slash as the one without it, which may be a stricter route's.
#[test]
fn optional_slash_opens_no_stricter_path() {
    let open = r#"
[[route]]
name = "Optional"
path = "/a/{x}[/]"
access = "public"

[[route]]
name = "Subtree"
path = "/b/{x}"
subtree = true
access = "public"

[[route]]
name = "After a rest"
path = "/c/{*x}/end[/]"
access = "public"

[[route]]
name = "Every host"
path = "/d/new[/]"
access = "public"
"#;
    let strict = r#"
[[route]]
name = "Literal"
path = "/a/new"
access = "deny"

[[route]]
name = "Number"
path = "/a/{x:int}"
access = "deny"

[[route]]
name = "Below"
path = "/b/new"
access = "deny"

[[route]]
name = "Between"
path = "/c/{x:int}/end"
access = "deny"

[[route]]
name = "One host"
path = "/d/new"
hosts = ["portal.example.com"]
access = "deny"
"#;
    let closed = fixture::compile(&format!("{open}{strict}")).unwrap();
    let open = fixture::compile(open).unwrap();
    let decided = |policy: &Policy, path: &str| {
        let target = RequestTarget::parse(path).unwrap();
        let facts = RequestFacts::new("portal.example.com", &http::Method::GET, &target);
        matches!(decide(policy, None, &facts, at(0)), Decision::Allow(_))
    };
    for path in [
        "/a/new/",
        "/a/New/",
        "/a/new%2e/",
        "/a/7/",
        "/a/7.html/",
        "/b/new/",
        "/c/7/end/",
        "/d/new/",
    ] {
        assert!(decided(&open, path), "{path}");
        assert!(!decided(&closed, path), "{path}");
    }
    for path in ["/a/old", "/a/old/", "/a/Old/", "/b/old/", "/b/new/7/", "/c/x/end/"] {
        assert!(decided(&closed, path), "{path}");
    }
}

fn random_policy() -> impl Strategy<Value = String> {
    let access = select(vec![
        "access = \"public\"",
        "access = \"signed-in\"",
        "access = \"deny\"",
        "require = \"view\"",
        "require = \"pay\"",
    ]);
    let paths = [
        "/{*r}",
        "/a",
        "/a/{x}",
        "/a/new",
        "/a/{*r}",
        "/a/u.php",
        "/a/new/{y}",
        "/a/new/",
        "/{x}/b",
        "/o/{org}",
        "/o/{org}/b",
        "/a/u.php/{*r}",
        "/a/{x:word}",
        "/a/{x:*.json}",
        "/o/{*r}/b",
        "/o/{x:word}[/]",
        "/a/new/{y:word}/{*r}",
    ];
    let one = (any::<bool>(), access);
    proptest::collection::vec(one, paths.len()).prop_map(move |chosen| {
        let mut routes = String::new();
        for (path, (there, access)) in paths.iter().zip(chosen) {
            if !there {
                continue;
            }
            write!(routes, "[[route]]\nname = \"{path}\"\npath = \"{path}\"\n{access}\n").unwrap();
            if path.contains("{*r}") && path.len() % 2 == 0 {
                routes.push_str("except = [\"*.php\", \"new\"]\n");
            }
            if path.contains("{org}") && !access.contains("public") {
                routes.push_str("organization = \"{org}\"\n");
            }
        }
        routes
    })
}

fn random_path() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        "A",
        "b",
        "new",
        "New",
        "NEW",
        "u.php",
        "U.PHP",
        "o",
        "O",
        "acme",
        "Acme",
        "x",
        "/",
        "/",
        "/",
        "/",
        ".",
        ".json",
        ";x",
        "%3B",
        "%20",
        "+",
        "%3F",
        "%23",
        "%25",
        "%252f",
        "2f",
        "%256e",
        "n",
        "ew",
        "%EF%BC%8F",
        "%EF%BC%8E",
        "%E2%80%8B",
        "%EF%BD%8E",
        "%C5%BF",
        "(S(x))",
        ":",
        "::$DATA",
        "%2F",
    ]);
    let start = select(vec!["/", "/a/", "/a/new", "/a/u.php", "/o/acme", "/A/", "/o/", "/a"]);
    (start, proptest::collection::vec(piece, 0..7))
        .prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

fn random_habits() -> impl Strategy<Value = Vec<Habit>> {
    proptest::collection::vec(select(Habit::ALL.as_slice()), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// For every combination of readings: a path that is allowed is also allowed to the same
    /// session in the spelling that the portal reads.
    #[test]
    fn nothing_is_allowed_that_another_reading_would_deny(
        routes in random_policy(),
        path in random_path(),
        habits in random_habits(),
        who in select(vec!["anonymous", "limited", "admin"]),
    ) {
        let Ok(policy) = Policy::compile(&fixture::files(&routes, "")) else { return Ok(()) };
        let Ok(target) = RequestTarget::parse(&path) else { return Ok(()) };
        let mut subject = (who != "anonymous").then(|| subject(&policy, who));
        if let Some(subject) = &mut subject {
            subject.organization = "acme".into();
        }
        let decided = |policy: &Policy, target: &RequestTarget| {
            let method = http::Method::GET;
            let request = RequestFacts::new("h", &method, target);
            decide(policy, subject.as_ref(), &request, at(0))
        };
        if decided(&policy, &target).name() != "allow" {
            return Ok(());
        }
        let exact = Policy::compile_for(&fixture::files(&routes, ""), &Readings::NONE.into()).unwrap();
        check_reading(&policy, &target, &habits, |target| decided(&exact, target));
    }
}
