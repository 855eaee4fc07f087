mod sections;

use std::fmt::Write as _;

use super::*;
use crate::fixture::{self, GROUPS, PERMISSIONS};
use crate::{Access, HostPattern, PolicyFiles, Requirement, built_in};

fn shown(files: &PolicyFiles) -> String {
    match Policy::compile(files) {
        Ok(_) => "no problem".to_owned(),
        Err(problems) => problems.to_string(),
    }
}

fn route(lines: &str) -> String {
    format!("[[route]]\nname = \"r\"\n{lines}\n")
}

#[test]
fn r1_r2_the_shipped_catalogue_and_groups_are_complete() {
    let policy = Policy::compile(&PolicyFiles {
        permissions: include_str!("../../../../policies/permissions.toml").to_owned(),
        groups: include_str!("../../../../policies/groups.toml").to_owned(),
        ..PolicyFiles::default()
    })
    .unwrap();
    assert_eq!(policy.catalogue().permissions().len(), 24);
    assert_eq!(policy.catalogue().without_identity().len(), 18);
    let groups: Vec<_> = policy
        .seeds()
        .iter()
        .map(|seed| (seed.id.as_str(), seed.name.as_str(), seed.permissions.len(), seed.default))
        .collect();
    assert_eq!(
        groups,
        [
            (built_in::ADMIN, "Admin Portal Group", 24, true),
            (built_in::NON_PORTAL, "Non-Portal User Group", 2, false),
            (built_in::LIMITED, "Limited Portal Group", 8, false),
            (built_in::NO_ACCESS, "No Portal Access Group", 0, false),
        ]
    );
}

#[test]
fn invalid_permissions_are_reported_with_their_line() {
    let one = "[[permission]]\nid = \"a\"\nname = \"A\"\n";
    let many: String = (0..65).fold(String::new(), |mut text, n| {
        write!(text, "[[permission]]\nid = \"p{n}\"\nname = \"P\"\n").unwrap();
        text
    });
    for (text, problem) in [
        ("", "permissions.toml: there are no permissions"),
        ("[[permission]]\nid = \"a\n", "permissions.toml:2: not TOML: "),
        ("[[permission]]\nid = \"a\"\n", "permissions.toml:1: `name` is missing"),
        ("[[permission]]\nname = \"a\"\n", "permissions.toml:1: `id` is missing"),
        (
            "[[permission]]\nid = \"A b\"\nname = \"x\"",
            "permissions.toml:2: `A b` is not a valid permission id",
        ),
        (
            "[[permission]]\nid = \"\"\nname = \"x\"",
            "permissions.toml:2: `` is not a valid permission id",
        ),
        (
            "[[permission]]\nid = \"a\"\nname = \" \"",
            "permissions.toml:3: `name` must not be empty",
        ),
        ("[[permission]]\nid = 1\nname = \"x\"", "permissions.toml:2: `id` must be a string"),
        (&format!("{one}identity = 1"), "permissions.toml:4: `identity` must be true or false"),
        (&format!("{one}extra = 1"), "permissions.toml:4: unknown key `extra`"),
        (&format!("x = 1\n{one}"), "permissions.toml:1: unknown key `x`"),
        (&format!("{one}{one}"), "permissions.toml:5: permission `a` is defined twice"),
        (
            "[permission]\nid = \"a\"",
            "permissions.toml:1: `permission` must be written as [[permission]]",
        ),
        ("permission = [1]", "permissions.toml:1: `permission` must be written as [[permission]]"),
        (&many, "permissions.toml:193: there are more than 64 permissions"),
    ] {
        let files = PolicyFiles { permissions: text.to_owned(), ..fixture::files("", "") };
        let shown = shown(&files);
        assert!(shown.starts_with(problem), "{text}\n-> {shown}");
        // A broken catalogue is one problem, not one for everything that names a permission.
        assert!(!shown.contains("groups.toml"), "{shown}");
    }
}

