use crate::{Policy, Reading, Readings, fixture};

fn route(path: &str, rest: &str) -> String {
    format!("[[route]]\nname = \"{path}\"\npath = \"{path}\"\n{rest}\n")
}

/// The pairs of strict and lax routes, and the examples.
fn twins(policy: &Policy) -> Vec<(String, String, String)> {
    policy
        .twins()
        .into_iter()
        .map(|twin| (twin.strict.name().to_owned(), twin.lax.name().to_owned(), twin.example))
        .collect()
}

fn pair(strict: &str, lax: &str, example: &str) -> (String, String, String) {
    (strict.to_owned(), lax.to_owned(), example.to_owned())
}

#[test]
fn every_stricter_route_with_a_laxer_twin_is_found() {
    let routes = [
        route("/{*page}", "access = \"public\""),
        route("/tickets/{ticket}", "require = \"view\""),
        route("/tickets/new", "require = \"pay\""),
        route("/tickets/all", "require = { any = [\"view\", \"pay\"] }"),
        route("/wp-admin/{*page}", "require = \"view\""),
        route("/wp-admin/users.php", "access = \"deny\""),
        route("/logo", "access = \"public\""),
    ];
    let policy = fixture::compile(&routes.concat()).unwrap();
    assert_eq!(
        twins(&policy),
        [
            pair("/tickets/{ticket}", "/{*page}", "/Tickets/1"),
            pair("/tickets/new", "/{*page}", "/Tickets/new"),
            pair("/tickets/new", "/tickets/{ticket}", "/tickets/New"),
            pair("/tickets/all", "/{*page}", "/Tickets/all"),
            pair("/wp-admin/{*page}", "/{*page}", "/Wp-admin/1"),
            pair("/wp-admin/users.php", "/{*page}", "/Wp-admin/users.php"),
            pair("/wp-admin/users.php", "/wp-admin/{*page}", "/wp-admin/Users.php"),
        ]
    );
}

#[test]
fn each_reading_makes_twins_of_its_own() {
    let routes = [
        route("/{*page}", "access = \"public\""),
        route("/a/users.php", "access = \"deny\""),
        route("/9", "access = \"deny\""),
    ]
    .concat();
    for (reading, examples) in [
        (Reading::Case, &["/A/users.php"][..]),
        (Reading::Slash, &["/a/users.php/", "/9/"]),
        (Reading::Dot, &["/a./users.php", "/9."]),
        (Reading::PathInfo, &["/a/users.php/x"]),
        (Reading::Suffix, &["/a/users.php.json", "/9.json"]),
        (Reading::Compatibility, &["/%EF%BD%81/users.php", "/%EF%BC%99"]),
        (Reading::Parameters, &["/a%3Bx/users.php", "/9%3Bx"]),
        (Reading::DecodeTwice, &["/%2561/users.php", "/%2539"]),
    ] {
        let readings: Readings = [reading].into_iter().collect();
        let policy = Policy::compile_for(&fixture::files(&routes, ""), &readings.into()).unwrap();
        let found: Vec<_> = policy.twins().into_iter().map(|twin| twin.example).collect();
        assert_eq!(found, examples, "{}", reading.name());
    }
}

#[test]
fn a_route_that_is_as_strict_is_no_twin() {
    for (lax, strict) in [
        ("require = \"view\"", "access = \"public\""),
        ("require = \"view\"", "access = \"signed-in\""),
        ("require = { all = [\"view\", \"pay\"] }", "require = \"view\""),
        ("require = \"view\"", "require = { any = [\"view\", \"pay\"] }"),
        ("require = { any = [\"view\", \"pay\"] }", "require = { any = [\"pay\", \"view\"] }"),
        ("access = \"deny\"", "require = \"view\""),
        ("access = \"public\"\nmethods = [\"GET\"]", "access = \"deny\"\nmethods = [\"POST\"]"),
    ] {
        let routes = [route("/{page}", lax), route("/new", strict)].concat();
        let policy = fixture::compile(&routes).unwrap();
        assert_eq!(twins(&policy), [], "{lax} and {strict}");
    }
    let routes = [
        route("/{page}/x", "require = { any = [\"view\", \"pay\"] }"),
        route("/new/x", "require = \"view\""),
        route("/{a}/{b}/c", "access = \"signed-in\""),
        route("/o/{b}/c", "access = \"signed-in\"\norganization = \"{b}\""),
    ];
    let policy = fixture::compile(&routes.concat()).unwrap();
    assert_eq!(
        twins(&policy),
        [pair("/new/x", "/{page}/x", "/New/x"), pair("/o/{b}/c", "/{a}/{b}/c", "/O/1/c")]
    );
}

