//! Bulk changes over the API (R43).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::bench::{Answer, Bench};
use super::dry_run::tried;
use crate::directory::records::Role;

/// Acme has a user with a password, an end user, and an address; Globex an address only; Initech
/// nothing.
async fn customers() -> Bench {
    let bench = Bench::start().await;
    bench.person("acme", "boss", "limited").await;
    let end_user = json!({ "name": "Ann", "email": "ann@acme.example" });
    bench.post("/api/v1/organizations/acme/end-users", end_user).await;
    for (id, email) in [("globex", json!("office@globex.example")), ("initech", Value::Null)] {
        let new = json!({ "id": id, "name": id, "email": email });
        assert_eq!(bench.post("/api/v1/organizations", new).await.status, 201);
    }
    bench
}

fn everyone(action: &str) -> Value {
    json!({
        "apply_to": "organizations-and-end-users", "organizations": "all", "action": action,
        "group": "admin",
    })
}

async fn work(bench: &Bench) {
    while bench.state.jobs.step().await.unwrap() {}
}

/// Queues a job and does it.
async fn done(bench: &Bench, path: &str, body: Value) -> Answer {
    let queued = bench.post(path, body).await;
    assert_eq!(queued.status, StatusCode::CREATED, "{queued:?}");
    assert_eq!(queued.body["state"], "queued");
    assert_eq!(queued.headers["location"], format!("/api/v1/jobs/{}", queued.id()).as_str());
    work(bench).await;
    bench.get(&format!("/api/v1/jobs/{}", queued.id())).await
}

#[tokio::test]
async fn r43_a_bulk_change_is_a_job_with_a_report() {
    let bench = customers().await;
    let job = done(&bench, "/api/v1/bulk", everyone("enable")).await;
    let counts = json!({ "created": 2, "updated": 1, "unchanged": 0, "skipped": 1 });
    assert_eq!(job.body["counts"], counts, "{job:?}");
    assert_eq!((&job.body["state"], &job.body["kind"]), (&json!("done"), &json!("bulk")));
    assert_eq!((&job.body["done"], &job.body["total"]), (&json!(4), &json!(4)));
    let summary = job.body["summary"].as_str().unwrap();
    assert!(summary.ends_with("enable, move to the group `Admin Portal Group`"), "{summary}");
    let report = format!("/api/v1/jobs/{}/report", job.id());
    for (query, media_type) in
        [("", "application/jsonl"), ("?format=csv", "text/csv; charset=utf-8")]
    {
        let answer = bench.get(&format!("{report}{query}")).await;
        assert_eq!(answer.headers["content-type"], media_type);
    }
    assert_eq!(bench.get(&format!("{report}?format=xml")).await.status, 422);
    let list = bench.get("/api/v1/jobs").await;
    assert_eq!(list.body["items"][0], job.body);
    let lines = format!("/api/v1/jobs/{}/lines", job.id());
    let all = bench.get(&lines).await.body["items"].clone();
    assert_eq!(all.as_array().unwrap().len(), 4, "{all}");
    let first = bench.get(&format!("{lines}?limit=3")).await.body;
    assert_eq!((&first["items"][2], &first["next"]), (&all[2], &json!("3")));
    let rest = bench.get(&format!("{lines}?limit=3&after=3")).await.body;
    assert_eq!(rest, json!({ "items": [all[3]], "next": null }));
    let skipped = bench.get(&format!("{lines}?result=skipped&limit=1")).await.body;
    assert_eq!(skipped["items"][0]["id"], "initech");
    assert_eq!(bench.get(&format!("{lines}?after=x")).await.field(), "after");
    assert_eq!(bench.get(&format!("{lines}?result=x")).await.field(), "result");
    assert_eq!(bench.delete(&format!("/api/v1/jobs/{}", job.id())).await.code(), "job-ended");
    assert_eq!(bench.get("/api/v1/jobs/none").await.status, 404);
}

#[tokio::test]
async fn r43_what_is_not_asked_for_in_full_is_refused() {
    let bench = customers().await;
    for (change, field) in [
        (json!({ "action": "remove" }), "action"),
        (json!({ "organizations": "some" }), "organizations"),
        (json!({ "organizations": ["nowhere"] }), "organizations"),
        (json!({ "group": "nothing" }), "group"),
        (json!({ "apply_to": "everyone" }), "apply_to"),
        (json!({ "color": 1 }), "color"),
    ] {
        let mut body = everyone("enable");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = bench.post("/api/v1/bulk", body).await;
        assert_eq!((answer.status.as_u16(), answer.field()), (422, field));
    }
    assert_eq!(bench.get("/api/v1/jobs").await.body["items"], json!([]));
}

