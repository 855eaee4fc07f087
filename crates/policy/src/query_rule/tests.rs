use std::sync::LazyLock;

use http::Method;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::fuzzing::portal::QueryReader;
use crate::{Policy, PolicyFiles, Reason, RequestFacts, RequestTarget, decide, fixture};

const ROUTES: &str = r#"
[[route]]
name = "Read"
path = "/doku.php"
query = { do = ["", "show"] }
access = "public"
[[route]]
name = "Edit"
path = "/doku.php"
query = { do = ["edit"] }
access = "public"
[[route]]
name = "Everything"
path = "/{*rest}"
access = "public"
"#;

static POLICY: LazyLock<Policy> = LazyLock::new(|| fixture::compile(ROUTES).unwrap());

/// The route that lets a query of `/doku.php` pass, or the reason why none does.
fn answer(query: &str) -> Result<String, Reason> {
    let target = RequestTarget::parse(&format!("/doku.php?{query}")).unwrap();
    let request = RequestFacts::new("h", &Method::GET, &target);
    let decision = decide(&POLICY, None, &request, Timestamp::UNIX_EPOCH);
    match decision.route() {
        Some(route) if decision.name() == "allow" => Ok(route.name().to_owned()),
        _ => Err(decision.reason()),
    }
}

#[test]
fn only_the_plain_spelling_of_a_listed_value_passes() {
    for (query, route) in [
        ("", "Read"),
        ("&", "Read"),
        ("=", "Read"),
        ("id=start", "Read"),
        ("id=start&do=show", "Read"),
        ("do=edit", "Edit"),
        ("do=edit&id=start&rev=", "Edit"),
        ("id=%2Fa%20b+c&do=edit&", "Edit"),
        ("id=do&x=do=edit", "Read"),
        // Other parameters, though they look alike.
        ("document=edit&d=1&o=2&dodo=edit&do_=edit&do-x=edit&0do=edit&redo=edit", "Read"),
        ("d%C3%B6=edit&%C3%BC=1&_=1732243200&d+o=edit", "Read"),
    ] {
        assert_eq!(answer(query).as_deref(), Ok(route), "{query}");
    }
}

#[test]
fn an_unlisted_query_value_falls_to_no_wider_route() {
    for value in [
        "save",
        "EDIT",
        "Edit",
        "ed-it",
        "0edit",
        "edit0",
        "edit.",
        "edit=",
        "=edit",
        "edit,show",
        "edit/",
        "edit?",
        "[edit]",
        "undefined",
        "-",
        ".",
    ] {
        assert_eq!(answer(&format!("do={value}")), Err(Reason::QueryNotAllowed), "{value}");
        assert_eq!(answer(&format!("id=a&do={value}&x")), Err(Reason::QueryNotAllowed), "{value}");
    }
}

#[test]
fn another_spelling_of_the_parameter_is_ambiguous() {
    for query in [
        // The name.
        "do[edit]=1",
        "do%5Bedit%5D=1",
        "do%5bedit%5d",
        "do[]=edit",
        "%20do=edit",
        "+do=edit",
        "++do=edit",
        "%09%0ado=edit",
        "do%00x=edit",
        "do%00=edit",
        "d%6f=edit",
        "d%6F=edit",
        "%64%6F=edit",
        "%44o=edit",
        "Do=edit",
        "DO=edit",
        ".do=edit",
        "do.=edit",
        "do.x=edit",
        "do+=edit",
        "do%20=edit",
        "do%C2%A0=edit",
        "%EF%BB%BFdo=edit",
        "_do=edit",
        "[do]=edit",
        "[do=edit",
        "?do=edit",
        "/do",
        "$do=edit",
        "do%26=edit",
        "do%3Dedit",
        "do%3D=edit",
        // Twice, even with the same value.
        "do=show&do=edit",
        "do=edit&do=show",
        "do=edit&do=edit",
        "do=edit&x&do",
        "do=edit&Do=show",
        // Empty.
        "do",
        "do=",
        "do=&do=edit",
        "do&x=1",
        // Escapes in the value, even of nothing else than itself.
        "do=%65dit",
        "do=edit%00",
        "do=%20edit",
        "do=+edit",
        "do=edit+",
        "do=%73how",
        "do=%",
        // Anywhere.
        "do=show;do=edit",
        "id=a;do=edit",
        "id=a;b",
        ";",
        "id=a&amp;do=edit",
        "id=%",
        "id=%6",
        "id=%zz&do=edit",
        "%u0064o=edit",
        "%d%o=edit",
    ] {
        assert_eq!(answer(query), Err(Reason::AmbiguousQuery), "{query}");
    }
}

