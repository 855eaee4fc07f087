//! The suite every backend must pass.
//!
//! Built for tests, or with the feature `testing`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test suite stops where it fails"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{Change, Changes, CommitError, Committed, Expect, Key, Kind, Record, Store, Write};

pub(crate) mod kinds;
mod races;

/// Long enough for any backend to tell of a commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts a backend through every case. `open(name)` opens the store of that name, empty at first;
/// opened again after the last handle was dropped, it has what was written.
///
/// # Panics
/// Where the backend is not as [`Store`] says.
pub async fn conformance(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    a_version_is_one_more_with_each_write(&*open("versions").await).await;
    each_expectation_is_judged_before_the_commit(&*open("expectations").await).await;
    a_unique_key_has_one_owner(&*open("unique").await).await;
    a_unique_key_moves_within_a_commit(&*open("moves").await).await;
    a_list_is_in_order_and_in_pages(&*open("lists").await).await;
    an_index_follows_its_records(&*open("index").await).await;
    a_refused_commit_leaves_nothing(&*open("refused").await).await;
    require_none_is_judged_after_the_commit(&*open("require-none").await).await;
    kinds_do_not_meet(&*open("kinds").await).await;
    odd_bytes_are_kept_apart(&*open("bytes").await).await;
    a_large_document_is_kept(&*open("large").await).await;
    races::of_conflicting_commits_one_wins(&open("conflicts").await).await;
    races::of_commits_for_one_unique_key_one_wins(&open("claims").await).await;
    races::what_is_required_holds_against_what_is_written_meanwhile(&open("guards").await).await;
    races::of_two_that_require_each_others_record_one_wins(&open("skew").await).await;
    races::a_commit_whose_caller_has_left_is_whole_or_absent(&open("left").await).await;
    the_feed_tells_every_change_in_order(&*open("feed").await).await;
    the_feed_waits_for_news(&open("news").await).await;
    what_is_told_can_be_read(&open("told").await).await;
    a_place_outside_the_feed_means_starting_over(&*open("outside").await).await;
    a_place_of_long_ago_means_starting_over_or_everything_since(&*open("long-ago").await).await;
    reopening_keeps_everything(&open).await;
}

async fn a_version_is_one_more_with_each_write(store: &dyn Store) {
    assert_eq!(store.get(kinds::USER, "a").await.unwrap(), None);
    for version in 1..=3 {
        let doc = format!("{{\"n\":{version}}}");
        let committed = store.commit(vec![put(kinds::USER, "a", &doc)]).await.unwrap();
        assert_eq!(committed.versions, [version]);
        assert_eq!(get(store, kinds::USER, "a").await, Some((version, doc)));
    }
    let several = vec![put(kinds::USER, "b", "1"), put(kinds::USER, "a", "2")];
    assert_eq!(store.commit(several).await.unwrap().versions, [1, 4]);
    let committed = store.commit(vec![delete("a", Expect::Any)]).await.unwrap();
    assert_eq!(committed.versions, [0; 0]);
    assert_eq!(get(store, kinds::USER, "a").await, None);
    store.commit(vec![put(kinds::USER, "a", "3")]).await.unwrap();
    assert_eq!(get(store, kinds::USER, "a").await, Some((1, "3".to_owned())));
}

async fn each_expectation_is_judged_before_the_commit(store: &dyn Store) {
    for _ in 0..2 {
        store.commit(vec![put(kinds::USER, "there", "old")]).await.unwrap();
    }
    let cases = [
        (Expect::Any, "there", true),
        (Expect::Any, "absent", true),
        (Expect::Absent, "there", false),
        (Expect::Absent, "absent", true),
        (Expect::Present, "there", true),
        (Expect::Present, "absent", false),
        (Expect::Version(2), "there", true),
        (Expect::Version(1), "there", false),
        (Expect::Version(3), "there", false),
        (Expect::Version(0), "absent", false),
        (Expect::Version(1), "absent", false),
    ];
    for (expect, id, met) in cases {
        let (kind, of) = (kinds::USER, id.to_owned());
        let require = vec![Write::Require { kind, id: of, expect }];
        let before = store.head().await.unwrap();
        assert_judged(&store.commit(require).await, id, met, expect);
        assert_eq!(store.head().await.unwrap(), before, "requiring changes nothing");

        let written = store.commit(vec![expecting(put(kinds::USER, id, "new"), expect)]).await;
        assert_judged(&written, id, met, expect);
        reset(store, id).await;
        assert_judged(&store.commit(vec![delete(id, expect)]).await, id, met, expect);
        if met {
            assert_eq!(get(store, kinds::USER, id).await, None);
        }
        reset(store, id).await;
    }

    // A commit's own writes are not what its conditions are about.
    let twice = vec![
        put(kinds::USER, "absent", "new"),
        Write::Require { kind: kinds::USER, id: "absent".to_owned(), expect: Expect::Absent },
    ];
    store.commit(twice).await.unwrap();
    // And one record has one fate.
    let two_fates = vec![put(kinds::USER, "there", "new"), delete("there", Expect::Any)];
    assert_conflict(&store.commit(two_fates).await, "there");
}

