use jiff::ToSpan as _;

use super::*;
use crate::credential::lockout::Key;
use crate::credential::secret::Secret;
use crate::directory::access::lockouts::Release;
use crate::directory::accounts::users::NewUser;
use crate::directory::fixture::{ADDRESS, Fixture, OTHER_PASSWORD, by_operator, new_user, now};

fn named(name: &str) -> NewUserToken {
    NewUserToken { name: name.to_owned(), expires: None }
}

async fn with_user() -> (Fixture, UserId) {
    let fixture = Fixture::new().await;
    fixture.organization("acme").await;
    let id = fixture.user("acme", "ann", "limited").await.id;
    (fixture, id)
}

async fn names(fixture: &Fixture, user: &UserId) -> Vec<String> {
    let tokens = fixture.directory.user_tokens().list(user).await.unwrap();
    tokens.into_iter().map(|token| token.name).collect()
}

#[tokio::test]
async fn token_is_shown_once_and_only_its_hash_is_stored() {
    let (fixture, ann) = with_user().await;
    let tokens = fixture.directory.user_tokens();
    let (view, token) = tokens.create(&ann, &named(" CI "), &by_operator()).await.unwrap();
    assert!(token.expose().starts_with("portcullis_user_"));
    assert_eq!((view.id.as_str(), &*view.name), (&*token.hash().to_string(), "CI"));
    assert_eq!(view.created_by, Creator::Operator);
    assert_eq!(tokens.list(&ann).await.unwrap(), [view]);
    let record = fixture.store.list(kind::USER_TOKEN, None, None, 9).await.unwrap().remove(0);
    assert!(!String::from_utf8_lossy(&record.doc).contains(token.expose()));
    assert_eq!(tokens.find(&token.hash()).await.unwrap().unwrap().user, ann);
    assert!(tokens.find(&PlainToken::generate_user().hash()).await.unwrap().is_none());
}

#[tokio::test]
async fn name_is_unique_for_its_user_only() {
    let (fixture, ann) = with_user().await;
    let bob = fixture.user("acme", "bob", "limited").await.id;
    let tokens = fixture.directory.user_tokens();
    tokens.create(&ann, &named("CI"), &by_operator()).await.unwrap();
    let error = tokens.create(&ann, &named(" ci "), &by_operator()).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("` ci `")), ("taken", false), "{error}");
    tokens.create(&bob, &named("CI"), &by_operator()).await.unwrap();
    assert_eq!(
        tokens.create(&ann, &named(" "), &by_operator()).await.unwrap_err().code(),
        "invalid"
    );
}

