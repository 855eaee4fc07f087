use http::Method;

use super::bench::Bench;
use crate::clock;
use crate::directory::records::Occasion;
use crate::mail::queue::fixture;

/// Writes an email to a portal user, under this id. Returns the token in its link.
async fn write_mail(bench: &Bench, user: &str, id: &str) -> String {
    let directory = bench.directory();
    fixture::write(directory, (id, &user.into()), Occasion::Reset, clock::now())
        .await
        .expose()
        .to_owned()
}

#[tokio::test]
async fn mails_are_listed_by_state_without_their_links() {
    let bench = Bench::start().await;
    let user = bench.person("acme", "ann", "limited").await;
    let token = write_mail(&bench, &user, "one").await;
    write_mail(&bench, &user, "two").await;
    fixture::mark_sent(bench.directory(), &"two".into(), clock::now()).await;

    let all = bench.get("/api/v1/mail").await;
    assert_eq!((all.status.as_u16(), all.body["items"].as_array().unwrap().len()), (200, 2));
    let waiting = bench.get("/api/v1/mail?state=waiting&limit=5").await;
    let one = &waiting.body["items"][0];
    assert_eq!(
        (&one["id"], &one["state"], &one["to"]),
        (&"one".into(), &"waiting".into(), &"ann@acme.example".into())
    );
    assert!(!waiting.body.to_string().contains(&token));

    let shown = bench.get("/api/v1/mail/two").await;
    assert_eq!((&shown.body["state"], &shown.body["occasion"]), (&"sent".into(), &"reset".into()));
    assert_eq!(shown.headers["etag"], "\"2\"");
    assert_eq!(bench.get("/api/v1/mail/three").await.status, 404);
    let wrong = bench.get("/api/v1/mail?state=lost").await;
    assert_eq!((wrong.status.as_u16(), wrong.field()), (422, "state"));
}

#[tokio::test]
async fn i9_a_waiting_mail_is_retried_and_a_sent_one_is_not() {
    let bench = Bench::start().await;
    let user = bench.person("acme", "ann", "limited").await;
    write_mail(&bench, &user, "one").await;
    let retried = bench.ask(Method::POST, "/api/v1/mail/one/retry", None).await;
    assert_eq!((retried.status.as_u16(), &retried.body["state"]), (201, &"waiting".into()));
    assert_eq!(retried.headers["location"], "/api/v1/mail/one");
    let entries = bench.get("/api/v1/audit?kind=mail.retried").await;
    let entries = entries.body["items"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["user"]), (1, &user.into()));
    fixture::mark_sent(bench.directory(), &"one".into(), clock::now()).await;
    let refused = bench.ask(Method::POST, "/api/v1/mail/one/retry", None).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "mail-done"));
    let entries = bench.get("/api/v1/audit?kind=mail.retried").await;
    assert_eq!(entries.body["items"].as_array().unwrap().len(), 1, "not of a refused one");
    assert!(refused.detail().contains("ask for a new link"), "{}", refused.detail());
}
