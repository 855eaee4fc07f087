use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{SigningKey, line};

/// A log of 60 entries with a checkpoint after each ten, and another writer's key for forgeries.
const ENTRIES: u64 = 60;
const BLOCK: u64 = 10;

fn key() -> SigningKey {
    SigningKey::new("portal.example/audit", &[7; 32]).unwrap()
}

fn entry(number: u64) -> String {
    format!(r#"{{"kind":"sign-in","subject":"u{number}"}}"#)
}

/// The lines of a log, and its checkpoints, each as it is handed out.
fn log(entries: &[String], removed: u64) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut notes, mut tree) = (vec![], vec![], Tree::default());
    for (block, from) in entries.chunks(BLOCK as usize).zip((0..).step_by(BLOCK as usize)) {
        let hashes: Vec<_> = block.iter().map(|entry| Hash::leaf(entry.as_bytes())).collect();
        hashes.iter().for_each(|hash| tree.push(*hash));
        lines.push(line::of_leaves(from, &hashes));
        let kept = (from..).zip(block).filter(|(number, _)| *number >= removed);
        lines.extend(kept.map(|(number, entry)| line::of_entry(number, entry)));
        let time = Timestamp::from_second(i64::try_from(from).unwrap()).unwrap();
        let note = key().sign(&Checkpoint { size: tree.size(), root: tree.root(), time });
        lines.push(line::of_checkpoint(&note));
        notes.push(note);
    }
    (lines, notes)
}

fn entries() -> Vec<String> {
    (0..ENTRIES).map(entry).collect()
}

