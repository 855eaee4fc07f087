//! A policy that changes while the program runs, one that is wrong, and the commands that report it.

use rustix::process::Resource;
use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program, run};
use crate::support::upstream::Upstream;

const CLOSED: &str = r#"
[[route]]
name = "Open"
path = "/open"
access = "public"

[[route]]
name = "Invoices"
path = "/invoices/{*rest}"
require = "invoices.view"
"#;

const OPENED: &str = r#"
[[route]]
name = "Open"
path = "/open"
access = "public"

[[route]]
name = "Invoices"
path = "/invoices/{*rest}"
access = "signed-in"
"#;

const RELOADED: &str = "policy reloaded";
const REFUSED: &str = "the old one stays in force";

/// A program before a portal, and Liam, who may not see invoices.
struct Running {
    home: Home,
    program: Program,
    liam: Browser,
    reloads: usize,
    _upstream: Upstream,
}

impl Running {
    async fn start() -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, CLOSED);
        let program = home.serve().await;
        let acme = program.admin.organization("Acme").await;
        program.admin.user(&acme, "liam", "limited").await;
        let mut liam = Browser::new(program.gateway, HOST);
        assert_eq!(liam.sign_in("liam", PASSWORD).await.status, 303);
        Self { home, program, liam, reloads: 0, _upstream: upstream }
    }

    async fn invoice(&mut self) -> u16 {
        self.liam.fetch("/invoices/1").await.status
    }

    /// Waits for one reload after the other, until one has this effect.
    async fn reloads_until_an_invoice_is(&mut self, status: u16) {
        loop {
            self.reloads += 1;
            let log = self.program.logged(RELOADED, self.reloads).await;
            if self.invoice().await == status {
                return;
            }
            assert!(self.reloads < 20, "{log}");
        }
    }

    async fn reload(&self) -> crate::support::admin::AdminReply {
        self.program.admin.post("/api/v1/policy/reload", json!({})).await
    }
}

#[tokio::test]
async fn unknown_servers_of_a_route_are_refused() {
    let named = format!("{CLOSED}upstream = \"reports\"\n");
    let problem = "routes.toml:11: there are no servers `reports` in the settings: ";
    let mut running = Running::start().await;
    running.home.policy("routes.toml", &named);
    let refused = running.reload().await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let wrong = &refused.json["errors"][0];
    assert_eq!((&wrong["file"], &wrong["line"]), (&json!("routes.toml"), &json!(11)));
    running.program.logged(REFUSED, 1).await;
    assert_eq!(running.invoice().await, 403);
    for command in ["serve", "check"] {
        let said = running.home.run(&[command]).await.refused();
        assert!(said.contains(&format!("{problem}`upstream.others` is not set")), "{said}");
    }

    running.home.settings("upstream.others.report = [\"http://127.0.0.1:9\"]\n");
    let said = running.home.run(&["check"]).await.refused();
    assert!(said.contains(&format!("{problem}`upstream.others` has `report`")), "{said}");
    running.home.settings("upstream.others.reports = [\"http://127.0.0.1:9\"]\n");
    let said = running.home.run(&["check"]).await.done();
    assert!(said.contains("no route uses the servers of `upstream.others.report`."), "{said}");
    assert!(!said.contains("`upstream.others.reports`"), "{said}");
    // Settings that are invalid in other respects are the only problem.
    running.home.settings("upstream.others.Files = []\n");
    let said = running.home.run(&["check"]).await.refused();
    assert!(said.contains("upstream.others") && !said.contains("routes.toml"), "{said}");
}

/// Policies that are wrong, with where and why.
const WRONG: [(&str, &str, u64, &str); 6] = [
    ("routes.toml", "[[route]]\nname = \"Open\"\npath = ", 3, "not TOML"),
    (
        "routes.toml",
        "[[route]]\nname = \"A\"\npath = \"/a\"\nrequire = \"tickets.burn\"\n",
        4,
        "tickets.burn",
    ),
    (
        "routes.toml",
        "[[route]]\nname = \"A\"\npath = \"/a/{x}\"\naccess = \"public\"\n\
         [[route]]\nname = \"B\"\npath = \"/a/{y}\"\naccess = \"public\"\n",
        5,
        "A",
    ),
    ("routes.toml", "[[route]]\nname = \"A\"\npath = \"/a\"\n", 1, "access"),
    ("routes.toml", "[[route]]\nname = \"A\"\npath = \"a\"\naccess = \"public\"\n", 3, "slash"),
    (
        "expectations.toml",
        "[[expect]]\nas = \"limited\"\nrequest = \"GET /invoices/7\"\ndecision = \"allow\"\n",
        1,
        "deny",
    ),
];

