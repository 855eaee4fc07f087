use std::sync::Arc;

use portcullis_store::feed::Feed;
use portcullis_store::sled::SledStore;
use portcullis_store::{Key, Search, Store};
use serde_json::json;

use super::*;
use crate::directory::records::TEXT;

/// A record as releases without ordered keys wrote it.
fn old(kind: Kind, id: &str, doc: &serde_json::Value, unique: Vec<Key>) -> Write {
    Write::Put {
        kind,
        id: id.to_owned(),
        expect: Expect::Absent,
        doc: doc.to_string().into_bytes().into(),
        unique,
        index: vec![Key::new("organization", "acme")],
        ordered: vec![],
    }
}

async fn found(store: &Arc<dyn Store>, kind: Kind, search: &Search) -> Vec<(String, u64)> {
    let found = store.search(kind, search, 10).await.unwrap();
    found.records.into_iter().map(|(_, record)| (record.id, record.version)).collect()
}

#[tokio::test]
async fn records_of_an_earlier_release_become_searchable() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::for_test(folder.path())) as Arc<dyn Store>;
    let user = |login: &str| {
        let created = "2026-01-01T00:00:00Z";
        json!({ "login": login, "organization": "acme", "group": "admin", "disabled": true,
            "password_generation": 0, "created": created })
    };
    let commit = vec![
        old(kind::USER, "u1", &user("Ann"), vec![Key::new("login", "ann")]),
        old(kind::USER, "u2", &json!({ "damaged": 1 }), vec![]),
        old(kind::USER, "u3", &user("Anton"), vec![Key::new("login", "anton")]),
        old(kind::END_USER, "e1", &json!({ "organization": "acme", "name": "Ann" }), vec![]),
    ];
    store.commit(commit).await.unwrap();
    let by = |text: &str| {
        let prefix = Some(Key::new(TEXT, text));
        Search { prefix, ..Search::default() }
    };
    assert_eq!(found(&store, kind::USER, &by("an")).await, []);

    let records = Records::new(Feed::start(Arc::clone(&store), vec![]).await.unwrap());
    // As if an earlier start had ended after the first user.
    let done = Done { keys: KEYS, kinds: 2, after: Some("u1".to_owned()) };
    records.commit_unchanged(vec![note(&done)]).await.unwrap();
    reindex(&records).await.unwrap();
    assert_eq!(found(&store, kind::USER, &by("an")).await, [("u3".to_owned(), 2)]);

    store
        .commit(vec![Write::Delete {
            kind: kind::KEYS,
            id: ID.to_owned(),
            expect: Expect::Present,
        }])
        .await
        .unwrap();
    for _ in 0..2 {
        reindex(&records).await.unwrap();
        let users = [("u1".to_owned(), 2), ("u3".to_owned(), 3)];
        assert_eq!(found(&store, kind::USER, &by("an")).await, users);
        let disabled = Search { all: vec![Key::new("disabled", "true")], ..Search::default() };
        assert_eq!(found(&store, kind::USER, &disabled).await, users);
        assert_eq!(found(&store, kind::END_USER, &by("ann")).await, [("e1".to_owned(), 2)]);
    }
    assert_eq!(store.get(kind::USER, "u2").await.unwrap().unwrap().version, 1);
}
