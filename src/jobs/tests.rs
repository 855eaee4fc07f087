use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::line::{Effect, ReportLine};
use super::record::{Counts, Job, JobState, PlanPart, ReportPart};
use super::removal::RETENTION;
use super::*;
use crate::clock;
use crate::directory::accounts::organizations::OrganizationPatch;
use crate::directory::accounts::users::{UserPatch, UserView};
use crate::directory::fixture::{Fixture, by_operator, by_operator_at, new_user, now};
use crate::directory::records::audit::Entry;
use crate::directory::records::document::Document as _;
use crate::directory::records::{
    ApiToken, JobId, Rights, Role, Scope, Stored, User, UserStatus, kind,
};
use crate::directory::{Actor, Change, DirectoryError, OrganizationId};

/// Two organizations with addresses, one without; the first has an end user with an address and one
/// without.
async fn customers() -> Fixture {
    let fixture = Fixture::new().await;
    for (id, email) in [("acme", true), ("globex", true), ("hidden", false)] {
        fixture.organization(id).await;
        if email {
            address(&fixture, id, &format!("office@{id}.example")).await;
        }
    }
    fixture.end_user("acme", Some("ann@acme.example")).await;
    fixture.end_user("acme", None).await;
    fixture
}

async fn address(fixture: &Fixture, organization: &str, email: &str) {
    let patch = OrganizationPatch { email: Some(Some(email.to_owned())), ..Default::default() };
    let organizations = fixture.directory.organizations();
    organizations.change(&organization.into(), patch, &by_operator()).await.unwrap();
}

fn request(json: Value) -> BulkRequest {
    serde_json::from_value(json).unwrap()
}

fn everyone(action: &str) -> Value {
    json!({ "apply_to": "organizations-and-end-users", "organizations": "all", "action": action })
}

fn by(actor: Actor) -> Change {
    Change::new(actor, clock::now())
}

async fn queue(fixture: &Fixture, jobs: &Jobs, body: Value) -> JobView {
    try_queue(fixture, jobs, body, &by_operator()).await.unwrap()
}

async fn try_queue(
    fixture: &Fixture,
    jobs: &Jobs,
    body: Value,
    change: &Change,
) -> Result<JobView, DirectoryError> {
    let shown = fixture.directory.within(&change.actor.scope());
    let plan = request(body).plan(&shown).await?;
    jobs.start(plan, change, Some("staff@portal.example".to_owned())).await
}

/// Does all jobs.
async fn work(jobs: &Jobs) {
    while jobs.step().await.unwrap() {}
}

async fn run(fixture: &Fixture, body: Value) -> (JobView, Vec<ReportLine>) {
    let jobs = Jobs::new(fixture.directory.clone());
    let job = queue(fixture, &jobs, body).await;
    work(&jobs).await;
    ended(&jobs, &job.id).await
}

async fn ended(jobs: &Jobs, id: &JobId) -> (JobView, Vec<ReportLine>) {
    let job = jobs.get(id, &Actor::SocketOwner).await.unwrap();
    assert!(job.ended.is_some(), "{job:?}");
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (lines, next) = jobs.report(id, after.as_ref(), &Actor::SocketOwner).await.unwrap();
        all.extend(lines);
        after = next;
        if after.is_none() {
            return (job, all);
        }
    }
}

fn counts(created: u64, updated: u64, unchanged: u64, skipped: u64) -> Counts {
    Counts { created, updated, unchanged, skipped }
}

async fn user(fixture: &Fixture, login: &str) -> UserView {
    fixture.directory.users().with_login(login).await.unwrap()
}

async fn count(fixture: &Fixture, kind: portcullis_store::Kind) -> u64 {
    fixture.store.count(kind, None).await.unwrap()
}

/// The entries of the audit log of a kind.
async fn entries(fixture: &Fixture, kind: &str) -> Vec<Entry> {
    let entries = fixture.store.list(kind::AUDIT, None, None, 1000).await.unwrap();
    let entries = entries.iter().map(|entry| serde_json::from_slice::<Entry>(&entry.doc).unwrap());
    entries.filter(|entry| entry.kind == kind).collect()
}

fn results(lines: &[ReportLine]) -> Vec<(&str, Effect)> {
    lines.iter().map(|line| (line.id.as_deref().unwrap(), line.result)).collect()
}

