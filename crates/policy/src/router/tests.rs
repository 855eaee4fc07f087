use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::{Policy, PolicyProblems, RequestTarget, fixture};

/// A policy of public routes, each named by its place.
fn policy(routes: &[(&str, &str, &str)]) -> Result<Policy, PolicyProblems> {
    let mut text = String::new();
    for (index, (host, method, path)) in routes.iter().enumerate() {
        let hosts = if host.is_empty() { String::new() } else { format!("hosts = [\"{host}\"]") };
        text.push_str(&format!(
            "[[route]]\nname = \"{index}\"\nmethods = [\"{method}\"]\npath = \"{path}\"\n\
             access = \"public\"\n{hosts}\n"
        ));
    }
    fixture::compile(&text)
}

fn found<'p>(policy: &'p Policy, host: &str, method: &str, path: &str) -> Option<&'p str> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let target = RequestTarget::parse(path).unwrap();
    let route = policy.router.find(host, target.path())?.route(&method, None);
    route.ok().map(|route| route.name())
}

#[test]
fn the_most_specific_route_wins() {
    let routes = [
        ("", "GET", "/tickets/{ticket}"),
        ("", "GET", "/tickets/new"),
        ("", "GET", "/tickets/{*rest}"),
        ("", "GET", "/{section}/new"),
        ("", "GET", "/"),
        ("", "GET", "/tickets/"),
        ("", "GET", "/files/{*rest}"),
        ("admin.example", "GET", "/{*rest}"),
        ("", "POST", "/tickets/{number}"),
        ("", "GET", "/caf%c3%a9/{*rest}"),
    ];
    let policy = policy(&routes).unwrap();
    for (host, method, path, expected) in [
        ("h", "GET", "/tickets/7", Some("0")),
        ("h", "HEAD", "/tickets/7", Some("0")),
        ("h", "POST", "/tickets/7", Some("8")),
        ("h", "GET", "/tickets/new", Some("1")),
        ("h", "GET", "/tickets/%6eew", Some("1")),
        // The shape decides before the method: `/tickets/{number}` is not asked.
        ("h", "POST", "/tickets/new", None),
        ("h", "GET", "/tickets/7/notes", Some("2")),
        ("h", "GET", "/tickets/new/notes", Some("2")),
        ("h", "GET", "/tickets", Some("2")),
        ("h", "GET", "/tickets/", Some("5")),
        ("h", "GET", "/assets/new", Some("3")),
        ("h", "GET", "/assets/old", None),
        ("h", "GET", "/", Some("4")),
        ("h", "POST", "/", None),
        ("h", "OPTIONS", "/", None),
        ("h", "GET", "/files", Some("6")),
        ("h", "GET", "/files/", Some("6")),
        ("h", "GET", "/files/a/b/c", Some("6")),
        ("h", "GET", "/Files/a", None),
        ("h", "GET", "/café/x", Some("9")),
        ("admin.example", "GET", "/tickets/new", Some("7")),
        ("admin.example", "GET", "/", Some("7")),
        ("admin.example", "POST", "/tickets/7", None),
    ] {
        assert_eq!(found(&policy, host, method, path), expected, "{host} {method} {path}");
    }
}

#[test]
fn a_variable_takes_one_segment_that_is_not_empty() {
    let policy = policy(&[("", "GET", "/a/{x}")]).unwrap();
    assert_eq!(found(&policy, "h", "GET", "/a/b"), Some("0"));
    for path in ["/a/", "/a", "/a/b/", "/a/b/c", "/"] {
        assert_eq!(found(&policy, "h", "GET", path), None, "{path}");
    }
}

#[test]
fn routes_for_the_same_requests_are_refused_with_both_lines() {
    for (routes, tied) in [
        (vec![("", "GET", "/a"), ("", "GET", "/a")], true),
        (vec![("", "GET", "/a"), ("", "GET", "/%61")], true),
        (vec![("", "GET", "/a/{x}"), ("", "GET", "/a/{y}")], true),
        (vec![("", "GET", "/{*x}"), ("", "GET", "/{*y}")], true),
        (vec![("", "GET", "/a"), ("", "HEAD", "/a")], true),
        (vec![("h", "GET", "/a"), ("H", "GET", "/a")], true),
        (vec![("", "GET", "/a"), ("", "POST", "/a")], false),
        (vec![("h", "GET", "/a"), ("", "GET", "/a")], false),
        (vec![("h", "GET", "/a"), ("g", "GET", "/a")], false),
        (vec![("", "GET", "/a"), ("", "GET", "/a/")], false),
        (vec![("", "GET", "/a"), ("", "GET", "/a/{*x}")], false),
        (vec![("", "GET", "/{x}"), ("", "GET", "/{*x}")], false),
    ] {
        let compiled = policy(&routes);
        assert_eq!(compiled.is_err(), tied, "{routes:?}");
        if let Err(problems) = compiled {
            let shown = problems.to_string();
            assert!(shown.starts_with("routes.toml:") && shown.contains("on line 1 "), "{shown}");
        }
    }
}