#[tokio::test]
async fn invalid_times_and_users_are_refused() {
    let (fixture, ann) = with_user().await;
    let tokens = fixture.directory.user_tokens();
    let past = NewUserToken { expires: Some(now()), ..named("CI") };
    assert_eq!(tokens.create(&ann, &past, &by_operator()).await.unwrap_err().code(), "invalid");
    let nobody = UserId::from("nobody");
    let error = tokens.create(&nobody, &named("CI"), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
    let new = NewUser { invite: true, ..new_user("acme", "carl@example.com") };
    let new = NewUser { password: None, ..new };
    let invited = fixture.directory.users().create(new, &by_operator()).await.unwrap();
    let error = tokens.create(&invited.id, &named("CI"), &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "no-password");
}

#[tokio::test]
async fn number_of_tokens_is_bounded_also_at_the_same_time() {
    let (fixture, ann) = with_user().await;
    let tokens = fixture.directory.user_tokens();
    let change = by_operator();
    for number in 0..MOST - 1 {
        tokens.create(&ann, &named(&number.to_string()), &change).await.unwrap();
    }
    let (one, other) = (named("one"), named("other"));
    let both = futures_util::join!(
        tokens.create(&ann, &one, &change),
        tokens.create(&ann, &other, &change)
    );
    let refused = [both.0.err(), both.1.err()].map(|error| error.map(|error| error.code()));
    assert!(refused.contains(&None) && refused.contains(&Some("too-many-tokens")), "{refused:?}");
    assert_eq!(names(&fixture, &ann).await.len(), MOST);
}

#[tokio::test]
async fn r34_tokens_end_with_the_password_and_make_room() {
    let (fixture, ann) = with_user().await;
    let directory = &fixture.directory;
    let tokens = directory.user_tokens();
    let (_, token) = tokens.create(&ann, &named("CI"), &by_operator()).await.unwrap();
    let password = Secret::from(OTHER_PASSWORD);
    directory.users().set_password(&ann, password, &by_operator()).await.unwrap();
    assert!(names(&fixture, &ann).await.is_empty());
    tokens.create(&ann, &named("CI"), &by_operator()).await.unwrap();
    assert_eq!(names(&fixture, &ann).await, ["CI"]);
    assert!(tokens.find(&token.hash()).await.unwrap().is_none(), "the old record is removed");
}

#[tokio::test]
async fn expired_tokens_make_room() {
    let (fixture, ann) = with_user().await;
    let tokens = fixture.directory.user_tokens();
    let soon = now().checked_add(1.hour()).unwrap();
    let new = NewUserToken { expires: Some(soon), ..named("CI") };
    tokens.create(&ann, &new, &by_operator()).await.unwrap();
    assert_eq!(tokens.create(&ann, &new, &by_operator()).await.unwrap_err().code(), "taken");
    let later = Change::new(Actor::SocketOwner, soon);
    tokens.create(&ann, &named("CI"), &later).await.unwrap();
    assert_eq!(names(&fixture, &ann).await, ["CI"]);
}

#[tokio::test]
async fn tokens_are_deleted_with_their_user() {
    let (fixture, ann) = with_user().await;
    let bob = fixture.user("acme", "bob", "limited").await.id;
    let directory = &fixture.directory;
    let (_, of_ann) =
        directory.user_tokens().create(&ann, &named("CI"), &by_operator()).await.unwrap();
    let (_, of_bob) =
        directory.user_tokens().create(&bob, &named("CI"), &by_operator()).await.unwrap();
    directory.users().delete(&ann, &by_operator()).await.unwrap();
    assert!(directory.user_tokens().find(&of_ann.hash()).await.unwrap().is_none());
    assert!(directory.user_tokens().find(&of_bob.hash()).await.unwrap().is_some());
}

#[tokio::test]
async fn i2_revoked_token_is_not_found_and_others_cannot_revoke_it() {
    let (fixture, ann) = with_user().await;
    let bob = fixture.user("acme", "bob", "limited").await.id;
    let tokens = fixture.directory.user_tokens();
    let (view, token) = tokens.create(&ann, &named("CI"), &by_operator()).await.unwrap();
    assert!(tokens.find(&token.hash()).await.unwrap().is_some());
    let error = tokens.revoke(&bob, &view.id, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
    assert!(tokens.find(&token.hash()).await.unwrap().is_some());
    tokens.revoke(&ann, &view.id, &by_operator()).await.unwrap();
    assert!(tokens.find(&token.hash()).await.unwrap().is_none());
}

#[tokio::test]
async fn last_use_is_saved_from_time_to_time() {
    let (fixture, ann) = with_user().await;
    let tokens = fixture.directory.user_tokens();
    let (_, token) = tokens.create(&ann, &named("CI"), &by_operator()).await.unwrap();
    let key = token.hash();
    save_use(fixture.directory.records(), key, now()).await.unwrap();
    let facts = tokens.find(&key).await.unwrap().unwrap();
    assert_eq!(facts.last_used(), Some(now()));
    let soon = now().checked_add(1.minute()).unwrap();
    assert!(!facts.note_use(soon), "too early to save it");
    assert_eq!(tokens.list(&ann).await.unwrap()[0].last_used, Some(soon));
    let later = now().checked_add(6.minutes()).unwrap();
    assert!(facts.note_use(later) && !facts.note_use(later));
}

#[tokio::test]
async fn i6_invalid_tokens_count_by_address_and_login() {
    let (fixture, _) = with_user().await;
    let tokens = fixture.directory.user_tokens();
    for _ in 0..5 {
        assert_eq!(tokens.count_invalid(ADDRESS, Some("ANN"), now()).await.unwrap(), None);
    }
    assert!(tokens.count_invalid(ADDRESS, Some("ann"), now()).await.unwrap().is_some());
    assert_eq!(tokens.count_invalid(ADDRESS, Some("bob"), now()).await.unwrap(), None);
    for _ in 6..30 {
        assert_eq!(tokens.count_invalid(ADDRESS, None, now()).await.unwrap(), None);
    }
    assert!(tokens.count_invalid(ADDRESS, None, now()).await.unwrap().is_some());
    let locked: Vec<_> =
        fixture.auth.lockout.locked(now()).into_iter().map(|locked| locked.key).collect();
    assert!(locked.contains(&Key::token(ADDRESS)) && locked.contains(&Key::account("ann")));
    assert!(!locked.contains(&Key::address(ADDRESS)), "sign-in is not affected");
    let lockouts = fixture.directory.lockouts();
    assert!(lockouts.release(Release::Address(ADDRESS), &by_operator()).await.unwrap());
    assert_eq!(tokens.count_invalid(ADDRESS, None, now()).await.unwrap(), None);
}