#[tokio::test]
async fn r43_enabling_creates_and_invites_who_is_missing() {
    let fixture = customers().await;
    let body = json!({
        "apply_to": "organizations-and-end-users", "organizations": "all", "action": "enable",
        "group": "limited", "require_mfa": true,
    });
    let (job, lines) = run(&fixture, body).await;
    assert_eq!((job.state, job.done, job.total), (JobState::Done, 5, 5));
    assert_eq!(job.counts, counts(3, 0, 0, 2));
    assert_eq!(lines.len(), 5);
    for login in ["office@acme.example", "office@globex.example", "ann@acme.example"] {
        let user = user(&fixture, login).await;
        assert_eq!((user.status, user.require_mfa), (UserStatus::Invited, true));
        assert_eq!(user.group, "limited");
        assert_eq!(user.invitation.unwrap().sent_to, login);
    }
    let ann = user(&fixture, "ann@acme.example").await;
    let line = lines.iter().find(|line| line.user.as_ref() == Some(&ann.id)).unwrap();
    assert_eq!((line.result, &line.end_user), (Effect::Created, &ann.end_user));
    let mails = fixture.waiting_mails().await;
    assert_eq!(mails.len(), 3);
    // R41
    assert!(mails.iter().all(|it| it.doc.blind_copy.as_deref() == Some("staff@portal.example")));
    let skipped: Vec<_> = lines.iter().filter(|line| line.result == Effect::Skipped).collect();
    assert!(skipped.iter().all(|line| line.code.as_deref() == Some("no-address")), "{skipped:?}");
    assert_eq!(count(&fixture, kind::JOB_PLAN).await, 0);
}

#[tokio::test]
async fn r43_run_twice_changes_nothing_more() {
    let fixture = customers().await;
    for (action, second) in [("enable", counts(0, 0, 3, 2)), ("disable", counts(0, 0, 5, 0))] {
        run(&fixture, everyone(action)).await;
        let before = [kind::USER, kind::MAIL].map(|kind| (kind, fixture.store.clone()));
        let mut records = Vec::new();
        for (kind, store) in &before {
            records.push(store.list(*kind, None, None, 100).await.unwrap());
        }
        let (job, _) = run(&fixture, everyone(action)).await;
        assert_eq!(job.counts, second, "{action}");
        for ((kind, store), before) in before.iter().zip(records) {
            assert_eq!(store.list(*kind, None, None, 100).await.unwrap(), before, "{action}");
        }
    }
}

#[tokio::test]
async fn r43_existing_passwords_and_groups_stay() {
    let fixture = customers().await;
    fixture.user("acme", "boss", "limited").await;
    let before = fixture.store.list(kind::USER, None, None, 10).await.unwrap();
    let (_, lines) = run(&fixture, everyone("disable")).await;
    assert!(user(&fixture, "boss").await.disabled);
    assert_eq!(lines.iter().filter(|line| line.result == Effect::Updated).count(), 1);
    // Nothing is created by disabling.
    assert_eq!(count(&fixture, kind::USER).await, 1);
    let (_, lines) = run(&fixture, everyone("enable")).await;
    let boss = lines.iter().find(|line| line.login.as_deref() == Some("boss")).unwrap();
    assert_eq!(boss.result, Effect::Updated);
    let after = fixture.store.list(kind::USER, None, None, 10).await.unwrap();
    let password = |records: &[portcullis_store::Record]| {
        let users = records.iter().map(|it| serde_json::from_slice::<User>(&it.doc).unwrap());
        users.into_iter().find(|user| user.login == "boss").unwrap()
    };
    assert_eq!(password(&before), password(&after));
    let only = json!({
        "apply_to": "organizations", "organizations": ["acme"], "action": "enable", "group": "admin",
    });
    let (job, lines) = run(&fixture, only).await;
    assert_eq!(job.counts, counts(0, 1, 0, 0), "{lines:?}");
    assert_eq!(user(&fixture, "boss").await.group, "admin");
}

#[tokio::test]
async fn r43_a_taken_login_skips_one_person_and_no_other() {
    let fixture = customers().await;
    fixture.user("globex", "OFFICE@acme.example", "limited").await;
    let body = json!({
        "apply_to": "organizations", "organizations": ["acme", "globex"], "action": "enable",
    });
    let (job, lines) = run(&fixture, body).await;
    assert_eq!(job.counts, counts(0, 0, 1, 1));
    assert_eq!(results(&lines), [("acme", Effect::Skipped), ("globex", Effect::Unchanged)]);
    assert_eq!(lines[0].code.as_deref(), Some("taken"));
}

