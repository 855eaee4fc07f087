use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portcullis_audit::{SigningKey, Verification};
use serde_json::Map;

use super::{AuditLog, Filter};
use crate::directory::fixture::{Fixture, now};
use crate::directory::records::audit::Occurrence;
use crate::directory::records::{PageRequest, Scope};
use crate::directory::{Actor, Change};

const RETENTION: Duration = Duration::from_secs(365 * 24 * 3600);

fn key() -> SigningKey {
    SigningKey::new("portal.example.com/audit", &[7; 32]).unwrap()
}

async fn note(log: &AuditLog, kind: &'static str, at: Timestamp) {
    let change = Change::new(Actor::System("test"), at);
    log.note(&change, Occurrence::of_gateway(kind, Map::new())).await.unwrap();
}

async fn kinds(log: &AuditLog) -> Vec<(u64, String)> {
    let page = PageRequest::parse(None, Some(1000)).unwrap();
    let items = log.list(&Filter::default(), &page).await.unwrap().items;
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

#[tokio::test]
async fn i10_a_scope_shows_nothing_of_an_earlier_organization() {
    let fixture = Fixture::new().await;
    let whole = AuditLog::new(&fixture.directory, key());
    let directory = fixture.directory.within(&Scope::only(["acme".into()]));
    let scoped = whole.within(&directory);
    let change = Change::new(Actor::System("test"), now());
    for kind in ["link.shown", "organization.deleted", "link.opened"] {
        let of_acme = Occurrence::of_organization(kind, &"acme".into(), "Acme", Map::new());
        whole.note(&change, of_acme).await.unwrap();
    }
    let page = PageRequest::parse(None, Some(100)).unwrap();
    let organization = Filter { organization: Some("acme".to_owned()), ..Filter::default() };
    let actor = Filter { actor: Some("system:test".to_owned()), ..Filter::default() };
    for filter in [Filter::default(), organization, actor] {
        let shown = scoped.list(&filter, &page).await.unwrap().items;
        let kinds: Vec<_> = shown.iter().map(|item| &*item.entry.kind).collect();
        assert_eq!(kinds, ["link.opened"], "{filter:?}");
    }
    assert_eq!(directory.deleted_at("acme").await.unwrap(), Some(now()));
    assert_eq!(directory.deleted_at("globex").await.unwrap(), None);
}

/// Ten thousand entries: of one actor all, of one organization every hundredth, of one kind two.
async fn many(log: &AuditLog) {
    let entry = |n: u64| {
        let kind = if n.is_multiple_of(5000) { "policy.reloaded" } else { "link.opened" };
        let organization = n.is_multiple_of(100).then(|| "acme".to_owned());
        let occurrence = Occurrence { organization, ..Occurrence::of_gateway(kind, Map::new()) };
        (Change::new(Actor::System("test"), now()), occurrence)
    };
    for from in (0..10_000).step_by(1000) {
        log.records.append((from..from + 1000).map(entry).collect()).await.unwrap();
    }
}

#[tokio::test]
async fn filters_find_entries_by_the_rarest_criterion() {
    let fixture = Fixture::new().await;
    let log = AuditLog::new(&fixture.directory, key());
    many(&log).await;
    let all = Filter { actor: Some("system:test".to_owned()), ..Filter::default() };
    let reloads = Filter { kind: Some("policy.reloaded".to_owned()), ..all.clone() };
    let of_acme = Filter { organization: Some("acme".to_owned()), ..all.clone() };
    for (filter, count) in [(all, 10_000), (reloads, 2), (of_acme, 100)] {
        let (mut after, mut found) = (None::<String>, Vec::new());
        let mut pages = 0;
        loop {
            let page = PageRequest::parse(after.as_deref(), Some(50)).unwrap();
            let page = log.list(&filter, &page).await.unwrap();
            found.extend(page.items.into_iter().map(|item| item.number));
            pages += 1;
            match page.next {
                Some(next) => after = Some(next.to_string()),
                None => break,
            }
        }
        assert!(found.is_sorted_by(|one, next| one > next), "the newest first, none twice");
        assert_eq!(found.len(), count);
        assert!(pages <= count / 50 + 1, "{pages} pages for {count} entries");
    }
}

#[tokio::test]
async fn i9_the_log_is_verified_where_it_is() {
    let fixture = Fixture::new().await;
    let log = AuditLog::new(&fixture.directory, key());
    for _ in 0..5 {
        note(&log, "gateway.started", now()).await;
    }
    log.checkpoint(now()).await.unwrap();
    let within = Duration::from_secs(60);
    let found = log.verify(now(), within).await.unwrap();
    let size = kinds(&log).await.len() as u64;
    assert_eq!((found.complete, found.size, &found.fault), (true, size, &None));
    assert_eq!(found.checkpoint, Some(now()));

    // Checkpoints that another key has signed show nothing.
    let other = SigningKey::new("portal.example.com/audit", &[8; 32]).unwrap();
    let other = AuditLog::new(&fixture.directory, other);
    let found = other.verify(now(), within).await.unwrap();
    assert!(!found.complete && found.fault.is_some(), "{found:?}");

    let found = log.verify(now(), Duration::ZERO).await.unwrap();
    assert_eq!((found.complete, found.fault), (false, None), "out of time is not a fault");
}