#[tokio::test]
async fn changed_policy_file_is_loaded_automatically() {
    let mut running = Running::start().await;
    assert_eq!(running.invoice().await, 403);
    running.home.policy("routes.toml", OPENED);
    running.program.logged(RELOADED, 1).await;
    assert_eq!(running.invoice().await, 200);
    // As editors write: beside it, and then in its place.
    let file = running.home.path("policies/routes.toml");
    std::fs::write(running.home.path("policies/.routes.swp"), CLOSED).unwrap();
    std::fs::rename(running.home.path("policies/.routes.swp"), file).unwrap();
    running.program.logged(RELOADED, 2).await;
    assert_eq!(running.invoice().await, 403);
}

#[tokio::test]
async fn replaced_policy_folder_is_loaded() {
    let mut running = Running::start().await;
    let (policies, old) = (running.home.path("policies"), running.home.path("old"));
    std::fs::rename(&policies, &old).unwrap();
    std::fs::create_dir(&policies).unwrap();
    for file in std::fs::read_dir(&old).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), policies.join(file.file_name())).unwrap();
    }
    // The replacement counts, and so does each later edit of it.
    for (routes, status) in [(OPENED, 200), (CLOSED, 403), (OPENED, 200)] {
        running.home.policy("routes.toml", routes);
        running.reloads_until_an_invoice_is(status).await;
    }
}

#[tokio::test]
async fn switched_symlink_to_policy_folder_is_loaded() {
    let mut running = Running::start().await;
    let policies = running.home.path("policies");
    let versions = ["one", "two"].map(|name| running.home.path(name));
    std::fs::rename(&policies, &versions[0]).unwrap();
    std::fs::create_dir(&versions[1]).unwrap();
    for file in ["permissions.toml", "groups.toml"] {
        std::fs::copy(versions[0].join(file), versions[1].join(file)).unwrap();
    }
    std::fs::write(versions[1].join("routes.toml"), OPENED).unwrap();
    // As `ln -sfn` does it: in one step, so that there is a policy at every moment.
    let new = running.home.path("new");
    let switch = |to: &std::path::Path| {
        std::os::unix::fs::symlink(to, &new).unwrap();
        std::fs::rename(&new, &policies).unwrap();
    };
    switch(&versions[0]);
    for (to, status) in [(&versions[1], 200), (&versions[0], 403), (&versions[1], 200)] {
        switch(to);
        running.reloads_until_an_invoice_is(status).await;
    }
    std::fs::write(versions[1].join("routes.toml"), CLOSED).unwrap();
    running.reloads_until_an_invoice_is(403).await;
}

/// An edit is saved while there is no descriptor left to read it with.
#[tokio::test]
async fn unreadable_policy_file_is_retried() {
    let mut running = Running::start().await;
    let descriptors = running.program.limit(Resource::Nofile, Some(0));
    running.home.policy("routes.toml", OPENED);
    let log = running.program.logged("policy not reloaded", 1).await;
    assert!(log.contains("routes.toml: cannot be read: Too many open files"), "{log}");
    running.program.limit(Resource::Nofile, descriptors);
    running.program.logged(RELOADED, 1).await;
    assert_eq!(running.invoice().await, 200);
}

/// What is wrong in a policy that was read does not change by reading it again.
#[tokio::test]
async fn invalid_policy_is_reported_once() {
    let mut running = Running::start().await;
    running.home.policy("routes.toml", "this is no policy");
    running.program.logged("policy not reloaded", 1).await;
    running.home.policy("routes.toml", OPENED);
    let log = running.program.logged(RELOADED, 1).await;
    assert_eq!(log.matches("policy not reloaded").count(), 1, "{log}");
    assert_eq!(running.invoice().await, 200);
}

