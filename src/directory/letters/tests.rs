use tempfile::TempDir;

use super::fixture::write;
use super::*;
use crate::directory::fixture::{Fixture, PASSWORD, new_user, now};
use crate::directory::id::UserId;
use crate::directory::kind;
use crate::directory::page::PageRequest;
use crate::directory::records::existing;
use crate::directory::records::put;
use portcullis_store::{Expect, Write};

/// A directory with a portal user.
struct Post {
    fixture: Fixture,
    user: UserId,
}

impl Post {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let new = new_user("acme", "ann@acme.example");
        let user = fixture.directory.create_user(new, now()).await.unwrap();
        Self { fixture, user: user.id }
    }

    async fn write(&self, id: &str, occasion: Occasion) -> PlainToken {
        let ids = (id, &self.user);
        write(&self.fixture.directory, ids, occasion, now()).await
    }

    async fn open(&self, id: &str, at: Timestamp) -> Option<OpenLetter> {
        self.fixture.directory.open_letter(&id.into(), at).await.unwrap()
    }

    async fn letter(&self, id: &str) -> Letter {
        existing::<Letter>(self.fixture.directory.store(), &id.into(), None).await.unwrap().doc
    }

    async fn not_yet(&self, id: &str, at: Timestamp) {
        let why = NotSent::Yet("the server is away".to_owned());
        self.fixture.directory.letter_not_sent(&id.into(), &why, at).await.unwrap();
    }
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn waiting(seconds: i64) -> LetterState {
    LetterState::Waiting { next: after(seconds) }
}

#[tokio::test]
async fn a_letter_is_opened_with_the_token_that_was_sealed_for_it() {
    let post = Post::new().await;
    let token = post.write("letter", Occasion::Invitation).await;
    let open = post.open("letter", now()).await.unwrap();
    assert_eq!(open.token.expose(), token.expose());
    assert_eq!(open.letter.to, "ann@acme.example");
    assert!(post.open("another", now()).await.is_none());
}

#[tokio::test]
async fn a_letter_that_was_sent_keeps_no_token_and_is_not_sent_again() {
    let post = Post::new().await;
    post.write("letter", Occasion::Invitation).await;
    post.fixture.directory.letter_sent(&"letter".into(), after(1)).await.unwrap();
    let letter = post.letter("letter").await;
    assert_eq!((letter.state, letter.attempts), (LetterState::Sent { at: after(1) }, 1));
    assert_eq!(letter.token, None);
    assert!(post.open("letter", after(2)).await.is_none());
    assert!(post.fixture.directory.due_letters(after(2), 9).await.unwrap().ids.is_empty());
    // What comes late changes nothing any more.
    post.not_yet("letter", after(3)).await;
    assert_eq!(post.letter("letter").await, letter);
}

#[tokio::test]
async fn a_letter_that_was_not_sent_waits_longer_each_time() {
    let post = Post::new().await;
    post.write("letter", Occasion::Invitation).await;
    let mut at = 0;
    for (tries, pause) in [30, 120, 480, 1800, 7200, 7200].into_iter().enumerate() {
        post.not_yet("letter", after(at)).await;
        at += pause;
        let letter = post.letter("letter").await;
        assert_eq!(letter.state, waiting(at), "after {} tries", tries + 1);
        assert_eq!(letter.last_error.as_deref(), Some("the server is away"));
        assert!(letter.token.is_some());
        assert!(post.open("letter", after(at - 1)).await.is_none());
        assert!(post.open("letter", after(at)).await.is_some());
    }
}

#[tokio::test]
async fn a_letter_is_given_up_when_its_link_would_have_expired_by_the_next_try() {
    let post = Post::new().await;
    post.write("letter", Occasion::Reset).await;
    for at in [0, 30, 150] {
        post.not_yet("letter", after(at)).await;
    }
    assert_eq!(post.letter("letter").await.state, waiting(630));
    // The fourth pause is 30 minutes, and the link ends after 60.
    post.not_yet("letter", after(1801)).await;
    let letter = post.letter("letter").await;
    assert_eq!(letter.state, LetterState::Failed { at: after(1801) });
    assert_eq!(letter.token, None);
    assert_eq!(letter.last_error.as_deref(), Some("the server is away"));
}

#[tokio::test]
async fn a_letter_that_can_never_be_sent_is_given_up_at_once() {
    let post = Post::new().await;
    post.write("letter", Occasion::Invitation).await;
    let why = NotSent::Ever("no address\r\nof any kind".to_owned());
    post.fixture.directory.letter_not_sent(&"letter".into(), &why, after(1)).await.unwrap();
    let letter = post.letter("letter").await;
    assert_eq!((letter.state, letter.token), (LetterState::Failed { at: after(1) }, None));
    assert_eq!(letter.last_error.as_deref(), Some("no address  of any kind"));
}

