//! What a commit does, and when it is refused.

use super::kinds;
use super::{assert_conflict, changes_after, delete, expecting, find, get, list, put, user};
use crate::{CommitError, Committed, Expect, Key, Store, Write};

pub(super) async fn versions_count_writes(store: &dyn Store) {
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

pub(super) async fn conditions_are_checked_before_the_commit(store: &dyn Store) {
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
        assert_committed_if(&store.commit(require).await, id, met, expect);
        assert_eq!(store.head().await.unwrap(), before, "requiring changes nothing");

        let written = store.commit(vec![expecting(put(kinds::USER, id, "new"), expect)]).await;
        assert_committed_if(&written, id, met, expect);
        reset(store, id).await;
        assert_committed_if(&store.commit(vec![delete(id, expect)]).await, id, met, expect);
        if met {
            assert_eq!(get(store, kinds::USER, id).await, None);
        }
        reset(store, id).await;
    }

    // Conditions are about the state before the commit's own writes.
    let twice = vec![
        put(kinds::USER, "absent", "new"),
        Write::Require { kind: kinds::USER, id: "absent".to_owned(), expect: Expect::Absent },
    ];
    store.commit(twice).await.unwrap();
    // A commit may write a record only once.
    let twice_written = vec![put(kinds::USER, "there", "new"), delete("there", Expect::Any)];
    assert_conflict(&store.commit(twice_written).await, "there");
}

/// Puts `there` at version 2, and removes `absent`.
async fn reset(store: &dyn Store, id: &str) {
    store.commit(vec![delete(id, Expect::Any)]).await.unwrap();
    if id == "there" {
        for _ in 0..2 {
            store.commit(vec![put(kinds::USER, id, "old")]).await.unwrap();
        }
    }
}

pub(super) async fn a_refused_commit_writes_nothing(store: &dyn Store) {
    store.commit(vec![user("a", &["ann"], &["x"])]).await.unwrap();
    let head = store.head().await.unwrap();
    let bad: [Write; 4] = [
        expecting(put(kinds::USER, "a", "new"), Expect::Version(9)),
        user("z", &["ann"], &[]),
        delete("missing", Expect::Present),
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
    assert_eq!(changes_after(store, head).await, []);
}

pub(super) async fn require_none_is_checked_after_the_commit(store: &dyn Store) {
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

fn assert_committed_if(
    result: &Result<Committed, CommitError>,
    id: &str,
    met: bool,
    expect: Expect,
) {
    if met {
        assert!(result.is_ok(), "{id} under {expect:?}: {result:?}");
    } else {
        assert_conflict(result, id);
    }
}
