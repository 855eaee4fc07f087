use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::fixture::{GROUPS, PERMISSIONS};
use crate::{Access, Policy, PolicyFiles};

fn get(path: &str) -> Observed<'_> {
    request("GET", path)
}

fn request<'a>(method: &'a str, path: &'a str) -> Observed<'a> {
    Observed {
        method,
        path,
        query: &[],
        websocket: false,
        status: None,
        content: None,
        sender: None,
        requests: 1,
    }
}

fn suggest<'a>(requests: impl IntoIterator<Item = Observed<'a>>) -> Vec<Suggestion> {
    let mut observations = Observations::default();
    for request in requests {
        assert!(observations.add(&request), "{request:?}");
    }
    observations.suggest()
}

fn paths(requests: &[&str]) -> Vec<String> {
    let mut paths: Vec<_> = suggest(requests.iter().map(|path| get(path)))
        .into_iter()
        .map(|route| route.path)
        .collect();
    paths.sort();
    paths
}

fn compiled(suggestions: &[Suggestion]) -> Policy {
    let routes: Vec<_> = suggestions.iter().map(Suggestion::to_toml).collect();
    let routes = routes.join("\n");
    let files = PolicyFiles {
        permissions: PERMISSIONS.to_owned(),
        groups: GROUPS.to_owned(),
        routes: routes.clone(),
        ..PolicyFiles::default()
    };
    Policy::compile(&files).unwrap_or_else(|problems| panic!("{problems}\n{routes}"))
}

/// Checks that each request is on a closed route that lists its method.
fn assert_covered(suggestions: &[Suggestion], requests: &[(String, String)]) {
    let policy = compiled(suggestions);
    for (method, path) in requests {
        let by_name = Method::from_bytes(method.as_bytes()).unwrap();
        let route = policy
            .router()
            .find("portal.test", path)
            .and_then(|shape| shape.route(&by_name, None).ok())
            .unwrap_or_else(|| panic!("{method} {path}: {suggestions:#?}"));
        assert_eq!(route.access(), Access::Deny);
        assert!(route.slash_is_data() || !path.contains("%2F"), "{path}: {route:?}");
    }
}

#[test]
fn numbers_uuids_and_random_values_become_variables() {
    assert_eq!(
        paths(&[
            "/",
            "/tickets",
            "/tickets/",
            "/tickets/7",
            "/tickets/8",
            "/tickets/7/notes/9",
            "/tickets/new",
            "/d/0b67a8f2-0000-4000-8000-000000000001",
            "/reset/q7w8e9r0t1y2u3i4",
            "/assets/main.5f3a9c1e7b2d.js",
            "/assets/site.css",
        ]),
        [
            "/",
            "/assets/site.css",
            "/assets/{file:*.js}",
            "/d/{id:uuid}",
            "/reset/{name:word}",
            "/tickets/new",
            "/tickets/{id:int}",
            "/tickets/{id:int}/notes/{id2:int}",
            "/tickets[/]",
        ]
    );
}

#[test]
fn many_siblings_become_a_variable_of_their_type() {
    let names = |count: usize, form: &dyn Fn(String) -> String| {
        let letters = |n: usize| {
            [n / 26, n % 26]
                .map(|n| char::from(b'a' + u8::try_from(n % 26).unwrap()))
                .iter()
                .collect()
        };
        (0..count).map(|n| form(letters(n))).collect::<Vec<_>>()
    };
    let all = [
        names(30, &|name| format!("/users/{name}/profile")),
        names(30, &|name| format!("/wiki/{name}%20page")),
        names(30, &|name| format!("/files/{name}.pdf")),
        names(5, &|name| format!("/few/{name}")),
    ]
    .concat();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    assert_eq!(
        paths(&all),
        [
            "/few/aa",
            "/few/ab",
            "/few/ac",
            "/few/ad",
            "/few/ae",
            "/files/{file:*.pdf}",
            "/users/{name:word}/profile",
            "/wiki/{x}",
        ]
    );
}

#[test]
fn a_frequent_literal_stays_beside_the_variable() {
    let mut all: Vec<_> = (0..60).map(|n| format!("/pages/p{}", "x".repeat(n + 1))).collect();
    all.extend((0..60).map(|_| "/pages/search".to_owned()));
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    assert_eq!(paths(&all), ["/pages/search", "/pages/{name:word}"]);
}

#[test]
fn literals_are_written_as_the_router_reads_them() {
    let all =
        ["/a%7Bb%7D", "/*", "/%7B*rest%7D", "/a%22b", "/x%5B", "/caf%C3%A9", "/a;b", "/%20c/d"];
    assert_eq!(
        paths(&all),
        ["/%2A", "/%7B%2Arest%7D", "/a%22b", "/a%7Bb%7D", "/caf%C3%A9", "/x%5B", "/{x}", "/{x}/d"]
    );
    let requests = all.map(|path| ("GET".to_owned(), path.to_owned()));
    assert_covered(&suggest(all.iter().map(|path| get(path))), &requests);
}