#[tokio::test]
async fn r43_an_expired_invitation_is_sent_again() {
    let fixture = customers().await;
    let body =
        json!({ "apply_to": "organizations", "organizations": ["acme"], "action": "enable" });
    run(&fixture, body.clone()).await;
    let login = "office@acme.example";
    for (sent, (chosen, goes_to)) in
        [(None, login), (Some("ivy@other.example"), "ivy@other.example")].into_iter().enumerate()
    {
        let id = user(&fixture, login).await.id;
        let records = fixture.directory.records();
        let stored: Stored<User> = records.read().get(&id).await.unwrap().unwrap();
        let mut doc = stored.doc.clone();
        let link = doc.invitation.as_mut().unwrap();
        link.expires = clock::now();
        if let Some(chosen) = chosen {
            link.to = Some(chosen.to_owned());
            link.to_chosen = true;
        }
        records.commit(&by_operator(), vec![stored.replace(doc).0]).await.unwrap();
        let (job, _) = run(&fixture, body.clone()).await;
        assert_eq!(job.counts, counts(0, 1, 0, 0));
        assert_eq!(fixture.waiting_mails().await.len(), sent + 2);
        assert_eq!(user(&fixture, login).await.invitation.unwrap().sent_to, goes_to);
    }
}

#[tokio::test]
async fn r43_an_unknown_organization_or_group_queues_nothing() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    for (organizations, group) in [(json!(["acme", "none"]), "admin"), (json!("all"), "none")] {
        let body = json!({
            "apply_to": "organizations", "organizations": organizations, "action": "enable",
            "group": group,
        });
        let error = try_queue(&fixture, &jobs, body, &by_operator()).await.unwrap_err();
        assert_eq!(error.code(), "invalid");
    }
    assert_eq!(count(&fixture, kind::JOB).await, 0);
}

#[tokio::test]
async fn chosen_users_are_moved_and_no_others() {
    let fixture = customers().await;
    let ids = [
        fixture.user("acme", "a", "limited").await.id,
        fixture.user("globex", "b", "admin").await.id,
    ];
    fixture.user("globex", "c", "limited").await;
    let jobs = Jobs::new(fixture.directory.clone());
    for (body, kind, expected) in [
        (json!({ "users": ids, "group": "admin" }), "move", counts(0, 1, 1, 0)),
        (
            json!({ "users": ids, "action": "disable", "require_mfa": true }),
            "users",
            counts(0, 2, 0, 0),
        ),
    ] {
        let plan = serde_json::from_value::<UsersRequest>(body).unwrap();
        let plan = plan.plan(&fixture.directory).await.unwrap();
        let job = jobs.start(plan, &by_operator(), None).await.unwrap();
        assert_eq!(job.kind, kind);
        work(&jobs).await;
        assert_eq!(ended(&jobs, &job.id).await.0.counts, expected);
    }
    assert!(user(&fixture, "b").await.disabled);
    assert_eq!(user(&fixture, "c").await.group, "limited");
    for body in [json!({ "users": ids }), json!({ "users": ["none"], "group": "admin" })] {
        let plan = serde_json::from_value::<UsersRequest>(body).unwrap();
        assert_eq!(plan.plan(&fixture.directory).await.unwrap_err().code(), "invalid");
    }
}

#[tokio::test]
async fn users_that_match_a_filter_are_changed() {
    let fixture = customers().await;
    fixture.user("acme", "match-a", "limited").await;
    fixture.user("globex", "match-b", "limited").await;
    fixture.user("globex", "other", "limited").await;
    let jobs = Jobs::new(fixture.directory.clone());
    let request = |matching: Value| {
        let body = json!({ "matching": matching, "action": "disable" });
        serde_json::from_value::<UsersRequest>(body)
    };
    let plan = request(json!({ "search": "MATCH-", "organization": "globex" })).unwrap();
    let plan = plan.plan(&fixture.directory).await.unwrap();
    let job = jobs.start(plan, &by_operator(), None).await.unwrap();
    work(&jobs).await;
    assert_eq!(ended(&jobs, &job.id).await.0.counts, counts(0, 1, 0, 0));
    assert!(user(&fixture, "match-b").await.disabled);
    for login in ["match-a", "other"] {
        assert!(!user(&fixture, login).await.disabled, "{login}");
    }
    // A filter that is not understood would match everyone.
    assert!(request(json!({ "login": "x" })).is_err());
    for body in [
        json!({ "action": "disable" }),
        json!({ "users": [], "matching": {}, "action": "disable" }),
        json!({ "matching": { "group": "none" }, "action": "disable" }),
    ] {
        let plan = serde_json::from_value::<UsersRequest>(body).unwrap();
        assert_eq!(plan.plan(&fixture.directory).await.unwrap_err().code(), "invalid");
    }
}