#[test]
fn routes_without_a_slash_at_the_end_are_named() {
    let routes = [
        route("/tickets/{ticket}", "access = \"public\""),
        route("/both", "access = \"public\""),
        route("/both/", "access = \"public\""),
        route("/all/{*rest}", "access = \"public\""),
        route("/", "access = \"public\""),
    ];
    let policy = fixture::compile(&routes.concat()).unwrap();
    let examples: Vec<_> = policy.without_slash().map(|(_, example)| example).collect();
    assert_eq!(examples, ["/tickets/1/"]);
    let routes = [
        route("/tickets[/]", "access = \"public\""),
        route("/users/{user}", "access = \"public\"\nsubtree = true"),
        route("/files/", "access = \"public\""),
    ];
    let policy = fixture::compile(&routes.concat()).unwrap();
    let examples: Vec<_> = policy.without_slash().map(|(_, example)| example).collect();
    assert_eq!(examples, ["/files"]);
}

#[test]
fn a_strict_typed_variable_has_twins() {
    let routes = [
        route("/t/{x}", "access = \"public\""),
        route("/t/{id:int}", "require = \"view\""),
        route("/f/{*rest}", "access = \"public\""),
        route("/f/{*rest}/edit", "require = \"view\""),
    ];
    let policy = fixture::compile(&routes.concat()).unwrap();
    assert_eq!(
        twins(&policy),
        [
            pair("/t/{id:int}", "/t/{x}", "/t/1."),
            pair("/f/{*rest}/edit", "/f/{*rest}", "/f/1/Edit"),
        ]
    );
}

#[test]
fn strict_routes_that_are_open_below_are_named() {
    let routes = [
        route("/{*page}", "access = \"public\"\nexcept = [\"hidden\"]"),
        route("/admin", "access = \"deny\""),
        route("/users", "access = \"deny\"\nsubtree = true"),
        route("/hidden/1", "access = \"deny\""),
        route("/tickets", "require = \"view\""),
        route("/tickets/{*ticket}", "require = \"view\""),
        route("/files/", "require = \"view\""),
        route("/open", "access = \"public\""),
    ];
    let policy = fixture::compile(&routes.concat()).unwrap();
    let open: Vec<_> = policy.open_below().into_iter().collect();
    let open: Vec<_> =
        open.iter().map(|twin| (twin.strict.name(), twin.lax.name(), &*twin.example)).collect();
    assert_eq!(open, [("/admin", "/{*page}", "/admin/1"), ("/files/", "/{*page}", "/files/1")]);
}

#[test]
fn strict_routes_that_are_open_with_a_slash_are_named() {
    let open = |routes: &str, readings: Readings| -> Vec<_> {
        let policy = Policy::compile_for(&fixture::files(routes, ""), &readings.into()).unwrap();
        let twins = policy.open_with_other_slash();
        let named =
            twins.iter().map(|twin| pair(twin.strict.name(), twin.lax.name(), &twin.example));
        named.collect()
    };
    let routes = [
        route("/{*page}", "access = \"public\""),
        route("/secret", "access = \"deny\""),
        route("/both[/]", "access = \"deny\""),
        route("/all", "access = \"deny\"\nsubtree = true"),
        route("/files/", "require = \"view\""),
    ]
    .concat();
    assert_eq!(open(&routes, Readings::all()), [], "the other reading is refused");
    let without_slash: Readings = [Reading::Case].into_iter().collect();
    assert_eq!(
        open(&routes, without_slash),
        [pair("/secret", "/{*page}", "/secret/"), pair("/files/", "/{*page}", "/files")]
    );
    // A route with a slash of its own is for other paths than those without it.
    let routes = [
        route("/g/{x}/", "require = { any = [\"view\", \"pay\"] }"),
        route("/g/new", "require = \"pay\""),
        route("/g/old", "require = { any = [\"view\", \"pay\"] }"),
    ]
    .concat();
    assert_eq!(open(&routes, without_slash), [pair("/g/new", "/g/{x}/", "/g/new/")]);
}

#[test]
fn spellings_of_a_path_are_those_of_each_reading() {
    for (reading, path, expected) in [
        (Reading::Case, "/tickets/new", vec!["/Tickets/new", "/tickets/New"]),
        (Reading::Slash, "/tickets/new", vec!["/tickets/new/"]),
        (Reading::Slash, "/tickets/", vec!["/tickets"]),
        (Reading::Dot, "/a/b", vec!["/a./b", "/a/b."]),
        (Reading::PathInfo, "/users.php", vec!["/users.php/x"]),
        (Reading::Suffix, "/tickets/new", vec!["/tickets/new.json"]),
        (Reading::Parameters, "/new", vec!["/new;x"]),
        (Reading::DecodeTwice, "/new", vec!["/%256Eew"]),
    ] {
        assert_eq!(reading.spellings(path), expected, "{reading:?} {path}");
    }
    for (reading, path) in [
        (Reading::Slash, "/"),
        (Reading::Case, "/7"),
        (Reading::PathInfo, "/users"),
        (Reading::Suffix, "/users/"),
        (Reading::Dot, "/"),
    ] {
        assert_eq!(reading.spellings(path), Vec::<String>::new(), "{reading:?} {path}");
    }
}
