use super::*;
use crate::audit::AuditLog;
use crate::directory::fixture::Fixture;
use portcullis_audit::SigningKey;
use portcullis_store::StoreKey;
use portcullis_store::backup::Reader;

use std::time::Duration;

use tempfile::TempDir;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A schedule for the folder `copies`, and what it makes backups of.
async fn daily(folder: &TempDir, keep: usize) -> (Schedule, Backups, Fixture) {
    let fixture = Fixture::new().await;
    let (directory, store) = (fixture.directory.clone(), Arc::clone(&fixture.store));
    let signing = SigningKey::new("portal.example/audit", &[7; 32]).unwrap();
    let audit = AuditLog::new(&directory, signing);
    let every = Duration::from_secs(24 * 3600);
    let settings = ScheduledBackups { directory: folder.path().join("copies"), every, keep };
    let key = StoreKey::new([7; 32]);
    let backups = Backups::new(store, key, directory, audit).with_schedule(Some(settings));
    (backups.schedule().unwrap().clone(), backups, fixture)
}

#[tokio::test]
async fn only_the_newest_backups_are_kept() {
    let folder = TempDir::new().unwrap();
    let copies = folder.path().join("copies");
    fs::create_dir(&copies).unwrap();
    let others = ["portcullis-2026.backup", "portcullis-20261301T000000Z.backup", "notes"];
    for name in others {
        fs::write(copies.join(name), "not ours").unwrap();
    }
    fs::write(copies.join("portcullis-20260101T000000Z.backup.new"), "interrupted").unwrap();
    let (schedule, backups, _fixture) = daily(&folder, 2).await;
    for day in 1..=4 {
        schedule.make(&backups, at(&format!("2026-11-0{day}T12:00:00Z"))).await;
        assert_eq!(schedule.status().problem, None);
    }
    let kept = ["portcullis-20261103T120000Z.backup", "portcullis-20261104T120000Z.backup"];
    let mut expected: Vec<_> = others.into_iter().chain(kept).collect();
    expected.sort_unstable();
    assert_eq!(names(&copies), expected);
    let file = fs::File::open(copies.join(kept[1])).unwrap();
    Reader::open(file, Some(&StoreKey::new([7; 32]))).unwrap().verify().unwrap();
    // Made while the clock is behind: it is not the first to go.
    schedule.make(&backups, at("2026-01-01T00:00:00Z")).await;
    let kept = ["portcullis-20260101T000000Z.backup", kept[1]];
    assert!(kept.iter().all(|name| copies.join(name).exists()), "{:?}", names(&copies));
}

#[tokio::test]
async fn a_restart_does_not_change_the_schedule() {
    let folder = TempDir::new().unwrap();
    let (schedule, backups, _fixture) = daily(&folder, 3).await;
    let first = at("2026-11-01T12:00:00Z");
    schedule.look(first);
    assert!(schedule.is_due(first), "no backup has been made");
    schedule.make(&backups, first).await;
    let restarted = Schedule::new((**schedule.settings.load()).clone());
    restarted.look(at("2026-11-01T18:00:00Z"));
    assert_eq!(restarted.status().last.unwrap().at, first);
    for schedule in [schedule, restarted] {
        for (now, due) in [
            ("2026-11-01T12:00:01Z", false),
            ("2026-11-02T11:59:59Z", false),
            ("2026-11-02T12:00:00Z", true),
            // The clock was set back.
            ("2026-10-01T12:00:00Z", true),
        ] {
            assert_eq!(schedule.is_due(at(now)), due, "{now}");
        }
    }
}

#[tokio::test]
async fn i11_a_failed_backup_is_reported_and_tried_again() {
    let folder = TempDir::new().unwrap();
    let (schedule, backups, _fixture) = daily(&folder, 3).await;
    let copies = folder.path().join("copies");
    fs::write(&copies, "a file is in the way").unwrap();
    let now = at("2026-11-01T12:00:00Z");
    schedule.make(&backups, now).await;
    let problem = schedule.status().problem.unwrap();
    assert!(problem.contains(&copies.display().to_string()), "{problem}");
    assert!(!schedule.is_due(at("2026-11-01T12:09:59Z")));
    let later = at("2026-11-01T12:10:00Z");
    assert!(schedule.is_due(later));
    fs::remove_file(&copies).unwrap();
    schedule.make(&backups, later).await;
    assert_eq!(schedule.status().problem, None);
    assert_eq!(names(&copies), ["portcullis-20261101T121000Z.backup"]);
}

#[tokio::test]
async fn changed_schedule_counts_from_the_last_backup() {
    let folder = TempDir::new().unwrap();
    let (schedule, backups, _fixture) = daily(&folder, 3).await;
    schedule.make(&backups, at("2026-11-01T12:00:00Z")).await;
    schedule.make(&backups, at("2026-11-02T12:00:00Z")).await;
    schedule.change(Duration::from_secs(3600), 1);
    assert!(!schedule.is_due(at("2026-11-02T12:59:59Z")));
    assert!(schedule.is_due(at("2026-11-02T13:00:00Z")));
    schedule.make(&backups, at("2026-11-02T13:00:00Z")).await;
    assert_eq!(names(&folder.path().join("copies")), ["portcullis-20261102T130000Z.backup"]);
}
