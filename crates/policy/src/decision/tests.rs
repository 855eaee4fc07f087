use std::collections::HashSet;
use std::sync::Arc;

use http::Method;

use super::*;
use crate::{RequestTarget, SessionKind, fixture};

const ROUTES: &str = r#"
[[route]]
name = "Public"
path = "/public/{*rest}"
access = "public"
[[route]]
name = "Home"
path = "/"
access = "signed-in"
[[route]]
name = "Closed"
path = "/closed"
access = "deny"
[[route]]
name = "Closed, redirected"
path = "/old"
access = "deny"
on_deny = { redirect = "/" }
[[route]]
name = "View"
methods = ["GET"]
path = "/view"
require = "view"
[[route]]
name = "Both"
path = "/both"
require = { all = ["view", "pay"] }
[[route]]
name = "Either"
path = "/either"
require = { any = ["pay", "mine"] }
[[route]]
name = "Redirected"
path = "/redirected"
require = "pay"
on_deny = { redirect = "https://example.com/buy?what=pay" }
[[route]]
name = "Organization"
path = "/organizations/{organization}/invoices"
require = "view"
organization = "{organization}"
on_deny = { redirect = "/" }
[[route]]
name = "Chat"
path = "/chat"
access = "signed-in"
websocket = true
[[route]]
name = "Ticket"
path = "/tickets/{ticket}"
access = "public"
[[route]]
name = "All tickets"
path = "/tickets/all"
require = "pay"
[[route]]
name = "A name with a space"
path = "/tickets/a%20b"
require = "pay"
[[route]]
name = "Other methods"
methods = ["PROPFIND"]
path = "/dav"
access = "public"
[[route]]
name = "Read"
methods = ["GET"]
path = "/wiki/{page}"
query = { do = ["", "show"] }
access = "public"
[[route]]
name = "Edit"
methods = ["GET", "POST"]
path = "/wiki/{page}"
query = { do = ["edit"] }
require = "view"
[[route]]
name = "Wider"
path = "/wiki/{*rest}"
access = "public"
[[route]]
name = "Uploads"
path = "/uploads/{*file}"
access = "public"
except = ["*.php", ".*"]
[[route]]
name = "Organization in the query"
path = "/project/{page}"
query = { p = "{organization}", tab = ["", "files"] }
organization = "{organization}"
require = "view"
[[route]]
name = "Office"
path = "/office"
access = "public"
from = ["10.0.0.0/8", "2001:db8::/32"]
[[route]]
name = "Office page"
path = "/office/{page}"
access = "public"
[[route]]
name = "Office form"
path = "/office/form"
access = "public"
from = ["10.0.0.0/8"]
[[route]]
name = "API"
methods = ["GET", "PUT"]
path = "/api/{item}"
require = "view"
preflight = "public"
[[route]]
name = "API, deletion"
methods = ["DELETE"]
path = "/api/{item}"
require = "pay"
[[route]]
name = "API options"
methods = ["OPTIONS"]
path = "/api/{item}"
access = "signed-in"
[[route]]
name = "API of the office"
methods = ["GET"]
path = "/api/office"
require = "view"
preflight = "public"
from = ["10.0.0.0/8"]
[[route]]
name = "Slash or not"
path = "/slash[/]"
access = "public"
[[route]]
name = "Site"
path = "/site/{*page}"
access = "public"
[[route]]
name = "Site administration"
path = "/site/admin"
subtree = true
access = "deny"
[[route]]
name = "Reports"
path = "/reports"
subtree = true
require = "view"
[[route]]
name = "Report by number"
path = "/reports/{number:int}"
access = "public"
[[route]]
name = "Publish"
methods = ["POST"]
path = "/site/{*page}/publish"
require = "pay"
"#;

