//! The test suite that every backend must pass.
//!
//! Compiled for tests and with the feature `testing`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test suite stops at the first failure"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{Change, Changes, CommitError, Committed, Expect, Key, Kind, Record, Store, Write};

mod append;
mod commits;
mod disk;
mod feed;
mod keys;
pub(crate) mod kinds;
mod races;
mod search;

/// Long enough for any backend to return a change.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs every case against a backend. `open(name)` opens the store of that name, which is empty at
/// first and keeps what was written when it is opened again.
///
/// # Panics
/// When the backend does not behave as [`Store`] specifies.
pub async fn conformance(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    commits::versions_count_writes(&*open("versions").await).await;
    commits::conditions_are_checked_before_the_commit(&*open("expectations").await).await;
    commits::a_refused_commit_writes_nothing(&*open("refused").await).await;
    commits::require_none_is_checked_after_the_commit(&*open("require-none").await).await;
    append::appended_records_are_numbered_without_gaps(&*open("append").await).await;
    append::appended_records_are_numbered_in_commit_order(&open("append-race").await).await;
    keys::a_unique_key_belongs_to_one_record(&*open("unique").await).await;
    keys::a_unique_key_moves_within_a_commit(&*open("moves").await).await;
    keys::lists_are_in_order_and_in_pages(&*open("lists").await).await;
    keys::index_keys_follow_their_records(&*open("index").await).await;
    keys::kinds_are_separate(&*open("kinds").await).await;
    keys::unusual_characters_are_kept_apart(&*open("bytes").await).await;
    search::conditions_are_combined(&*open("conditions").await).await;
    search::prefixes_are_in_order_of_their_values(&*open("prefixes").await).await;
    search::a_prefix_is_combined_with_conditions(&*open("combined").await).await;
    search::rare_combinations_take_several_calls(&*open("rare").await).await;
    search::pages_neither_skip_nor_repeat(&open("paging").await).await;
    races::one_of_conflicting_commits_wins(&open("conflicts").await).await;
    races::one_commit_gets_a_unique_key(&open("claims").await).await;
    races::conditions_hold_against_concurrent_writes(&open("guards").await).await;
    races::one_of_two_mutual_conditions_holds(&open("skew").await).await;
    races::an_abandoned_commit_is_complete_or_absent(&open("left").await).await;
    feed::the_feed_has_every_change_in_order(&*open("feed").await).await;
    feed::the_feed_waits_for_changes(&open("news").await).await;
    feed::changed_records_can_be_read(&open("told").await).await;
    feed::a_future_sequence_means_starting_over(&*open("outside").await).await;
    feed::an_old_sequence_means_everything_or_starting_over(&*open("long-ago").await).await;
    disk::large_documents_are_kept(&*open("large").await).await;
    disk::reopening_keeps_everything(&open).await;
}

fn put(kind: Kind, id: &str, doc: &str) -> Write {
    Write::Put {
        kind,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::copy_from_slice(doc.as_bytes()),
        unique: vec![],
        index: vec![],
        ordered: vec![],
    }
}

/// A user whose document is its id.
fn user(id: &str, logins: &[&str], groups: &[&str]) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::copy_from_slice(id.as_bytes()),
        unique: logins.iter().map(|login| Key::new("login", *login)).collect(),
        index: groups.iter().map(|group| Key::new("group", *group)).collect(),
        ordered: vec![],
    }
}

fn delete(id: &str, expect: Expect) -> Write {
    Write::Delete { kind: kinds::USER, id: id.to_owned(), expect }
}

fn expecting(mut write: Write, wanted: Expect) -> Write {
    if let Write::Put { expect, .. } = &mut write {
        *expect = wanted;
    }
    write
}

async fn get(store: &dyn Store, kind: Kind, id: &str) -> Option<(u64, String)> {
    let record = store.get(kind, id).await.unwrap()?;
    assert_eq!(record.id, id);
    Some((record.version, String::from_utf8(record.doc.to_vec()).unwrap()))
}

async fn find(store: &dyn Store, login: &str) -> Option<String> {
    let record = store.find(kinds::USER, &Key::new("login", login)).await.unwrap()?;
    assert_eq!(record.doc, record.id);
    Some(record.id)
}

async fn list(
    store: &dyn Store,
    group: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Vec<String> {
    let key = group.map(|group| Key::new("group", group));
    let records = store.list(kinds::USER, key.as_ref(), after, limit).await.unwrap();
    records.into_iter().map(|Record { id, .. }| id).collect()
}

async fn list_back(
    store: &dyn Store,
    group: Option<&str>,
    before: Option<&str>,
    limit: usize,
) -> Vec<String> {
    let key = group.map(|group| Key::new("group", group));
    let records = store.list_back(kinds::USER, key.as_ref(), before, limit).await.unwrap();
    records.into_iter().map(|Record { id, .. }| id).collect()
}

async fn count(store: &dyn Store, group: Option<&str>) -> u64 {
    let key = group.map(|group| Key::new("group", group));
    store.count(kinds::USER, key.as_ref()).await.unwrap()
}

async fn changes_after(store: &dyn Store, after: u64) -> Vec<Change> {
    match store.changes(after, Duration::ZERO).await.unwrap() {
        Changes::List(changes) => changes,
        Changes::StartOver { head } => panic!("the feed from {after} to {head} is whole"),
    }
}

fn assert_conflict(result: &Result<Committed, CommitError>, named: &str) {
    assert!(
        matches!(result, Err(CommitError::Conflict { kind: kinds::USER, id }) if id == named),
        "{result:?}"
    );
}
