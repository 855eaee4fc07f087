//! The decision alone, and what comes right before it: a signed-in session asks for a page.
//!
//! `cargo bench -p portcullis-policy --bench decision`. What to look for: `decision` is about paths
//! with one reading and stays under 100 ns, `typed_decision` is about types, rests and queries and
//! stays under 150 ns, `ambiguous_decision` is about paths that a portal may read in several ways
//! and stays under a microsecond. None depends on the number of routes.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to tell")]

use std::fmt::Write as _;
use std::sync::Arc;

use divan::{Bencher, black_box};
use http::Method;
use jiff::Timestamp;
use portcullis_policy::{
    Host, Policy, PolicyFiles, RequestFacts, RequestTarget, SessionKind, Subject, decide,
};

/// How many routes there are.
const ROUTES: [usize; 4] = [10, 100, 1_000, 10_000];
/// How many different requests are asked in turn, so that no single one stays in the cache alone.
const REQUESTS: usize = 10;

fn main() {
    divan::main();
}

/// A portal of many sections, each with a list, a page, a sub-page bound to the organization and
/// an action.
fn policy(routes: usize) -> Policy {
    let mut text = String::new();
    for index in 0..routes {
        let section = index / 4;
        let (method, path, organization) = match index % 4 {
            0 => ("GET", format!("/section-{section}"), ""),
            1 => ("GET", format!("/section-{section}/{{item}}"), ""),
            2 => (
                "GET",
                format!("/organizations/{{organization}}/section-{section}/{{item}}"),
                "organization = \"{organization}\"\n",
            ),
            _ => ("POST", format!("/section-{section}/{{item}}/pay"), ""),
        };
        write!(
            text,
            "[[route]]\nname = \"{index}\"\nmethods = [\"{method}\"]\npath = \"{path}\"\n\
             require = {{ any = [\"invoices.view\", \"invoices.pay\"] }}\n{organization}"
        )
        .unwrap();
    }
    Policy::compile(&PolicyFiles {
        permissions: include_str!("../../../policies/permissions.toml").to_owned(),
        groups: include_str!("../../../policies/groups.toml").to_owned(),
        routes: text,
        expectations: String::new(),
        ..PolicyFiles::default()
    })
    .unwrap()
}

/// Targets spread over the whole policy, all of them allowed.
fn targets(routes: usize) -> Vec<RequestTarget> {
    let sections = routes / 4;
    (0..REQUESTS)
        .map(|n| {
            let section = n * sections / REQUESTS;
            let target = match n % 3 {
                0 => format!("/section-{section}"),
                1 => format!("/section-{section}/{n}?page=2"),
                _ => format!("/organizations/acme/section-{section}/{n}"),
            };
            RequestTarget::parse(&target).unwrap()
        })
        .collect()
}

fn subject(policy: &Policy) -> Subject {
    Subject {
        kind: SessionKind::User,
        organization: Arc::from("acme"),
        user: Some(Arc::from("u1")),
        login: Some(Arc::from("joe@example.com")),
        end_user: None,
        group: Arc::from("admin"),
        granted: policy.catalogue().all(),
        disabled: false,
        parked: None,
        valid_until: Timestamp::MAX,
        actor: None,
    }
}

/// Targets whose readings have to be looked at, all of them allowed.
fn ambiguous_targets(routes: usize) -> Vec<RequestTarget> {
    let sections = routes / 4;
    let names = ["ABC-7", "7.json", "My%20Report.pdf", "a;b", "7%23c"];
    (0..REQUESTS)
        .zip(names.iter().cycle())
        .map(|(n, name)| {
            let section = n * sections / REQUESTS;
            let target = match n % 2 {
                0 => format!("/section-{section}/{name}"),
                _ => format!("/organizations/acme/section-{section}/{name}?page=2"),
            };
            RequestTarget::parse(&target).unwrap()
        })
        .collect()
}

fn decide_all(bencher: Bencher<'_, '_>, policy: &Policy, targets: &[RequestTarget]) {
    let subject = subject(policy);
    let mut turn = targets.iter().cycle();
    bencher.bench_local(move || {
        let target = turn.next().unwrap();
        let request = RequestFacts::new("portal.example", &Method::GET, target);
        let decision = decide(policy, black_box(Some(&subject)), &request, Timestamp::UNIX_EPOCH);
        assert_eq!(decision.name(), "allow");
        decision
    });
}

#[divan::bench(args = ROUTES, sample_size = 1000)]
fn decision(bencher: Bencher<'_, '_>, routes: usize) {
    decide_all(bencher, &policy(routes), &targets(routes));
}

#[divan::bench(args = ROUTES, sample_size = 1000)]
fn ambiguous_decision(bencher: Bencher<'_, '_>, routes: usize) {
    decide_all(bencher, &policy(routes), &ambiguous_targets(routes));
}

/// A portal of sections in which types, literals after a rest, exceptions and the query decide.
fn policy_of_types(routes: usize) -> Policy {
    let mut text = String::new();
    for index in 0..routes {
        let section = index / 5;
        let (path, more) = match index % 5 {
            0 => (format!("/section-{section}/{{item:int}}[/]"), ""),
            1 => (format!("/section-{section}/{{file:*.pdf}}"), ""),
            2 => (format!("/section-{section}/{{*path}}/history"), ""),
            3 => (format!("/section-{section}/{{*path}}"), "except = [\"*.php\"]\n"),
            _ => {
                (format!("/section-{section}/search"), "query = { q = true, p = [\"\", \"2\"] }\n")
            }
        };
        write!(
            text,
            "[[route]]\nname = \"{index}\"\nmethods = [\"GET\"]\npath = \"{path}\"\n\
             require = {{ any = [\"invoices.view\", \"invoices.pay\"] }}\n{more}"
        )
        .unwrap();
    }
    Policy::compile(&PolicyFiles {
        permissions: include_str!("../../../policies/permissions.toml").to_owned(),
        groups: include_str!("../../../policies/groups.toml").to_owned(),
        routes: text,
        ..PolicyFiles::default()
    })
    .unwrap()
}

/// Targets for the routes of [`policy_of_types`] with one reading.
fn targets_of_types(routes: usize) -> Vec<RequestTarget> {
    let sections = routes / 5;
    let ends = ["/42", "/7", "/a/b/history", "/a/b/c", "/search?q=x&p=2"];
    (0..REQUESTS)
        .zip(ends.iter().cycle())
        .map(|(n, end)| {
            let section = n * sections / REQUESTS;
            RequestTarget::parse(&format!("/section-{section}{end}")).unwrap()
        })
        .collect()
}

#[divan::bench(args = ROUTES, sample_size = 1000)]
fn typed_decision(bencher: Bencher<'_, '_>, routes: usize) {
    decide_all(bencher, &policy_of_types(routes), &targets_of_types(routes));
}

#[divan::bench(args = ["/section-7/42?page=2", "/documents/caf%c3%a9/My%20Report.pdf"])]
fn canonical_target(bencher: Bencher<'_, '_>, target: &str) {
    bencher.bench(|| RequestTarget::parse(black_box(target)));
}

#[divan::bench]
fn host(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Host::parse(black_box("portal.example.com:8443")));
}
