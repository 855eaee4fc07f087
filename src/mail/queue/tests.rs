use tempfile::TempDir;

use super::fixture::write;
use super::*;
use crate::directory::fixture::{Fixture, PASSWORD, new_user, now};
use crate::directory::fixture::{by_operator, by_operator_at};
use crate::directory::records::Occasion;
use crate::directory::records::{PageRequest, UserId, kind, put};
use portcullis_store::{Expect, Write};

/// A directory with a portal user.
struct QueueBench {
    fixture: Fixture,
    user: UserId,
}

impl QueueBench {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let new = new_user("acme", "ann@acme.example");
        let user = fixture.directory.users().create(new, &by_operator()).await.unwrap();
        Self { fixture, user: user.id }
    }

    fn queue(&self) -> MailQueue {
        MailQueue::new(self.fixture.directory.clone())
    }

    async fn write(&self, id: &str, occasion: Occasion) -> PlainToken {
        let ids = (id, &self.user);
        write(&self.fixture.directory, ids, occasion, now()).await
    }

    async fn open(&self, id: &str, at: Timestamp) -> Option<OpenMail> {
        self.queue().open(&id.into(), at).await.unwrap()
    }

    async fn mail(&self, id: &str) -> Mail {
        self.fixture
            .directory
            .records()
            .read()
            .existing::<Mail>(&id.into(), None)
            .await
            .unwrap()
            .doc
    }

    async fn fail_transiently(&self, id: &str, at: Timestamp) {
        let why = SendError::Transient("the server is away".to_owned());
        self.queue().not_sent(&id.into(), &why, at).await.unwrap();
    }
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn waiting(seconds: i64) -> MailState {
    MailState::Waiting { next: after(seconds) }
}

#[tokio::test]
async fn a_letter_is_opened_with_the_token_that_was_sealed_for_it() {
    let bench = QueueBench::new().await;
    let token = bench.write("mail", Occasion::Invitation).await;
    let open = bench.open("mail", now()).await.unwrap();
    assert_eq!(open.token.unwrap().expose(), token.expose());
    assert_eq!(open.mail.to, "ann@acme.example");
    assert!(bench.open("another", now()).await.is_none());
}

#[tokio::test]
async fn a_letter_that_was_sent_keeps_no_token_and_is_not_sent_again() {
    let bench = QueueBench::new().await;
    bench.write("mail", Occasion::Invitation).await;
    bench.queue().sent(&"mail".into(), after(1)).await.unwrap();
    let mail = bench.mail("mail").await;
    assert_eq!((mail.state, mail.attempts), (MailState::Sent { at: after(1) }, 1));
    assert_eq!(mail.token, None);
    assert!(bench.open("mail", after(2)).await.is_none());
    assert!(bench.queue().due(after(2), 9).await.unwrap().ids.is_empty());
    // A late outcome no longer changes anything.
    bench.fail_transiently("mail", after(3)).await;
    assert_eq!(bench.mail("mail").await, mail);
}

#[tokio::test]
async fn a_letter_that_was_not_sent_waits_longer_each_time() {
    let bench = QueueBench::new().await;
    bench.write("mail", Occasion::Invitation).await;
    let mut at = 0;
    for (tries, pause) in [30, 120, 480, 1800, 7200, 7200].into_iter().enumerate() {
        bench.fail_transiently("mail", after(at)).await;
        at += pause;
        let mail = bench.mail("mail").await;
        assert_eq!(mail.state, waiting(at), "after {} tries", tries + 1);
        assert_eq!(mail.last_error.as_deref(), Some("the server is away"));
        assert!(mail.token.is_some());
        assert!(bench.open("mail", after(at - 1)).await.is_none());
        assert!(bench.open("mail", after(at)).await.is_some());
    }
}

