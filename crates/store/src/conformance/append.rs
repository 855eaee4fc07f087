//! Records that get the next number of their kind.

use tokio::task::JoinSet;

use super::*;
use crate::number_id;

fn entry(doc: &str) -> Write {
    Write::Append {
        kind: kinds::ENTRY,
        doc: Bytes::copy_from_slice(doc.as_bytes()),
        index: vec![Key::new("about", doc)],
    }
}

async fn docs(store: &dyn Store) -> Vec<(String, String)> {
    let records = store.list(kinds::ENTRY, None, None, usize::MAX).await.unwrap();
    let doc = |record: &Record| String::from_utf8(record.doc.to_vec()).unwrap();
    records.iter().map(|record| (record.id.clone(), doc(record))).collect()
}

pub(super) async fn appended_records_are_numbered_without_gaps(store: &dyn Store) {
    store.commit(vec![entry("a"), user("u", &[], &[]), entry("b")]).await.unwrap();
    store.commit(vec![user("v", &[], &[])]).await.unwrap();
    // A refused commit takes no number.
    let refused = vec![entry("refused"), expecting(user("u", &[], &[]), Expect::Absent)];
    assert_conflict(&store.commit(refused).await, "u");
    let committed = store.commit(vec![entry("c")]).await.unwrap();
    assert_eq!(committed.versions, [0_u64; 0], "versions are those of puts");
    let numbered = |n, doc: &str| (number_id(n), doc.to_owned());
    assert_eq!(docs(store).await, [numbered(0, "a"), numbered(1, "b"), numbered(2, "c")]);
    let about = Key::new("about", "b");
    let found = store.list(kinds::ENTRY, Some(&about), None, 10).await.unwrap();
    assert_eq!(found.iter().map(|record| &record.id).collect::<Vec<_>>(), [&number_id(1)]);
    let change = changes_after(store, committed.sequence - 1).await;
    assert_eq!(change, [Change { sequence: 4 - 1, kind: kinds::ENTRY, id: number_id(2) }]);
    // Removing the first ones changes no later number.
    for number in 0..2 {
        let id = number_id(number);
        let delete = Write::Delete { kind: kinds::ENTRY, id, expect: Expect::Present };
        store.commit(vec![delete]).await.unwrap();
    }
    store.commit(vec![entry("d")]).await.unwrap();
    assert_eq!(docs(store).await, [numbered(2, "c"), numbered(3, "d")]);
    // Nor in the same commit.
    let delete = |number| {
        let id = number_id(number);
        Write::Delete { kind: kinds::ENTRY, id, expect: Expect::Present }
    };
    store.commit(vec![delete(2), entry("e")]).await.unwrap();
    assert_eq!(docs(store).await, [numbered(3, "d"), numbered(4, "e")]);
    store.commit(vec![entry("f"), delete(3), delete(4)]).await.unwrap();
    assert_eq!(docs(store).await, [numbered(5, "f")]);
}

pub(super) async fn appended_records_are_numbered_in_commit_order(store: &Arc<dyn Store>) {
    let mut appends = JoinSet::new();
    for n in 0..200 {
        let store = Arc::clone(store);
        appends.spawn(async move {
            let doc = n.to_string();
            (store.commit(vec![entry(&doc)]).await.unwrap().sequence, doc)
        });
    }
    let mut committed = appends.join_all().await;
    committed.sort();
    let expected = (0..).zip(committed).map(|(number, (_, doc))| (number_id(number), doc));
    assert_eq!(docs(&**store).await, expected.collect::<Vec<_>>());
}