/// Makes `there` and `absent` what they are called, the former at version 2.
async fn reset(store: &dyn Store, id: &str) {
    store.commit(vec![delete(id, Expect::Any)]).await.unwrap();
    if id == "there" {
        for _ in 0..2 {
            store.commit(vec![put(kinds::USER, id, "old")]).await.unwrap();
        }
    }
}

async fn a_unique_key_has_one_owner(store: &dyn Store) {
    let login = |value: &str| Key::new("login", value);
    store.commit(vec![user("a", &["ann"], &[])]).await.unwrap();
    assert_eq!(find(store, "ann").await.as_deref(), Some("a"));
    assert_eq!(find(store, "an").await, None);
    assert_eq!(find(store, "anna").await, None);

    let taken = store.commit(vec![user("b", &["bob", "ann"], &[])]).await;
    assert!(
        matches!(&taken, Err(CommitError::Taken { kind: kinds::USER, field: "login", value })
            if value == "ann"),
        "{taken:?}"
    );
    assert_eq!(find(store, "bob").await, None);
    let both = store.commit(vec![user("b", &["bob"], &[]), user("c", &["bob"], &[])]).await;
    assert!(matches!(both, Err(CommitError::Taken { .. })), "{both:?}");

    // Its owner may keep it, change it and lose it.
    store.commit(vec![user("a", &["ann"], &[])]).await.unwrap();
    store.commit(vec![user("a", &["anne", "nan"], &[])]).await.unwrap();
    assert_eq!(find(store, "ann").await, None);
    assert_eq!(find(store, "anne").await.as_deref(), Some("a"));
    assert_eq!(find(store, "nan").await.as_deref(), Some("a"));
    store.commit(vec![user("b", &["ann"], &[])]).await.unwrap();
    store.commit(vec![delete("a", Expect::Present)]).await.unwrap();
    assert_eq!(find(store, "anne").await, None);
    store.commit(vec![user("b", &["anne"], &[])]).await.unwrap();

    // Another kind and another field have keys of their own.
    let other = Write::Put {
        kind: kinds::GROUP,
        id: "g".to_owned(),
        expect: Expect::Any,
        doc: Bytes::from_static(b"1"),
        unique: vec![login("anne"), Key::new("name", "anne")],
        index: vec![],
    };
    store.commit(vec![other]).await.unwrap();
    assert_eq!(find(store, "anne").await.as_deref(), Some("b"));
    let group = store.find(kinds::GROUP, &Key::new("name", "anne")).await.unwrap();
    assert_eq!(group.unwrap().id, "g");
}

async fn a_unique_key_moves_within_a_commit(store: &dyn Store) {
    store.commit(vec![user("a", &["x"], &[]), user("b", &["y"], &[])]).await.unwrap();
    store.commit(vec![user("a", &["y"], &[]), user("b", &["x"], &[])]).await.unwrap();
    assert_eq!(find(store, "x").await.as_deref(), Some("b"));
    assert_eq!(find(store, "y").await.as_deref(), Some("a"));

    store.commit(vec![user("c", &["x"], &[]), delete("b", Expect::Any)]).await.unwrap();
    assert_eq!(find(store, "x").await.as_deref(), Some("c"));
    store.commit(vec![user("c", &[], &[]), user("d", &["x"], &[])]).await.unwrap();
    assert_eq!(find(store, "x").await.as_deref(), Some("d"));
}

