use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::bench::{Basket, Bench, after, parsed};
use crate::clock;
use crate::directory::records::{MailState, Occasion};
use crate::mail::queue::MailQueue;
use crate::mail::queue::fixture;
use crate::mail::transport::{Folder, Transport as _};

fn waiting(seconds: i64) -> MailState {
    MailState::Waiting { next: after(seconds) }
}

#[tokio::test]
async fn what_is_due_is_sent_once_and_noted() {
    let bench = Bench::new().await;
    let token = bench.write("letter", Occasion::Invitation).await;
    let basket = Basket::default();
    let outbox = bench.outbox(basket.clone());
    assert_eq!(outbox.round_at(1).await, None);
    assert_eq!(outbox.round_at(2).await, None);
    assert_eq!(basket.count(), 1);
    assert!(basket.last().body_text(0).unwrap().contains(token.expose()));
    assert_eq!(bench.letter("letter").await.state, MailState::Sent { at: after(1) });
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_at_its_time_and_not_before() {
    let bench = Bench::new().await;
    bench.write("letter", Occasion::Invitation).await;
    let basket = Basket::default();
    let outbox = bench.outbox(basket.clone());
    *basket.away.lock() = Some("the server is away".to_owned());
    outbox.round_at(0).await;
    let letter = bench.letter("letter").await;
    assert_eq!((letter.state, letter.attempts), (waiting(30), 1));
    assert_eq!(letter.last_error.as_deref(), Some("the server is away"));
    assert_eq!(outbox.round_at(29).await, Some(after(30)));
    assert_eq!(bench.letter("letter").await.attempts, 1);
    outbox.round_at(30).await;
    assert_eq!(bench.letter("letter").await.state, waiting(150));
    *basket.away.lock() = None;
    outbox.round_at(150).await;
    assert_eq!(basket.count(), 1);
    let letter = bench.letter("letter").await;
    assert_eq!((letter.state.name(), letter.attempts), ("sent", 3));
}

#[tokio::test]
async fn i11_a_transport_that_panics_costs_one_try() {
    let bench = Bench::new().await;
    bench.write("letter", Occasion::Invitation).await;
    let basket = Basket::default();
    let outbox = bench.outbox(basket.clone());
    basket.panics.store(true, Ordering::SeqCst);
    outbox.round_at(0).await;
    let letter = bench.letter("letter").await;
    assert_eq!((letter.state, letter.attempts), (waiting(30), 1));
    let error = letter.last_error.unwrap();
    assert_eq!(error, "internal error: a fault in the basket");
    basket.panics.store(false, Ordering::SeqCst);
    outbox.round_at(30).await;
    assert_eq!(basket.count(), 1);
}

#[tokio::test]
async fn a_reset_comes_before_invitations() {
    let bench = Bench::new().await;
    bench.write("invitation", Occasion::Invitation).await;
    bench.write("reset", Occasion::Reset).await;
    let basket = Basket::default();
    bench.outbox(basket.clone()).round_at(0).await;
    let first = parsed(&basket.taken.lock()[0]);
    assert!(first.subject().unwrap().starts_with("Reset your"));
    assert_eq!(basket.count(), 2);
}

#[tokio::test]
async fn a_sent_mail_is_not_resent_if_the_store_cannot_write() {
    let bench = Bench::new().await;
    let basket = Basket::default();
    let outbox = bench.outbox(basket.clone());
    bench.write("one", Occasion::Invitation).await;
    bench.write("two", Occasion::Reset).await;
    bench.store.full(true);
    for at in [1, 6, 11] {
        // Each round asks to be run again after a pause.
        assert_eq!(outbox.round_at(at).await, Some(after(at + 5)));
        assert_eq!(basket.count(), 2, "at {at}");
    }
    assert_eq!(bench.letter("one").await.state.name(), "waiting");
    bench.store.full(false);
    assert_eq!(outbox.round_at(16).await, None);
    for id in ["one", "two"] {
        // Sent when it was.
        assert_eq!(bench.letter(id).await.state, MailState::Sent { at: after(1) });
    }
    outbox.round_at(21).await;
    assert_eq!(basket.count(), 2);
}

#[tokio::test]
async fn a_failed_mail_waits_even_if_the_store_cannot_write() {
    let bench = Bench::new().await;
    let basket = Basket::default();
    *basket.away.lock() = Some("the server is away".to_owned());
    let outbox = bench.outbox(basket.clone());
    bench.write("letter", Occasion::Invitation).await;
    bench.store.full(true);
    for at in [0, 5, 10] {
        outbox.round_at(at).await;
    }
    bench.store.full(false);
    assert_eq!(outbox.round_at(15).await, Some(after(30)));
    assert_eq!(basket.tries.load(Ordering::SeqCst), 1);
    assert_eq!(bench.letter("letter").await.state, waiting(30));
    *basket.away.lock() = None;
    outbox.round_at(30).await;
    assert_eq!(basket.count(), 1);
}

#[tokio::test]
async fn a_letter_that_cannot_be_read_keeps_no_other_back() {
    let bench = Bench::new().await;
    bench.write("a-broken", Occasion::Invitation).await;
    // Its user is damaged; the other letter's is not.
    let broken = bench.user.clone();
    let bench = bench.with_another_user().await;
    bench.write("b-whole", Occasion::Invitation).await;
    bench.store.damage(broken.as_str());
    bench.write_damaged("a-damaged").await;
    let basket = Basket::default();
    let outbox = bench.outbox(basket.clone());
    assert_eq!(outbox.round_at(0).await, None);
    assert_eq!(basket.count(), 1);
    assert_eq!(bench.letter("b-whole").await.state.name(), "sent");
    // It is tried as rarely as any other.
    let letter = bench.letter("a-broken").await;
    assert_eq!(letter.state, waiting(30));
    assert!(letter.last_error.unwrap().contains("damaged"));
    assert_eq!(outbox.round_at(1).await, Some(after(30)));
}

#[tokio::test]
async fn r40_a_replaced_invitation_is_not_sent() {
    let bench = Bench::new().await;
    bench.write("older", Occasion::Invitation).await;
    let newer = bench.write("newer", Occasion::Invitation).await;
    let basket = Basket::default();
    bench.outbox(basket.clone()).round_at(0).await;
    assert_eq!(basket.count(), 1);
    assert!(basket.last().body_text(0).unwrap().contains(newer.expose()));
    assert_eq!(bench.letter("older").await.state.name(), "not_needed");
}

#[tokio::test]
async fn a_committed_mail_is_sent_at_once() {
    let bench = Bench::new().await;
    let basket = Basket::default();
    let stop = CancellationToken::new();
    let task = tokio::spawn(bench.outbox(basket.clone()).run(stop.clone()));
    let now: Timestamp = clock::now();
    let ids = ("letter", &bench.user);
    fixture::write(&bench.directory, ids, Occasion::Reset, now).await;
    let sent = async {
        while bench.letter("letter").await.state.name() != "sent" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), sent).await.unwrap();
    assert_eq!(basket.count(), 1);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), task).await.unwrap().unwrap();
}

