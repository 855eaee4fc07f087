use std::cmp::Reverse;

use http::Method;
use proptest::prelude::*;

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

const UUID: &str = "0b67a8f2-0000-4000-8000-000000000001";

#[test]
fn the_type_of_a_variable_decides_after_literals() {
    let policy = policy(&[
        ("", "GET", "/t/{*rest}"),
        ("", "GET", "/t/{x}"),
        ("", "GET", "/t/{slug:word}"),
        ("", "GET", "/t/{file:*.pdf}"),
        ("", "GET", "/t/{id:int}"),
        ("", "GET", "/t/{id:uuid}"),
        ("", "GET", "/t/7"),
        ("", "GET", "/t/{id:int}/notes"),
        ("", "GET", "/t/{slug:word}/{tab}"),
        ("", "GET", "/t/{file:*.zip}/{tab}"),
    ])
    .unwrap();
    for (path, expected) in [
        ("/t/7", Some("6")),
        (&format!("/t/{UUID}"), Some("5")),
        ("/t/8", Some("4")),
        ("/t/a.pdf", Some("3")),
        ("/t/a.b.pdf", Some("3")),
        ("/t/a-b_C", Some("2")),
        ("/t/a.txt", Some("1")),
        ("/t/.pdf", Some("1")),
        ("/t/a.PDF", Some("1")),
        ("/t/-8", Some("2")),
        ("/t/8.0", Some("1")),
        ("/t/", Some("0")),
        ("/t/8/notes", Some("7")),
        // An int is a word too, and the search goes back to that.
        ("/t/8/other", Some("8")),
        ("/t/7/other", Some("8")),
        ("/t/a.zip/other", Some("9")),
        ("/t/a.txt/other", Some("0")),
    ] {
        assert_eq!(found(&policy, "h", "GET", path), expected, "{path}");
    }
}

#[test]
fn literals_may_follow_a_rest() {
    let policy = policy(&[
        ("", "GET", "/api/contents/{*path}"),
        ("", "GET", "/api/contents/{*path}/checkpoints"),
        ("", "POST", "/api/contents/{*path}/checkpoints/restore"),
        ("", "GET", "/api/contents/{name}/checkpoints"),
        ("", "GET", "/{*path}/edit[/]"),
    ])
    .unwrap();
    for (method, path, expected) in [
        ("GET", "/api/contents/a/b/checkpoints", Some("1")),
        ("GET", "/api/contents/a/checkpoints", Some("3")),
        ("GET", "/api/contents/checkpoints", Some("1")),
        ("GET", "/api/contents/checkpoints/a", Some("0")),
        ("GET", "/api/contents/a/b", Some("0")),
        ("GET", "/api/contents", Some("0")),
        ("POST", "/api/contents/a/checkpoints/restore", Some("2")),
        ("POST", "/api/contents/a/b/checkpoints", None),
        ("GET", "/a/edit", Some("4")),
        ("GET", "/edit/", Some("4")),
        ("GET", "/edit/a", None),
        ("GET", "/a/Edit", None),
    ] {
        assert_eq!(found(&policy, "h", method, path), expected, "{method} {path}");
    }
}

#[test]
fn a_named_host_comes_before_a_variable_one() {
    let policy = policy(&[
        ("", "GET", "/{*rest}"),
        ("{o}.portal.example", "GET", "/{*rest}"),
        ("www.portal.example", "GET", "/{*rest}"),
        ("{o}.portal.example", "GET", "/a"),
    ])
    .unwrap();
    for (host, path, expected) in [
        ("acme.portal.example", "/x", "1"),
        ("acme.portal.example", "/a", "3"),
        ("www.portal.example", "/a", "2"),
        ("portal.example", "/a", "0"),
        ("a.b.portal.example", "/a", "0"),
        ("acmeportal.example", "/a", "0"),
    ] {
        assert_eq!(found(&policy, host, "GET", path), Some(expected), "{host} {path}");
    }
}