#[tokio::test]
async fn files_in_routes_d_take_effect_and_vanish() {
    let mut running = Running::start().await;
    let folder = running.home.path("policies/routes.d");
    std::fs::create_dir(&folder).unwrap();
    let route = "[[route]]\nname = \"First\"\npath = \"/invoices/{number:int}\"\n\
                 access = \"signed-in\"\n";
    std::fs::write(folder.join("first.toml"), route).unwrap();
    running.reloads_until_an_invoice_is(200).await;
    std::fs::remove_file(folder.join("first.toml")).unwrap();
    running.reloads_until_an_invoice_is(403).await;
    std::fs::write(folder.join("first.toml"), "colour = 1").unwrap();
    let log = running.program.logged(REFUSED, 1).await;
    assert!(log.contains("routes.d/first.toml:1: unknown key `colour`"), "{log}");
}

#[tokio::test]
async fn sighup_reloads_the_policy() {
    let mut running = Running::start().await;
    // Nothing has changed, so nothing but the signal can be the cause.
    running.program.signal(rustix::process::Signal::HUP);
    running.program.logged(RELOADED, 1).await;
    assert_eq!(running.invoice().await, 403);
    running.home.policy("routes.toml", OPENED);
    running.program.signal(rustix::process::Signal::HUP);
    running.program.logged(RELOADED, 2).await;
    assert_eq!(running.invoice().await, 200);
}

#[tokio::test]
async fn acknowledged_reload_is_in_force() {
    let mut running = Running::start().await;
    let mut versions = Vec::new();
    for (routes, status) in [(OPENED, 200), (CLOSED, 403), (OPENED, 200)] {
        running.home.policy("routes.toml", routes);
        let answer = running.reload().await.ok();
        assert_eq!(answer["routes"], 2);
        versions.push(answer["version"].clone());
        assert_eq!(running.invoice().await, status);
    }
    assert_eq!(versions[0], versions[2], "the same files are the same version");
    assert_ne!(versions[0], versions[1]);
    running.home.policy("routes.toml", CLOSED);
    running.home.run(&["policy", "reload"]).await.done();
    assert_eq!(running.invoice().await, 403);
}