async fn a_list_is_in_order_and_in_pages(store: &dyn Store) {
    assert_eq!(list(store, None, None, 10).await, [""; 0]);
    let ids = ["a", "a-1", "ab", "b", "c", "c0", "d"];
    for (number, id) in ids.iter().rev().enumerate() {
        let group = if number % 2 == 0 { "even" } else { "odd" };
        store.commit(vec![user(id, &[], &[group])]).await.unwrap();
    }
    let even = ["a", "ab", "c", "d"];
    assert_eq!(list(store, None, None, 100).await, ids);
    assert_eq!(list(store, Some("even"), None, 100).await, ["a", "ab", "c", "d"]);
    assert_eq!(list(store, Some("odd"), None, 100).await, ["a-1", "b", "c0"]);
    assert_eq!(list(store, Some("eve"), None, 100).await, [""; 0]);
    assert_eq!(list(store, None, None, 0).await, [""; 0]);
    for (key, all) in [(None, &ids[..]), (Some("even"), &even[..])] {
        for limit in 1..=all.len() + 1 {
            let mut paged: Vec<String> = Vec::new();
            loop {
                let page = list(store, key, paged.last().map(String::as_str), limit).await;
                assert!(page.len() <= limit);
                let done = page.len() < limit;
                paged.extend(page);
                if done {
                    break;
                }
            }
            assert_eq!(paged, all, "{limit} at a time");
        }
    }
    // A page may begin after a record that is gone.
    assert_eq!(list(store, None, Some("bb"), 2).await, ["c", "c0"]);
    assert_eq!(count(store, None).await, 7);
    assert_eq!(count(store, Some("even")).await, 4);
    assert_eq!(count(store, Some("none")).await, 0);
}

async fn an_index_follows_its_records(store: &dyn Store) {
    store.commit(vec![user("a", &[], &["x", "y"]), user("b", &[], &["x"])]).await.unwrap();
    assert_eq!(list(store, Some("x"), None, 9).await, ["a", "b"]);
    store.commit(vec![user("a", &[], &["y", "z"])]).await.unwrap();
    assert_eq!(list(store, Some("x"), None, 9).await, ["b"]);
    assert_eq!(list(store, Some("y"), None, 9).await, ["a"]);
    assert_eq!(list(store, Some("z"), None, 9).await, ["a"]);
    store.commit(vec![delete("a", Expect::Any)]).await.unwrap();
    assert_eq!(list(store, Some("z"), None, 9).await, [""; 0]);
    assert_eq!((count(store, Some("y")).await, count(store, Some("x")).await), (0, 1));
}

async fn a_refused_commit_leaves_nothing(store: &dyn Store) {
    store.commit(vec![user("a", &["ann"], &["x"])]).await.unwrap();
    let head = store.head().await.unwrap();
    let bad: [Write; 4] = [
        expecting(put(kinds::USER, "a", "new"), Expect::Version(9)),
        user("z", &["ann"], &[]),
        delete("nobody", Expect::Present),
        Write::RequireNone { kind: kinds::USER, key: Key::new("group", "kept") },
    ];
    for bad in bad {
        let good = [
            user("new", &["new"], &["kept"]),
            put(kinds::GROUP, "g", "1"),
            delete("b", Expect::Any),
        ];
        for place in 0..=good.len() {
            let mut commit = good.to_vec();
            commit.insert(place, bad.clone());
            let refused = store.commit(commit).await;
            assert!(refused.is_err(), "{refused:?}");
        }
    }
    assert_eq!(list(store, None, None, 9).await, ["a"]);
    assert_eq!(list(store, Some("kept"), None, 9).await, [""; 0]);
    assert_eq!(find(store, "new").await, None);
    assert_eq!(get(store, kinds::GROUP, "g").await, None);
    assert_eq!(get(store, kinds::USER, "a").await, Some((1, "a".to_owned())));
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(told(store, head).await, []);
}

async fn require_none_is_judged_after_the_commit(store: &dyn Store) {
    let none = |group| Write::RequireNone { kind: kinds::USER, key: Key::new("group", group) };
    store.commit(vec![none("x"), put(kinds::GROUP, "x", "1")]).await.unwrap();
    store.commit(vec![user("a", &[], &["x"]), user("b", &[], &["x"])]).await.unwrap();

    let in_use = store.commit(vec![none("x"), put(kinds::GROUP, "x", "2")]).await;
    assert!(
        matches!(&in_use, Err(CommitError::InUse { kind: kinds::USER, key })
            if *key == Key::new("group", "x")),
        "{in_use:?}"
    );
    let one_stays = store.commit(vec![none("x"), user("a", &[], &["y"])]).await;
    assert!(matches!(one_stays, Err(CommitError::InUse { .. })), "{one_stays:?}");
    let one_comes = store.commit(vec![none("z"), user("a", &[], &["z"])]).await;
    assert!(matches!(one_comes, Err(CommitError::InUse { .. })), "{one_comes:?}");

    let all_go = vec![none("x"), user("a", &[], &["y"]), delete("b", Expect::Any)];
    store.commit(all_go).await.unwrap();
    assert_eq!(list(store, Some("y"), None, 9).await, ["a"]);
}