#[tokio::test]
async fn a_letter_whose_link_has_expired_is_not_sent() {
    let post = Post::new().await;
    post.write("letter", Occasion::Reset).await;
    assert!(post.open("letter", after(3599)).await.is_some());
    assert!(post.open("letter", after(3600)).await.is_none());
    let letter = post.letter("letter").await;
    assert_eq!((letter.state, letter.token), (LetterState::Failed { at: after(3600) }, None));
    assert_eq!(letter.last_error.as_deref(), Some(EXPIRED));
}

#[tokio::test]
async fn r40_of_two_invitations_only_the_newer_is_sent() {
    let post = Post::new().await;
    post.write("older", Occasion::Invitation).await;
    let newer = post.write("newer", Occasion::Invitation).await;
    assert!(post.open("older", now()).await.is_none());
    let older = post.letter("older").await;
    assert_eq!((older.state, older.token), (LetterState::NotNeeded { at: now() }, None));
    assert_eq!(post.open("newer", now()).await.unwrap().token.hash(), newer.hash());
}

#[tokio::test]
async fn r33_a_reset_does_not_end_an_invitation_nor_the_other_way_round() {
    let post = Post::new().await;
    post.write("invitation", Occasion::Invitation).await;
    post.write("reset", Occasion::Reset).await;
    assert!(post.open("invitation", now()).await.is_some());
    assert!(post.open("reset", now()).await.is_some());
}

#[tokio::test]
async fn a_letter_to_somebody_who_has_a_password_or_is_gone_is_not_needed() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    post.write("claimed", Occasion::Invitation).await;
    directory.set_password(&post.user.as_str().into(), PASSWORD.into(), None).await.unwrap();
    assert!(post.open("claimed", now()).await.is_none());
    assert_eq!(post.letter("claimed").await.state.name(), "not_needed");
    post.write("gone", Occasion::Reset).await;
    directory.delete_user(&post.user.as_str().into(), None).await.unwrap();
    assert!(post.open("gone", now()).await.is_none());
    assert_eq!(post.letter("gone").await.state.name(), "not_needed");
}

#[tokio::test]
async fn a_letter_sealed_with_another_key_fails_and_says_why() {
    let post = Post::new().await;
    post.write("letter", Occasion::Invitation).await;
    // Another key, over the same store.
    let other = Fixture::over(post.fixture.store.clone(), TempDir::new().unwrap()).await;
    assert!(other.directory.open_letter(&"letter".into(), now()).await.unwrap().is_none());
    let letter = post.letter("letter").await;
    assert_eq!(letter.state.name(), "failed");
    assert_eq!(letter.last_error.as_deref(), Some(UNREADABLE));
}

#[tokio::test]
async fn what_is_due_comes_with_resets_first_and_the_time_of_what_is_not() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    post.write("later", Occasion::Invitation).await;
    post.not_yet("later", now()).await;
    post.write("invitation", Occasion::Invitation).await;
    post.write("reset", Occasion::Reset).await;
    let due = directory.due_letters(now(), 9).await.unwrap();
    assert_eq!(
        due,
        DueLetters { ids: vec!["reset".into(), "invitation".into()], next: Some(after(30)) }
    );
    let due = directory.due_letters(after(30), 9).await.unwrap();
    assert_eq!((due.ids.len(), due.next), (3, None));
}

#[tokio::test]
async fn a_waiting_letter_can_be_tried_now_and_one_that_is_done_cannot() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    post.write("letter", Occasion::Invitation).await;
    post.not_yet("letter", now()).await;
    let view = directory.retry_letter(&"letter".into(), None, after(5)).await.unwrap();
    assert_eq!((view.state, view.attempts), (waiting(5), 1));
    assert!(post.open("letter", after(5)).await.is_some());

    let why = NotSent::Ever("no".to_owned());
    directory.letter_not_sent(&"letter".into(), &why, after(6)).await.unwrap();
    let refused = directory.retry_letter(&"letter".into(), None, after(7)).await.unwrap_err();
    assert_eq!(refused.code(), "mail-done");
    assert!(refused.to_string().ends_with("invite the portal user again"), "{refused}");
    let unknown = directory.retry_letter(&"none".into(), None, now()).await.unwrap_err();
    assert_eq!(unknown.code(), "not-found");
}

#[tokio::test]
async fn administrators_see_letters_by_state_and_never_a_token() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    let token = post.write("one", Occasion::Reset).await;
    post.write("two", Occasion::Invitation).await;
    directory.letter_sent(&"two".into(), now()).await.unwrap();
    let listed = async |state| directory.letters(state, &PageRequest::default()).await;
    assert_eq!(listed(None).await.unwrap().items.len(), 2);
    let waiting = listed(Some("waiting")).await.unwrap().items;
    assert_eq!(waiting.len(), 1);
    let shown = serde_json::to_string(&waiting).unwrap();
    assert!(shown.contains("\"state\":\"waiting\",\"next\":"), "{shown}");
    assert!(!shown.contains("token") && !shown.contains(token.expose()), "{shown}");
    assert_eq!(listed(Some("sent")).await.unwrap().items[0].id, "two");
    assert_eq!(listed(Some("lost")).await.unwrap_err().code(), "invalid");
}

