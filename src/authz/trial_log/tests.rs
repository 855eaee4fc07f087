use super::*;
use crate::directory::fixture::{Fixture, now};
use crate::directory::records::StaffMember;
use jiff::SignedDuration;

fn row(trial: &TrialId, path: &str) -> (String, TrialRow) {
    let row = TrialRow {
        trial: trial.clone(),
        host: "h".to_owned(),
        method: "GET".to_owned(),
        path: path.to_owned(),
        websocket: false,
        query: ["page".to_owned()].into(),
        statuses: [(200, 1)].into(),
        types: ["text/html".to_owned()].into(),
        requests: 1,
        first: now(),
        last: now(),
    };
    (id_of(&row), row)
}

async fn trial(fixture: &Fixture, id: &str, created: Timestamp) -> TrialId {
    let id = TrialId::from(id);
    let trial = Trial {
        organization: "acme".into(),
        staff: StaffMember::Socket,
        reason: "x".to_owned(),
        minutes: 30,
        created,
        opened: Some(created),
        others: 0,
    };
    let change = Change::new(Actor::System("test"), now());
    let write = put(&id, Expect::Absent, &trial);
    fixture.directory.records().commit(&change, vec![write]).await.unwrap();
    id
}

fn add(log: &TrialLog, (id, row): (String, TrialRow)) {
    log.waiting.lock().add(id, row);
}

#[tokio::test]
async fn rows_are_counted_together_across_writes() {
    let fixture = Fixture::new().await;
    let id = trial(&fixture, "t", now()).await;
    let log = TrialLog::new(fixture.directory.clone());
    for path in ["/a", "/a", "/b"] {
        add(&log, row(&id, path));
    }
    log.write(now()).await.unwrap();
    add(&log, row(&id, "/a"));
    add(&log, row(&TrialId::from("unknown"), "/a"));
    log.write(now()).await.unwrap();
    let mut rows = fixture.directory.trials().rows(&id).await.unwrap();
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    let counts: Vec<_> = rows.iter().map(|row| (&*row.path, row.requests)).collect();
    assert_eq!(counts, [("/a", 3), ("/b", 1)]);
    assert_eq!(rows[0].statuses, [(200, 3)].into());
}

#[tokio::test]
async fn number_of_rows_is_bounded_and_others_are_counted() {
    let fixture = Fixture::new().await;
    let id = trial(&fixture, "t", now()).await;
    let log = TrialLog::new(fixture.directory.clone());
    let (most, waiting) = (usize::try_from(MOST_ROWS).unwrap(), MOST_WAITING);
    for start in (0..most + 10).step_by(waiting) {
        for number in start..(start + waiting).min(most + 10) {
            add(&log, row(&id, &format!("/{number}")));
        }
        log.write(now()).await.unwrap();
    }
    assert_eq!(fixture.directory.trials().rows(&id).await.unwrap().len(), most);
    let (trial, _) = fixture.directory.trials().show(&id, now()).await.unwrap();
    assert_eq!(trial.doc.others, 10);
    for number in 0..=waiting {
        add(&log, row(&id, &format!("/new/{number}")));
    }
    assert_eq!(log.waiting.lock().rows.len(), waiting);
}

#[tokio::test]
async fn trials_and_rows_go_after_14_days() {
    let fixture = Fixture::new().await;
    let late = now().checked_add(SignedDuration::from_hours(14 * 24)).unwrap();
    let id = trial(&fixture, "t", now()).await;
    let newer = trial(&fixture, "u", late).await;
    let log = TrialLog::new(fixture.directory.clone());
    for number in 0..600 {
        add(&log, row(&id, &format!("/{number}")));
        if number % 300 == 0 {
            log.write(now()).await.unwrap();
        }
    }
    add(&log, row(&newer, "/a"));
    log.write(now()).await.unwrap();
    let trials = fixture.directory.trials();
    trials.remove_expired(late).await.unwrap();
    assert_eq!(trials.list(late).await.unwrap().len(), 2);
    trials.remove_expired(late.checked_add(SignedDuration::from_mins(31)).unwrap()).await.unwrap();
    assert_eq!(trials.list(late).await.unwrap().len(), 1);
    assert!(trials.rows(&id).await.unwrap().is_empty());
    assert_eq!(trials.rows(&newer).await.unwrap().len(), 1);
}