#[tokio::test]
async fn a_mail_fails_if_its_link_expires_before_the_next_attempt() {
    let bench = QueueBench::new().await;
    bench.write("mail", Occasion::Reset).await;
    for at in [0, 30, 150] {
        bench.fail_transiently("mail", after(at)).await;
    }
    assert_eq!(bench.mail("mail").await.state, waiting(630));
    // The fourth pause is 30 minutes, and the link ends after 60.
    bench.fail_transiently("mail", after(1801)).await;
    let mail = bench.mail("mail").await;
    assert_eq!(mail.state, MailState::Failed { at: after(1801) });
    assert_eq!(mail.token, None);
    assert_eq!(mail.last_error.as_deref(), Some("the server is away"));
}

#[tokio::test]
async fn a_letter_that_can_never_be_sent_is_given_up_at_once() {
    let bench = QueueBench::new().await;
    bench.write("mail", Occasion::Invitation).await;
    let why = SendError::Permanent("no address\r\nof any kind".to_owned());
    bench.queue().not_sent(&"mail".into(), &why, after(1)).await.unwrap();
    let mail = bench.mail("mail").await;
    assert_eq!((mail.state, mail.token), (MailState::Failed { at: after(1) }, None));
    assert_eq!(mail.last_error.as_deref(), Some("no address  of any kind"));
}

#[tokio::test]
async fn a_letter_whose_link_has_expired_is_not_sent() {
    let bench = QueueBench::new().await;
    bench.write("mail", Occasion::Reset).await;
    assert!(bench.open("mail", after(3599)).await.is_some());
    assert!(bench.open("mail", after(3600)).await.is_none());
    let mail = bench.mail("mail").await;
    assert_eq!((mail.state, mail.token), (MailState::Failed { at: after(3600) }, None));
    assert_eq!(mail.last_error.as_deref(), Some(EXPIRED));
}

#[tokio::test]
async fn r40_of_two_invitations_only_the_newer_is_sent() {
    let bench = QueueBench::new().await;
    bench.write("older", Occasion::Invitation).await;
    let newer = bench.write("newer", Occasion::Invitation).await;
    assert!(bench.open("older", now()).await.is_none());
    let older = bench.mail("older").await;
    assert_eq!((older.state, older.token), (MailState::NotNeeded { at: now() }, None));
    assert_eq!(bench.open("newer", now()).await.unwrap().token.unwrap().hash(), newer.hash());
}

#[tokio::test]
async fn r33_resets_and_invitations_do_not_end_each_other() {
    let bench = QueueBench::new().await;
    bench.write("invitation", Occasion::Invitation).await;
    bench.write("reset", Occasion::Reset).await;
    assert!(bench.open("invitation", now()).await.is_some());
    assert!(bench.open("reset", now()).await.is_some());
}

#[tokio::test]
async fn a_mail_to_an_active_or_deleted_user_is_not_needed() {
    let bench = QueueBench::new().await;
    let directory = &bench.fixture.directory;
    bench.write("claimed", Occasion::Invitation).await;
    directory.users().set_password(&bench.user, PASSWORD.into(), &by_operator()).await.unwrap();
    assert!(bench.open("claimed", now()).await.is_none());
    assert_eq!(bench.mail("claimed").await.state.name(), "not_needed");
    bench.write("gone", Occasion::Reset).await;
    directory.users().delete(&bench.user, &by_operator()).await.unwrap();
    assert!(bench.open("gone", now()).await.is_none());
    let gone = directory.records().read().get::<Mail>(&"gone".into()).await.unwrap();
    assert_eq!(gone, None, "it was deleted with the user");
}

#[tokio::test]
async fn a_letter_sealed_with_another_key_fails_and_says_why() {
    let bench = QueueBench::new().await;
    bench.write("mail", Occasion::Invitation).await;
    // Another key, over the same store.
    let other = Fixture::over(bench.fixture.store.clone(), TempDir::new().unwrap()).await;
    assert!(
        MailQueue::new(other.directory.clone())
            .open(&"mail".into(), now())
            .await
            .unwrap()
            .is_none()
    );
    let mail = bench.mail("mail").await;
    assert_eq!(mail.state.name(), "failed");
    assert_eq!(mail.last_error.as_deref(), Some(UNREADABLE));
}