/// The same with an entry, at its end, that says that entries up to `last` were removed.
fn entries_expired_to(last: u64) -> Vec<String> {
    let mut entries = entries();
    let expired = format!(r#"{{"kind":"audit.expired","after":{{"from":0,"to":{last}}}}}"#);
    *entries.last_mut().unwrap() = expired;
    entries
}

fn verify(lines: &[String], outside: &[String]) -> Result<Verified, Fault> {
    let outside = outside.iter().map(String::as_str);
    let mut verification = Verification::new(&key().public(), outside).unwrap();
    lines.iter().try_for_each(|line| verification.line(line))?;
    verification.finish()
}

#[test]
fn an_unchanged_log_is_verified() {
    let (lines, notes) = log(&entries(), 0);
    let verified = verify(&lines, &notes[2..=2]).unwrap();
    let outside = verified.outside.unwrap();
    assert_eq!((verified.size, verified.removed, outside.size), (60, 0, 30));
    assert_eq!(verified.own.unwrap().size, 60);
}

#[test]
fn entries_after_the_last_checkpoint_are_counted() {
    let (mut lines, notes) = log(&entries(), 0);
    assert!(verify(&lines, &notes).unwrap().whole().is_ok());
    lines.extend((60..1060).map(|number| line::of_entry(number, &entry(0))));
    let hashed = [line::of_leaves(60, &[Hash::leaf(entry(60).as_bytes())])];
    let forged = log(&entries(), 0).0.into_iter().chain(hashed);
    let forged: Vec<_> = forged.chain([line::of_entry(60, &entry(60))]).collect();
    for (lines, uncovered) in [(lines, 1000), (forged, 1)] {
        for outside in [&notes[..], &[]] {
            let verified = verify(&lines, outside).unwrap();
            assert_eq!((verified.size, verified.uncovered), (60 + uncovered, uncovered));
            assert_eq!(verified.whole(), Err(Fault::Uncovered { number: 60 }));
        }
    }
}

#[test]
fn a_log_without_checkpoints_shows_nothing() {
    let (mut lines, notes) = log(&entries(), 0);
    lines.retain(|line| !line.starts_with(r#"{"checkpoint"#));
    assert_eq!(verify(&lines, &[]), Err(Fault::Unsigned));
    assert_eq!(verify(&[], &[]), Err(Fault::Unsigned));
    let verified = verify(&lines, &notes[2..=2]).unwrap();
    assert_eq!((verified.own, verified.uncovered), (None, 30));
    assert_eq!(verify(&lines, &notes[5..]).unwrap().uncovered, 0);
}

#[test]
fn a_checkpoint_needs_the_hashes_of_its_entries() {
    let (mut lines, _) = log(&entries(), 0);
    let second = lines.iter().position(|line| line.starts_with(r#"{"from":10,"#)).unwrap();
    lines.remove(second);
    assert_eq!(verify(&lines, &[]), Err(Fault::Unhashed { number: 10 }));
}

#[test]
fn a_changed_entry_is_named() {
    let (mut lines, notes) = log(&entries(), 0);
    let at = lines.iter().position(|line| line.starts_with(r#"{"number":23,"#)).unwrap();
    lines[at] = line::of_entry(23, &entry(99));
    for outside in [&notes[..], &[]] {
        assert_eq!(verify(&lines, outside), Err(Fault::Changed { number: 23 }));
    }
}

#[test]
fn swapped_entries_are_named() {
    let (lines, _) = log(&entries(), 0);
    let at = lines.iter().position(|line| line.starts_with(r#"{"number":23,"#)).unwrap();
    let mut swapped = lines.clone();
    swapped.swap(at, at + 1);
    assert_eq!(verify(&swapped, &[]), Err(Fault::Missing { number: 23 }));
    let mut renumbered = lines;
    renumbered[at] = line::of_entry(23, &entry(24));
    renumbered[at + 1] = line::of_entry(24, &entry(23));
    assert_eq!(verify(&renumbered, &[]), Err(Fault::Changed { number: 23 }));
}

#[test]
fn a_removed_entry_between_others_is_named() {
    let (mut lines, _) = log(&entries(), 0);
    lines.retain(|line| !line.starts_with(r#"{"number":23,"#));
    assert_eq!(verify(&lines, &[]), Err(Fault::Missing { number: 23 }));
    let (mut lines, _) = log(&entries(), 0);
    lines.retain(|line| !line.starts_with(r#"{"number":2"#));
    assert_eq!(verify(&lines, &[]), Err(Fault::Missing { number: 2 }));
}

#[test]
fn a_cut_is_shown_by_a_checkpoint_from_outside_only() {
    for last in 1..=35 {
        let short: Vec<_> = entries().into_iter().take((ENTRIES - last) as usize).collect();
        let (lines, _) = log(&short, 0);
        let (_, notes) = log(&entries(), 0);
        let cut = Fault::Cut {
            size: ENTRIES - last,
            expected: ENTRIES,
            time: Timestamp::from_second(50).unwrap(),
        };
        assert_eq!(verify(&lines, &notes[5..]), Err(cut), "the last {last}");
        assert!(verify(&lines, &[]).is_ok(), "without one, it cannot be seen");
    }
}

#[test]
fn a_log_rewritten_with_the_key_is_shown_from_outside() {
    let mut changed = entries();
    changed[23] = entry(99);
    let (lines, _) = log(&changed, 0);
    let (_, notes) = log(&entries(), 0);
    let time = Timestamp::from_second(20).unwrap();
    let rewritten = Fault::Rewritten { from: 20, to: 30, time };
    assert_eq!(verify(&lines, &notes), Err(rewritten));
    assert!(verify(&lines, &[]).is_ok(), "without a checkpoint from outside, it cannot be seen");
}

#[test]
fn checkpoints_signed_again_with_the_key_show_nothing() {
    let mut changed = entries();
    changed[3] = entry(99);
    let (lines, _) = log(&changed, 0);
    let (_, notes) = log(&entries(), 0);
    for outside in [&notes[2..=2], &notes[..]] {
        let Err(Fault::Rewritten { from: first, .. }) = verify(&lines, outside) else { panic!() };
        assert_eq!(first, 0);
    }
}

#[test]
fn hashes_rewritten_without_the_key_are_shown() {
    let mut changed = entries();
    changed[23] = entry(99);
    let (forged, _) = log(&changed, 0);
    let (right, _) = log(&entries(), 0);
    let kept = right.iter().zip(forged).map(|(right, forged)| {
        if right.starts_with(r#"{"checkpoint"#) { right.clone() } else { forged }
    });
    let time = Timestamp::from_second(20).unwrap();
    let rewritten = Fault::Rewritten { from: 20, to: 30, time };
    assert_eq!(verify(&kept.collect::<Vec<_>>(), &[]), Err(rewritten));
}

#[test]
fn removed_entries_are_only_the_first_ones() {
    for removed in [1, 20, 23, 30, 59] {
        let (lines, notes) = log(&entries_expired_to(removed - 1), removed);
        let verified = verify(&lines, &notes).unwrap();
        assert_eq!((verified.size, verified.removed), (60, removed));
    }
}

#[test]
fn first_entries_removed_before_they_expired_are_a_fault() {
    for (expired, removed) in [(20, 21), (20, 30), (1, 59)] {
        let (lines, notes) = log(&entries_expired_to(expired - 1), removed);
        for outside in [&notes[..], &[]] {
            assert_eq!(verify(&lines, outside), Err(Fault::Removed { number: expired }));
        }
    }
    let (lines, notes) = log(&entries(), 1);
    assert_eq!(verify(&lines, &notes), Err(Fault::Removed { number: 0 }));
}

#[test]
fn a_checkpoint_of_another_key_is_a_fault() {
    let (mut lines, _) = log(&entries(), 0);
    let other = SigningKey::new("portal.example/audit", &[8; 32]).unwrap();
    let time = Timestamp::UNIX_EPOCH;
    let note = other.sign(&Checkpoint { size: 60, root: Hash::of_nothing(), time });
    lines.push(line::of_checkpoint(&note));
    let error = CheckpointError::Signature("portal.example/audit".to_owned());
    assert_eq!(verify(&lines, &[]), Err(Fault::Checkpoint { size: 60, error }));
}

#[test]
fn a_line_of_something_else_is_named() {
    let (mut lines, _) = log(&entries(), 0);
    lines.insert(4, "{}".to_owned());
    assert_eq!(verify(&lines, &[]), Err(Fault::Line { line: 5 }));
}

proptest! {
    /// Any other sequence of entries than the log's own is a fault.
    #[test]
    fn no_edit_passes_a_checkpoint_from_outside(
        edits in prop::collection::vec((0..78_usize, 0..78_usize, 0..4_u8), 1..6)
    ) {
        let (right, notes) = log(&entries(), 0);
        let mut lines = right.clone();
        for (a, b, how) in edits {
            let (a, b) = (a % lines.len(), b % lines.len());
            match how {
                0 => lines.swap(a, b),
                1 => drop(lines.remove(a)),
                2 => lines.insert(a, lines[b].clone()),
                _ => lines[a] = lines[b].clone(),
            }
        }
        let entries = |lines: &[String]| -> Vec<String> {
            lines.iter().filter(|line| line.starts_with(r#"{"number""#)).cloned().collect()
        };
        if verify(&lines, &notes).is_ok() {
            prop_assert_eq!(entries(&lines), entries(&right));
        }
    }
}
