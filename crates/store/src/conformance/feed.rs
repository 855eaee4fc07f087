//! The change feed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::kinds;
use super::{PATIENCE, changes_after, delete, find, put, user};
use crate::{Change, Changes, Committed, Expect, Store};

pub(super) async fn the_feed_has_every_change_in_order(store: &dyn Store) {
    assert_eq!(store.head().await.unwrap(), 0);
    let first = store.commit(vec![user("a", &[], &[]), put(kinds::GROUP, "g", "1")]).await.unwrap();
    let second = store.commit(vec![user("b", &[], &[]), delete("a", Expect::Any)]).await.unwrap();
    // A commit that changes nothing is not in the feed.
    let nothing = store.commit(vec![delete("missing", Expect::Any)]).await.unwrap();
    assert_eq!(nothing, Committed { sequence: second.sequence, versions: vec![] });
    assert!(0 < first.sequence && first.sequence < second.sequence);
    assert_eq!(store.head().await.unwrap(), second.sequence);

    let change = |sequence, kind, id: &str| Change { sequence, kind, id: id.to_owned() };
    let mut all = changes_after(store, 0).await;
    // The order within a commit is not specified.
    all.sort_by(|a, b| (a.sequence, a.kind, &a.id).cmp(&(b.sequence, b.kind, &b.id)));
    let expected = [
        change(first.sequence, kinds::GROUP, "g"),
        change(first.sequence, kinds::USER, "a"),
        change(second.sequence, kinds::USER, "a"),
        change(second.sequence, kinds::USER, "b"),
    ];
    assert_eq!(all, expected);
    let mut later = changes_after(store, first.sequence).await;
    later.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(later, expected[2..]);
    assert_eq!(changes_after(store, second.sequence).await, []);
}

pub(super) async fn the_feed_waits_for_changes(store: &Arc<dyn Store>) {
    let head = store.head().await.unwrap();
    let waiting = Arc::clone(store);
    let waiting = tokio::spawn(async move { waiting.changes(head, PATIENCE).await.unwrap() });
    let committed = store.commit(vec![user("a", &[], &[])]).await.unwrap();
    let change = Change { sequence: committed.sequence, kind: kinds::USER, id: "a".to_owned() };
    assert_eq!(waiting.await.unwrap(), Changes::List(vec![change]));

    let nothing = store.changes(committed.sequence, Duration::from_millis(20)).await.unwrap();
    assert_eq!(nothing, Changes::List(vec![]));
}

pub(super) async fn changed_records_can_be_read(store: &Arc<dyn Store>) {
    const WRITERS: usize = 4;
    const COMMITS: usize = 25;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(store);
        writers.spawn(async move {
            for number in 0..COMMITS {
                let id = format!("{writer}-{number}");
                store.commit(vec![user(&id, &[&id], &[])]).await.unwrap();
            }
        });
    }
    let (mut after, mut seen) = (0, Vec::new());
    while seen.len() < WRITERS * COMMITS {
        let Changes::List(changes) = store.changes(after, PATIENCE).await.unwrap() else {
            panic!("the feed has room for all of these");
        };
        assert!(!changes.is_empty(), "no change after {after}");
        for Change { sequence, id, .. } in changes {
            assert!(sequence > after, "one record a commit: each has its own sequence number");
            after = sequence;
            assert_eq!(find(&**store, &id).await.as_ref(), Some(&id));
            seen.push(id);
        }
    }
    writers.join_all().await;
    assert_eq!(store.head().await.unwrap(), after);
    for writer in 0..WRITERS {
        let own = format!("{writer}-");
        let numbers: Vec<usize> =
            seen.iter().filter_map(|id| id.strip_prefix(&own)?.parse().ok()).collect();
        assert_eq!(numbers, (0..COMMITS).collect::<Vec<_>>(), "the order of each writer is kept");
    }
}

pub(super) async fn a_future_sequence_means_starting_over(store: &dyn Store) {
    let head = store.commit(vec![user("a", &[], &[])]).await.unwrap().sequence;
    let beyond = store.changes(head + 1, PATIENCE).await.unwrap();
    assert_eq!(beyond, Changes::StartOver { head });
}

pub(super) async fn an_old_sequence_means_everything_or_starting_over(store: &dyn Store) {
    const COMMITS: u64 = 6;
    // More than a backend needs to keep.
    const RECORDS: usize = 2000;
    for _ in 0..COMMITS {
        let records = (0..RECORDS).map(|number| put(kinds::USER, &number.to_string(), "1"));
        store.commit(records.collect()).await.unwrap();
    }
    let head = store.head().await.unwrap();
    for after in 0..=head {
        match store.changes(after, Duration::ZERO).await.unwrap() {
            Changes::StartOver { head: found } => {
                assert_eq!(found, head);
                assert_ne!(after, head, "a follower that is up to date continues");
            }
            Changes::List(changes) => {
                let mut sequences: Vec<u64> =
                    changes.iter().map(|change| change.sequence).collect();
                sequences.dedup();
                assert_eq!(sequences, (after + 1..=head).collect::<Vec<_>>(), "no gap");
                assert_eq!(changes.len() as u64, (head - after) * RECORDS as u64);
            }
        }
    }
}