async fn kinds_do_not_meet(store: &dyn Store) {
    for kind in kinds::ALL {
        store.commit(vec![put(kind, "same", kind.name())]).await.unwrap();
    }
    for kind in kinds::ALL {
        assert_eq!(get(store, kind, "same").await, Some((1, kind.name().to_owned())));
        assert_eq!(store.count(kind, None).await.unwrap(), 1);
        assert_eq!(store.list(kind, None, None, 9).await.unwrap().len(), 1);
    }
}

async fn odd_bytes_are_kept_apart(store: &dyn Store) {
    let odd = [
        "",
        "a",
        "aa",
        "a\u{1}",
        "a/b",
        "a b",
        " ",
        "%",
        "_",
        "\\",
        "'\"",
        "é",
        "e\u{301}",
        "Ａ",
        "\u{7f}",
        "\u{ffff}",
        "\u{10ffff}",
        "{}",
        "\n",
        "A",
    ];
    let long = "x".repeat(200);
    for (number, value) in odd.iter().copied().chain([long.as_str()]).enumerate() {
        let id = format!("id-{value}");
        store.commit(vec![user(&id, &[value], &[value, "all"])]).await.unwrap();
        assert_eq!(count(store, Some("all")).await, number as u64 + 1);
    }
    for value in odd.iter().copied().chain([long.as_str()]) {
        let id = format!("id-{value}");
        assert_eq!(get(store, kinds::USER, &id).await, Some((1, id.clone())), "{value:?}");
        assert_eq!(find(store, value).await, Some(id.clone()), "{value:?}");
        assert_eq!(list(store, Some(value), None, 9).await, [id], "{value:?}");
    }
    let mut ids: Vec<_> = odd.iter().map(|value| format!("id-{value}")).collect();
    ids.push(format!("id-{long}"));
    ids.sort_unstable();
    assert_eq!(list(store, None, None, 99).await, ids, "in order of the bytes");
    assert_eq!(list(store, Some("all"), None, 99).await, ids);
}

async fn a_large_document_is_kept(store: &dyn Store) {
    let doc = |fill: char| format!("\"{}\"", fill.to_string().repeat(1024 * 1024));
    for (version, fill) in [(1, 'a'), (2, 'b')] {
        let commit =
            vec![put(kinds::PREFERENCES, "large", &doc(fill)), user("a", &["ann"], &["x"])];
        store.commit(commit).await.unwrap();
        assert_eq!(get(store, kinds::PREFERENCES, "large").await, Some((version, doc(fill))));
    }
    assert_eq!(find(store, "ann").await.as_deref(), Some("a"));
}

async fn the_feed_tells_every_change_in_order(store: &dyn Store) {
    assert_eq!(store.head().await.unwrap(), 0);
    let first = store.commit(vec![user("a", &[], &[]), put(kinds::GROUP, "g", "1")]).await.unwrap();
    let second = store.commit(vec![user("b", &[], &[]), delete("a", Expect::Any)]).await.unwrap();
    // What changes nothing is not in the feed.
    let nothing = store.commit(vec![delete("nobody", Expect::Any)]).await.unwrap();
    assert_eq!(nothing, Committed { sequence: second.sequence, versions: vec![] });
    assert!(0 < first.sequence && first.sequence < second.sequence);
    assert_eq!(store.head().await.unwrap(), second.sequence);

    let change = |sequence, kind, id: &str| Change { sequence, kind, id: id.to_owned() };
    let mut all = told(store, 0).await;
    // Within a commit the order says nothing.
    all.sort_by(|a, b| (a.sequence, a.kind, &a.id).cmp(&(b.sequence, b.kind, &b.id)));
    let expected = [
        change(first.sequence, kinds::GROUP, "g"),
        change(first.sequence, kinds::USER, "a"),
        change(second.sequence, kinds::USER, "a"),
        change(second.sequence, kinds::USER, "b"),
    ];
    assert_eq!(all, expected);
    let mut later = told(store, first.sequence).await;
    later.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(later, expected[2..]);
    assert_eq!(told(store, second.sequence).await, []);
}

async fn the_feed_waits_for_news(store: &Arc<dyn Store>) {
    let head = store.head().await.unwrap();
    let waiting = Arc::clone(store);
    let waiting = tokio::spawn(async move { waiting.changes(head, PATIENCE).await.unwrap() });
    let committed = store.commit(vec![user("a", &[], &[])]).await.unwrap();
    let change = Change { sequence: committed.sequence, kind: kinds::USER, id: "a".to_owned() };
    assert_eq!(waiting.await.unwrap(), Changes::List(vec![change]));

    let nothing = store.changes(committed.sequence, Duration::from_millis(20)).await.unwrap();
    assert_eq!(nothing, Changes::List(vec![]));
}