#[test]
fn r2_r3_r6_invalid_groups_are_reported_with_their_line() {
    let group = |id: &str, rest: &str| {
        format!("{GROUPS}[[group]]\nid = \"{id}\"\nname = \"{id}\"\n{rest}\n")
    };
    for (text, problem) in [
        (
            GROUPS.replace("[[group]]\nid = \"admin\"", "[[group]]\nid = \"boss\""),
            "groups.toml: group `admin` is missing",
        ),
        (GROUPS.replace("default = true\n", ""), "groups.toml: no group has `default = true`"),
        (
            GROUPS.replace("[\"view\"]", "[\"view\", \"mine\"]"),
            "groups.toml:7: `non-portal` cannot have `mine`",
        ),
        (GROUPS.replace("[\"view\"]", "\"all\""), "groups.toml:7: `non-portal` cannot have `mine`"),
        (
            GROUPS.replace("[\"view\"]\n", "[\"view\"]\ndefault = true\n"),
            "groups.toml:7: `non-portal` cannot be the default",
        ),
        (
            group("x", "permissions = []\ndefault = true"),
            "groups.toml:19: the group on line 2 is already the default",
        ),
        (group("limited", "permissions = []"), "groups.toml:20: group `limited` is defined twice"),
        (group("Big", "permissions = []"), "groups.toml:20: `Big` is not a valid group id"),
        (group("a--b", "permissions = []"), "groups.toml:20: `a--b` is not a valid group id"),
        (group("link", "permissions = []"), "groups.toml:20: `link` is reserved"),
        (group("anonymous", "permissions = []"), "groups.toml:20: `anonymous` is reserved"),
        (group("x", "permissions = [\"fly\"]"), "groups.toml:22: there is no permission `fly`"),
        (group("x", "permissions = \"some\""), "groups.toml:22: `permissions` must be a list"),
        (group("x", "permissions = [1]"), "groups.toml:22: `permissions` must be a list"),
        (group("x", ""), "groups.toml:19: `permissions` is missing"),
        (group("x", "permissions = []\nof = 3"), "groups.toml:23: unknown key `of`"),
        (
            format!("{GROUPS}[[group]]\nid = \"x\"\nname = \"  aDMIN \"\npermissions = []"),
            "groups.toml:21: the group on line 4 is already named `  aDMIN `",
        ),
        (
            format!("{GROUPS}[[group]]\nid = \"x\"\nname = \" \"\npermissions = []"),
            "groups.toml:21: `name` must not be empty",
        ),
        (
            format!("{GROUPS}[[group]]\nid = \"x\"\nname = \"a\\u0000b\"\npermissions = []"),
            "groups.toml:21: `name` must not have control characters",
        ),
        (
            format!(
                "{GROUPS}[[group]]\nid = \"x\"\nname = \"{}\"\npermissions = []",
                "x".repeat(201)
            ),
            "groups.toml:21: `name` must have at most 200 characters",
        ),
        (
            // As names are compared when an administrator gives them (R4).
            format!(
                "{GROUPS}[[group]]\nid = \"x\"\nname = \"Straße\"\npermissions = []\n\
                 [[group]]\nid = \"y\"\nname = \"STRASSE\"\npermissions = []"
            ),
            "groups.toml:25: the group on line 21 is already named `STRASSE`",
        ),
    ] {
        let files = PolicyFiles { groups: text.clone(), ..fixture::files("", "") };
        let shown = shown(&files);
        assert!(shown.starts_with(problem), "{text}\n-> {shown}");
    }
}