#[tokio::test]
async fn invalid_reload_keeps_the_old_policy_and_names_the_line() {
    let mut running = Running::start().await;
    for (round, (file, text, line, cause)) in WRONG.into_iter().enumerate() {
        running.home.policy("routes.toml", CLOSED);
        running.home.policy(file, text);
        let problem = running.reload().await.refused(422, "policy-invalid");
        let error = &problem["errors"][0];
        assert_eq!((&error["file"], &error["line"]), (&json!(file), &json!(line)), "{problem}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(cause), "{text}: {message}");
        let place = format!("{file}:{line}: ");
        let said = running.home.run(&["policy", "reload"]).await.refused();
        assert!(said.contains(&place) && said.contains(cause), "{said}");
        let checked = running.home.run(&["check"]).await.refused();
        assert!(checked.contains(&place) && checked.contains(cause), "{checked}");
        // The watch on the files tells the log, and changes as little.
        let log = running.program.logged(REFUSED, round + 1).await;
        assert!(log.contains(REFUSED), "{log}");
        assert_eq!(running.invoice().await, 403, "{text}");
        assert_eq!(running.liam.fetch("/open").await.status, 200, "{text}");
        let _ = std::fs::remove_file(running.home.path("policies/expectations.toml"));
    }
    let log = running.program.logged("routes.toml:", 1).await;
    assert!(log.contains("tickets.burn") || log.contains("not TOML"), "{log}");
    let warnings = async |running: &Running| {
        running.home.run(&["--json", "status"]).await.json()["warnings"].clone()
    };
    running.home.policy("routes.toml", WRONG[1].1);
    running.reload().await.refused(422, "policy-invalid");
    let found = warnings(&running).await;
    assert_eq!(found[0]["name"], "policy-not-reloaded", "{found}");
    let ready = running.program.admin.get("/readyz").await.ok();
    assert_eq!(ready["parts"]["policy"]["status"], "warning", "{ready}");
    let detail = found[0]["detail"].as_str().unwrap();
    assert!(detail.contains(" stays in force: routes.toml:4: "), "{detail}");
    // What is right again is taken again.
    running.home.policy("routes.toml", OPENED);
    running.reload().await.ok();
    assert_eq!(running.invoice().await, 200);
    assert_eq!(warnings(&running).await, json!([]));
}

#[tokio::test]
async fn invalid_policy_reports_all_problems_at_once() {
    let running = Running::start().await;
    let both = "[[route]]\nname = \"A\"\npath = \"/a\"\nrequire = \"tickets.burn\"\n\
                [[route]]\nname = \"B\"\npath = \"/b\"\nrequire = \"tickets.eat\"\n";
    running.home.policy("routes.toml", both);
    let problem = running.reload().await.refused(422, "policy-invalid");
    let lines: Vec<&Value> =
        problem["errors"].as_array().unwrap().iter().map(|error| &error["line"]).collect();
    assert_eq!(lines, [4, 8], "{problem}");
    let said = running.home.run(&["check"]).await.refused();
    assert!(said.contains("routes.toml:4: ") && said.contains("routes.toml:8: "), "{said}");
}

#[tokio::test]
async fn expectations_use_the_current_operator_groups() {
    let running = Running::start().await;
    let admin = &running.program.admin;
    let buyers = admin.group("Buyers", &[]).await;
    let expect = |group: &str| {
        format!(
            "[[expect]]\nas = \"{group}\"\nrequest = \"GET /invoices/7\"\ndecision = \"deny\"\n"
        )
    };
    running.home.policy("expectations.toml", &(expect("limited") + &expect(&buyers)));
    running.reload().await.ok();
    let grant = json!({ "permissions": ["invoices.view"] });
    // A group that the policy comes with is judged as the policy has it, however it was edited.
    admin.patch("/api/v1/groups/limited", grant.clone()).await.ok();
    running.reload().await.ok();
    admin.patch(&format!("/api/v1/groups/{buyers}"), grant).await.ok();
    let problem = running.reload().await.refused(422, "policy-invalid");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
    assert_eq!(problem["errors"][0]["file"], "expectations.toml");
    assert_eq!(problem["errors"][0]["line"], 5, "{problem}");
}

#[tokio::test]
async fn expectations_about_missing_groups_are_not_counted() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, CLOSED);
    let expect = |group: &str| {
        format!(
            "[[expect]]\nas = \"{group}\"\nrequest = \"GET /invoices/7\"\ndecision = \"deny\"\n"
        )
    };
    home.policy("expectations.toml", &(expect("limited") + &expect("limitd") + &expect("link")));
    let said = home.run(&["check"]).await.done();
    assert!(said.contains(" 2 expectations met"), "{said}");
    let unchecked = "warning[unchecked-expectation]: policies/expectations.toml:5: the expectation \
        was not checked: groups.toml does not define the group `limitd`; did you mean `limited`? \
        The running gateway checks it against its own groups, and refuses a reload if it has no \
        such group.";
    assert!(said.lines().any(|line| line == unchecked), "{said}");
    assert!(said.contains("`limitd`") && !said.contains("toml:1 "), "{said}");
    // The start knows the groups on file: it warns of what a reload would refuse.
    let program = home.serve().await;
    let warning = "policies/expectations.toml:5: the policy is in force, but a reload of it would \
        be refused: there is no group `limitd`; did you mean `limited`?";
    let log = program.logged(warning, 1).await;
    assert!(log.contains("\"warning\":\"failed-expectation\""), "{log}");
    let problem = "expectations.toml:5: there is no group `limitd`; did you mean `limited`?";
    let refused = home.run(&["policy", "reload"]).await.refused();
    assert!(refused.contains(problem), "{refused}");
    program.stop().await;
    // Without the group's typing error there is nothing to say.
    home.policy("expectations.toml", &(expect("limited") + &expect("link")));
    let said = home.run(&["check"]).await.done();
    assert!(said.contains(" 2 expectations met") && !said.contains("warning"), "{said}");
    let program = home.serve().await;
    program.signal(rustix::process::Signal::HUP);
    let log = program.logged(RELOADED, 1).await;
    assert!(!log.contains("would be refused"), "{log}");
}

