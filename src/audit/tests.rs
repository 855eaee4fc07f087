use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portcullis_audit::{SigningKey, Verification};

use super::AuditLog;
use crate::directory::fixture::{Fixture, now};
use crate::directory::records::PageRequest;
use crate::directory::records::audit::Occurrence;
use crate::directory::{Actor, Change};

const RETENTION: Duration = Duration::from_secs(365 * 24 * 3600);

fn key() -> SigningKey {
    SigningKey::new("portal.example.com/audit", &[7; 32]).unwrap()
}

async fn note(log: &AuditLog, kind: &'static str, at: Timestamp) {
    let change = Change::new(Actor::System("test"), at);
    log.note(&change, Occurrence::of_gateway(kind, serde_json::Map::new())).await.unwrap();
}

async fn kinds(log: &AuditLog) -> Vec<(u64, String)> {
    let page = PageRequest::parse(None, Some(1000)).unwrap();
    let items = log.list(&super::Filter::default(), &page).await.unwrap().items;
    let mut kinds: Vec<_> = items.into_iter().map(|item| (item.number, item.entry.kind)).collect();
    kinds.reverse();
    kinds
}

async fn export(log: &AuditLog) -> String {
    let (mut export, mut text) = (log.export(), String::new());
    while let Some(lines) = export.lines().await.unwrap() {
        text.push_str(&lines);
    }
    text
}

#[tokio::test]
async fn i9_expired_entries_go_and_later_ones_stay() {
    let fixture = Fixture::new().await;
    let log = AuditLog::new(&fixture.directory, key());
    for _ in 0..5 {
        note(&log, "gateway.started", now()).await;
    }
    let before = kinds(&log).await.len() as u64;
    let kept = log.checkpoint(now()).await.unwrap().unwrap();
    let later = now() + SignedDuration::try_from(RETENTION).unwrap();
    for _ in 0..3 {
        note(&log, "gateway.stopped", later).await;
    }
    let after = later + SignedDuration::from_secs(1);
    assert_eq!(log.remove_expired(RETENTION, later).await.unwrap(), 0, "a second too early");
    assert_eq!(log.remove_expired(RETENTION, after).await.unwrap(), before);
    let left = kinds(&log).await;
    let expected = ["gateway.stopped", "gateway.stopped", "gateway.stopped", "audit.expired"];
    let expected = (before..).zip(expected.map(str::to_owned));
    assert_eq!(left, expected.collect::<Vec<_>>());
    log.checkpoint(after).await.unwrap();
    let key = key().public().clone();
    let mut verification = Verification::new(&key, [&*kept.checkpoint]).unwrap();
    for line in export(&log).await.lines() {
        verification.line(line).unwrap();
    }
    let verified = verification.finish().unwrap();
    assert_eq!((verified.size, verified.removed), (before + 4, before));
}