#[tokio::test]
async fn due_mails_are_listed_with_resets_first() {
    let bench = QueueBench::new().await;
    let queue = bench.queue();
    bench.write("later", Occasion::Invitation).await;
    bench.fail_transiently("later", now()).await;
    bench.write("invitation", Occasion::Invitation).await;
    bench.write("reset", Occasion::Reset).await;
    let due = queue.due(now(), 9).await.unwrap();
    assert_eq!(
        due,
        DueMails { ids: vec!["reset".into(), "invitation".into()], next: Some(after(30)) }
    );
    let due = queue.due(after(30), 9).await.unwrap();
    assert_eq!((due.ids.len(), due.next), (3, None));
}

#[tokio::test]
async fn a_waiting_mail_can_be_retried_and_a_completed_one_cannot() {
    let bench = QueueBench::new().await;
    let queue = bench.queue();
    bench.write("mail", Occasion::Invitation).await;
    bench.fail_transiently("mail", now()).await;
    let view = queue.retry(&"mail".into(), &by_operator_at(after(5))).await.unwrap();
    assert_eq!((view.state, view.attempts), (waiting(5), 1));
    assert!(bench.open("mail", after(5)).await.is_some());

    let why = SendError::Permanent("no".to_owned());
    queue.not_sent(&"mail".into(), &why, after(6)).await.unwrap();
    let refused = queue.retry(&"mail".into(), &by_operator_at(after(7))).await.unwrap_err();
    assert_eq!(refused.code(), "mail-done");
    assert!(refused.to_string().ends_with("send a new invitation"), "{refused}");
    let unknown = queue.retry(&"none".into(), &by_operator()).await.unwrap_err();
    assert_eq!(unknown.code(), "not-found");
}

#[tokio::test]
async fn mails_are_listed_by_state_and_without_tokens() {
    let bench = QueueBench::new().await;
    let queue = bench.queue();
    let token = bench.write("one", Occasion::Reset).await;
    bench.write("two", Occasion::Invitation).await;
    queue.sent(&"two".into(), now()).await.unwrap();
    let listed = async |state| queue.list(state, &PageRequest::default()).await;
    let all = listed(None).await.unwrap().items;
    let ids: Vec<_> = all.iter().map(|mail| mail.id.as_str()).collect();
    assert_eq!(ids, ["two", "one"], "the newest first");
    let first = PageRequest::parse(None, Some(1)).unwrap();
    let page = queue.list(None, &first).await.unwrap();
    assert_eq!(page.items[0].id, "two");
    let cursor = page.next.unwrap().to_string();
    let second = PageRequest::parse(Some(&cursor), Some(1)).unwrap();
    let page = queue.list(None, &second).await.unwrap();
    assert_eq!((page.items[0].id.as_str(), page.next), ("one", None));
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
    let bench = QueueBench::new().await;
    let queue = bench.queue();
    let due = async |most| queue.due(now(), most).await.unwrap();
    for n in 0..8 {
        bench.write(&format!("reset-{n}"), Occasion::Reset).await;
    }
    assert_eq!(due(4).await.ids, ["reset-0", "reset-1", "reset-2", "reset-3"]);
    bench.write("invitation-0", Occasion::Invitation).await;
    assert_eq!(due(4).await.ids, ["reset-0", "reset-1", "reset-2", "invitation-0"]);
    for n in 1..8 {
        bench.write(&format!("invitation-{n}"), Occasion::Invitation).await;
    }
    let some = due(4).await;
    assert_eq!(some.ids, ["reset-0", "reset-1", "invitation-0", "invitation-1"]);
    // The others are due as well.
    assert_eq!(some.next, Some(now()));
    let every = due(16).await;
    assert_eq!((every.ids.len(), every.next), (16, None));
    for n in 1..8 {
        queue.sent(&format!("reset-{n}").into(), now()).await.unwrap();
    }
    assert_eq!(due(3).await.ids, ["reset-0", "invitation-0", "invitation-1"]);
}