#[test]
fn invalid_routes_are_reported_with_their_line() {
    let public = |line: &str| route(&format!("path = \"/a\"\naccess = \"public\"\n{line}"));
    let path = |path: &str| route(&format!("path = \"{path}\"\naccess = \"public\""));
    let require = |require: &str| route(&format!("path = \"/a\"\nrequire = {require}"));
    for (text, problem) in [
        (route("access = \"public\""), "1: `path` is missing"),
        ("[[route]]\npath = \"/a\"\naccess = \"public\"".to_owned(), "1: `name` is missing"),
        (
            "[[route]]\nname = \" \"\npath = \"/a\"\naccess = \"public\"".to_owned(),
            "2: `name` must not be",
        ),
        (route("path = \"/a\""), "1: `require` or `access` is missing"),
        (public("require = \"view\""), "4: a route has either `access` or `require`"),
        (public("colour = 1"), "5: unknown key `colour`"),
        (public("websocket = \"yes\""), "5: `websocket` must be true or false"),
        (public("body = \"yes\""), "5: `body` must be true or false"),
        (public("cross_origin = 1"), "5: `cross_origin` must be true or false"),
        (public("tokens = \"yes\""), "5: `tokens` must be true or false"),
        (route("path = \"/a\"\naccess = \"open\""), "4: `access` must be \"public\""),
        (format!("{}{}", path("/a"), path("/b")), "6: the route on line 2 is already named `r`"),
        (
            format!("{}{}", path("/a"), path("/a").replace("\"r\"", "\"s\"")),
            "5: route `s` is for the same requests as `r` on line 1 (GET, HEAD, POST",
        ),
        (require("\"fly\""), "4: there is no permission `fly`"),
        (require("[\"view\"]"), "4: `require` must be a table"),
        (require("{}"), "4: `require` must be a permission"),
        (require("{ all = [\"view\"], any = [\"pay\"] }"), "4: `require` must be a permission"),
        (require("{ all = [] }"), "4: `require.all` must not be empty"),
        (require("{ any = [\"view\", \"fly\"] }"), "4: there is no permission `fly`"),
        (require("{ any = [\"view\"], none = [] }"), "4: unknown key `require.none`"),
        (public("methods = []"), "5: `methods` must not be empty"),
        (public("methods = \"GET\""), "5: `methods` must be a list of strings"),
        (public("methods = [\"get\"]"), "5: `get` is not a method; write `GET`"),
        (public("methods = [\n\"GET\",\n\"A B\"]"), "7: `A B` is not a method (e.g. `GET`)"),
        (
            public("methods = [\"ALL\"]"),
            "5: `ALL` is not a method; leave `methods` out for GET, HEAD",
        ),
        (
            public("methods = [\"any\"]"),
            "5: `any` is not a method; leave `methods` out for GET, HEAD",
        ),
        (public("methods = [\"*\"]"), "5: `*` is not a method; leave `methods` out for GET, HEAD"),
        (public("methods = [\"CONNECT\"]"), "5: CONNECT is never forwarded"),
        (public("methods = [\"TRACE\"]"), "5: TRACE is never forwarded"),
        (public("hosts = []"), "5: `hosts` must not be empty"),
        (public("hosts = [\"a b\"]"), "5: `a b`: the host is not a valid name"),
        (public("hosts = [\"a:80\"]"), "5: `a:80`: write the host without a port"),
        (public("hosts = [\"{o}\"]"), "5: `{o}`: write one variable before a name"),
        (public("hosts = [\"{o}x.example\"]"), "5: `{o}x.example`: write one variable before"),
        (public("hosts = [\"{o}.{p}.example\"]"), "5: `{o}.{p}.example`: write one variable"),
        (public("hosts = [\"{o o}.example\"]"), "5: `{o o}.example`: `o o` is not a valid"),
        (public("hosts = [\"{o}.127.0.0.1\"]"), "5: `{o}.127.0.0.1`: an address has no names"),
        (public("hosts = [\"*.example\"]"), "5: `*.example`: the host is not a valid name"),
        (public("hosts = [\"{o}.example:80\"]"), "5: `{o}.example:80`: write the host without"),
        (
            route(
                "path = \"/a\"\naccess = \"signed-in\"\norganization = \"{o}\"\n\
                 hosts = [\"{o}.example\", \"b.example\"]",
            ),
            "5: every host of the route must have the variable `{o}`",
        ),
        (
            route(
                "path = \"/{o}\"\naccess = \"signed-in\"\norganization = \"{o}\"\n\
                 hosts = [\"{o}.example\"]",
            ),
            "5: the variable `o` is used twice",
        ),
        (public("query = \"do\""), "5: `query` must be a table"),
        (public("query = {}"), "5: `query` names no parameter"),
        (public("query = { do = \"show\" }"), "5: `query.do` must be a list of strings, true,"),
        (public("query = { do = \"{a b}\" }"), "5: `query.do` must be a list of strings, true,"),
        (public("query = { do = \"{o}\" }"), "1: the variable `{o}` in `query` is not used"),
        (public("query = { a-b = true, a_b = true }"), "5: portals may take the parameters"),
        (public("query = { do = true, Do = true }"), "5: portals may take the parameters"),
        (public("query_separator = \",\""), "5: `query_separator` must be \"&\" or \";\", not `,`"),
        (public("query_separator = \";\""), "1: `query_separator` and `query_other` need a"),
        (public("query_other = \"refuse\""), "5: `query_other` must be \"allow\" or \"deny\""),
        (public("query = { do = [1] }"), "5: `query.do` must be a list of strings"),
        (public("query = { do = [] }"), "5: `query.do` must not be empty"),
        (public("query = { \"do[]\" = [\"\"] }"), "5: `do[]` is not a valid parameter name"),
        (public("query = { \"dö\" = [\"\"] }"), "5: `dö` is not a valid parameter name"),
        (public("query = { \"\" = [\"\"] }"), "5: `` is not a valid parameter name"),
        (public("query = { _ = [\"\"] }"), "5: `_` is not a valid parameter name"),
        (public("query = { do = [\"\",\n\"a b\"] }"), "6: `a b` is not a valid value"),
        (public("query = { do = [\"%65dit\"] }"), "5: `%65dit` is not a valid value"),
        (public("query = { do = [\"a\",\n\"b\",\n\"a\"] }"), "7: the value `a` is listed twice"),
        (public("query = { do = [\"\", \"\"] }"), "5: the value `` is listed twice"),
        (path("a"), "3: `a` must begin with a slash; write `/a`"),
        (path("https://h/a"), "3: `https://h/a` must begin with a slash; write the path without"),
        (
            path("^/a$"),
            "3: `^/a$` must begin with a slash; paths are not regular expressions; write `/a`",
        ),
        (path("^/a/.*"), "3: `^/a/.*` must begin with a slash; paths are not regular expressions"),
        (path("/a//b"), "3: `path` has an empty segment"),
        (path("/a?b"), "3: `path` has a query"),
        (path("/a/../b"), "3: `..` can never match: the path has a dot segment"),
        (path("/a%2fb"), "3: `a%2fb` can never match: the path has an escaped slash"),
        (path("/a;b"), "3: `a;b` can never match"),
        (path("/.portcullis/mine"), "3: `path` is below `/.portcullis/`"),
        (path("/.portcullis/{*rest}"), "3: `path` is below `/.portcullis/`"),
        (path("/%2eportcullis/"), "3: `path` is below `/.portcullis/`"),
        (path("/a b"), "3: `a b` can never match"),
        (path("/a#b"), "3: `a#b` can never match"),
        (path("/x{a}"), "3: `x{a}` mixes text and a variable"),
        (path("/a{b"), "3: `a{b` mixes text and a variable"),
        (path("/{a"), "3: `{a` has no closing brace; write `{a}`"),
        (path("/{a:int/b"), "3: `{a:int` has no closing brace; write `{a:int}`"),
        (path("/a}"), "3: `a}` has no opening brace; write `{a}`"),
        (path("/{}"), "3: `` is not a valid variable name"),
        (path("/{a b}"), "3: `a b` is not a valid variable name"),
        (path("/{a}/{a}"), "3: the variable `a` is used twice"),
        (path("/{*a}/{b}"), "3: only literal segments may follow `{*a}`"),
        (path("/{*a}/b/{*c}"), "3: only literal segments may follow `{*a}`"),
        (path("/{a:iint}"), "3: `iint` is not a type; use `int`"),
        (path("/{a:*.tar.gz}"), "3: `*.tar.gz` is not a type"),
        (
            path("/a/*"),
            "3: `*` is not a variable in routes; write `{name}` for one segment, `{*rest}`",
        ),
        (path("/a/**"), "3: `**` is not a variable in routes; write `{*rest}` for any number"),
        (path("/:id/a"), "3: `:id` is not a variable in routes; write `{id}`, or `%3Aid` for the"),
        (path("/*rest"), "3: `*rest` is not a variable in routes; write `{*rest}`, or `%2Arest`"),
        (path("/{rest:.*}"), "3: `{rest:.*}` is not a variable in routes; write `{*rest}`"),
        (path("/{a:[0-9]+}"), "3: `{a:[0-9]+}` is not a variable in routes; write `{a:int}`"),
        (path("/{a:[^/]+}/b"), "3: `{a:[^/]+}` is not a variable in routes; write `{a}`"),
        (path("/{a?}"), "3: `{a?}` is not a variable in routes; write `{a}`"),
        (path("/a{b/c}"), "3: `{b/c}` mixes text and a variable"),
        (path("/{:int}"), "3: `` is not a valid variable name"),
        (path("/a/[/]"), "3: `[/]` has no effect here"),
        (path("/a[/]b"), "3: `[/]` has no effect here"),
        (path("/{*a}[/]"), "3: `[/]` has no effect here"),
        (public("subtree = 1"), "5: `subtree` must be true or false"),
        (format!("{}\nsubtree = true", path("/{*a}")), "3: `subtree` has no effect after `{*a}`"),
        (format!("{}\nsubtree = true", path("/a/")), "3: `subtree` includes the slash"),
        (format!("{}\nsubtree = true", path("/a[/]")), "3: `[/]` has no effect here"),
        (format!("{}\nsubtree = true", path("/.portcullis")), "3: `path` is below"),
        (public("from = []"), "5: `from` must not be empty"),
        (public("from = [\"10.0.0.0/33\"]"), "5: `10.0.0.0/33` is not a network"),
        (public("from = \"10.0.0.1\""), "5: `from` must be a list of strings"),
        (public("response_timeout = \"0s\""), "5: `0s` is not a duration of at most a day"),
        (public("response_timeout = \"25h\""), "5: `25h` is not a duration of at most a day"),
        (public("response_timeout = \"soon\""), "5: `soon` is not a duration"),
        (public("response_timeout = 5"), "5: `response_timeout` must be a string"),
        (public("body_bytes = 0"), "5: `body_bytes` must be at least 1"),
        (public("body_bytes = -1"), "5: `body_bytes` must be at least 1"),
        (public("body_bytes = \"1MB\""), "5: `body_bytes` must be a whole number"),
        (public("preflight = \"open\""), "5: `preflight` must be \"public\" or left out"),
        (
            route("path = \"/a\"\naccess = \"deny\"\npreflight = \"public\""),
            "1: `preflight` has no effect",
        ),
        (public("method_override = {}"), "5: `method_override` needs `header`, `query`, or both"),
        (public("method_override = { header = \"a b\" }"), "5: `a b` is not the name of a header"),
        (public("method_override = { query = \"a[]\" }"), "5: `a[]` is not a valid parameter name"),
        (public("method_override = { form = \"a\" }"), "5: unknown key `method_override.form`"),
        (public("except = [\"*.php\"]"), "5: `except` is for the segments of `{*name}`"),
        (format!("{}\nexcept = []", path("/{*a}")), "6: `except` must not be empty"),
        (format!("{}\nexcept = [\"*\"]", path("/{*a}")), "6: `*` is not a name"),
        (format!("{}\nexcept = [\"*.p*\"]", path("/{*a}")), "6: `*.p*` is not a name"),
        (path(&"/a".repeat(33)), "3: `path` has more than 32 segments"),
        (
            route("path = \"/{o}\"\naccess = \"signed-in\"\norganization = \"{p}\""),
            "5: `path`, `query` and `hosts` have no variable `{p}`",
        ),
        (
            route("path = \"/{*o}\"\naccess = \"signed-in\"\norganization = \"{o}\""),
            "5: `path`, `query` and `hosts` have no variable `{o}`",
        ),
        (
            route("path = \"/{o}\"\naccess = \"signed-in\"\norganization = \"o\""),
            "5: `organization` must be a variable",
        ),
        (
            route("path = \"/{o}\"\naccess = \"public\"\norganization = \"{o}\""),
            "5: a public route has no session",
        ),
        (require("\"view\"\non_deny = \"/\""), "5: `on_deny` must be a table"),
        (require("\"view\"\non_deny = {}"), "5: `on_deny.redirect` is missing"),
        (
            require("\"view\"\non_deny = { redirect = \"/\", status = 301 }"),
            "5: unknown key `on_deny.status`",
        ),
        (public("on_deny = { redirect = \"/\" }"), "5: `on_deny` has no effect"),
    ] {
        let shown = shown(&fixture::files(&text, ""));
        assert!(shown.starts_with(&format!("routes.toml:{problem}")), "{text}\n-> {shown}");
    }
}

