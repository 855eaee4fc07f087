//! Prefixes, sections, and several files of routes.

use super::shown;
use crate::{Policy, PolicyFiles, Portal, Upstream, fixture};

const ROUTES: &str = r#"prefix = "/portal"

[[route]]
name = "Home"
path = "[/]"
access = "signed-in"

[[section]]
prefix = "/organizations/{organization}"
methods = ["GET"]
require = "view"
organization = "{organization}"

[[section.route]]
name = "Invoices"
path = "/invoices"

[[section.route]]
name = "Pay"
methods = ["POST"]
path = "/invoices/{invoice:int}/pay"
require = { all = ["view", "pay"] }

[[section]]
access = "deny"
subtree = false
"#;

fn files(routes: &str, more: &[(&str, &str)]) -> PolicyFiles {
    let more = more.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    PolicyFiles { more_routes: more.collect(), ..fixture::files(routes, "") }
}

#[test]
fn routes_inherit_from_their_section() {
    let routes = ROUTES.split("[[section]]\naccess").next().unwrap();
    let policy = Policy::compile(&files(routes, &[])).unwrap();
    let routes: Vec<_> = policy
        .routes()
        .iter()
        .map(|route| {
            let methods: Vec<_> = route.methods().iter().map(http::Method::as_str).collect();
            let permissions = policy.catalogue().ids(route.permissions()).collect::<Vec<_>>();
            (route.path().as_str(), methods.join(" "), permissions.join(" "), route.organization())
        })
        .collect();
    let organization = Some("organization");
    assert_eq!(
        routes,
        [
            ("/portal[/]", "GET HEAD POST PUT PATCH DELETE OPTIONS".into(), String::new(), None),
            (
                "/portal/organizations/{organization}/invoices",
                "GET HEAD".into(),
                "view".into(),
                organization
            ),
            (
                "/portal/organizations/{organization}/invoices/{invoice:int}/pay",
                "POST".into(),
                "view pay".into(),
                organization
            ),
        ]
    );
    assert_eq!(policy.routes()[2].line(), 18);
}

#[test]
fn mistakes_in_sections_are_reported_once_with_their_line() {
    let section = |section: &str| {
        format!(
            "[[section]]\n{section}\n[[section.route]]\nname = \"a\"\npath = \"/a\"\n\
             [[section.route]]\nname = \"b\"\npath = \"/b\"\n"
        )
    };
    for (text, problem) in [
        (ROUTES.to_owned(), "24: the section has no route"),
        (section("access = \"open\""), "2: `access` must be \"public\""),
        (section("require = \"fly\""), "2: there is no permission `fly`"),
        (section("access = \"deny\"\npath = \"/x\""), "3: `path` cannot be inherited"),
        (section("access = \"deny\"\ncolour = 1"), "3: `colour` cannot be inherited"),
        (
            section("access = \"deny\"\nprefix = \"x\""),
            "3: `x` must begin with a slash; write `/x`",
        ),
        (section("access = \"deny\"\nprefix = \"/x/\""), "3: `/x/` is not a prefix"),
        (section("access = \"deny\"\nprefix = \"/{*x}\""), "3: `/{*x}` is not a prefix"),
        (section("access = \"deny\"\nprefix = \"/x[/]\""), "3: `/x[/]` is not a prefix"),
        ("[section]\n".to_owned(), "1: `section` must be written as [[section]]"),
        ("prefix = 1\n".to_owned(), "1: `prefix` must be a string"),
        ("colour = 1\n".to_owned(), "1: unknown key `colour`"),
    ] {
        let shown = shown(&fixture::files(&text, ""));
        assert!(shown.starts_with(&format!("routes.toml:{problem}")), "{text}\n-> {shown}");
        let times = shown.matches(problem.split_once(": ").unwrap().1).count();
        assert_eq!(times, 1, "{shown}");
    }
    let text = section("access = \"deny\"").replace("\"/a\"", "\"a\"");
    let expected = "routes.toml:5: `a` must begin with a slash; write `/a`";
    assert_eq!(shown(&fixture::files(&text, "")), expected);
}

#[test]
fn a_route_with_its_own_access_does_not_inherit_the_other() {
    let text = "[[section]]\nrequire = \"pay\"\non_deny = { redirect = \"/\" }\n\
                [[section.route]]\nname = \"a\"\npath = \"/a\"\naccess = \"public\"\n\
                [[section.route]]\nname = \"b\"\npath = \"/b\"\n";
    let policy = Policy::compile(&fixture::files(text, "")).unwrap();
    let routes: Vec<_> =
        policy.routes().iter().map(|route| (route.access(), route.on_deny())).collect();
    let pay = policy.catalogue().set(["pay"]).unwrap();
    let require = crate::Access::Require(crate::Requirement::All(pay));
    assert_eq!(routes, [(crate::Access::Public, None), (require, Some("/"))]);
}