fn policy() -> Policy {
    fixture::compile(ROUTES).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A user of the organization `acme` whose session lasts until second 100.
fn subject(policy: &Policy, group: &str) -> Subject {
    let seed = policy.seeds().iter().find(|seed| seed.id == group).unwrap();
    Subject {
        kind: SessionKind::User,
        organization: Arc::from("acme"),
        user: Some(Arc::from("u1")),
        login: Some(Arc::from("joe")),
        end_user: None,
        group: Arc::from(group),
        granted: seed.permissions,
        disabled: false,
        parked: None,
        valid_until: at(100),
        actor: None,
    }
}

#[test]
fn r8_a_disabled_user_opens_only_what_is_public() {
    let policy = policy();
    let user = subject(&policy, "admin");
    let disabled = Subject { disabled: true, ..user.clone() };
    let shut_out = Subject { disabled: true, ..subject(&policy, "no-access") };
    for (request, allowed) in [
        ("GET /", Reason::SignedIn),
        ("GET /view", Reason::Permitted),
        ("GET /redirected", Reason::Permitted),
    ] {
        assert_eq!(ask(&policy, Some(&user), request).reason(), allowed, "{request}");
        for subject in [&disabled, &shut_out] {
            let decision = ask(&policy, Some(subject), request);
            assert_eq!(decision.name(), "deny", "{request}");
            assert_eq!(decision.reason(), Reason::AccountDisabled, "{request}");
        }
    }
    assert_eq!(ask(&policy, Some(&disabled), "GET /closed").reason(), Reason::AccountDisabled);
    let public = ask(&policy, Some(&disabled), "GET /public/logo.png");
    assert_eq!(public.reason(), Reason::Public);
}

#[test]
fn r8_a_parked_organization_opens_only_what_is_public() {
    let policy = policy();
    for kind in SessionKind::ALL {
        let open = Subject { kind, ..subject(&policy, "admin") };
        let parked = Subject { parked: Some(Arc::from("Moved")), ..open.clone() };
        let disabled = Subject { disabled: true, ..parked.clone() };
        for request in ["GET /", "GET /view", "GET /redirected"] {
            assert_eq!(ask(&policy, Some(&open), request).name(), "allow", "{request}");
            for subject in [&parked, &disabled] {
                let decision = ask(&policy, Some(subject), request);
                assert_eq!(decision.reason(), Reason::OrganizationParked, "{request}");
                assert_eq!(decision.name(), "deny", "{request}");
            }
        }
        assert_eq!(ask(&policy, Some(&parked), "GET /nowhere").name(), "deny", "{kind:?}");
        let public = ask(&policy, Some(&parked), "GET /public/logo.png");
        assert_eq!(public.reason(), Reason::Public);
    }
}

fn ask(policy: &Policy, subject: Option<&Subject>, request: &str) -> Decision {
    let (method, target) = request.split_once(' ').unwrap();
    let (method, websocket) = match method {
        "WS" => ("GET", true),
        method => (method, false),
    };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let target = RequestTarget::parse(target).unwrap();
    let request = RequestFacts { websocket, ..RequestFacts::new("h", &method, &target) };
    decide(policy, subject, &request, at(99))
}

const DOTS: Reason = Reason::BadTarget(BadTarget::DotSegment);

/// Who asks, the request, and the decision: allowed and refused requests side by side.
const TABLE: &[(&str, &str, &str, Reason)] = &[
    ("anonymous", "GET /public/logo.png", "allow", Reason::Public),
    ("no-access", "GET /public/logo.png", "allow", Reason::Public),
    ("anonymous", "GET /publi", "deny", Reason::NoRoute),
    ("admin", "GET /nowhere", "deny", Reason::NoRoute),
    ("anonymous", "GET /nowhere", "deny", Reason::NoRoute),
    ("anonymous", "GET /PUBLIC/logo.png", "deny", Reason::NoRoute),
    ("limited", "GET /", "allow", Reason::SignedIn),
    ("anonymous", "GET /", "sign-in", Reason::NoSession),
    ("no-access", "GET /", "deny", Reason::NoPortalAccess),
    ("admin", "GET /closed", "deny", Reason::RouteClosed),
    ("anonymous", "GET /closed", "deny", Reason::RouteClosed),
    ("no-access", "GET /closed", "deny", Reason::NoPortalAccess),
    ("admin", "GET /old", "redirect", Reason::RouteClosed),
    ("no-access", "GET /old", "deny", Reason::NoPortalAccess),
    ("limited", "GET /view", "allow", Reason::Permitted),
    ("limited", "HEAD /view", "allow", Reason::Permitted),
    ("limited", "POST /view", "deny", Reason::MethodNotAllowed),
    ("admin", "OPTIONS /view", "deny", Reason::MethodNotAllowed),
    ("anonymous", "OPTIONS /view", "deny", Reason::MethodNotAllowed),
    ("admin", "get /view", "deny", Reason::MethodNotAllowed),
    ("admin", "PROPFIND /", "deny", Reason::MethodNotAllowed),
    ("anonymous", "PROPFIND /dav", "allow", Reason::Public),
    ("anonymous", "GET /dav", "deny", Reason::MethodNotAllowed),
    ("anonymous", "GET /view", "sign-in", Reason::NoSession),
    ("anonymous", "HEAD /view", "sign-in", Reason::NoSession),
    ("admin", "GET /both", "allow", Reason::Permitted),
    ("limited", "GET /both", "deny", Reason::MissingPermission),
    ("limited", "GET /either", "allow", Reason::Permitted),
    ("non-portal", "GET /either", "deny", Reason::MissingPermission),
    ("admin", "GET /redirected", "allow", Reason::Permitted),
    ("limited", "GET /redirected", "redirect", Reason::MissingPermission),
    ("anonymous", "GET /redirected", "sign-in", Reason::NoSession),
    ("no-access", "GET /redirected", "deny", Reason::NoPortalAccess),
    ("limited", "GET /organizations/acme/invoices", "allow", Reason::Permitted),
    ("limited", "GET /organizations/%61cme/invoices", "allow", Reason::Permitted),
    ("limited", "GET /organizations/other/invoices", "deny", Reason::OtherOrganization),
    ("limited", "GET /organizations/Acme/invoices", "deny", Reason::OtherOrganization),
    ("admin", "GET /organizations/acme%20x/invoices", "deny", Reason::OtherOrganization),
    ("anonymous", "GET /organizations/acme/invoices", "sign-in", Reason::NoSession),
    ("limited", "WS /chat", "allow", Reason::SignedIn),
    ("anonymous", "WS /chat", "sign-in", Reason::NoSession),
    ("limited", "WS /view", "deny", Reason::WebsocketNotAllowed),
    ("anonymous", "WS /public/x", "deny", Reason::WebsocketNotAllowed),
    ("anonymous", "GET /tickets/7", "allow", Reason::Public),
    ("anonymous", "GET /tickets/all", "sign-in", Reason::NoSession),
    ("anonymous", "GET /tickets/all%3Fx", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /tickets/all%23", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /tickets/7%23all", "allow", Reason::Public),
    ("anonymous", "GET /tickets/%237", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /tickets/a+b", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /tickets/a%2Bb", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /tickets/c+d", "allow", Reason::Public),
    ("anonymous", "GET /tickets/all+", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /tickets/all%20%237", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /tickets/all+%3F", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /public/..+/closed", "bad-request", DOTS),
    ("anonymous", "GET /public/..%23", "bad-request", DOTS),
    ("anonymous", "GET /tickets/Ticket%20%237.txt", "allow", Reason::Public),
    ("anonymous", "GET /public/C%2B%2B%20%231.pdf", "allow", Reason::Public),
    ("anonymous", "GET /wiki/a", "allow", Reason::Public),
    ("anonymous", "HEAD /wiki/a?do=show", "allow", Reason::Public),
    ("limited", "GET /wiki/a?do=edit", "allow", Reason::Permitted),
    ("limited", "POST /wiki/a?do=edit", "allow", Reason::Permitted),
    ("anonymous", "GET /wiki/a?do=edit", "sign-in", Reason::NoSession),
    ("no-access", "GET /wiki/a?do=edit", "deny", Reason::NoPortalAccess),
    ("anonymous", "WS /wiki/a?do=show", "deny", Reason::WebsocketNotAllowed),
    ("admin", "GET /wiki/a?do=save", "deny", Reason::QueryNotAllowed),
    ("anonymous", "GET /wiki/a?do=save", "deny", Reason::QueryNotAllowed),
    ("admin", "POST /wiki/a?do=show", "deny", Reason::QueryNotAllowed),
    ("admin", "POST /wiki/a", "deny", Reason::QueryNotAllowed),
    ("admin", "DELETE /wiki/a?do=edit", "deny", Reason::MethodNotAllowed),
    ("admin", "GET /wiki/a?d%6f=edit", "deny", Reason::AmbiguousQuery),
    ("anonymous", "GET /wiki/a?do=show&do=edit", "deny", Reason::AmbiguousQuery),
    ("anonymous", "GET /wiki/a%3Fdo=edit", "deny", Reason::AmbiguousPath),
    ("limited", "GET /wiki/a%23?do=edit", "deny", Reason::AmbiguousPath),
    ("anonymous", "GET /wiki/a/b%3F?do=save&do[]=;%", "allow", Reason::Public),
    ("anonymous", "GET /uploads/2026/a.jpg", "allow", Reason::Public),
    ("anonymous", "GET /uploads", "allow", Reason::Public),
    ("anonymous", "GET /uploads/a.php", "deny", Reason::NoRoute),
    ("anonymous", "GET /uploads/a.PHP", "deny", Reason::NoRoute),
    ("anonymous", "GET /uploads/a.php/b.jpg", "deny", Reason::NoRoute),
    ("anonymous", "GET /uploads/.git/config", "deny", Reason::NoRoute),
    ("anonymous", "GET /uploads/a%2Ephp", "deny", Reason::NoRoute),
    ("admin", "GET /uploads/a.php", "deny", Reason::NoRoute),
    ("anonymous", "GET /uploads/a.phps", "allow", Reason::Public),
    ("limited", "GET /project/a?p=acme", "allow", Reason::Permitted),
    ("limited", "GET /project/A.b?tab=files&p=acme", "allow", Reason::Permitted),
    ("limited", "GET /project/a?p=globex", "deny", Reason::OtherOrganization),
    ("limited", "GET /project/A.b?p=globex", "deny", Reason::OtherOrganization),
    ("limited", "GET /project/a?p=acme&p=globex", "deny", Reason::AmbiguousQuery),
    ("limited", "GET /project/a?p=%61cme", "deny", Reason::AmbiguousQuery),
    ("limited", "GET /project/a?p=acme&tab=users", "deny", Reason::QueryNotAllowed),
    ("limited", "GET /project/a%3Fp=globex?p=acme", "deny", Reason::AmbiguousPath),
    ("limited", "GET /project/a", "deny", Reason::QueryNotAllowed),
    ("anonymous", "GET /project/a?p=acme", "sign-in", Reason::NoSession),
    ("anonymous", "GET /slash", "allow", Reason::Public),
    ("anonymous", "GET /slash/", "allow", Reason::Public),
    ("anonymous", "GET /slash/x", "deny", Reason::NoRoute),
    ("anonymous", "GET /site/a", "allow", Reason::Public),
    ("admin", "GET /site/admin", "deny", Reason::RouteClosed),
    ("admin", "GET /site/admin/", "deny", Reason::RouteClosed),
    ("admin", "GET /site/admin/a/b", "deny", Reason::RouteClosed),
    ("anonymous", "GET /site/administrator", "allow", Reason::Public),
    ("limited", "GET /reports", "allow", Reason::Permitted),
    ("limited", "GET /reports/", "allow", Reason::Permitted),
    ("limited", "GET /reports/a/b", "allow", Reason::Permitted),
    ("anonymous", "GET /reports/a/b", "sign-in", Reason::NoSession),
    ("anonymous", "GET /reports", "sign-in", Reason::NoSession),
    ("anonymous", "GET /reports/7", "allow", Reason::Public),
    ("anonymous", "GET /reports/7a", "sign-in", Reason::NoSession),
    ("anonymous", "GET /reports/-7", "sign-in", Reason::NoSession),
    ("admin", "POST /site/a/b/publish", "allow", Reason::Permitted),
    ("limited", "POST /site/a/b/publish", "deny", Reason::MissingPermission),
    ("admin", "GET /site/a/b/publish", "deny", Reason::MethodNotAllowed),
    ("anonymous", "GET /site/a/publish/b", "allow", Reason::Public),
    ("anonymous", "GET /?as=admin", "sign-in", Reason::NoSession),
    ("anonymous", "GET /closed?/public/x", "deny", Reason::RouteClosed),
];

#[test]
fn r61_each_request_gets_its_decision_and_reason() {
    let policy = policy();
    for (who, request, name, reason) in TABLE {
        let subject = (*who != "anonymous").then(|| subject(&policy, who));
        let decision = ask(&policy, subject.as_ref(), request);
        assert_eq!((decision.name(), decision.reason()), (*name, *reason), "{who}: {request}");
    }
}

#[test]
fn every_reason_occurs_and_has_a_unique_name() {
    let of_targets = |reason: &Reason| matches!(reason, Reason::BadTarget(_));
    let mut reached: HashSet<_> =
        TABLE.iter().map(|row| row.3).filter(|reason| !of_targets(reason)).collect();
    let policy = policy();
    let mut late = subject(&policy, "admin");
    late.valid_until = at(99);
    reached.insert(ask(&policy, Some(&late), "GET /").reason());
    reached.insert(ask(&policy, None, "GET /office").reason());
    let disabled = Subject { disabled: true, ..subject(&policy, "admin") };
    reached.insert(ask(&policy, Some(&disabled), "GET /").reason());
    let parked = Subject { parked: Some(Arc::from("Moved")), ..disabled };
    reached.insert(ask(&policy, Some(&parked), "GET /").reason());
    reached.insert(of_staff(SessionKind::Staff));
    let trial = Subject { kind: SessionKind::Trial, ..subject(&policy, "limited") };
    reached.insert(ask(&policy, Some(&trial), "GET /nowhere").reason());
    assert_eq!(reached, HashSet::from(Reason::ALL));
    let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
}

/// Why a session of this kind may or may not use a route that refuses staff.
fn of_staff(kind: SessionKind) -> Reason {
    let policy = fixture::compile(
        "[[route]]\nname = \"Profile\"\npath = \"/profile\"\nrequire = \"view\"\nstaff = \"never\"\n",
    )
    .unwrap();
    let subject = Subject { kind, ..subject(&policy, "limited") };
    ask(&policy, Some(&subject), "GET /profile").reason()
}

#[test]
fn r18_a_route_that_refuses_staff_is_open_to_others() {
    assert_eq!(of_staff(SessionKind::User), Reason::Permitted);
    assert_eq!(of_staff(SessionKind::Staff), Reason::StaffNotAllowed);
    assert_eq!(of_staff(SessionKind::Impersonation), Reason::StaffNotAllowed);
}

#[test]
fn a_session_expires_at_its_expiry() {
    let policy = policy();
    let mut person = subject(&policy, "admin");
    person.valid_until = at(99);
    let decision = ask(&policy, Some(&person), "GET /view");
    assert_eq!((decision.name(), decision.reason()), ("sign-in", Reason::SessionExpired));
    person.valid_until = at(100);
    assert_eq!(ask(&policy, Some(&person), "GET /view").name(), "allow");
}

#[test]
fn the_host_can_name_the_organization() {
    let policy = fixture::compile(
        "[[route]]\nname = \"Own\"\npath = \"/{*rest}\"\nrequire = \"view\"\n\
         hosts = [\"{organization}.portal.example\"]\norganization = \"{organization}\"\n",
    )
    .unwrap();
    let acme = subject(&policy, "limited");
    for (host, path, reason) in [
        ("acme.portal.example", "/a", Reason::Permitted),
        ("acme.portal.example", "/A.b;c", Reason::Permitted),
        ("globex.portal.example", "/a", Reason::OtherOrganization),
        ("globex.portal.example", "/acme", Reason::OtherOrganization),
        ("portal.example", "/a", Reason::NoRoute),
        ("acme.globex.portal.example", "/a", Reason::NoRoute),
    ] {
        let target = RequestTarget::parse(path).unwrap();
        let facts = RequestFacts::new(host, &Method::GET, &target);
        let decision = decide(&policy, Some(&acme), &facts, at(99));
        assert_eq!(decision.reason(), reason, "{host}{path}");
    }
}

#[test]
fn only_the_addresses_of_a_route_may_use_it() {
    let policy = policy();
    for (target, address, reason) in [
        ("/office", Some("10.1.2.3"), Reason::Public),
        ("/office", Some("::ffff:10.1.2.3"), Reason::Public),
        ("/office", Some("2001:db8::7"), Reason::Public),
        ("/office", Some("11.1.2.3"), Reason::AddressNotAllowed),
        ("/office", Some("::1"), Reason::AddressNotAllowed),
        ("/office", None, Reason::AddressNotAllowed),
        ("/office/Form", Some("10.1.2.3"), Reason::Public),
        ("/office/Form", Some("11.1.2.3"), Reason::AmbiguousPath),
        ("/office/other", Some("11.1.2.3"), Reason::Public),
    ] {
        let client = address.map(|address| address.parse().unwrap());
        let parsed = RequestTarget::parse(target).unwrap();
        let facts = RequestFacts { client, ..RequestFacts::new("h", &Method::GET, &parsed) };
        let decision = decide(&policy, None, &facts, at(99));
        assert_eq!(decision.reason(), reason, "{target} from {address:?}");
    }
}

#[test]
fn a_public_preflight_needs_no_session() {
    let policy = policy();
    let office = "10.1.2.3".parse().ok();
    for (method, target, preflight, client, reason) in [
        ("OPTIONS", "/api/7", Some("PUT"), None, Reason::Public),
        ("OPTIONS", "/api/7", Some("GET"), None, Reason::Public),
        ("OPTIONS", "/api/7", Some("DELETE"), None, Reason::NoSession),
        ("OPTIONS", "/api/7", Some("PATCH"), None, Reason::NoSession),
        ("OPTIONS", "/api/7", None, None, Reason::NoSession),
        ("PUT", "/api/7", None, None, Reason::NoSession),
        ("OPTIONS", "/api/office", Some("GET"), office, Reason::Public),
        ("OPTIONS", "/api/office", Some("GET"), None, Reason::AddressNotAllowed),
        // Every reading of the path must allow it.
        ("OPTIONS", "/api/Office", Some("GET"), office, Reason::Public),
        ("OPTIONS", "/api/Office", Some("GET"), None, Reason::AmbiguousPath),
        ("OPTIONS", "/view", Some("GET"), None, Reason::MethodNotAllowed),
    ] {
        let method: Method = method.parse().unwrap();
        let asked = preflight.map(|preflight| preflight.parse::<Method>().unwrap());
        let parsed = RequestTarget::parse(target).unwrap();
        let facts = RequestFacts {
            client,
            preflight: asked.as_ref(),
            ..RequestFacts::new("h", &method, &parsed)
        };
        let decision = decide(&policy, None, &facts, at(99));
        assert_eq!(decision.reason(), reason, "{method} {target} {preflight:?}");
    }
}

#[test]
fn r8_no_access_is_denied_whatever_it_is_granted() {
    let policy = policy();
    let mut person = subject(&policy, "no-access");
    person.granted = policy.catalogue().all();
    for kind in SessionKind::ALL {
        person.kind = kind;
        assert_eq!(ask(&policy, Some(&person), "GET /view").reason(), Reason::NoPortalAccess);
    }
    person.group = Arc::from("limited");
    assert_eq!(ask(&policy, Some(&person), "GET /view").name(), "allow");
}

#[test]
fn r3_link_sessions_have_no_identity_permissions() {
    let policy = fixture::compile(
        "[[route]]\nname = \"Mine\"\npath = \"/mine\"\nrequire = \"mine\"\n\
         [[route]]\nname = \"Any\"\npath = \"/any\"\nrequire = { any = [\"view\", \"mine\"] }\n",
    )
    .unwrap();
    let mut visitor = subject(&policy, "admin");
    visitor.kind = SessionKind::Link;
    assert_eq!(ask(&policy, Some(&visitor), "GET /mine").reason(), Reason::MissingPermission);
    let Decision::Allow(permit) = ask(&policy, Some(&visitor), "GET /any") else {
        panic!("`view` is enough");
    };
    assert_eq!(policy.catalogue().ids(permit.granted()).collect::<Vec<_>>(), ["view"]);
    visitor.kind = SessionKind::User;
    assert_eq!(ask(&policy, Some(&visitor), "GET /mine").name(), "allow");
}

#[test]
fn a_permit_has_the_held_permissions_of_its_route() {
    let policy = policy();
    for (group, request, expected) in [
        ("admin", "GET /either", &["pay", "mine"][..]),
        ("limited", "GET /either", &["mine"]),
        ("admin", "GET /both", &["view", "pay"]),
        ("admin", "GET /", &[]),
        ("admin", "GET /public/x", &[]),
    ] {
        let Decision::Allow(permit) = ask(&policy, Some(&subject(&policy, group)), request) else {
            panic!("{group}: {request}");
        };
        let granted: Vec<_> = policy.catalogue().ids(permit.granted()).collect();
        assert_eq!(granted, expected, "{group}: {request}");
    }
}

#[test]
fn a_redirect_has_the_location_of_the_route() {
    let policy = policy();
    let decision = ask(&policy, Some(&subject(&policy, "limited")), "GET /redirected");
    assert_eq!(decision.route().map(|route| route.name()), Some("Redirected"));
    let Decision::Redirect(redirection) = decision else { panic!("{decision:?}") };
    assert_eq!(redirection.location(), "https://example.com/buy?what=pay");
}

mod readings;
mod trial;

#[test]
fn r18_a_route_that_refuses_staff_is_open_to_users_only() {
    let routes = r#"
[[route]]
name = "Profile"
path = "/profile"
require = "view"
staff = "never"
[[route]]
name = "Public"
path = "/public"
access = "public"
staff = "never"
[[route]]
name = "Other"
path = "/other"
require = "view"
[[section]]
access = "signed-in"
staff = "never"
[[section.route]]
name = "In the section"
path = "/section"
[[section.route]]
name = "Not like the section"
path = "/section/open"
staff = "allowed"
"#;
    let policy = fixture::compile(routes).unwrap();
    let reason = |kind, path: &str| {
        let granted = policy.catalogue().set(["view"]).unwrap();
        let held = (Arc::from("limited"), granted);
        let subject = Subject::nameless(kind, Arc::from("acme"), held, Timestamp::MAX);
        let target = RequestTarget::parse(path).unwrap();
        let request = RequestFacts::new("portal.example", &Method::GET, &target);
        decide(&policy, Some(&subject), &request, at(0)).reason().as_str()
    };
    for kind in [SessionKind::Staff, SessionKind::Impersonation] {
        for path in ["/profile", "/public", "/section"] {
            assert_eq!(reason(kind, path), "staff-not-allowed", "{path}");
        }
        assert_eq!(reason(kind, "/other"), "permitted");
        assert_eq!(reason(kind, "/section/open"), "signed-in");
    }
    for kind in [SessionKind::User, SessionKind::Link, SessionKind::Token] {
        assert_eq!(reason(kind, "/profile"), "permitted");
        assert_eq!(reason(kind, "/public"), "public");
    }
    let problem = fixture::compile(&routes.replacen("never", "no", 1)).unwrap_err().to_string();
    assert!(problem.contains("`staff` must be \"never\" or \"allowed\", not `no`"), "{problem}");
}

#[test]
fn r17_a_view_has_no_permissions_that_need_a_person() {
    let policy =
        fixture::compile("[[route]]\nname = \"Mine\"\npath = \"/mine\"\nrequire = \"mine\"\n")
            .unwrap();
    let allowed = |kind| {
        let held = (Arc::from("non-portal"), policy.catalogue().set(["mine"]).unwrap());
        let subject = Subject::nameless(kind, Arc::from("acme"), held, Timestamp::MAX);
        let target = RequestTarget::parse("/mine").unwrap();
        let request = RequestFacts::new("portal.example", &Method::GET, &target);
        matches!(decide(&policy, Some(&subject), &request, at(0)), Decision::Allow(_))
    };
    assert!(!allowed(SessionKind::Staff) && !allowed(SessionKind::Link));
    assert!(allowed(SessionKind::Impersonation) && allowed(SessionKind::User));
}