#[test]
fn routes_with_overlapping_tails_are_refused() {
    let text = "[[route]]\nname = \"one\"\npath = \"/a/{*x}/b\"\naccess = \"public\"\n\
                [[route]]\nname = \"other\"\npath = \"/a/{*y}/c/b\"\naccess = \"deny\"\n";
    assert_eq!(
        shown(&fixture::files(text, "")),
        "routes.toml:5: route `other` overlaps with `one` on line 1: a path can end both in what \
         follows the rest of `/a/{*y}/c/b` and of `/a/{*x}/b`"
    );
}

#[test]
fn routes_for_the_same_query_are_refused_with_both_lines() {
    for (one, other, problem) in [
        ("", "query = { do = [\"a\"] }", Some(": only one of them has a `query`)")),
        ("query = { do = [\"a\"] }", "", Some(": only one of them has a `query`)")),
        (
            "query = { do = [\"a\"] }",
            "query = { Do = [\"b\"] }",
            Some(": they name `Do` and `do`)"),
        ),
        (
            "query = { do = [\"\", \"a\"] }",
            "query = { do = [\"b\", \"a\"] }",
            Some(": both list \"a\" of `do`)"),
        ),
        ("query = { do = [\"\"] }", "query = { do = [\"\"] }", Some(": both list \"\" of `do`)")),
        ("query = { do = [\"a\"] }", "query = { do = [\"A\", \"\"] }", None),
        ("query = { do = true }", "query = { do = [\"\"] }", None),
        ("query = { do = true }", "query = { do = false }", None),
        ("query = { do = [\"a\"] }", "query = { do = [\"b\"], x = true }", None),
        ("query = { do = [\"a\"], x = true }", "query = { do = [\"a\"], x = false }", None),
        (
            "query = { do = true }",
            "query = { do = [\"a\"] }",
            Some(": both allow the same values of `do`)"),
        ),
        (
            "query = { do = [\"a\"] }",
            "query = { do = [\"b\"] }\nquery_separator = \";\"",
            Some(": their `query_separator` differs)"),
        ),
        (
            "query = { do = [\"a\"] }",
            "query_other = \"deny\"",
            Some(": no parameter distinguishes them)"),
        ),
        ("query = { do = [\"a\"] }", "query = { do = [\"a\"] }\nhosts = [\"h\"]", None),
        ("methods = [\"PUT\"]", "query = { do = [\"a\"] }", None),
    ] {
        let text = format!(
            "[[route]]\nname = \"one\"\npath = \"/a/{{x}}\"\naccess = \"public\"\n{one}\n\n\
             [[route]]\nname = \"other\"\npath = \"/a/{{y}}\"\naccess = \"deny\"\n\
             {}{other}\n",
            if one.starts_with("methods") { "methods = [\"GET\"]\n" } else { "" },
        );
        let expected = problem.map_or("no problem".to_owned(), |detail| {
            format!(
                "routes.toml:7: route `other` is for the same requests as `one` on line 1 \
                 (GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS /a/{{y}}{detail}"
            )
        });
        assert_eq!(shown(&fixture::files(&text, "")), expected, "{text}");
    }
}