#[tokio::test]
async fn one_job_runs_and_the_others_wait_in_order() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    let first = queue(&fixture, &jobs, everyone("enable")).await;
    let later = by_operator_at(now() + jiff::SignedDuration::from_millis(1));
    let second = try_queue(&fixture, &jobs, everyone("disable"), &later).await.unwrap();
    let states = || async {
        let mut states = Vec::new();
        for id in [&first.id, &second.id] {
            states.push(jobs.get(id, &Actor::SocketOwner).await.unwrap().state);
        }
        states
    };
    assert_eq!(states().await, [JobState::Queued, JobState::Queued]);
    assert!(jobs.step().await.unwrap());
    assert_eq!(states().await, [JobState::Running, JobState::Queued]);
    work(&jobs).await;
    assert_eq!(states().await, [JobState::Done, JobState::Done]);
    assert!(user(&fixture, "ann@acme.example").await.disabled);
    let page = jobs.list(&crate::directory::PageRequest::default(), &Actor::SocketOwner).await;
    let listed: Vec<_> = page.unwrap().items.into_iter().map(|job| job.id).collect();
    assert_eq!(listed, [second.id, first.id]);
}

#[tokio::test]
async fn a_cancelled_job_changes_nothing_from_then_on() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    let waiting = queue(&fixture, &jobs, everyone("enable")).await;
    jobs.cancel(&waiting.id, &by_operator()).await.unwrap();
    jobs.cancel(&waiting.id, &by_operator()).await.unwrap();
    let running = queue(&fixture, &jobs, everyone("enable")).await;
    assert!(jobs.step().await.unwrap());
    // Cancelled between the items and their commit.
    let (other, id) = (jobs.clone(), running.id.clone());
    let cancel = async move { other.cancel(&id, &by_operator()).await.unwrap() };
    let interrupted = Jobs::new(fixture.with_interruption(cancel).await);
    work(&interrupted).await;
    for id in [&waiting.id, &running.id] {
        let (job, lines) = ended(&jobs, id).await;
        assert_eq!((job.state, job.done, lines.len()), (JobState::Cancelled, 0, 0));
    }
    assert_eq!(count(&fixture, kind::USER).await + count(&fixture, kind::JOB_PLAN).await, 0);
    assert_eq!(entries(&fixture, "job.cancelled").await.len(), 2);
    let done = queue(&fixture, &jobs, everyone("disable")).await;
    work(&jobs).await;
    let error = jobs.cancel(&done.id, &by_operator()).await.unwrap_err();
    assert_eq!(error.code(), "job-ended");
}

#[tokio::test]
async fn a_change_that_comes_between_is_not_overwritten() {
    let fixture = customers().await;
    let boss = fixture.user("acme", "boss", "limited").await.id;
    let jobs = Jobs::new(fixture.directory.clone());
    let body = json!({
        "apply_to": "organizations", "organizations": ["acme"], "action": "disable",
    });
    let job = queue(&fixture, &jobs, body).await;
    assert!(jobs.step().await.unwrap());
    let directory = fixture.directory.clone();
    let rename = async move {
        let patch = UserPatch { login: Some("chief".to_owned()), ..UserPatch::default() };
        directory.users().change(&boss, patch, &by_operator()).await.unwrap();
    };
    work(&Jobs::new(fixture.with_interruption(rename.boxed()).await)).await;
    assert_eq!(ended(&jobs, &job.id).await.0.counts, counts(0, 1, 0, 0));
    let chief = user(&fixture, "chief").await;
    assert!(chief.disabled);
}

fn rights(role: Role, scope: Scope) -> Rights {
    Rights { role, scope, impersonate: false }
}

fn only(ids: &[&str]) -> Scope {
    Scope::only(ids.iter().map(|id| OrganizationId::from(*id)))
}