#[tokio::test]
async fn neither_resets_nor_invitations_starve_the_others() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    let due = async |most| directory.due_letters(now(), most).await.unwrap();
    for n in 0..8 {
        post.write(&format!("reset-{n}"), Occasion::Reset).await;
    }
    assert_eq!(due(4).await.ids, ["reset-0", "reset-1", "reset-2", "reset-3"]);
    post.write("invitation-0", Occasion::Invitation).await;
    assert_eq!(due(4).await.ids, ["reset-0", "reset-1", "reset-2", "invitation-0"]);
    for n in 1..8 {
        post.write(&format!("invitation-{n}"), Occasion::Invitation).await;
    }
    let some = due(4).await;
    assert_eq!(some.ids, ["reset-0", "reset-1", "invitation-0", "invitation-1"]);
    // The others are due as well.
    assert_eq!(some.next, Some(now()));
    let every = due(16).await;
    assert_eq!((every.ids.len(), every.next), (16, None));
    for n in 1..8 {
        directory.letter_sent(&format!("reset-{n}").into(), now()).await.unwrap();
    }
    assert_eq!(due(3).await.ids, ["reset-0", "invitation-0", "invitation-1"]);
}

#[tokio::test]
async fn letters_that_were_done_with_a_while_ago_are_removed_and_others_are_not() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    let (day, month) = (24 * 3600, 30 * 24 * 3600);
    let swept = async |at| directory.sweep_letters(after(at)).await.unwrap();
    for (occasion, name, kept) in
        [(Occasion::Reset, "reset", day), (Occasion::Invitation, "invitation", month)]
    {
        let [waiting, old, new] = ["waiting", "old", "new"].map(|age| format!("{age}-{name}"));
        for id in [&waiting, &old, &new] {
            post.write(id, occasion).await;
        }
        directory.letter_sent(&old.as_str().into(), now()).await.unwrap();
        directory.letter_sent(&new.as_str().into(), after(10)).await.unwrap();
        assert_eq!(swept(kept).await, 0, "{name}");
        assert_eq!(swept(kept + 5).await, 1, "{name}");
        assert_eq!(
            directory.show_letter(&old.as_str().into()).await.unwrap_err().code(),
            "not-found"
        );
        assert_eq!(directory.show_letter(&new.as_str().into()).await.unwrap().id, *new);
        assert_eq!(directory.show_letter(&waiting.as_str().into()).await.unwrap().id, *waiting);
        assert_eq!(swept(kept + 11).await, 1, "{name}");
    }
}

#[tokio::test]
async fn more_letters_than_are_read_at_once_are_all_found() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    post.write("letter", Occasion::Reset).await;
    let letter = post.letter("letter").await;
    let count = 2 * AT_ONCE + 1;
    let copies = (1..count).map(|n| put(&format!("copy-{n}").into(), Expect::Absent, &letter));
    directory.commit(copies.collect()).await.unwrap();
    let due = directory.due_letters(now(), count).await.unwrap();
    assert_eq!((due.ids.len(), due.next), (count, None));
    let done = letter.done(LetterState::Sent { at: now() });
    let copies = (1..count).map(|n| put(&format!("copy-{n}").into(), Expect::Present, &done));
    directory.commit(copies.collect()).await.unwrap();
    assert_eq!(directory.sweep_letters(after(24 * 3600 + 1)).await.unwrap(), count - 1);
}

#[tokio::test]
async fn a_damaged_letter_keeps_no_other_back() {
    let post = Post::new().await;
    let directory = &post.fixture.directory;
    for state in ["waiting", "sent"] {
        let write = Write::Put {
            kind: kind::LETTER,
            id: format!("a-{state}"),
            expect: Expect::Absent,
            doc: "{}".into(),
            unique: Vec::new(),
            index: vec![Key::new("state", state)],
        };
        directory.commit(vec![write]).await.unwrap();
    }
    post.write("letter", Occasion::Reset).await;
    assert_eq!(directory.due_letters(now(), 9).await.unwrap().ids, ["letter"]);
    directory.letter_sent(&"letter".into(), now()).await.unwrap();
    assert_eq!(directory.sweep_letters(after(24 * 3600 + 1)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_letter_that_was_tried_while_an_administrator_retried_it_is_noted_all_the_same() {
    let post = Post::new().await;
    post.write("letter", Occasion::Invitation).await;
    let directory = post.fixture.directory.clone();
    let meddled = post.fixture.with_meddling(async move {
        directory.retry_letter(&"letter".into(), None, after(1)).await.unwrap();
    });
    meddled.await.letter_sent(&"letter".into(), after(2)).await.unwrap();
    assert_eq!(post.letter("letter").await.state, LetterState::Sent { at: after(2) });
}