#[test]
fn a_redirect_target_is_a_path_or_a_url() {
    for (target, sound) in [
        ("/", true),
        ("/denied?from=invoices", true),
        ("https://example.com", true),
        ("http://example.com:8080/a?b", true),
        ("//example.com", false),
        ("/\\\\example.com", false),
        ("/a/../b", false),
        ("/%61", false),
        ("a", false),
        ("", false),
        ("javascript:alert(1)", false),
        ("https://", false),
        ("https://user@example.com/", false),
        ("https://example.com/a b", false),
        ("https://example.com\\\\@other/", false),
    ] {
        let text = route(&format!(
            "path = \"/a\"\nrequire = \"view\"\non_deny = {{ redirect = \"{target}\" }}"
        ));
        let compiled = fixture::compile(&text);
        assert_eq!(compiled.is_ok(), sound, "{target}");
        if let Err(problems) = compiled {
            assert!(problems.to_string().starts_with("routes.toml:5: `"), "{problems}");
        }
    }
}

#[test]
fn all_problems_are_reported_in_order() {
    let files = PolicyFiles {
        permissions: PERMISSIONS.to_owned(),
        groups: GROUPS.replace("[\"view\", \"mine\"]", "[\"fly\", \"swim\"]"),
        routes: "[[route]]\nname = \"a\"\npath = \"a\"\nmethods = [\"get\"]\nx = 1\ny = 2\n\
                 [[route]]\nname = \"b\"\npath = \"/b\"\nrequire = \"fly\"\n"
            .to_owned(),
        expectations: "[[expect]]\nas = \"admin\"\nrequest = \"GET\"\ndecision = \"maybe\"\n"
            .to_owned(),
        ..PolicyFiles::default()
    };
    let problems = Policy::compile(&files).unwrap_err();
    let places: Vec<_> = problems.iter().map(|p| (&*p.file, p.line.unwrap_or_default())).collect();
    assert_eq!(
        places,
        [
            (GROUPS_FILE, 14),
            (GROUPS_FILE, 14),
            (ROUTES_FILE, 1),
            (ROUTES_FILE, 3),
            (ROUTES_FILE, 4),
            (ROUTES_FILE, 5),
            (ROUTES_FILE, 6),
            (ROUTES_FILE, 10),
            (EXPECTATIONS_FILE, 3),
            (EXPECTATIONS_FILE, 4),
        ],
        "{problems}"
    );
    assert_eq!(problems.to_string().lines().count(), places.len());
}

