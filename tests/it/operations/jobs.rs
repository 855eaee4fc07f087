//! R43: a job survives `kill -9` at any moment, and does each person exactly once.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::admin::Admin;
use crate::support::program::{Home, Program};
use crate::support::upstream::Upstream;

const ROUTES: &str =
    "[[route]]\nname = \"All\"\npath = \"/{*rest}\"\naccess = \"signed-in\"\ntokens = true\n";

/// How often the program is killed.
const KILLS: usize = 20;
/// How many organizations the job is about; each has a person.
const ORGANIZATIONS: usize = 700;
/// How many requests are sent at the same time.
const CLIENTS: usize = 16;

fn request(action: &str) -> Value {
    json!({ "apply_to": "organizations-and-end-users", "organizations": "all", "action": action })
}

/// Every record of a list.
async fn all(admin: &Admin, path: &str) -> Vec<Value> {
    let mark = if path.contains('?') { '&' } else { '?' };
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let list = admin.get(&format!("/api/v1/{path}{mark}limit=1000{after}")).await.ok();
        items.extend(list["items"].as_array().unwrap().iter().cloned());
        match list["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

/// Organizations with an address.
async fn organizations(program: &Program) {
    let clients = (0..CLIENTS).map(|client| async move {
        for number in (client..ORGANIZATIONS).step_by(CLIENTS) {
            let id = format!("o{number:04}");
            let new = json!({ "id": id, "name": id, "email": format!("{id}@example.com") });
            program.admin.post("/api/v1/organizations", new).await.ok();
        }
    });
    futures_util::future::join_all(clients).await;
}

async fn job(admin: &Admin, id: &str) -> Value {
    admin.get(&format!("/api/v1/jobs/{id}")).await.ok()
}

async fn ended(admin: &Admin, id: &str) -> Value {
    loop {
        let job = job(admin, id).await;
        if !["queued", "running"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A report, line by line, from the command line.
async fn report(home: &Home, id: &str) -> Vec<Value> {
    let lines = home.run(&["jobs", "report", id, "--json"]).await.done();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r43_a_job_killed_twenty_times_does_each_person_once() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let mut program = home.serve().await;
    organizations(&program).await;
    let queued = program.admin.post("/api/v1/bulk", request("enable")).await.ok();
    let id = queued["id"].as_str().unwrap().to_owned();
    assert_eq!(queued["total"], ORGANIZATIONS);
    let mut done = 0;
    for kill in 0..KILLS {
        // Somewhere between two commits, or in one.
        let moment = RandomState::new().hash_one(kill) % 400;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        program.kill().await;
        program = home.serve().await;
        let now = job(&program.admin, &id).await["done"].as_u64().unwrap();
        assert!(now >= done, "kill {kill}: {now} of {done}");
        done = now;
    }
    let job = ended(&program.admin, &id).await;
    let counts = json!({ "created": ORGANIZATIONS, "updated": 0, "unchanged": 0, "skipped": 0 });
    assert_eq!((&job["state"], &job["counts"]), (&json!("done"), &counts), "{job}");

    let lines = report(&home, &id).await;
    let reported: Vec<&str> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..ORGANIZATIONS).map(|number| format!("o{number:04}")).collect();
    assert_eq!(reported, expected);
    let users = all(&program.admin, "users").await;
    assert_eq!(users.len(), ORGANIZATIONS);
    assert!(users.iter().all(|user| user["status"] == "invited"));
    let mails = all(&program.admin, "mail").await;
    let logins: BTreeSet<&str> = mails.iter().map(|mail| mail["login"].as_str().unwrap()).collect();
    assert_eq!((mails.len(), logins.len()), (ORGANIZATIONS, ORGANIZATIONS));
    for (kind, number) in [("user.created", ORGANIZATIONS), ("job.finished", 1)] {
        let entries = all(&program.admin, &format!("audit?kind={kind}")).await;
        assert_eq!(entries.len(), number, "{kind}");
    }

    // The second time, nothing is left to do.
    let again = program.admin.post("/api/v1/bulk", request("enable")).await.ok();
    let again = ended(&program.admin, again["id"].as_str().unwrap()).await;
    let counts = json!({ "created": 0, "updated": 0, "unchanged": ORGANIZATIONS, "skipped": 0 });
    assert_eq!(again["counts"], counts);
    assert_eq!(all(&program.admin, "users").await, users);
    assert_eq!(all(&program.admin, "mail").await.len(), ORGANIZATIONS);
}

#[tokio::test]
async fn a_bulk_change_prints_its_progress_and_reports() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    for (id, email) in [("acme", json!("a@acme.example")), ("globex", Value::Null)] {
        let new = json!({ "id": id, "name": id, "email": email });
        program.admin.post("/api/v1/organizations", new).await.ok();
    }
    let enable = ["bulk", "enable", "--all", "--end-users", "--group", "limited"];
    let tried = home.run(&[&enable[..], &["--dry-run"]].concat()).await.done();
    assert!(tried.contains("1 email is sent"), "{tried}");
    assert!(tried.contains("1 of 2 would be skipped (organization `globex`"), "{tried}");
    assert!(home.run(&["jobs", "show"]).await.refused().contains("there is no job"));

    let printed = home.run(&enable).await.done();
    assert!(printed.contains("done: 2 of 2\n"), "{printed}");
    assert!(
        printed.contains("is done: 1 created, 0 updated, 0 unchanged, 1 skipped."),
        "{printed}"
    );
    let skipped = home.run(&["jobs", "report", "--result", "skipped"]).await.done();
    assert!(skipped.contains("globex"), "{skipped}");
    assert!(!skipped.contains("acme"), "{skipped}");
    let csv = home.run(&["jobs", "report", "--csv"]).await.done();
    let rows: Vec<&str> = csv.split('\n').collect();
    assert_eq!(rows[0], "result,kind,id,organization,end_user,user,login,line,code,reason");
    assert!(rows[1].starts_with("created,organization,acme,acme,,"), "{csv}");
    assert!(rows[2].starts_with("skipped,organization,globex,globex,,,,,no-address,"), "{csv}");
    assert_eq!(rows.len(), 4);

    let disable =
        home.run(&["bulk", "users", "a@acme.example", "--disable", "--json"]).await.json();
    assert_eq!((&disable["state"], &disable["counts"]["updated"]), (&json!("done"), &json!(1)));
    let moved = home
        .run(&["bulk", "users", "--from-group", "limited", "--group", "admin", "--no-wait"])
        .await;
    assert!(moved.done().starts_with("Queued the job "));
    let waited = home.run(&["jobs", "wait"]).await.done();
    assert!(waited.contains("1 updated"), "{waited}");
    let list = home.run(&["jobs", "list"]).await.done();
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(home.run(&["jobs", "cancel"]).await.refused().contains("it is done"));
}
