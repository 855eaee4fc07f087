//! Searches, and numbers that are kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::{count, delete, kinds};
use crate::{Expect, Key, Place, Search, Store, Write};

/// A user with these texts, in these groups.
fn person(id: &str, texts: &[&str], groups: &[&str]) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::copy_from_slice(id.as_bytes()),
        unique: vec![],
        index: groups.iter().copied().map(group).collect(),
        ordered: texts.iter().copied().map(text).collect(),
    }
}

fn group(name: &str) -> Key {
    Key::new("group", name)
}

fn text(text: &str) -> Key {
    Key::new("text", text)
}

/// All ids that a search finds, `limit` at a time.
async fn found(store: &dyn Store, search: &Search, limit: usize) -> Vec<String> {
    let (mut search, mut ids) = (search.clone(), Vec::new());
    loop {
        let found = store.search(kinds::USER, &search, limit).await.unwrap();
        assert!(found.records.len() <= limit);
        assert!(found.records.is_sorted_by_key(|(place, _)| place));
        ids.extend(found.records.into_iter().map(|(_, record)| record.id));
        let Some(next) = found.next else { return ids };
        assert!(search.after.is_none_or(|after| after < next), "it goes on");
        search.after = Some(next);
    }
}

async fn assert_found(store: &dyn Store, search: &Search, expected: &[&str]) {
    for limit in [1, 2, 3, 100] {
        assert_eq!(found(store, search, limit).await, expected, "{search:?}, {limit} at a time");
    }
}

pub(super) async fn conditions_are_combined(store: &dyn Store) {
    for (id, groups) in [
        ("a", &["x"][..]),
        ("a1", &["x", "y"]),
        ("b", &["y", "z"]),
        ("c", &["x", "y", "z"]),
        ("d", &["z"]),
        ("e", &[]),
    ] {
        store.commit(vec![person(id, &[], groups)]).await.unwrap();
    }
    let keys = |names: &[&str]| names.iter().copied().map(group).collect::<Vec<_>>();
    let by =
        |all: &[&str], any: &[&str]| Search { all: keys(all), any: keys(any), ..Search::default() };
    assert_found(store, &by(&[], &[]), &["a", "a1", "b", "c", "d", "e"]).await;
    assert_found(store, &by(&["x"], &[]), &["a", "a1", "c"]).await;
    assert_found(store, &by(&["x", "y"], &[]), &["a1", "c"]).await;
    assert_found(store, &by(&["x", "y", "z"], &[]), &["c"]).await;
    assert_found(store, &by(&["x", "none"], &[]), &[]).await;
    assert_found(store, &by(&[], &["x", "z", "none"]), &["a", "a1", "b", "c", "d"]).await;
    assert_found(store, &by(&["y"], &["x", "z"]), &["a1", "b", "c"]).await;
    assert_found(store, &by(&[], &["none"]), &[]).await;

    store.commit(vec![person("c", &[], &["z"]), delete("a1", Expect::Any)]).await.unwrap();
    assert_found(store, &by(&["y"], &[]), &["b"]).await;
    assert_found(store, &by(&["x"], &[]), &["a"]).await;
    // Numbers are those of the records that are there.
    let mut counts = Vec::new();
    for name in ["x", "y", "z", "none"] {
        counts.push(count(store, Some(name)).await);
    }
    assert_eq!(counts, [1, 1, 3, 0]);
    assert_eq!(count(store, None).await, 5);
}

pub(super) async fn prefixes_are_in_order_of_their_values(store: &dyn Store) {
    let by = |prefix: &str| Search { prefix: Some(text(prefix)), ..Search::default() };
    for (id, texts) in [
        ("1", &["bob", "robert b"][..]),
        ("2", &["ann", "ann a"]),
        ("3", &["anna"]),
        ("4", &["ann"]),
        ("5", &["\u{e5}sa", "a very long text that is longer than all the others"]),
        ("6", &["zoe", "an"]),
        ("7", &[]),
    ] {
        store.commit(vec![person(id, texts, &[])]).await.unwrap();
    }
    assert_found(store, &by("ann"), &["2", "4", "3"]).await;
    assert_found(store, &by("ann a"), &["2"]).await;
    assert_found(store, &by("a"), &["5", "6", "2", "4", "3"]).await;
    assert_found(store, &by("b"), &["1"]).await;
    assert_found(store, &by("r"), &["1"]).await;
    assert_found(store, &by("\u{e5}"), &["5"]).await;
    assert_found(store, &by(""), &["5", "6", "2", "4", "3", "1"]).await;
    assert_found(store, &by("annab"), &[]).await;
    let other = Search { prefix: Some(Key::new("tex", "tann")), ..Search::default() };
    assert_found(store, &other, &[]).await;

    store.commit(vec![person("2", &["bea"], &[]), delete("3", Expect::Any)]).await.unwrap();
    assert_found(store, &by("ann"), &["4"]).await;
    assert_found(store, &by("b"), &["2", "1"]).await;
    // A place may be one where there is no longer a record.
    let after = Some(Place { value: "ann".to_owned(), id: "2".to_owned() });
    assert_found(store, &Search { after, ..by("an") }, &["4"]).await;
}