#[test]
fn invalid_expectations_are_reported_with_their_line() {
    let expect = |who: &str, request: &str, decision: &str, rest: &str| {
        format!(
            "[[expect]]\nas = {who}\nrequest = \"{request}\"\ndecision = \"{decision}\"\n{rest}"
        )
    };
    for (text, problem) in [
        (expect("\"admin\"", "GET", "deny", ""), "3: `GET` is not a request"),
        (expect("\"admin\"", "G(T /", "deny", ""), "3: `G(T /` is not a request"),
        (expect("\"admin\"", "GET /", "maybe", ""), "4: `maybe` is not a decision"),
        (
            expect("\"admin\"", "GET /", "deny", "reason = \"because\""),
            "5: `because` is not a reason",
        ),
        (expect("\"admin\"", "GET /", "deny", "host = \"a b\""), "5: the host is not a valid name"),
        (expect("\"admin\"", "GET /", "deny", "user = 1"), "5: unknown key `user`"),
        (expect("\"admin\"", "GET /", "deny", "address = \"x\""), "5: `x` is not an IP address"),
        (expect("\"admin\"", "GET /", "deny", "preflight = \"\""), "5: `` is not a method"),
        (expect("7", "GET /", "deny", ""), "2: `as` must be a string"),
        ("[[expect]]\nas = \"admin\"\nrequest = \"GET /\"".to_owned(), "1: `decision` is missing"),
        ("[[expected]]".to_owned(), "1: unknown key `expected`"),
    ] {
        let shown = shown(&fixture::files("", &text));
        assert!(shown.starts_with(&format!("expectations.toml:{problem}")), "{text}\n-> {shown}");
    }
}

/// Checks one expectation about a route that requires `view`; returns the problem, if any.
fn problem_of(expectation: &str) -> Option<String> {
    let routes = route("path = \"/view\"\nrequire = \"view\"\nhosts = [\"a.example\"]")
        + "[[route]]\nname = \"office\"\npath = \"/office\"\naccess = \"public\"\nfrom = [\"10.0.0.0/8\"]\n"
        + "[[route]]\nname = \"api\"\npath = \"/api\"\nrequire = \"view\"\npreflight = \"public\"\n"
        + "[[route]]\nname = \"change\"\nmethods = [\"POST\"]\npath = \"/item\"\nrequire = \"view\"\n\
           method_override = { query = \"_method\" }\n"
        + "[[route]]\nname = \"delete\"\nmethods = [\"DELETE\"]\npath = \"/item\"\nrequire = \"pay\"\n"
        + "[[route]]\nname = \"mine\"\npath = \"/{o}/mine\"\nrequire = \"mine\"\norganization = \"{o}\"";
    let files = fixture::files(&routes, &format!("[[expect]]\n{expectation}"));
    let policy = Policy::compile(&files).unwrap();
    policy.check_seed_expectations().err().map(|problems| problems.to_string())
}

#[test]
fn a_failed_expectation_names_the_actual_decision() {
    for (holds, fails) in [
        (
            "as = \"limited\"\nrequest = \"GET /view\"\nhost = \"A.example\"\ndecision = \"allow\"",
            "as = \"limited\"\nrequest = \"GET /view\"\ndecision = \"allow\"",
        ),
        (
            "as = \"anonymous\"\nrequest = \"GET /view\"\nhost = \"a.example\"\ndecision = \"sign-in\"",
            "as = \"no-access\"\nrequest = \"GET /view\"\nhost = \"a.example\"\ndecision = \"sign-in\"",
        ),
        (
            "as = \"link\"\nrequest = \"GET /view\"\nhost = \"a.example\"\ndecision = \"allow\"",
            "as = \"link\"\nrequest = \"GET /view\"\nhost = \"a.example\"\ndecision = \"deny\"",
        ),
        (
            "as = \"limited\"\norganization = \"acme\"\nrequest = \"GET /acme/mine\"\ndecision = \"allow\"",
            "as = \"limited\"\nrequest = \"GET /acme/mine\"\ndecision = \"allow\"",
        ),
        (
            "as = \"admin\"\nrequest = \"GET /x\"\ndecision = \"deny\"\nreason = \"no-route\"",
            "as = \"admin\"\nrequest = \"GET /x\"\ndecision = \"deny\"\nreason = \"route-closed\"",
        ),
        (
            "as = \"admin\"\nrequest = \"GET /../x\"\ndecision = \"bad-request\"\nreason = \"dot-segment\"",
            "as = \"admin\"\nrequest = \"GET /../x\"\ndecision = \"deny\"",
        ),
        (
            "as = \"anonymous\"\nrequest = \"GET /office\"\naddress = \"10.1.2.3\"\ndecision = \"allow\"",
            "as = \"anonymous\"\nrequest = \"GET /office\"\ndecision = \"allow\"",
        ),
        (
            "as = \"limited\"\nrequest = \"POST /item?_method=DELETE\"\ndecision = \"deny\"",
            "as = \"limited\"\nrequest = \"POST /item\"\ndecision = \"deny\"",
        ),
        (
            "as = \"limited\"\nrequest = \"POST /item?_METHOD=POST\"\ndecision = \"deny\"",
            "as = \"limited\"\nrequest = \"POST /item?_method=post\"\ndecision = \"deny\"",
        ),
        (
            "as = \"anonymous\"\nrequest = \"OPTIONS /api\"\npreflight = \"PUT\"\ndecision = \"allow\"",
            "as = \"anonymous\"\nrequest = \"OPTIONS /api\"\ndecision = \"allow\"",
        ),
    ] {
        assert_eq!(problem_of(holds), None);
        let problem = problem_of(fails).unwrap_or_else(|| panic!("no problem with\n{fails}"));
        assert!(problem.starts_with("expectations.toml:1: `"), "{problem}");
        assert!(problem.contains(": expected ") && problem.contains(", got "), "{problem}");
    }
}