#[tokio::test]
async fn i10_a_bulk_change_stays_in_the_scope_of_its_actor() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    let rights = rights(Role::Administrator, only(&["globex"]));
    let scoped = fixture.token("scoped", &rights).await;
    let job = try_queue(&fixture, &jobs, everyone("enable"), &by(scoped.clone())).await.unwrap();
    work(&jobs).await;
    let (job, lines) = ended(&jobs, &job.id).await;
    assert_eq!(results(&lines), [("globex", Effect::Created)], "{job:?}");
    let named =
        json!({ "apply_to": "organizations", "organizations": ["acme"], "action": "enable" });
    let error = try_queue(&fixture, &jobs, named, &by(scoped.clone())).await.unwrap_err();
    assert_eq!(error.code(), "invalid");
    // Jobs of others are not shown.
    let other = queue(&fixture, &jobs, everyone("disable")).await;
    let page = jobs.list(&crate::directory::PageRequest::default(), &scoped).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(jobs.hidden(&scoped).await.unwrap(), Some(1));
    assert_eq!(jobs.get(&other.id, &scoped).await.unwrap_err().code(), "not-found");
    assert_eq!(jobs.cancel(&other.id, &by(scoped)).await.unwrap_err().code(), "not-found");
}

#[tokio::test]
async fn i10_a_role_that_may_not_change_users_queues_nothing() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    for role in [Role::Technician, Role::Auditor] {
        let actor = fixture.token(role.name(), &rights(role, Scope::ALL)).await;
        let error = try_queue(&fixture, &jobs, everyone("enable"), &by(actor)).await.unwrap_err();
        assert_eq!(error.code(), "escalation");
    }
    assert_eq!(count(&fixture, kind::JOB).await, 0);
}

#[tokio::test]
async fn i10_a_job_stops_when_its_actor_loses_the_right() {
    type Lose = fn(&mut ApiToken);
    let lost: [(&str, Lose, &str); 3] = [
        ("role", |token| token.role = Role::Technician, "no longer has the role `administrator`"),
        ("scope", |token| token.scope = only(&["globex"]), "no longer includes"),
        ("expired", |token| token.expires = Some(token.created), "has expired"),
    ];
    for (name, lose, reason) in lost {
        let fixture = customers().await;
        let jobs = Jobs::new(fixture.directory.clone());
        let actor = fixture.token(name, &rights(Role::Administrator, Scope::ALL)).await;
        let job = try_queue(&fixture, &jobs, everyone("enable"), &by(actor)).await.unwrap();
        assert!(jobs.step().await.unwrap());
        let records = fixture.directory.records();
        let token: Stored<ApiToken> = records.read().get(&name.into()).await.unwrap().unwrap();
        let mut doc = token.doc.clone();
        lose(&mut doc);
        records.commit(&by_operator(), vec![token.replace(doc).0]).await.unwrap();
        work(&jobs).await;
        let (job, _) = ended(&jobs, &job.id).await;
        assert_eq!((job.state, job.done), (JobState::Failed, 0), "{name}");
        let why = job.reason.unwrap();
        assert!(why.contains(reason), "{name}: {why}");
        assert_eq!(entries(&fixture, "job.failed").await[0].reason.as_ref(), Some(&why));
        assert_eq!(count(&fixture, kind::USER).await + count(&fixture, kind::JOB_PLAN).await, 0);
    }
}

#[tokio::test]
async fn i10_a_job_outlives_the_session_but_not_the_account() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    let rights = rights(Role::Administrator, Scope::ALL);
    let actor = fixture.administrator("root", &rights).await;
    let Actor::Administrator { id, session: Some(session), .. } = &actor else { unreachable!() };
    let administrators = fixture.directory.administrators();
    let signed_out =
        try_queue(&fixture, &jobs, everyone("enable"), &by(actor.clone())).await.unwrap();
    administrators.end_session(session, &by_operator()).await.unwrap();
    work(&jobs).await;
    assert_eq!(ended(&jobs, &signed_out.id).await.0.state, JobState::Done);

    let other = fixture.administrator("other", &rights).await;
    let Actor::Administrator { id: other_id, .. } = &other else { unreachable!() };
    assert_ne!(id, other_id);
    let deleted =
        try_queue(&fixture, &jobs, everyone("disable"), &by(other.clone())).await.unwrap();
    administrators.delete(other_id, &by_operator()).await.unwrap();
    work(&jobs).await;
    let (job, _) = ended(&jobs, &deleted.id).await;
    assert_eq!((job.state, job.done), (JobState::Failed, 0));
    assert!(!user(&fixture, "ann@acme.example").await.disabled);
}