/// Paths that make matching go back at each segment are answered at once all the same.
#[test]
fn backtracking_is_bounded_by_the_routes() {
    let mut routes = vec![format!("/{}end", "a/".repeat(30))];
    for variable in 0..30 {
        let parts: Vec<_> =
            (0..30).map(|place| if place == variable { "{x}" } else { "a" }).collect();
        routes.push(format!("/{}/end", parts.join("/")));
    }
    let routes: Vec<_> = routes.iter().map(|path| ("", "GET", path.as_str())).collect();
    let policy = policy(&routes).unwrap();
    let path = format!("/{}", "a/".repeat(4000));
    assert_eq!(found(&policy, "h", "GET", &path), None);
    assert_eq!(found(&policy, "h", "GET", &format!("/{}end", "a/".repeat(30))), Some("0"));
    assert_eq!(found(&policy, "h", "GET", &format!("/b/{}end", "a/".repeat(29))), Some("1"));
}

/// How specific a pattern is for a path it has, or none: compared from the left, literal before
/// variable before rest, and a path that ends before a rest that is empty.
fn specificity(pattern: &str, path: &str) -> Option<Vec<Reverse<u8>>> {
    let mut ranks = Vec::new();
    let mut path = path.strip_prefix('/')?.split('/');
    for part in pattern.strip_prefix('/')?.split('/') {
        if part.starts_with("{*") {
            ranks.push(Reverse(2));
            return Some(ranks);
        }
        let segment = path.next()?;
        if part.starts_with('{') {
            (!segment.is_empty()).then_some(())?;
            ranks.push(Reverse(1));
        } else {
            (segment == part).then_some(())?;
            ranks.push(Reverse(0));
        }
    }
    if path.next().is_some() {
        return None;
    }
    // An end is more specific than a rest, as a literal is.
    ranks.push(Reverse(0));
    Some(ranks)
}

proptest! {
    #[test]
    fn the_tree_agrees_with_asking_each_route(
        mut patterns in proptest::collection::vec(
            (
                proptest::sample::select(vec!["", "h", "g"]),
                proptest::sample::select(vec!["GET", "POST"]),
                "(/([ab]|\\{x[0-9]\\})){0,4}(/|/\\{\\*rest\\})?",
            ),
            1..24,
        ),
        paths in proptest::collection::vec("(/[abc]){0,5}/?", 1..8),
    ) {
        // The names of variables must differ within a pattern and mean nothing between patterns.
        for (_, _, pattern) in &mut patterns {
            if pattern.is_empty() {
                pattern.push('/');
            }
            let parts = pattern.split('/').enumerate().map(|(place, part)| {
                if part.starts_with("{x") { format!("{{x{place}}}") } else { part.to_owned() }
            });
            *pattern = parts.collect::<Vec<_>>().join("/");
        }
        patterns.sort();
        patterns.dedup();
        let routes: Vec<_> =
            patterns.iter().map(|(host, method, path)| (*host, *method, path.as_str())).collect();
        let policy = policy(&routes).unwrap();
        for path in paths.iter().filter(|path| !path.is_empty()) {
            for host in ["h", "g", "other"] {
                for method in ["GET", "HEAD", "POST", "DELETE"] {
                    let of_path = routes.iter().enumerate().filter_map(|(index, route)| {
                        let bound = route.0 == host;
                        let rank = specificity(route.2, path)?;
                        (bound || route.0.is_empty()).then_some(((bound, rank), route.1, index))
                    });
                    let of_path: Vec<_> = of_path.collect();
                    let best = of_path.iter().map(|(rank, _, _)| rank).max();
                    let expected = of_path.iter().find(|(rank, meant, _)| {
                        Some(rank) == best
                            && (*meant == method || (*meant == "GET" && method == "HEAD"))
                    });
                    let expected = expected.map(|(_, _, index)| index.to_string());
                    let got = found(&policy, host, method, path).map(str::to_owned);
                    prop_assert_eq!(got, expected, "{} {} {}", host, method, path);
                }
            }
        }
    }
}