#[test]
fn expectations_about_other_groups_are_checked_on_reload() {
    let expectation = "as = \"crew\"\nrequest = \"GET /view\"\ndecision = \"deny\"";
    assert_eq!(problem_of(expectation), None);
    let files = fixture::files(
        &route("path = \"/view\"\nrequire = \"view\""),
        &format!("[[expect]]\n{expectation}"),
    );
    let policy = Policy::compile(&files).unwrap();
    let unknown = policy.check_expectations(&|_| None).unwrap_err();
    assert_eq!(unknown.to_string(), "expectations.toml:1: there is no group `crew`");
    let nothing = |_: &str| Some(crate::PermissionSet::EMPTY);
    assert_eq!(policy.check_expectations(&nothing), Ok(()));
    let everything = |_: &str| Some(policy.catalogue().all());
    let problem = policy.check_expectations(&everything).unwrap_err().to_string();
    assert!(problem.contains("expected deny, got allow (permitted)"), "{problem}");
}

#[test]
fn a_valid_directory_loads() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let problems = Policy::load(directory.path()).unwrap_err();
    let files: Vec<_> = problems.iter().map(|problem| &*problem.file).collect();
    assert_eq!(files, [PERMISSIONS_FILE, GROUPS_FILE, ROUTES_FILE]);

    write("permissions.toml", PERMISSIONS);
    write("groups.toml", GROUPS);
    write("routes.toml", &route("path = \"/a\"\naccess = \"public\""));
    let policy = Policy::load(directory.path()).unwrap();
    assert_eq!(policy.version().len(), 2 * VERSION_BYTES);
    assert_eq!(Policy::load(directory.path()).unwrap().version(), policy.version());

    write(
        "expectations.toml",
        "[[expect]]\nas = \"anonymous\"\nrequest = \"GET /a\"\ndecision = \"allow\"\n",
    );
    let with_expectation = Policy::load(directory.path()).unwrap();
    assert_eq!(with_expectation.expectations().len(), 1);
    assert_ne!(with_expectation.version(), policy.version());

    write("routes.toml", &route("path = \"/a\"\naccess = \"deny\""));
    let problem = Policy::load(directory.path()).unwrap_err().to_string();
    assert!(problem.starts_with("expectations.toml:1: `GET /a` as anonymous"), "{problem}");

    std::fs::write(directory.path().join("routes.toml"), b"\xff").unwrap();
    let problem = Policy::load(directory.path()).unwrap_err().to_string();
    assert!(problem.starts_with("routes.toml: cannot be read"), "{problem}");
}

#[test]
fn an_unreadable_file_hides_no_problem_of_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let write =
        |name: &str, text: &[u8]| std::fs::write(directory.path().join(name), text).unwrap();
    let places = || {
        let problems = Policy::load(directory.path()).unwrap_err().to_string();
        problems.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let routes =
        route("path = \"/a\"\nrequire = \"fly\"") + &route("path = \"b\"\naccess = \"deny\"");
    write("permissions.toml", PERMISSIONS.as_bytes());
    write("groups.toml", b"\xff");
    write("routes.toml", routes.as_bytes());
    write("expectations.toml", b"[[expect]]\nas = 1\n");
    assert_eq!(
        places(),
        [
            "groups.toml:",
            "routes.toml:4:",
            "routes.toml:6:",
            "routes.toml:7:",
            "expectations.toml:1:",
            "expectations.toml:1:",
            "expectations.toml:2:"
        ]
    );
    // Without the catalogue, the permissions that routes and groups name are not checked.
    std::fs::remove_file(directory.path().join("permissions.toml")).unwrap();
    write("groups.toml", GROUPS.as_bytes());
    write("expectations.toml", b"");
    assert_eq!(places(), ["permissions.toml:", "routes.toml:6:", "routes.toml:7:"]);
}

#[test]
fn a_pipe_is_a_problem_and_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("routes.d");
    std::fs::create_dir(&folder).unwrap();
    let pipe = folder.join("a.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let problems = Policy::load(directory.path()).unwrap_err().to_string();
    assert!(problems.contains("routes.d/a.toml: cannot be read: it is a pipe"), "{problems}");
}

#[test]
fn a_missing_directory_is_one_problem_with_its_setting() {
    let problems = Policy::load(Path::new("/nowhere/policies")).unwrap_err().to_string();
    assert!(
        problems.starts_with("policy.directory: `/nowhere/policies` cannot be read: "),
        "{problems}"
    );
    assert_eq!(problems.lines().count(), 1);
}