#[tokio::test]
async fn i9_each_change_of_a_job_names_its_actor_and_the_job() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    let actor = fixture.token("ci", &rights(Role::Administrator, Scope::ALL)).await;
    let job = try_queue(&fixture, &jobs, everyone("enable"), &by(actor)).await.unwrap();
    work(&jobs).await;
    for kind in ["user.created", "one-time-link.created"] {
        let found = entries(&fixture, kind).await;
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|entry| entry.actor.name == "ci"), "{kind}");
        let reason = format!("job {}", job.id);
        assert!(found.iter().all(|entry| entry.reason.as_deref() == Some(&reason)), "{kind}");
    }
    for kind in ["job.queued", "job.finished"] {
        let found = entries(&fixture, kind).await;
        assert_eq!(found.len(), 1, "{kind}");
        assert_eq!(found[0].subject.id, job.id.as_str());
    }
    let finished = entries(&fixture, "job.finished").await;
    assert_eq!(finished[0].after.as_ref().unwrap()["created"], 3);
}

#[tokio::test]
async fn large_plans_and_reports_are_in_parts_and_in_order() {
    let fixture = Fixture::new().await;
    let ids: Vec<String> = (0..1201).map(|number| format!("o{number:04}")).collect();
    for id in &ids {
        fixture.organization(id).await;
    }
    let jobs = Jobs::new(fixture.directory.clone());
    let body = json!({ "apply_to": "organizations", "organizations": "all", "action": "disable" });
    let job = queue(&fixture, &jobs, body).await;
    assert_eq!(count(&fixture, PlanPart::KIND).await, 3);
    work(&jobs).await;
    let (job, lines) = ended(&jobs, &job.id).await;
    assert_eq!((job.done, job.counts), (1201, counts(0, 0, 1201, 0)));
    assert!(lines.iter().map(|line| line.id.as_deref().unwrap()).eq(&ids));
    assert_eq!(count(&fixture, PlanPart::KIND).await, 0);
    assert!(count(&fixture, ReportPart::KIND).await > 10);
}

#[tokio::test]
async fn an_item_that_fails_takes_back_what_it_wrote() {
    let fixture = customers().await;
    let boss = fixture.user("acme", "boss", "limited").await.id;
    let batch = fixture.directory.batch(&by_operator()).await.unwrap();
    let patch = |login: &str| UserPatch { login: Some(login.to_owned()), ..UserPatch::default() };
    let change = by_operator();
    batch.directory().users().change(&boss, patch("chief"), &change).await.unwrap();
    let mark = batch.mark();
    let new = new_user("globex", "new");
    batch.directory().users().create(new, &change).await.unwrap();
    let batch = batch.back_to(mark).await.unwrap();
    let shown = batch.directory().users().with_login("chief").await.unwrap();
    assert_eq!(shown.id, boss);
    assert!(batch.directory().users().with_login("new").await.is_err());
    assert!(fixture.directory.users().with_login("chief").await.is_err());
    batch.commit(Vec::new(), Vec::new()).await.unwrap();
    assert_eq!(user(&fixture, "chief").await.id, boss);
    assert!(fixture.directory.users().with_login("new").await.is_err());
}

#[tokio::test]
async fn old_jobs_are_removed_with_their_reports() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    run(&fixture, everyone("enable")).await;
    let waiting = queue(&fixture, &jobs, everyone("disable")).await;
    let later = clock::now() + RETENTION;
    jobs.remove_old(later - jiff::SignedDuration::from_mins(1)).await;
    assert_eq!(count(&fixture, Job::KIND).await, 2);
    jobs.remove_old(later + jiff::SignedDuration::from_mins(1)).await;
    assert_eq!(count(&fixture, Job::KIND).await, 1);
    assert_eq!(count(&fixture, ReportPart::KIND).await, 0);
    jobs.get(&waiting.id, &Actor::SocketOwner).await.unwrap();
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_fails_and_the_next_one_runs() {
    let fixture = customers().await;
    let jobs = Jobs::new(fixture.directory.clone());
    let job = queue(&fixture, &jobs, everyone("enable")).await;
    let records = fixture.directory.records();
    let stored: Stored<Job> = records.read().get(&job.id).await.unwrap().unwrap();
    let doc = Job { kind: "future".to_owned(), ..stored.doc.clone() };
    jobs.commit(&by_operator(), vec![stored.replace(doc).0], Vec::new()).await.unwrap();
    let next = queue(&fixture, &jobs, everyone("disable")).await;
    work(&jobs).await;
    let (failed, _) = ended(&jobs, &job.id).await;
    assert_eq!(failed.state, JobState::Failed);
    assert!(failed.reason.unwrap().contains("`future`"));
    assert_eq!(ended(&jobs, &next.id).await.0.state, JobState::Done);
}