#[tokio::test]
async fn old_completed_mails_are_removed() {
    let bench = QueueBench::new().await;
    let queue = bench.queue();
    let (day, month) = (24 * 3600, 30 * 24 * 3600);
    let swept = async |at| queue.remove_expired(after(at)).await.unwrap();
    for (occasion, name, kept) in
        [(Occasion::Reset, "reset", day), (Occasion::Invitation, "invitation", month)]
    {
        let [waiting, old, new] = ["waiting", "old", "new"].map(|age| format!("{age}-{name}"));
        for id in [&waiting, &old, &new] {
            bench.write(id, occasion).await;
        }
        queue.sent(&old.as_str().into(), now()).await.unwrap();
        queue.sent(&new.as_str().into(), after(10)).await.unwrap();
        assert_eq!(swept(kept).await, 0, "{name}");
        assert_eq!(swept(kept + 5).await, 1, "{name}");
        assert_eq!(queue.get(&old.as_str().into()).await.unwrap_err().code(), "not-found");
        assert_eq!(queue.get(&new.as_str().into()).await.unwrap().id, *new);
        assert_eq!(queue.get(&waiting.as_str().into()).await.unwrap().id, *waiting);
        assert_eq!(swept(kept + 11).await, 1, "{name}");
    }
}

#[tokio::test]
async fn more_letters_than_are_read_at_once_are_all_found() {
    let bench = QueueBench::new().await;
    let queue = bench.queue();
    let directory = &bench.fixture.directory;
    bench.write("mail", Occasion::Reset).await;
    let mail = bench.mail("mail").await;
    let count = 2 * BATCH + 1;
    let copies = (1..count).map(|n| put(&format!("copy-{n}").into(), Expect::Absent, &mail));
    directory.records().commit(&by_operator(), copies.collect()).await.unwrap();
    let due = queue.due(now(), count).await.unwrap();
    assert_eq!((due.ids.len(), due.next), (count, None));
    let done = mail.completed(MailState::Sent { at: now() });
    let copies = (1..count).map(|n| put(&format!("copy-{n}").into(), Expect::Present, &done));
    directory.records().commit(&by_operator(), copies.collect()).await.unwrap();
    assert_eq!(queue.remove_expired(after(24 * 3600 + 1)).await.unwrap(), count - 1);
}

#[tokio::test]
async fn a_damaged_letter_keeps_no_other_back() {
    let bench = QueueBench::new().await;
    let queue = bench.queue();
    let directory = &bench.fixture.directory;
    for state in ["waiting", "sent"] {
        let write = Write::Put {
            kind: kind::MAIL,
            id: format!("a-{state}"),
            expect: Expect::Absent,
            doc: "{}".into(),
            unique: Vec::new(),
            index: vec![Key::new("state", state)],
            ordered: Vec::new(),
        };
        directory.records().commit(&by_operator(), vec![write]).await.unwrap();
    }
    bench.write("mail", Occasion::Reset).await;
    assert_eq!(queue.due(now(), 9).await.unwrap().ids, ["mail"]);
    queue.sent(&"mail".into(), now()).await.unwrap();
    assert_eq!(queue.remove_expired(after(24 * 3600 + 1)).await.unwrap(), 1);
}

#[tokio::test]
async fn an_attempt_is_recorded_despite_a_concurrent_retry() {
    let bench = QueueBench::new().await;
    bench.write("mail", Occasion::Invitation).await;
    let queue = bench.queue();
    let interrupted = bench.fixture.with_interruption(async move {
        queue.retry(&"mail".into(), &by_operator_at(after(1))).await.unwrap();
    });
    MailQueue::new(interrupted.await).sent(&"mail".into(), after(2)).await.unwrap();
    assert_eq!(bench.mail("mail").await.state, MailState::Sent { at: after(2) });
}
