//! How records are found.

use bytes::Bytes;

use super::kinds;
use super::{count, delete, find, get, list, list_back, put, user};
use crate::{CommitError, Expect, Key, Store, Write};

pub(super) async fn a_unique_key_belongs_to_one_record(store: &dyn Store) {
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

    // Its record may keep, change and lose it.
    store.commit(vec![user("a", &["ann"], &[])]).await.unwrap();
    store.commit(vec![user("a", &["anne", "nan"], &[])]).await.unwrap();
    assert_eq!(find(store, "ann").await, None);
    assert_eq!(find(store, "anne").await.as_deref(), Some("a"));
    assert_eq!(find(store, "nan").await.as_deref(), Some("a"));
    store.commit(vec![user("b", &["ann"], &[])]).await.unwrap();
    store.commit(vec![delete("a", Expect::Present)]).await.unwrap();
    assert_eq!(find(store, "anne").await, None);
    store.commit(vec![user("b", &["anne"], &[])]).await.unwrap();

    // Other kinds and other fields are separate.
    let other = Write::Put {
        kind: kinds::GROUP,
        id: "g".to_owned(),
        expect: Expect::Any,
        doc: Bytes::from_static(b"1"),
        unique: vec![login("anne"), Key::new("name", "anne")],
        index: vec![],
        ordered: vec![],
    };
    store.commit(vec![other]).await.unwrap();
    assert_eq!(find(store, "anne").await.as_deref(), Some("b"));
    let group = store.find(kinds::GROUP, &Key::new("name", "anne")).await.unwrap();
    assert_eq!(group.unwrap().id, "g");
}

pub(super) async fn a_unique_key_moves_within_a_commit(store: &dyn Store) {
    store.commit(vec![user("a", &["x"], &[]), user("b", &["y"], &[])]).await.unwrap();
    store.commit(vec![user("a", &["y"], &[]), user("b", &["x"], &[])]).await.unwrap();
    assert_eq!(find(store, "x").await.as_deref(), Some("b"));
    assert_eq!(find(store, "y").await.as_deref(), Some("a"));

    store.commit(vec![user("c", &["x"], &[]), delete("b", Expect::Any)]).await.unwrap();
    assert_eq!(find(store, "x").await.as_deref(), Some("c"));
    store.commit(vec![user("c", &[], &[]), user("d", &["x"], &[])]).await.unwrap();
    assert_eq!(find(store, "x").await.as_deref(), Some("d"));
}

pub(super) async fn lists_are_in_order_and_in_pages(store: &dyn Store) {
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
    for (key, all) in [(None, &ids[..]), (Some("even"), &even[..])] {
        for limit in 1..=all.len() + 1 {
            let mut paged: Vec<String> = Vec::new();
            loop {
                let page = list_back(store, key, paged.last().map(String::as_str), limit).await;
                let done = page.len() < limit;
                paged.extend(page);
                if done {
                    break;
                }
            }
            paged.reverse();
            assert_eq!(paged, all, "{limit} at a time, from the last one");
        }
    }
    assert_eq!(list_back(store, None, Some("bb"), 2).await, ["b", "ab"]);
    // A page may start after a record that no longer exists.
    assert_eq!(list(store, None, Some("bb"), 2).await, ["c", "c0"]);
    assert_eq!(count(store, None).await, 7);
    assert_eq!(count(store, Some("even")).await, 4);
    assert_eq!(count(store, Some("none")).await, 0);
}

pub(super) async fn index_keys_follow_their_records(store: &dyn Store) {
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

pub(super) async fn kinds_are_separate(store: &dyn Store) {
    for kind in kinds::ALL {
        store.commit(vec![put(kind, "same", kind.name())]).await.unwrap();
    }
    for kind in kinds::ALL {
        assert_eq!(get(store, kind, "same").await, Some((1, kind.name().to_owned())));
        assert_eq!(store.count(kind, None).await.unwrap(), 1);
        assert_eq!(store.list(kind, None, None, 9).await.unwrap().len(), 1);
    }
}

pub(super) async fn unusual_characters_are_kept_apart(store: &dyn Store) {
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