pub(super) async fn a_prefix_is_combined_with_conditions(store: &dyn Store) {
    for (id, texts, groups) in [
        ("1", &["ann", "x"][..], &["x", "y"][..]),
        ("2", &["anna"], &["x"]),
        ("3", &["amy"], &["x"]),
        ("4", &["bob", "an"], &["y", "z"]),
        ("5", &["andy"], &["z"]),
    ] {
        store.commit(vec![person(id, texts, groups)]).await.unwrap();
    }
    let search = Search { prefix: Some(text("an")), ..Search::default() };
    let all = |name| Search { all: vec![group(name)], ..search.clone() };
    assert_found(store, &search, &["4", "5", "1", "2"]).await;
    assert_found(store, &all("x"), &["1", "2"]).await;
    assert_found(store, &all("none"), &[]).await;
    let any = Search { any: vec![group("y"), group("z")], ..search.clone() };
    assert_found(store, &any, &["4", "5", "1"]).await;
    let both = Search { all: vec![group("x")], any: vec![group("y"), group("z")], ..search };
    assert_found(store, &both, &["1"]).await;
}

/// Many records meet each condition, few meet all.
pub(super) async fn rare_combinations_take_several_calls(store: &dyn Store) {
    let commit = (0..6000).map(|number| {
        let groups: &[&str] = match number {
            5555 => &["even", "odd"],
            _ if number % 2 == 0 => &["even"],
            _ => &["odd"],
        };
        person(&format!("{number:04}"), &["same"], groups)
    });
    store.commit(commit.collect()).await.unwrap();
    let search = Search { all: vec![group("even"), group("odd")], ..Search::default() };
    assert_eq!(found(store, &search, 10).await, ["5555"]);
    let search = Search { prefix: Some(text("sa")), ..search };
    assert_eq!(found(store, &search, 10).await, ["5555"]);
    assert_eq!(count(store, Some("even")).await, 3001);
    let any = Search { any: vec![group("even"), group("odd")], ..Search::default() };
    let prefix = Search { prefix: Some(text("s")), ..any.clone() };
    for search in [any, prefix] {
        let all: BTreeSet<_> = found(store, &search, 1000).await.into_iter().collect();
        assert_eq!(all.len(), 6000);
    }
}

/// Others come, go and change while pages are read; those that stay the same are found once.
pub(super) async fn pages_neither_skip_nor_repeat(store: &Arc<dyn Store>) {
    let staying = |number: usize| {
        let name = format!("name {:03}", (number * 37) % 100);
        (format!("s{number:03}"), name)
    };
    let stay = (0..100).map(staying).map(|(id, name)| person(&id, &[&name], &["x", "y"]));
    store.commit(stay.collect()).await.unwrap();
    let by_id = Search { all: vec![group("x"), group("y")], ..Search::default() };
    let by_name = Search { prefix: Some(text("name")), ..Search::default() };
    let both = Search { prefix: by_name.prefix.clone(), ..by_id.clone() };
    for (round, search) in [by_id, by_name, both].into_iter().enumerate() {
        let (mut search, mut seen, mut turn) = (search, Vec::new(), 0);
        loop {
            let found = store.search(kinds::USER, &search, 7).await.unwrap();
            let ids = found.records.into_iter().map(|(place, _)| place.id);
            seen.extend(ids.filter(|id| !id.contains('-')));
            // Before, at and after the place where the list continues.
            let others = (0..100).map(|other| {
                let id = format!("{}-{other}", ["a", "s03", "s07", "t"][other % 4]);
                let name = format!("name {:03}+", (turn * 13 + other) % 100);
                let groups: &[&str] = if other % 3 == 0 { &["x"] } else { &["x", "y"] };
                match (turn + other) % 3 {
                    0 => delete(&id, Expect::Any),
                    _ => person(&id, &[&name], groups),
                }
            });
            store.commit(others.collect()).await.unwrap();
            // The same keys, another document.
            let (id, name) = staying(turn % 100);
            let mut write = person(&id, &[&name], &["x", "y"]);
            if let Write::Put { doc, .. } = &mut write {
                *doc = Bytes::from(format!("{turn}"));
            }
            store.commit(vec![write]).await.unwrap();
            turn += 1;
            let Some(next) = found.next else { break };
            search.after = Some(next);
        }
        let once: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!((seen.len(), once.len()), (100, 100), "search {round}");
    }
}