#[test]
fn signs_of_a_parameter_name_are_equal() {
    let rule = |parameter: &str| Condition {
        parameter: parameter.to_owned(),
        wanted: Wanted::OneOf(vec![String::new()]),
    };
    for (parameter, query, value) in [
        ("page_id", "page_id=a", Some("a")),
        ("page_id", "page.id=a", None),
        ("page_id", "page%20id=a", None),
        ("page_id", "page+id=a", None),
        ("page_id", "page[id=a", None),
        ("page_id", "page%5Bid=a", None),
        ("page_id", "page-id=a", None),
        ("page_id", "Page.ID[]=a", None),
        ("page_id", "page=a&pageid=a&page_=a&page__id=a&page_ids=a&pagexid=a", Some("")),
        ("a-b", "a-b=c", Some("c")),
        ("a-b", "a_b=c", None),
        ("_action", "_action=c", Some("c")),
        ("_action", ".action=c", None),
        ("_action", "action=c", None),
        ("_action", "_actions=c", Some("")),
        ("Do", "Do=c", Some("c")),
        ("Do", "do=c", None),
    ] {
        assert_eq!(rule(parameter).value(query, '&').ok(), value, "{parameter}: {query}");
    }
    assert_eq!(rule("do").value("", '&').ok(), Some(""));
}

/// The action that a portal reads, cleaned as a wiki does it: lower-case letters and digits only.
fn action(reader: QueryReader, query: &str) -> String {
    let mut action = reader.read(query, "do", '&').to_lowercase();
    action.retain(|c| matches!(c, 'a'..='z' | '1'..='9'));
    action
}

fn any_reader() -> impl Strategy<Value = QueryReader> {
    proptest::sample::select(QueryReader::all().collect::<Vec<_>>())
}