#[test]
fn a_suggestion_has_what_was_seen() {
    let base = Observed {
        query: &["page", "bad\nname", "?"],
        status: Some(200),
        sender: Some("anna"),
        ..get("/tickets/7")
    };
    let suggestions = suggest([
        base,
        Observed { method: "HEAD", ..base },
        Observed {
            method: "POST",
            path: "/tickets/8",
            status: Some(302),
            sender: Some("bob"),
            ..base
        },
        Observed { websocket: true, sender: None, status: None, ..get("/socket") },
    ]);
    let toml: Vec<_> = suggestions.iter().map(Suggestion::to_toml).collect();
    assert_eq!(
        toml,
        [
            "# 3 requests: GET (1), HEAD (1), POST (1); by 2 senders; status 200 (2), 302 (1); \
             query ?, page\n[[route]]\nname = \"suggested: /tickets/{id:int}\"\n\
             methods = [\"GET\", \"POST\"]\npath = \"/tickets/{id:int}\"\naccess = \"deny\"\n",
            "# 1 request: GET (1)\n[[route]]\nname = \"suggested: /socket\"\nmethods = [\"GET\"]\n\
             path = \"/socket\"\nwebsocket = true\naccess = \"deny\"\n",
        ]
    );
}

#[test]
fn requests_that_no_route_can_be_for_are_not_counted() {
    let mut observations = Observations::default();
    for (method, path) in [
        ("GET", "tickets"),
        ("GET", ""),
        ("GET", "/a?b"),
        ("GET", "/%61"),
        ("GET", "/a\nb"),
        ("GET", "/.portcullis/"),
        ("get", "/"),
        ("", "/"),
        ("CONNECT", "/"),
        ("TRACE", "/"),
        ("A\"B", "/"),
    ] {
        assert!(!observations.add(&request(method, path)), "{method} {path}");
    }
    assert_eq!(observations.suggest(), []);
}

#[test]
fn names_stay_unique_when_they_are_cut() {
    let long = "/a".repeat(200);
    let all = [format!("{long}/b"), format!("{long}/c")];
    // Deeper than a pattern can be.
    assert_eq!(suggest(all.iter().map(|path| get(path))).len(), 1);
    let long = format!("/{}/{}", "a".repeat(70), "b".repeat(70));
    let all = [format!("{long}/c"), format!("{long}/d")];
    let suggestions = suggest(all.iter().map(|path| get(path)));
    assert_eq!(suggestions.len(), 2);
    compiled(&suggestions);
}

/// Paths whose segments are alike, so that they meet in the tree.
fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => "[a-c]{1,2}",
        2 => "[0-9]{1,2}",
        2 => "[a-z]{1,3}\\.(pdf|js|php)",
        1 => "[a-z]\\.[a-z]{1,2}",
        1 => "[a-f0-9]{12}",
        1 => "[a-f0-9]{12}\\.js",
        1 => "0b67a8f2-0000-4000-8000-00000000000[0-9a-f]",
        1 => "(%20|%7B|%2F|;|%C3%A9|\\*|\\[|%2541)[a-b]?(\\.pdf)?",
        1 => "[A-Ca-c]{1,3}",
    ];
    (proptest::collection::vec(segment, 0..5), any::<bool>()).prop_map(|(segments, slash)| {
        let mut path = segments.iter().fold(String::new(), |mut path, segment| {
            let _ = write!(path, "/{segment}");
            path
        });
        if slash || path.is_empty() {
            path.push('/');
        }
        RequestTarget::parse(&path)
            .map_or_else(|_| "/".to_owned(), |target| target.path().to_owned())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_request_has_a_route_and_no_two_conflict(
        requests in proptest::collection::vec(("GET|HEAD|POST|PUT", path()), 1..600),
        most_nodes in prop_oneof![Just(20_000_usize), 2..400_usize],
    ) {
        let mut observations = Observations { tree: Tree::bounded(most_nodes), ..Observations::default() };
        for (method, path) in &requests {
            prop_assert!(observations.add(&request(method, path)), "{} {}", method, path);
        }
        let suggestions = observations.suggest();
        assert_covered(&suggestions, &requests);
        let counted: u64 = suggestions.iter().map(|suggestion| suggestion.seen.requests()).sum();
        prop_assert_eq!(counted, requests.len() as u64);
    }
}

#[test]
fn number_of_routes_is_bounded() {
    let mut observations = Observations::default();
    let mut state = 7_u64;
    let mut letters = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = |shift: u64| char::from(b'a' + u8::try_from((state >> shift) % 26).unwrap());
        [33, 40, 47, 54].map(name).iter().collect::<String>()
    };
    for _ in 0..30_000 {
        let path =
            format!("/{}/{}/{}.{}/{}", letters(), letters(), letters(), letters(), letters());
        assert!(observations.add(&get(&path)));
    }
    let suggestions = observations.suggest();
    assert!(suggestions.len() <= 20_000, "{}", suggestions.len());
    compiled(&suggestions);
}