#[test]
fn an_optional_slash_is_two_paths() {
    let policy =
        policy(&[("", "GET", "/tickets[/]"), ("", "GET", "/tickets/{id:int}[/]")]).unwrap();
    for (path, expected) in [
        ("/tickets", Some("0")),
        ("/tickets/", Some("0")),
        ("/tickets/7", Some("1")),
        ("/tickets/7/", Some("1")),
        ("/tickets/7/x", None),
        ("/", None),
    ] {
        assert_eq!(found(&policy, "h", "GET", path), expected, "{path}");
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
        (vec![("", "GET", "/{x:int}"), ("", "GET", "/{y:int}")], true),
        (vec![("", "GET", "/{x:*.pdf}"), ("", "GET", "/{y:*.pdf}")], true),
        (vec![("", "GET", "/{x:*.pdf}"), ("", "GET", "/{y:*.zip}")], false),
        (vec![("", "GET", "/{x:int}"), ("", "GET", "/{x}")], false),
        (vec![("", "GET", "/a[/]"), ("", "GET", "/a")], true),
        (vec![("", "GET", "/a[/]"), ("", "GET", "/a/")], true),
        (vec![("", "GET", "/a[/]"), ("", "POST", "/a/")], false),
        (vec![("", "GET", "/{*x}/b"), ("", "GET", "/{*y}/b")], true),
        (vec![("", "GET", "/{*x}/b"), ("", "GET", "/{*y}/c")], false),
        // `/a/b` ends in both, and so does `/b/` in the other pair.
        (vec![("", "GET", "/{*x}/b"), ("", "POST", "/{*y}/a/b")], true),
        (vec![("", "GET", "/{*x}/a/b"), ("", "POST", "/{*y}/b")], true),
        (vec![("", "GET", "/{*x}/"), ("", "POST", "/{*y}/b/")], true),
        (vec![("", "GET", "/{*x}/b"), ("", "GET", "/{*y}/b/")], false),
    ] {
        let compiled = policy(&routes);
        assert_eq!(compiled.is_err(), tied, "{routes:?}");
        if let Err(problems) = compiled {
            let shown = problems.to_string();
            assert!(shown.starts_with("routes.toml:") && shown.contains("on line 1"), "{shown}");
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

/// The rank of a variable, and whether a segment has its type.
fn variable(part: &str, segment: &str) -> Option<(u8, bool)> {
    let inner = part.strip_prefix('{')?.strip_suffix('}')?;
    let is = |allowed: fn(char) -> bool| !segment.is_empty() && segment.chars().all(allowed);
    Some(match inner.split_once(':').map(|(_, of_type)| of_type) {
        Some("int") => (2, is(|c| c.is_ascii_digit())),
        Some("*.b") => (3, segment.len() > 2 && segment.ends_with(".b")),
        Some("word") => (4, is(|c| c.is_ascii_alphanumeric() || "-_".contains(c))),
        Some(other) => panic!("{other}"),
        None => (5, !segment.is_empty()),
    })
}

/// How specific a pattern is for a path that it matches: compared from the left, by the order of
/// precedence. The end of a path is more specific than a rest that is empty.
fn specificity(pattern: &str, path: &str) -> Option<Vec<Reverse<u8>>> {
    let mut ranks = Vec::new();
    let mut path = path.strip_prefix('/')?.split('/');
    let mut parts = pattern.strip_prefix('/')?.split('/');
    while let Some(part) = parts.next() {
        if part.starts_with("{*") {
            let tail: Vec<_> = parts.collect();
            let left: Vec<_> = path.collect();
            left.ends_with(&tail).then_some(())?;
            ranks.push(Reverse(if tail.is_empty() { 7 } else { 6 }));
            return Some(ranks);
        }
        let segment = path.next()?;
        let (rank, matches) = variable(part, segment).unwrap_or((0, segment == part));
        matches.then_some(())?;
        ranks.push(Reverse(rank));
    }
    if path.next().is_some() {
        return None;
    }
    ranks.push(Reverse(0));
    Some(ranks)
}

/// Both paths of a pattern that ends in `[/]`.
fn forms(pattern: &str) -> Vec<String> {
    match pattern.strip_suffix("[/]") {
        Some(base) => vec![base.to_owned(), format!("{base}/")],
        None => vec![pattern.to_owned()],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_tree_agrees_with_asking_each_route(
        mut patterns in proptest::collection::vec(
            (
                proptest::sample::select(vec!["", "h", "g"]),
                proptest::sample::select(vec!["GET", "POST"]),
                "(/([ab1]|\\{x\\}|\\{x:(int|word|\\*\\.b)\\})){0,3}\
                 (/|/\\{\\*rest\\}|/\\{\\*rest\\}(/[ab1]){1,2}/?|/a\\[/\\])?",
            ),
            1..16,
        ),
        paths in proptest::collection::vec("(/[ab12]|/1\\.b|/a~){0,5}/?", 1..8),
    ) {
        // The names of variables must differ within a pattern and mean nothing between patterns.
        for (_, _, pattern) in &mut patterns {
            if pattern.is_empty() {
                pattern.push('/');
            }
            let parts = pattern.split('/').enumerate().map(|(place, part)| {
                match part.strip_prefix("{x") {
                    Some(of_type) => format!("{{x{place}{of_type}"),
                    None => part.to_owned(),
                }
            });
            *pattern = parts.collect::<Vec<_>>().join("/");
        }
        patterns.sort();
        patterns.dedup();
        // Routes that conflict with an earlier one are left out.
        let mut routes: Vec<(&str, &str, &str)> = Vec::new();
        for (host, method, path) in &patterns {
            routes.push((host, method, path));
            if policy(&routes).is_err() {
                routes.pop();
            }
        }
        let policy = policy(&routes).unwrap();
        for path in paths.iter().filter(|path| !path.is_empty()) {
            for host in ["h", "g", "other"] {
                for method in ["GET", "HEAD", "POST", "DELETE"] {
                    let of_path = routes.iter().enumerate().filter_map(|(index, route)| {
                        let bound = route.0 == host;
                        let rank = forms(route.2).iter().find_map(|form| specificity(form, path))?;
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
                    prop_assert_eq!(got, expected, "{} {} {} of {:?}", host, method, path, routes);
                }
            }
        }
    }
}