async fn what_is_told_can_be_read(store: &Arc<dyn Store>) {
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
    let (mut after, mut heard) = (0, Vec::new());
    while heard.len() < WRITERS * COMMITS {
        let Changes::List(changes) = store.changes(after, PATIENCE).await.unwrap() else {
            panic!("so few changes are all in the feed");
        };
        assert!(!changes.is_empty(), "no news after {after}");
        for Change { sequence, id, .. } in changes {
            assert!(sequence > after, "one record a commit: each has a place of its own");
            after = sequence;
            assert_eq!(find(&**store, &id).await.as_ref(), Some(&id));
            heard.push(id);
        }
    }
    writers.join_all().await;
    assert_eq!(store.head().await.unwrap(), after);
    for writer in 0..WRITERS {
        let own = format!("{writer}-");
        let numbers: Vec<usize> =
            heard.iter().filter_map(|id| id.strip_prefix(&own)?.parse().ok()).collect();
        assert_eq!(numbers, (0..COMMITS).collect::<Vec<_>>(), "a writer's own order is kept");
    }
}

async fn a_place_outside_the_feed_means_starting_over(store: &dyn Store) {
    let head = store.commit(vec![user("a", &[], &[])]).await.unwrap().sequence;
    let beyond = store.changes(head + 1, PATIENCE).await.unwrap();
    assert_eq!(beyond, Changes::StartOver { head });
}

async fn a_place_of_long_ago_means_starting_over_or_everything_since(store: &dyn Store) {
    const COMMITS: u64 = 6;
    // More than need be kept for those who follow.
    const RECORDS: usize = 2000;
    for _ in 0..COMMITS {
        let records = (0..RECORDS).map(|number| put(kinds::USER, &number.to_string(), "1"));
        store.commit(records.collect()).await.unwrap();
    }
    let head = store.head().await.unwrap();
    for after in 0..=head {
        match store.changes(after, Duration::ZERO).await.unwrap() {
            Changes::StartOver { head: told } => {
                assert_eq!(told, head);
                assert_ne!(after, head, "who has followed to the end goes on");
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

async fn reopening_keeps_everything(open: &impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("reopened").await;
    store.commit(vec![user("a", &["ann"], &["x"]), user("b", &["bob"], &["x"])]).await.unwrap();
    store.commit(vec![user("a", &["anne"], &["y"])]).await.unwrap();
    store.commit(vec![user("c", &[], &[]), delete("b", Expect::Any)]).await.unwrap();
    let head = store.head().await.unwrap();
    drop(store);

    let store = &*open("reopened").await;
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(list(store, None, None, 9).await, ["a", "c"]);
    assert_eq!(get(store, kinds::USER, "a").await, Some((2, "a".to_owned())));
    assert_eq!(find(store, "anne").await.as_deref(), Some("a"));
    assert_eq!((find(store, "ann").await, find(store, "bob").await), (None, None));
    assert_eq!(list(store, Some("y"), None, 9).await, ["a"]);
    assert_eq!(list(store, Some("x"), None, 9).await, [""; 0]);
    let next = store.commit(vec![user("d", &["bob"], &[])]).await.unwrap();
    assert!(next.sequence > head, "the feed goes on where it was");
}

fn put(kind: Kind, id: &str, doc: &str) -> Write {
    Write::Put {
        kind,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::copy_from_slice(doc.as_bytes()),
        unique: vec![],
        index: vec![],
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

async fn count(store: &dyn Store, group: Option<&str>) -> u64 {
    let key = group.map(|group| Key::new("group", group));
    store.count(kinds::USER, key.as_ref()).await.unwrap()
}

async fn told(store: &dyn Store, after: u64) -> Vec<Change> {
    match store.changes(after, Duration::ZERO).await.unwrap() {
        Changes::List(changes) => changes,
        Changes::StartOver { head } => panic!("the feed from {after} to {head} is whole"),
    }
}

fn assert_judged(result: &Result<Committed, CommitError>, id: &str, met: bool, expect: Expect) {
    if met {
        assert!(result.is_ok(), "{id} under {expect:?}: {result:?}");
    } else {
        assert_conflict(result, id);
    }
}

fn assert_conflict(result: &Result<Committed, CommitError>, named: &str) {
    assert!(
        matches!(result, Err(CommitError::Conflict { kind: kinds::USER, id }) if id == named),
        "{result:?}"
    );
}