#[tokio::test]
async fn each_mail_is_a_file_that_only_its_owner_can_read() {
    let bench = Bench::new().await;
    bench.write("letter", Occasion::Invitation).await;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("new/mail");
    let folder = Folder::new(path.clone());
    folder.prepare().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
    bench.outbox(folder).round_at(5).await;
    let files: Vec<_> = fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files, [path.join("20261122T080000Z-letter.eml")]);
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o7777, 0o600);
    let message = parsed(&fs::read(&files[0]).unwrap());
    // Here the blind copy can be seen.
    assert_eq!(message.bcc().unwrap().first().unwrap().address(), Some("admin@example.com"));
    assert_eq!(message.message_id(), Some("letter@example.com"));
}

#[tokio::test]
async fn a_mail_in_the_folder_is_not_written_twice() {
    let bench = Bench::new().await;
    bench.write("letter", Occasion::Invitation).await;
    let home = tempfile::tempdir().unwrap();
    let open =
        MailQueue::new(bench.directory.clone()).open(&"letter".into(), after(0)).await.unwrap();
    let written = super::bench::composer("").compose(&open.unwrap(), after(0)).unwrap();
    let folder = Folder::new(home.path().to_owned());
    folder.send(&written).await.unwrap();
    // The end of the process came here; after the start it is sent again.
    bench.outbox(folder).round_at(1).await;
    assert_eq!(bench.letter("letter").await.state.name(), "sent");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_and_tried_again() {
    let bench = Bench::new().await;
    bench.write("letter", Occasion::Invitation).await;
    let home = tempfile::tempdir().unwrap();
    bench.outbox(Folder::new(home.path().join("gone"))).round_at(0).await;
    let letter = bench.letter("letter").await;
    assert_eq!(letter.state, waiting(30));
    assert!(letter.last_error.unwrap().contains("gone"));
    bench.outbox(Folder::new(home.path().to_owned())).round_at(30).await;
    assert_eq!(bench.letter("letter").await.state.name(), "sent");
}
