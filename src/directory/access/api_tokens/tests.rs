use super::*;
use crate::directory::fixture::{Fixture, now};
use crate::directory::fixture::{by_operator, by_operator_to};

#[tokio::test]
async fn a_token_is_valid_until_it_is_revoked() {
    let fixture = Fixture::new().await;
    let (view, token) =
        fixture.directory.api_tokens().create(" backup job ", None, &by_operator()).await.unwrap();
    assert_eq!((view.name.as_str(), view.created), ("backup job", now()));
    let (other, kept) = fixture
        .directory
        .api_tokens()
        .create("other", Some("it@msp.example"), &by_operator())
        .await
        .unwrap();
    let known = async |token: &PlainToken| {
        fixture.directory.api_tokens().verify(token.expose()).await.unwrap()
    };
    assert_eq!(known(&token).await.as_ref(), Some(&view));
    assert_eq!(other.email.as_deref(), Some("it@msp.example"));
    let page = fixture.directory.api_tokens().list(&PageRequest::default()).await.unwrap();
    assert_eq!(page.items.len(), 2);
    assert!(page.items.contains(&view) && page.items.contains(&other));

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
        fixture.directory.api_tokens().create("job", None, &by_operator()).await.unwrap();
    let unknown = PlainToken::generate_api();
    for wrong in ["", "Bearer x", view.id.as_str(), unknown.expose(), &token.expose()[1..], "\0"] {
        assert_eq!(fixture.directory.api_tokens().verify(wrong).await.unwrap(), None, "{wrong:?}");
    }
    assert!(!serde_json::to_string(&view).unwrap().contains(token.expose()));
    for (name, email) in [(" ", None), ("job", Some("it"))] {
        let error =
            fixture.directory.api_tokens().create(name, email, &by_operator()).await.unwrap_err();
        assert_eq!(error.code(), "invalid");
    }
}