#[test]
fn a_route_has_the_values_of_its_entry() {
    let policy = fixture::compile(
        "# a comment\n[[route]]\nname = \"Pay\"\nmethods = [\"GET\", \"POST\"]\n\
         path = \"/o/{organization}/{*rest}\"\nrequire = { any = [\"view\", \"pay\"] }\n\
         organization = \"{organization}\"\nhosts = [\"A.example\", \"a.example\"]\n\
         on_deny = { redirect = \"/\" }\nwebsocket = true\nbody = true\n\
         cross_origin = true\ntokens = true\nquery = { do = [\"\", \"pay\"] }\npreflight = \"public\"\n\
         from = [\"10.0.0.0/8\", \"::1\"]\nresponse_timeout = \"5m\"\nbody_bytes = 1024\n",
    )
    .unwrap();
    let route = &policy.routes()[0];
    assert_eq!((route.name(), route.line()), ("Pay", 2));
    let methods: Vec<_> = route.methods().iter().map(http::Method::as_str).collect();
    assert_eq!(methods, ["GET", "POST", "HEAD"]);
    assert_eq!(route.path().as_str(), "/o/{organization}/{*rest}");
    assert_eq!(route.hosts(), [HostPattern::Name("a.example".to_owned())]);
    assert_eq!(route.organization(), Some("organization"));
    assert_eq!(route.on_deny(), Some("/"));
    assert!(route.websocket() && route.body() && route.cross_origin() && route.tokens());
    assert!(route.preflight_is_public());
    let from: Vec<_> = route.from().iter().map(ToString::to_string).collect();
    assert_eq!(from, ["10.0.0.0/8", "::1/128"]);
    assert_eq!(route.response_timeout(), Some(std::time::Duration::from_secs(300)));
    assert_eq!(route.body_bytes(), Some(1024));
    let query = route.query().unwrap();
    let matches = |query_text| query.matches(query_text);
    assert_eq!([None, Some("do=pay"), Some("do=Pay")].map(matches), [true, true, false].map(Some));
    let named = policy.catalogue().set(["view", "pay"]).unwrap();
    assert_eq!(route.access(), Access::Require(Requirement::Any(named)));
    assert_eq!(route.permissions(), named);
}

#[test]
fn a_set_of_unknown_permissions_is_refused_by_name() {
    let policy = fixture::compile("").unwrap();
    let error = policy.catalogue().set(["view", "fly"]).unwrap_err();
    assert_eq!(error.to_string(), "there is no permission `fly`");
}

#[test]
fn the_characters_of_foreign_syntax_can_be_escaped() {
    for (path, target) in [
        ("/a/%2A", "/a/*"),
        ("/%3Aid", "/:id"),
        ("/%2A%2A", "/**"),
        ("/a.%2B", "/a.+"),
        ("/%28id)", "/(id)"),
        ("/%24id", "/$id"),
    ] {
        let files = fixture::files(&route(&format!("path = \"{path}\"\naccess = \"public\"")), "");
        let policy = Policy::compile(&files).unwrap();
        assert!(policy.router().find("", target).is_some(), "{path}");
        assert!(policy.router().find("", "/a/b").is_none(), "{path}");
        assert_eq!(policy.routes()[0].path().foreign_segment(), None, "{path}");
    }
}

#[test]
fn misspelt_names_are_answered_with_similar_ones() {
    let catalogue = PERMISSIONS.replace("\"pay\"", "\"invoices.pay\"");
    let routes = |line: &str| route(&format!("path = \"/a\"\n{line}"));
    for (text, problem) in [
        (
            routes("require = \"invoice.pay\""),
            "routes.toml:4: there is no permission `invoice.pay` in permissions.toml; did you mean \
             `invoices.pay`?",
        ),
        (
            routes("axcess = \"public\""),
            "routes.toml:1: `require` or `access` is missing; add one of them\n\
             routes.toml:4: unknown key `axcess`; did you mean `access`?",
        ),
        (
            routes("access = \"public\"\nmethod = [\"GET\"]"),
            "routes.toml:5: unknown key `method`; did you mean `methods`?",
        ),
        (
            routes("access = \"deny\"\non_deny = { redirct = \"/\" }"),
            "routes.toml:5: `on_deny.redirect` is missing\n\
             routes.toml:5: unknown key `on_deny.redirct`; did you mean `redirect`?",
        ),
        (
            "[[section]]\norganisation = \"x\"\n[[section.route]]\nname = \"a\"\npath = \"/a\"\n\
             access = \"deny\"\n"
                .to_owned(),
            "routes.toml:2: `organisation` cannot be inherited; did you mean `organization`?",
        ),
        (routes("access = \"public\"\ncolour = 1"), "routes.toml:5: unknown key `colour`"),
    ] {
        let files = PolicyFiles { permissions: catalogue.clone(), ..fixture::files(&text, "") };
        assert_eq!(shown(&files), problem, "{text}");
    }
    let groups = GROUPS.replace("[\"view\"]", "[\"veiw\"]");
    let files = PolicyFiles { groups, ..fixture::files("", "") };
    let problem = "groups.toml:10: there is no permission `veiw` in permissions.toml; did you mean \
                   `view`?";
    assert_eq!(shown(&files), problem);
    let expect = |as_: &str, more: &str| {
        fixture::files("", &format!("[[expect]]\nas = \"{as_}\"\nrequest = \"GET /a\"\n{more}"))
    };
    let files = expect("link", "decision = \"deny\"\nreason = \"no-rout\"");
    let problem = "expectations.toml:5: `no-rout` is not a reason; did you mean `no-route`?";
    assert_eq!(shown(&files), problem);
    let policy = Policy::compile(&expect("limitd", "decision = \"deny\"")).unwrap();
    let problems = policy.check_expectations(&|_| None).unwrap_err();
    let problem = "expectations.toml:1: there is no group `limitd`; did you mean `limited`?";
    assert_eq!(problems.to_string(), problem);
}
