//! Large documents, and what is there after reopening.

use std::sync::Arc;

use super::kinds;
use super::{delete, find, get, list, put, user};
use crate::{Expect, Store};

pub(super) async fn large_documents_are_kept(store: &dyn Store) {
    let doc = |fill: char| format!("\"{}\"", fill.to_string().repeat(1024 * 1024));
    for (version, fill) in [(1, 'a'), (2, 'b')] {
        let commit =
            vec![put(kinds::PREFERENCES, "large", &doc(fill)), user("a", &["ann"], &["x"])];
        store.commit(commit).await.unwrap();
        assert_eq!(get(store, kinds::PREFERENCES, "large").await, Some((version, doc(fill))));
    }
    assert_eq!(find(store, "ann").await.as_deref(), Some("a"));
}

pub(super) async fn reopening_keeps_everything(open: &impl AsyncFn(&str) -> Arc<dyn Store>) {
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
    assert!(next.sequence > head, "the feed continues");
}
