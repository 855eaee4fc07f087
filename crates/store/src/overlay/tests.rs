use parking_lot::Mutex;
use std::collections::HashMap;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::conformance::{conformance, kinds};
use crate::sled::SledStore;

fn sled(folder: &TempDir, name: &str) -> Arc<dyn Store> {
    let folder = folder.path().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    Arc::new(SledStore::for_test(&folder))
}

fn put(id: &str, login: Option<u8>, group: u8) -> Write {
    Write::Put {
        kind: kinds::USER,
        id: id.to_owned(),
        expect: Expect::Any,
        doc: Bytes::from(format!("{id} {login:?} {group}")),
        unique: login.map(|login| Key::new("login", login.to_string())).into_iter().collect(),
        index: vec![Key::new("group", group.to_string())],
        ordered: vec![],
    }
}

/// Opening again gives the same overlay: there is nothing on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlay_passes_the_conformance_suite() {
    let folder = TempDir::new().unwrap();
    let opened = Mutex::new(HashMap::<String, Arc<dyn Store>>::new());
    conformance(async |name: &str| {
        let mut opened = opened.lock();
        let overlay = || Arc::new(Overlay::new(sled(&folder, name))) as Arc<dyn Store>;
        Arc::clone(opened.entry(name.to_owned()).or_insert_with(overlay))
    })
    .await;
}

/// A random commit of a few writes, conditions included.
fn commit(random: &mut impl FnMut(u8) -> u8) -> Commit {
    let writes = (0..=random(3)).map(|_| {
        let id = random(12).to_string();
        let kind = kinds::USER;
        let expect = match random(6) {
            0 => Expect::Absent,
            1 => Expect::Present,
            2 => Expect::Version(u64::from(random(3))),
            _ => Expect::Any,
        };
        match random(8) {
            0 => Write::Delete { kind, id, expect },
            1 => Write::Require { kind, id, expect },
            2 => Write::RequireNone { kind, key: Key::new("group", random(4).to_string()) },
            3 => Write::Append {
                kind: kinds::GROUP,
                doc: Bytes::from(id),
                index: vec![Key::new("group", random(3).to_string())],
            },
            _ => {
                let login = random(16);
                let mut write = put(&id, (login < 10).then_some(login), random(4));
                if let Write::Put { expect: of_put, .. } = &mut write {
                    *of_put = expect;
                }
                write
            }
        }
    });
    writes.collect()
}

async fn assert_equal(overlay: &dyn Store, real: &dyn Store) {
    for kind in [kinds::USER, kinds::GROUP] {
        for group in 0..5_u8 {
            let key = (group < 4).then(|| Key::new("group", group.to_string()));
            let key = key.as_ref();
            assert_eq!(
                overlay.count(kind, key).await.unwrap(),
                real.count(kind, key).await.unwrap()
            );
            for (from, limit) in [(None, 100), (None, 3), (Some("3"), 2), (Some("11"), 100)] {
                let listed = overlay.list(kind, key, from, limit).await.unwrap();
                assert_eq!(listed, real.list(kind, key, from, limit).await.unwrap());
                let back = overlay.list_back(kind, key, from, limit).await.unwrap();
                assert_eq!(back, real.list_back(kind, key, from, limit).await.unwrap());
            }
        }
    }
    for login in 0..10_u8 {
        let key = Key::new("login", login.to_string());
        let found = overlay.find(kinds::USER, &key).await.unwrap();
        assert_eq!(found, real.find(kinds::USER, &key).await.unwrap());
    }
}

/// Each commit has the same result in an overlay as in a real store with the same records, whatever
/// part of them is below the overlay; and the store below stays as it was.
#[tokio::test]
async fn an_overlay_behaves_as_the_store_below_would() {
    let folder = TempDir::new().unwrap();
    for seed in 0..12_u64 {
        let mut state = seed + 1;
        let mut random = |below: u8| {
            // xorshift64, reproducible from the seed.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u8::try_from(state % u64::from(below)).unwrap()
        };
        let below = sled(&folder, &format!("below-{seed}"));
        let real = sled(&folder, &format!("real-{seed}"));
        for _ in 0..seed * 2 {
            let commit = commit(&mut random);
            let (a, b) = (below.commit(commit.clone()).await, real.commit(commit).await);
            assert_eq!(a.is_ok(), b.is_ok());
        }
        let head = below.head().await.unwrap();
        let overlay = Overlay::new(Arc::clone(&below));
        for _ in 0..40 {
            let commit = commit(&mut random);
            let here = overlay.commit(commit.clone()).await.map(|it| it.versions);
            let there = real.commit(commit.clone()).await.map(|it| it.versions);
            assert_eq!(format!("{here:?}"), format!("{there:?}"), "seed {seed}: {commit:?}");
        }
        assert_equal(&overlay, &*real).await;
        assert_eq!(below.head().await.unwrap(), head, "nothing was written below");
        for difference in overlay.differences().await {
            let Difference { kind, id, before, after } = difference;
            assert_eq!(before, below.get(kind, &id).await.unwrap());
            assert_eq!(after, real.get(kind, &id).await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_record_that_is_written_back_is_no_difference() {
    let folder = TempDir::new().unwrap();
    let below = sled(&folder, "below");
    below.commit(vec![put("a", Some(1), 1)]).await.unwrap();
    let overlay = Overlay::new(below);
    overlay.commit(vec![put("a", Some(1), 2), put("b", None, 1)]).await.unwrap();
    assert_eq!(overlay.differences().await.len(), 2);
    let gone = Write::Delete { kind: kinds::USER, id: "b".to_owned(), expect: Expect::Any };
    overlay.commit(vec![put("a", Some(1), 1), gone]).await.unwrap();
    assert_eq!(overlay.differences().await, []);
}