/// A text with each of its letters in any spelling, and something before and after it.
fn spelled(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    const BEFORE: &[&str] = &["", "", "", "", "+", "%20", "%00", "%09", ".", "-", "_", "0", "["];
    const AFTER: &[&str] = &["", "", "", "", "+", "%20", "%00", ".", "_", "0", "[", "[]", "]"];
    let letters = (proptest::sample::select(texts), proptest::collection::vec(0u8..8, 8));
    let letters = letters.prop_map(|(text, ways)| {
        let letters = text.chars().zip(ways).map(|(letter, way)| match way {
            0 => format!("%{:02x}", u32::from(letter)),
            1 => format!("%{:02X}", u32::from(letter.to_ascii_uppercase())),
            2 => letter.to_ascii_uppercase().to_string(),
            _ => letter.to_string(),
        });
        letters.collect::<String>()
    });
    (proptest::sample::select(BEFORE), letters, proptest::sample::select(AFTER))
        .prop_map(|(before, text, after)| format!("{before}{text}{after}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// The portal reads a value for which the route that allows the request applies.
    #[test]
    fn no_reading_of_a_query_belongs_to_another_route(
        pairs in proptest::collection::vec(
            (
                prop_oneof![4 => spelled(&["do"]), 1 => spelled(&["id", "", "d"])],
                proptest::sample::select(vec!["=", "=", "=", "", "%3d", "[", "]=", "+="]),
                spelled(&["edit", "show", "save", ""]),
                proptest::sample::select(vec!["&", "&", "&", ";", "%26", "&&", "&amp;"]),
            ),
            0..4,
        ),
        reader in any_reader(),
    ) {
        let pairs = pairs.iter().map(|(name, is, value, end)| format!("{name}{is}{value}{end}"));
        let query = pairs.collect::<String>();
        let read = action(reader, &query);
        if let Ok(route) = answer(&query) {
            let values: &[_] = if route == "Edit" { &["edit"] } else { &["", "show"] };
            prop_assert!(values.contains(&read.as_str()), "{query}: {route}, read as {read}");
        }
    }

    /// The same for arbitrary text.
    #[test]
    fn no_reading_of_arbitrary_bytes_belongs_to_another_route(
        query in "([do&=;%+.\\[\\]0-9a-fA-F]|do|DO|%6f|edit|=show|&do=){0,12}",
        reader in any_reader(),
    ) {
        let read = action(reader, &query);
        if let Ok(route) = answer(&query) {
            let values: &[_] = if route == "Edit" { &["edit"] } else { &["", "show"] };
            prop_assert!(values.contains(&read.as_str()), "{query}: {route}, read as {read}");
        }
    }
}

/// A portal whose front page serves an API too (WordPress), one that selects by several parameters,
/// and one whose parameters are separated by semicolons (gitweb).
const SEVERAL: &str = r#"
[[route]]
name = "Front page"
path = "/"
query = { rest_route = false, preview = false }
access = "public"
[[route]]
name = "Preview"
path = "/"
query = { rest_route = false, preview = true, p = ["1", "2"] }
access = "public"
[[route]]
name = "API"
path = "/"
query = { rest_route = ["/wp/v2/posts"] }
query_other = "deny"
access = "public"
[[route]]
name = "Summary"
path = "/gitweb"
query = { p = ["public.git"], a = ["", "summary", "tree"] }
query_separator = ";"
access = "public"
[[route]]
name = "No query"
path = "/plain"
query_other = "deny"
access = "public"
"#;

#[test]
fn every_parameter_of_a_rule_must_match() {
    let policy = fixture::compile(SEVERAL).unwrap();
    for (target, expected) in [
        ("/", Ok("Front page")),
        ("/?utm=1", Ok("Front page")),
        ("/?preview=true&p=1", Ok("Preview")),
        ("/?p=2&x&preview=%74rue", Ok("Preview")),
        ("/?preview=true", Err(Reason::QueryNotAllowed)),
        ("/?preview=true&p=3", Err(Reason::QueryNotAllowed)),
        ("/?preview=true&p=%31", Err(Reason::AmbiguousQuery)),
        ("/?preview&p=1", Err(Reason::AmbiguousQuery)),
        ("/?preview=+&p=1", Err(Reason::AmbiguousQuery)),
        ("/?preview=%20&p=1", Err(Reason::AmbiguousQuery)),
        ("/?preview=1&preview=1&p=1", Err(Reason::AmbiguousQuery)),
        ("/?rest_route=/wp/v2/posts", Ok("API")),
        ("/?rest_route=/wp/v2/posts&", Ok("API")),
        ("/?rest_route=/wp/v2/posts&_method=DELETE", Err(Reason::QueryNotAllowed)),
        ("/?rest_route=/wp/v2/posts&x", Err(Reason::QueryNotAllowed)),
        ("/?rest_route=/wp/v2/users", Err(Reason::QueryNotAllowed)),
        ("/?rest.route=/wp/v2/users", Err(Reason::AmbiguousQuery)),
        ("/?rest%5froute=/wp/v2/users", Err(Reason::AmbiguousQuery)),
        ("/?rest_route[]=1", Err(Reason::AmbiguousQuery)),
        ("/?a;rest_route=/wp/v2/users", Err(Reason::AmbiguousQuery)),
        ("/gitweb?p=public.git;a=tree;f=README", Ok("Summary")),
        ("/gitweb?p=public.git&a=tree", Ok("Summary")),
        ("/gitweb?p=public.git", Ok("Summary")),
        ("/gitweb?p=public.git;a=blob", Err(Reason::QueryNotAllowed)),
        ("/gitweb?p=secret.git;a=tree", Err(Reason::QueryNotAllowed)),
        ("/gitweb?p=public.git;p=secret.git", Err(Reason::AmbiguousQuery)),
        ("/gitweb?p=public.git&x;p=secret.git", Err(Reason::AmbiguousQuery)),
        ("/gitweb?a=tree", Err(Reason::QueryNotAllowed)),
        ("/plain", Ok("No query")),
        ("/plain?", Ok("No query")),
        ("/plain?&&", Ok("No query")),
        ("/plain?=", Err(Reason::QueryNotAllowed)),
        ("/plain?x=1", Err(Reason::QueryNotAllowed)),
        ("/plain?%", Err(Reason::AmbiguousQuery)),
    ] {
        let target = RequestTarget::parse(target).unwrap();
        let decision = decided(&policy, &target);
        let got = match decision.route() {
            Some(route) if decision.name() == "allow" => Ok(route.name()),
            _ => Err(decision.reason()),
        };
        assert_eq!(got, expected, "{}", target.as_str());
    }
}

fn decided(policy: &Policy, target: &RequestTarget) -> crate::Decision {
    let request = RequestFacts::new("h", &Method::GET, target);
    decide(policy, None, &request, Timestamp::UNIX_EPOCH)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// The portal reads the values of every parameter for which the route applies.
    #[test]
    fn no_reading_of_several_parameters_is_of_another_route(
        path in proptest::sample::select(vec!["/", "/gitweb"]),
        query in "(rest_route|rest\\.route|preview|Preview|p|P|%70|a|[&=;%+\\[\\]]|=1|=true|\
                   =/wp/v2/posts|=public\\.git|=tree|;a=|&p=|\\+|%20|x){0,10}",
        reader in any_reader(),
    ) {
        static POLICY: LazyLock<Policy> = LazyLock::new(|| fixture::compile(SEVERAL).unwrap());
        let Ok(target) = RequestTarget::parse(&format!("{path}?{query}")) else { return Ok(()) };
        let decision = decided(&POLICY, &target);
        if decision.name() != "allow" {
            return Ok(());
        }
        let separator = if path == "/gitweb" { ';' } else { '&' };
        let read = |parameter| reader.read(&query, parameter, separator);
        let holds = match decision.route().unwrap().name() {
            "Front page" => read("rest_route").is_empty() && read("preview").is_empty(),
            "Preview" => {
                read("rest_route").is_empty()
                    && !read("preview").trim().is_empty()
                    && ["1", "2"].contains(&&*read("p"))
            }
            "API" => read("rest_route") == "/wp/v2/posts",
            "Summary" => {
                read("p") == "public.git" && ["", "summary", "tree"].contains(&&*read("a"))
            }
            other => panic!("{other}"),
        };
        prop_assert!(holds, "{path}?{query} by {reader:?}");
    }
}

fn dokuwiki(routes: &str) -> PolicyFiles {
    PolicyFiles {
        permissions: include_str!("../../../../policies/examples/dokuwiki/permissions.toml").into(),
        groups: include_str!("../../../../policies/examples/dokuwiki/groups.toml").into(),
        routes: routes.into(),
        expectations: include_str!("../../../../policies/examples/dokuwiki/expectations.toml")
            .into(),
        ..PolicyFiles::default()
    }
}

const DOKUWIKI_ROUTES: &str = include_str!("../../../../policies/examples/dokuwiki/routes.toml");

#[test]
fn the_wiki_example_meets_its_expectations() {
    let policy = Policy::compile(&dokuwiki(DOKUWIKI_ROUTES)).unwrap();
    assert!(policy.expectations().len() >= 58);
    assert_eq!(policy.check_seed_expectations(), Ok(()));
}

#[test]
fn the_wiki_example_needs_each_of_its_queries() {
    let is_query = |line: &&str| line.starts_with("query = ");
    let queries: Vec<_> = DOKUWIKI_ROUTES.lines().filter(is_query).collect();
    assert!(queries.len() >= 6);
    for query in queries {
        let routes = DOKUWIKI_ROUTES.replacen(query, "", 1);
        let loaded =
            Policy::compile(&dokuwiki(&routes)).and_then(|policy| policy.check_seed_expectations());
        assert!(loaded.is_err(), "without {query}");
    }

    // Without all of them, and without the routes that then tie, the expectations notice.
    let mut routes = String::new();
    for block in DOKUWIKI_ROUTES.split_inclusive("\n\n") {
        let plain = block.lines().filter(|line| !is_query(line)).collect::<Vec<_>>().join("\n");
        let more = format!("{routes}{plain}\n");
        if Policy::compile(&dokuwiki(&more)).is_ok() {
            routes = more;
        }
    }
    let policy = Policy::compile(&dokuwiki(&routes)).unwrap();
    let problems = policy.check_seed_expectations().unwrap_err().to_string();
    for failed in ["do=edit` as anonymous", "do=save` as anonymous", "d%6f=admin` as admin"] {
        assert!(problems.contains(failed), "{failed} is not in\n{problems}");
    }
}