#[tokio::test]
async fn r43_a_dry_run_has_the_effect_of_the_job() {
    let bench = customers().await;
    super::dry_run::link_session(&bench, "globex").await;
    let answer = tried(&bench, Method::POST, "/api/v1/bulk", Some(everyone("enable"))).await;
    let changes = &answer.body["changes"];
    assert_eq!(changes["mails"], 2, "{answer:?}");
    assert_eq!(changes["links_closed"], json!(["globex"]));
    assert_eq!(changes["sessions_ended"], 1);
    let counts = json!({ "created": 2, "updated": 1, "unchanged": 0, "skipped": 1 });
    assert_eq!(answer.body["counts"], counts);
    let warnings = changes["warnings"].as_array().unwrap();
    let skipped = warnings.iter().find(|warning| warning["name"] == "skipped").unwrap();
    let expected = "1 of 4 would be skipped (organization `initech`: there is no email address to \
                    use as the login)";
    assert_eq!(skipped["detail"], expected);
    // Three people get the group: two new ones, and one from another group.
    let gains = changes["gains"].as_array().unwrap();
    let pay = gains.iter().find(|gain| gain["permission"] == "invoices.pay").unwrap();
    assert_eq!(pay["people"], 3, "{changes}");
    assert_eq!(bench.get("/api/v1/jobs").await.body["items"], json!([]));

    done(&bench, "/api/v1/bulk", everyone("enable")).await;
    assert_eq!(bench.get("/api/v1/mail").await.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        bench.get("/api/v1/users?group=admin").await.body["items"].as_array().unwrap().len(),
        3
    );
    // The second time, nothing is left to do.
    let answer = tried(&bench, Method::POST, "/api/v1/bulk", Some(everyone("enable"))).await;
    let changes = &answer.body["changes"];
    let nothing = [&changes["gains"], &changes["loses"], &changes["links_closed"]];
    assert!(nothing.iter().all(|list| list.as_array().unwrap().is_empty()), "{changes}");
    assert_eq!((&changes["mails"], &changes["sessions_ended"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn r41_a_dry_run_of_a_job_says_where_invitations_go() {
    let bench = Bench::start().await;
    let acme = json!({ "id": "acme", "name": "Acme", "email": "office@acme.example" });
    bench.post("/api/v1/organizations", acme).await;
    let ann = json!({ "name": "Ann", "email": "ann@acme.example" });
    let ann = bench.post("/api/v1/organizations/acme/end-users", ann).await.id();
    for (login, end_user) in
        [("ann@acme.example", json!(ann)), ("bob@acme.example", Value::Null), ("carl", Value::Null)]
    {
        let user = json!({ "organization": "acme", "login": login, "end_user": end_user });
        assert_eq!(bench.post("/api/v1/users", user).await.status, 201);
    }
    let elsewhere = async || -> Vec<Value> {
        let request = Some(everyone("enable"));
        let answer = tried(&bench, Method::POST, "/api/v1/bulk", request).await;
        let warnings = answer.body["changes"]["warnings"].as_array().unwrap().iter();
        warnings.filter(|it| it["name"] == "invitation-sent-elsewhere").cloned().collect()
    };
    // Ann's goes to her own address, and the login of Carl is no address.
    let one = elsewhere().await;
    assert_eq!(one.len(), 1, "{one:?}");
    let names = json!([{ "name": "bob@acme.example" }, { "name": "office@acme.example" }]);
    assert_eq!((&one[0]["about"], &one[0]["count"]), (&names, &Value::Null));
    let dora = json!({ "organization": "acme", "login": "dora@acme.example" });
    assert_eq!(bench.post("/api/v1/users", dora).await.status, 201);
    let both = elsewhere().await;
    assert_eq!(both.len(), 1, "one warning, however many invitations: {both:?}");
    assert_eq!(both[0]["about"], json!([{ "name": "office@acme.example" }]), "{both:?}");
    assert_eq!(both[0]["count"], 2);
    done(&bench, "/api/v1/bulk", everyone("enable")).await;
    assert!(elsewhere().await.is_empty(), "they are invited now");
}

#[tokio::test]
async fn i10_bulk_changes_need_the_role_of_the_single_change() {
    let bench = customers().await;
    let user = bench.get("/api/v1/users?login=boss").await.body["items"][0]["id"].clone();
    for (path, body) in [
        ("/api/v1/bulk", everyone("enable")),
        ("/api/v1/users/bulk", json!({ "users": [user], "group": "admin" })),
    ] {
        for (role, status) in [(Role::Technician, 403), (Role::Administrator, 201)] {
            let token = bench.token_with(role).await;
            let request = http::Request::post(path)
                .header("host", "127.0.0.1:8081")
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json")
                .body(axum::body::Body::from(body.to_string()));
            let answer = bench.send(crate::admin::Access::Token, request.unwrap()).await;
            assert_eq!(answer.status.as_u16(), status, "{role:?} {path}");
        }
    }
    work(&bench).await;
    let list = bench.get("/api/v1/jobs").await;
    assert!(list.body["items"].as_array().unwrap().iter().all(|job| job["state"] == "done"));
}
