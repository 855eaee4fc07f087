//! How a portal might read a path differently: what is refused for it, and where that is named.

use std::net::{Ipv4Addr, SocketAddr};

use crate::support::gate::TestGate;
use crate::support::program::Home;

const TICKETS: &str = r#"
[[route]]
name = "Ticket"
path = "/tickets/{ticket}"
require = "tickets.view_mine"
[[route]]
name = "Ticket form"
path = "/tickets/new"
require = "invoices.pay"
"#;

fn home(settings: &str) -> Home {
    let home = Home::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), TICKETS);
    home.settings(settings);
    home
}

#[tokio::test]
async fn decision_record_names_the_denied_reading() {
    let gate = TestGate::start().await;
    for (target, reading) in [
        ("/open/Denied", "case"),
        ("/open/denied/", "slash"),
        ("/open/denied.json;x", "suffix"),
        ("/open/den%C4%B1ed.", "case, dot"),
    ] {
        let reply = gate.get(target).send().await;
        assert_eq!(reply.status, 403, "{target}: {reply:?}");
        assert_eq!(reply.problem()["reason"], "ambiguous-path", "{target}");
        let record = gate.decided(target).await;
        assert_eq!((&record["reading"], &record["route"]), (&reading.into(), &"Open".into()));
        gate.nothing_arrived(target).await;
    }
    let target = "/open/Report.v1.PDF";
    assert_eq!(gate.get(target).send().await.status, 200);
    assert!(gate.decided(target).await.get("reading").is_none());
}

#[tokio::test]
async fn session_id_in_the_path_is_not_recorded() {
    let gate = TestGate::start().await;
    for target in ["/open/form;jsessionid=0A1b", "/open/form;a=b;JSessionId=0A1b/c"] {
        assert_eq!(gate.get(target).send().await.status, 200, "{target}");
        assert_eq!(gate.arrived().target, target);
    }
    assert_eq!(gate.decided("/open/form").await["decision"], "allow");
    assert_eq!(gate.decided("/open/form;a=b").await["decision"], "allow");
}

#[tokio::test]
async fn disabled_reading_allows_the_twin() {
    let readings = "[\"dot\", \"parameters\"]";
    let gate = TestGate::builder().setting("upstream.readings", readings).start().await;
    for target in ["/open/Denied", "/open/denied/", "/open/denied.json", "/open/%252e%252e"] {
        assert_eq!(gate.get(target).send().await.status, 200, "{target}");
        assert_eq!(gate.arrived().target, target);
    }
    for target in ["/open/denied.", "/open/denied;x", "/open/denied%3F"] {
        assert_eq!(gate.get(target).send().await.status, 403, "{target}");
        gate.nothing_arrived(target).await;
    }
}

#[tokio::test]
async fn route_setting_allows_encoded_slashes() {
    let routes = "[[route]]\nname = \"Project\"\npath = \"/projects/{project}\"\n\
        access = \"public\"\nslash = \"data\"\n\
        [[route]]\nname = \"Open\"\npath = \"/open/{*rest}\"\naccess = \"public\"\n";
    let gate = TestGate::builder().policy(routes).start().await;
    assert_eq!(gate.get("/projects/group%2fproject").send().await.status, 200);
    assert_eq!(gate.arrived().target, "/projects/group%2Fproject");
    for target in ["/open/a%2Fb", "/projects/a%2F..%2Fb", "/projects/a%2F", "/projects%2Fa"] {
        assert_eq!(gate.get(target).send().await.status, 400, "{target}");
        gate.nothing_arrived(target).await;
    }
}

#[tokio::test]
async fn check_warns_about_twins_and_slashes() {
    let said = home("").run(&["check"]).await.done();
    let twin = "warning[ambiguous-spelling]: policies/routes.toml:2: `Ticket` (/tickets/{ticket}) also \
        matches /tickets/New, which the portal may read as `Ticket form` (/tickets/new) at \
        routes.toml:6: ";
    assert!(said.contains(twin), "{said}");
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    assert!(said.contains("/tickets/1/ is denied (no-route)"), "{said}");
    let said = home("upstream.readings = []\n").run(&["check"]).await.done();
    assert!(!said.contains("warning"), "{said}");
    let said = home("upstream.readings = [\"upside-down\"]\n").run(&["check"]).await.refused();
    assert!(said.contains("upstream.readings: `upside-down` is not a reading"), "{said}");
}

#[tokio::test]
async fn check_names_strict_routes_that_are_open_below() {
    let home = home("");
    let routes = |subtree: &str| {
        format!(
            "[[route]]\nname = \"Pages\"\npath = \"/{{*page}}\"\naccess = \"public\"\n\
             [[route]]\nname = \"Staff\"\npath = \"/staff\"\naccess = \"deny\"\n{subtree}"
        )
    };
    home.policy("routes.toml", &routes(""));
    let said = home.run(&["check"]).await.done();
    let open = "warning[open-below]: policies/routes.toml:5: `Staff` (/staff) does not include what \
        is below it: `Pages` (/{*page}) at routes.toml:1 allows /staff/1.";
    assert!(said.contains(open), "{said}");
    home.policy("routes.toml", &routes("subtree = true\n"));
    let said = home.run(&["check"]).await.done();
    assert!(!said.contains("does not include"), "{said}");
}

#[tokio::test]
async fn expectations_use_the_same_readings() {
    let expected = "[[expect]]\nas = \"limited\"\nrequest = \"GET /tickets/New\"\n\
        decision = \"deny\"\nreason = \"ambiguous-path\"\n\
        [[expect]]\nas = \"limited\"\nrequest = \"GET /tickets/7/..;/a\"\n\
        decision = \"bad-request\"\nreason = \"dot-segment\"\n\
        [[expect]]\nas = \"limited\"\nrequest = \"GET /tickets/a;b.txt\"\ndecision = \"allow\"\n";
    let every = home("");
    every.policy("expectations.toml", expected);
    every.run(&["check"]).await.done();
    let none = home("upstream.readings = [\"parameters\"]\n");
    none.policy("expectations.toml", expected);
    let said = none.run(&["check"]).await.refused();
    assert!(said.contains("expected deny (ambiguous-path), got allow (permitted)"), "{said}");
    assert_eq!(said.matches("expectations.toml:").count(), 1, "{said}");
}
