use std::collections::BTreeSet;

use super::*;
use crate::conformance::kinds;
use crate::sled::layout;
use crate::{Key, number_id};

fn database() -> sled::Db {
    sled::Config::new().temporary(true).open().unwrap()
}

fn prefix(value: &str) -> Vec<u8> {
    layout::indexed(kinds::USER, &Key::new("group", value))
}

fn apply(tree: &sled::Tree, changes: &IndexChanges) {
    for (place, block) in changes.blocks(tree).unwrap() {
        assert_eq!(tree.get(&place).unwrap(), block.old);
        match block.new {
            Some(block) => tree.insert(place, block).map(drop).unwrap(),
            None => tree.remove(place).map(drop).unwrap(),
        }
    }
}

fn text(id: sled::Result<Vec<u8>>) -> String {
    String::from_utf8(id.unwrap()).unwrap()
}

#[test]
fn random_changes_leave_the_ids_that_a_set_would_have() {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    println!("seed {seed:?}");
    let mut state = u64::from_ne_bytes(seed) | 1;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (tree, prefixes) = (database(), [prefix("a"), prefix("ab")]);
    let mut expected = [BTreeSet::new(), BTreeSet::new()];
    for step in 0..600 {
        let mut changes = IndexChanges::default();
        // More are removed than added for some of the time.
        let removed_of_ten = if step % 200 < 120 { 3 } else { 8 };
        let which = usize::from(random(4) == 0);
        // A commit names a record once.
        let named: BTreeSet<_> = (0..=random(30)).map(|_| random(300).to_string()).collect();
        for id in named {
            let (was, present) = (expected[which].remove(&id), random(10) >= removed_of_ten);
            if was {
                changes.set(&prefixes[which], id.as_bytes(), false);
            }
            if present {
                changes.set(&prefixes[which], id.as_bytes(), true);
                expected[which].insert(id);
            }
        }
        for (prefix, expected) in prefixes.iter().zip(&expected) {
            assert_eq!(changes.leave_some(&tree, prefix).unwrap(), !expected.is_empty());
        }
        apply(&tree, &changes);
        for (prefix, expected) in prefixes.iter().zip(&expected) {
            let forward: Vec<_> = Ids::new(&tree, prefix.clone(), None).map(text).collect();
            assert!(forward.iter().eq(expected), "{forward:?} {expected:?}");
            let from = random(300).to_string();
            let after = Ids::new(&tree, prefix.clone(), None).after(from.as_bytes()).map(text);
            assert!(after.eq(expected.iter().filter(|id| **id > from).cloned()), "after {from}");
            let before = IdsBackwards::before(&tree, prefix.clone(), None, Some(from.as_bytes()));
            let earlier = expected.iter().rev().filter(|id| **id < from);
            assert!(before.map(text).eq(earlier.cloned()), "before {from}");
            let all = IdsBackwards::before(&tree, prefix.clone(), None, None).map(text);
            assert!(all.eq(expected.iter().rev().cloned()));
        }
        for (_, block) in tree.iter().map(Result::unwrap) {
            assert!((1..=SIZE).contains(&ids(&block).count()));
        }
    }
}

#[test]
fn ids_that_grow_fill_their_blocks() {
    let appended: fn(u64) -> String = number_id;
    for (id, size) in [(appended, BATCH as usize), (|number| format!("u{number:04}"), SIZE)] {
        let (tree, prefix) = (database(), prefix("a"));
        for number in 0..200 {
            let mut changes = IndexChanges::default();
            changes.set(&prefix, id(number).as_bytes(), true);
            apply(&tree, &changes);
        }
        assert_eq!(tree.len(), 200_usize.div_ceil(size));
    }
}

#[test]
fn ids_are_found_while_blocks_are_divided() {
    let (tree, prefix) = (database(), prefix("a"));
    let id = |number: u64| format!("u{number:04}");
    let mut changes = IndexChanges::default();
    for number in (0..64).step_by(4) {
        changes.set(&prefix, id(number).as_bytes(), true);
    }
    apply(&tree, &changes);
    let mut reading = Ids::new(&tree, prefix.clone(), None).map(text);
    let mut found: Vec<_> = reading.by_ref().take(3).collect();
    let mut more = IndexChanges::default();
    for number in (0..64).filter(|number| number % 4 != 0) {
        more.set(&prefix, id(number).as_bytes(), true);
    }
    apply(&tree, &more);
    found.extend(reading);
    let older = (0..64).step_by(4).map(id);
    assert!(older.into_iter().all(|id| found.contains(&id)), "{found:?}");
    assert!(found.is_sorted_by(|a, b| a < b), "each once: {found:?}");
}