#[tokio::test]
async fn explain_prints_decision_and_reason() {
    let running = Running::start().await;
    let empty = running.program.admin.organization("Empty").await;
    let ask = async |who: &[&str], target: &str| {
        let args = [&["--json", "explain"], who, &["GET", target]].concat();
        running.home.run(&args).await.json()
    };
    for (who, target, decision, reason) in [
        (&["--user", "liam"][..], "/invoices/1", "deny", "missing-permission"),
        (&["--user", "liam"], "/open", "allow", "public"),
        (&["--group", "admin"], "/invoices/1", "allow", "permitted"),
        (&["--group", "limited"], "/invoices/1", "deny", "missing-permission"),
        (&["--anonymous"], "/invoices/1", "sign-in", "no-session"),
        (&["--anonymous"], "/open", "allow", "public"),
        (&["--link", &empty], "/invoices/1", "deny", "missing-permission"),
        (&["--link", &empty], "/open", "allow", "public"),
        (&["--user", "liam"], "/nowhere", "deny", "no-route"),
    ] {
        let answer = ask(who, target).await;
        let told = (answer["decision"].as_str().unwrap(), answer["reason"].as_str().unwrap());
        assert_eq!(told, (decision, reason), "{who:?} {target}: {answer}");
    }
    let answer = ask(&["--user", "liam"], "/invoices/1").await;
    assert_eq!(answer["route"], "Invoices");
    assert!(answer["needed"].to_string().contains("invoices.view"), "{answer}");
    assert!(answer["held"].as_array().unwrap().contains(&json!("tickets.create")), "{answer}");
    let printed =
        running.home.run(&["explain", "--user", "liam", "GET", "/invoices/1"]).await.done();
    for word in ["deny", "missing-permission", "Invoices", "invoices.view", "tickets.create"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    let bad = ask(&["--anonymous"], "/open/../invoices").await;
    assert_eq!(bad["decision"], "bad-request", "{bad}");
    // What cannot be asked is refused, what is no question is wrong usage.
    let args = ["explain", "--user", "nobody", "GET", "/"];
    assert!(running.home.run(&args).await.refused().contains("nobody"));
    for wrong in [
        &["explain", "GET", "/"][..],
        &["explain", "--anonymous", "--user", "liam", "GET", "/"],
        &["explain", "--anonymous", "GET"],
        &["explain"],
        &["no-such-command"],
        &["groups", "list", "--no-such-option"],
    ] {
        let ran = running.home.run(wrong).await;
        assert_eq!(ran.code, 2, "{wrong:?}: {ran:?}");
        let says = ["Usage", "nothing is given"].iter().any(|text| ran.err.contains(text));
        assert!(ran.out.is_empty() && says, "{wrong:?}: {ran:?}");
    }
}

#[tokio::test]
async fn invalid_settings_are_all_reported_before_start() {
    let folder = tempfile::tempdir().unwrap();
    let settings = r#"
        [server]
        listen = ["nowhere"]
        listn = ["127.0.0.1:0"]
        public_url = "portal.test"
        [session]
        idle_timeout = "30"
        [hashing]
        passes = 0
        [store]
        kind = "redis"
    "#;
    std::fs::write(folder.path().join("p.toml"), settings).unwrap();
    for command in ["serve", "check"] {
        let said = run(folder.path(), &[command, "--config", "p.toml"], "").await.refused();
        for key in [
            "server.listen: ",
            "server.listn: ",
            "server.public_url: ",
            "session.idle_timeout: ",
            "hashing.passes: ",
            "store.kind: ",
            "upstream.servers: ",
        ] {
            assert!(said.contains(key), "{command}: {key} is not in {said}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing was made: {left:?}");
    let absent = run(folder.path(), &["serve", "--config", "absent.toml"], "").await.refused();
    assert!(absent.contains("absent.toml") && absent.contains("--config"), "{absent}");
}

#[tokio::test]
async fn invalid_policy_prevents_start() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "[[route]]\nname = \"A\"\npath = \"/a\"\n");
    for command in ["serve", "check"] {
        let said = home.run(&[command]).await.refused();
        assert!(said.contains("routes.toml:1: "), "{command}: {said}");
    }
    assert!(!home.path("data").exists(), "nothing was made");
    home.policy("routes.toml", CLOSED);
    let said = home.run(&["check"]).await.done();
    assert!(said.contains("2 routes"), "{said}");
    let program = home.serve().await;
    assert_eq!(program.admin.get("/api/v1/routes").await.status, 200);
}
