use super::*;
use crate::directory::fixture::{Fixture, now};
use crate::directory::fixture::{by_operator, by_operator_to};
use crate::directory::records::{Role, Scope};

const TECHNICIAN: Rights = Rights { role: Role::Technician, scope: Scope::ALL, impersonate: false };

fn new(name: &str, email: Option<&str>) -> NewApiToken {
    let (name, email) = (name.to_owned(), email.map(str::to_owned));
    NewApiToken { name, email, rights: TECHNICIAN, expires: None }
}

#[tokio::test]
async fn tokens_without_an_end_or_near_it_are_reported() {
    let fixture = Fixture::new().await;
    let day = SignedDuration::from_hours(24);
    let end = |days: i32| Some(Some(now().checked_add(day * days).unwrap()));
    for (name, expires) in
        [("never", Some(None)), ("soon", end(14)), ("later", end(15)), ("default", None)]
    {
        let new = NewApiToken { expires, ..new(name, None) };
        fixture.directory.api_tokens().create(&new, &by_operator()).await.unwrap();
    }
    let reported = fixture.directory.api_tokens().to_report(now()).await.unwrap();
    let mut names: Vec<_> = reported.iter().map(|token| token.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["never", "soon"]);
    let ended = now().checked_add(day * 14).unwrap();
    let reported = fixture.directory.api_tokens().to_report(ended).await.unwrap();
    let soon = reported.iter().find(|token| token.name == "later").unwrap();
    assert_eq!(soon.warning(ended), Some(TokenWarning::ExpiresSoon));
    assert!(reported.iter().all(|token| token.name != "soon"), "it has expired");
}

#[tokio::test]
async fn a_token_is_valid_until_it_is_revoked() {
    let fixture = Fixture::new().await;
    let (view, token) = fixture
        .directory
        .api_tokens()
        .create(&new(" backup job ", None), &by_operator())
        .await
        .unwrap();
    assert_eq!((view.name.as_str(), view.created), ("backup job", now()));
    let (other, kept) = fixture
        .directory
        .api_tokens()
        .create(&new("other", Some("it@msp.example")), &by_operator())
        .await
        .unwrap();
    let known = async |token: &PlainToken| {
        let known = fixture.directory.api_tokens().verify(token.expose(), now()).await.unwrap();
        known.map(|token| ApiTokenView { last_used: None, ..token })
    };
    assert_eq!(known(&token).await.as_ref(), Some(&view));
    assert_eq!(other.email.as_deref(), Some("it@msp.example"));
    let page = fixture.directory.api_tokens().list(&PageRequest::default()).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let names = page.items.iter().map(|token| (token.name.as_str(), token.last_used));
    let names: std::collections::BTreeSet<_> = names.collect();
    assert_eq!(names, [("backup job", Some(now())), ("other", None)].into());

    let stale =
        fixture.directory.api_tokens().revoke(&view.id, &by_operator_to(7)).await.unwrap_err();
    assert_eq!(stale.code(), "changed");
    assert_eq!(known(&token).await.as_ref(), Some(&view));
    fixture.directory.api_tokens().revoke(&view.id, &by_operator_to(1)).await.unwrap();
    assert_eq!(known(&token).await, None);
    assert_eq!(known(&kept).await, Some(other));
    let error = fixture.directory.api_tokens().revoke(&view.id, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
}

#[tokio::test]
async fn neither_id_nor_part_of_a_token_is_accepted() {
    let fixture = Fixture::new().await;
    let (view, token) =
        fixture.directory.api_tokens().create(&new("job", None), &by_operator()).await.unwrap();
    let unknown = PlainToken::generate_api();
    for wrong in ["", "Bearer x", view.id.as_str(), unknown.expose(), &token.expose()[1..], "\0"] {
        assert_eq!(
            fixture.directory.api_tokens().verify(wrong, now()).await.unwrap(),
            None,
            "{wrong:?}"
        );
    }
    assert!(!serde_json::to_string(&view).unwrap().contains(token.expose()));
    for (name, email) in [(" ", None), ("job", Some("it"))] {
        let error = fixture
            .directory
            .api_tokens()
            .create(&new(name, email), &by_operator())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "invalid");
    }
}

#[tokio::test]
async fn a_token_expires_in_90_days_unless_said_otherwise() {
    let fixture = Fixture::new().await;
    let tokens = fixture.directory.api_tokens();
    let (job, token) = tokens.create(&new("job", None), &by_operator()).await.unwrap();
    let end = now() + SignedDuration::from_hours(90 * 24);
    assert_eq!((job.expires, job.rights), (Some(end), TECHNICIAN));
    let before = end - SignedDuration::from_secs(1);
    assert!(tokens.verify(token.expose(), before).await.unwrap().is_some());
    assert_eq!(tokens.verify(token.expose(), end).await.unwrap(), None);
    let endless = NewApiToken { expires: Some(None), ..new("endless", None) };
    let (endless, token) = tokens.create(&endless, &by_operator()).await.unwrap();
    assert_eq!(endless.expires, None);
    assert!(tokens.verify(token.expose(), end).await.unwrap().is_some());
    let past = NewApiToken { expires: Some(Some(now())), ..new("past", None) };
    assert_eq!(tokens.create(&past, &by_operator()).await.unwrap_err().code(), "invalid");
}

#[tokio::test]
async fn the_last_use_of_a_token_is_shown_and_changes_no_version() {
    let fixture = Fixture::new().await;
    let tokens = fixture.directory.api_tokens();
    let (job, token) = tokens.create(&new("job", None), &by_operator()).await.unwrap();
    let later = now() + SignedDuration::from_mins(5);
    tokens.verify(token.expose(), later).await.unwrap();
    let listed = tokens.list(&PageRequest::default()).await.unwrap().items.remove(0);
    assert_eq!(listed, ApiTokenView { last_used: Some(later), ..job });
}