#[test]
fn routes_name_servers_that_the_settings_have() {
    let text = "[[section]]\naccess = \"public\"\nupstream = \"reports\"\n\
                [[section.route]]\nname = \"a\"\npath = \"/a\"\n\
                [[section.route]]\nname = \"b\"\npath = \"/b\"\nupstream = \"files\"\n\
                [[section.route]]\nname = \"c\"\npath = \"/c\"\naccess = \"deny\"\n\
                [[route]]\nname = \"d\"\npath = \"/d\"\naccess = \"public\"\n";
    let of = |names: Option<&[&str]>| {
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let portal = Portal { upstreams: names, ..Portal::default() };
        Policy::compile_for(&fixture::files(text, ""), &portal)
    };
    let policy = of(Some(&["files", "reports"])).unwrap();
    let servers = |name| {
        let route = policy.routes().iter().find(|route| route.name() == name).unwrap();
        route.upstream().map(|named| (named.name(), named.position()))
    };
    let (reports, files) = (Some(("reports", 1)), Some(("files", 0)));
    assert_eq!(["a", "b", "c", "d"].map(servers), [reports, files, reports, None]);

    for (names, problems) in [
        (
            &["files", "mail"][..],
            "routes.toml:3: there are no servers `reports` in the settings: `upstream.others` has \
             `files`, `mail`",
        ),
        (
            &[],
            "routes.toml:3: there are no servers `reports` in the settings: `upstream.others` is \
             not set\nroutes.toml:10: there are no servers `files` in the settings: \
             `upstream.others` is not set",
        ),
    ] {
        assert_eq!(of(Some(names)).unwrap_err().to_string(), problems);
    }
    assert_eq!(Policy::compile(&fixture::files(text, "")).unwrap_err().iter().count(), 2);
    // Names that are not known now stand for no servers.
    let unknown = of(None).unwrap();
    let named = unknown.routes().iter().filter_map(|route| route.upstream());
    assert!(named.map(Upstream::position).all(|position| position == usize::MAX));
    let shown = shown(&fixture::files(&text.replace("\"files\"", "1"), ""));
    assert!(shown.contains("routes.toml:10: `upstream` must be a string"), "{shown}");
}

#[test]
fn files_of_routes_are_checked_together() {
    let one = "[[route]]\nname = \"One\"\npath = \"/a\"\naccess = \"public\"\n";
    let other =
        "prefix = \"/b\"\n[[route]]\nname = \"Other\"\npath = \"/a\"\naccess = \"public\"\n";
    let policy = Policy::compile(&files(one, &[("b.toml", other)])).unwrap();
    let routes: Vec<_> =
        policy.routes().iter().map(|route| (route.file(), route.path().as_str())).collect();
    assert_eq!(routes, [("routes.toml", "/a"), ("routes.d/b.toml", "/b/a")]);
    assert_ne!(policy.version(), Policy::compile(&files(one, &[])).unwrap().version());

    for (more, problem) in [
        (
            other.replace("prefix = \"/b\"\n", ""),
            "routes.d/b.toml:1: route `Other` is for the same requests as `One` at routes.toml:1 (",
        ),
        (
            other.replace("Other", "One"),
            "routes.d/b.toml:3: the route at routes.toml:2 is already named `One`",
        ),
        (other.replace("public", "open"), "routes.d/b.toml:5: `access` must be"),
    ] {
        let shown = shown(&files(one, &[("b.toml", &more)]));
        assert!(shown.starts_with(problem), "{more}\n-> {shown}");
    }
}

#[test]
fn the_directory_routes_d_is_read_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("permissions.toml", fixture::PERMISSIONS);
    write("groups.toml", fixture::GROUPS);
    write("routes.toml", "");
    std::fs::create_dir(directory.path().join("routes.d")).unwrap();
    let route = |name: &str| {
        format!("[[route]]\nname = \"{name}\"\npath = \"/{name}\"\naccess = \"public\"\n")
    };
    for name in ["b", "a"] {
        write(&format!("routes.d/{name}.toml"), &route(name));
    }
    write("routes.d/c.toml.bak", "not read");
    write("routes.d/.d.toml", "not read");
    let policy = Policy::load(directory.path()).unwrap();
    let names: Vec<_> = policy.routes().iter().map(|route| route.name()).collect();
    assert_eq!(names, ["a", "b"]);

    std::fs::write(directory.path().join("routes.d/e.toml"), b"\xff").unwrap();
    let problems = Policy::load(directory.path()).unwrap_err();
    assert!(problems.to_string().starts_with("routes.d/e.toml: cannot be read"), "{problems}");
    assert!(problems.has_unread());
}
