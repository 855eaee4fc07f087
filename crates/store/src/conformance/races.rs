//! Concurrent commits: of those that exclude each other, one succeeds.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::kinds;
use super::{changes_after, count, delete, expecting, find, get, list, put, user};
use crate::{Commit, CommitError, Expect, Key, Store, Write};

/// Number of commits that run at the same time.
const WRITERS: usize = 8;

pub(super) async fn one_of_conflicting_commits_wins(store: &Arc<dyn Store>) {
    for round in 0..10 {
        let id = format!("counter-{round}");
        store.commit(vec![put(kinds::USER, &id, "0")]).await.unwrap();
        for version in 1..=5 {
            let commit = |writer: usize| {
                let write = put(kinds::USER, &id, &writer.to_string());
                vec![expecting(write, Expect::Version(version))]
            };
            let winner =
                winner(store, commit, |refused| matches!(refused, CommitError::Conflict { .. }));
            let winner = winner.await.to_string();
            assert_eq!(get(&**store, kinds::USER, &id).await, Some((version + 1, winner)));
        }
    }
}

pub(super) async fn one_commit_gets_a_unique_key(store: &Arc<dyn Store>) {
    for round in 0..20 {
        let login = format!("login-{round}");
        let commit = |writer: usize| vec![user(&format!("{round}-{writer}"), &[&login], &[])];
        let winner = winner(store, commit, |refused| matches!(refused, CommitError::Taken { .. }));
        let winner = format!("{round}-{}", winner.await);
        assert_eq!(find(&**store, &login).await, Some(winner));
        assert_eq!(store.count(kinds::USER, None).await.unwrap(), round + 1);
    }
}

/// A group is deleted on condition that it has no members; members are added on condition that it
/// exists (R5, R6). Each condition is about what the other commit writes: a backend that checks both
/// against the state before either lets both succeed.
pub(super) async fn conditions_hold_against_concurrent_writes(store: &Arc<dyn Store>) {
    for round in 0..100 {
        let group = format!("group-{round}");
        store.commit(vec![put(kinds::GROUP, &group, "1")]).await.unwrap();
        let at_once = at_once(store, |writer| {
            let (kind, id) = (kinds::GROUP, group.clone());
            // The first to start may win, so they take turns.
            if (round + writer) % 2 == 0 {
                let key = Key::new("group", &group);
                vec![
                    Write::Delete { kind, id, expect: Expect::Present },
                    Write::RequireNone { kind: kinds::USER, key },
                ]
            } else {
                let person = user(&format!("{group}-{writer}"), &[], &[&group]);
                vec![Write::Require { kind, id, expect: Expect::Present }, person]
            }
        });
        let made = at_once.await.into_iter().filter(|(_, refused)| match refused {
            None => true,
            Some(CommitError::Conflict { .. } | CommitError::InUse { .. }) => false,
            Some(other) => panic!("{other:?}"),
        });
        let made: Vec<_> = made.map(|(writer, _)| (round + writer) % 2 == 0).collect();
        let deleted = get(&**store, kinds::GROUP, &group).await.is_none();
        let people = count(&**store, Some(&group)).await;
        assert_eq!(deleted, people == 0, "{people} members, deleted: {deleted}");
        assert_eq!(deleted, made.contains(&true), "the results are true");
        assert_eq!(people, made.iter().filter(|delete| !**delete).count() as u64);
    }
}

/// Each writes one record on condition that the other has not changed.
pub(super) async fn one_of_two_mutual_conditions_holds(store: &Arc<dyn Store>) {
    for round in 0..100 {
        let both = [format!("left-{round}"), format!("right-{round}")];
        for id in &both {
            store.commit(vec![put(kinds::USER, id, "1")]).await.unwrap();
        }
        let at_once = at_once(store, |writer| {
            let [mine, other] = if (round + writer) % 2 == 0 { [0, 1] } else { [1, 0] };
            let (kind, id, expect) = (kinds::USER, both[other].clone(), Expect::Version(1));
            vec![Write::Require { kind, id, expect }, put(kind, &both[mine], "2")]
        });
        for (_, refused) in at_once.await {
            assert!(matches!(refused, None | Some(CommitError::Conflict { .. })), "{refused:?}");
        }
        let mut written = 0;
        for id in &both {
            let (version, _) = get(&**store, kinds::USER, id).await.unwrap();
            written += usize::from(version > 1);
        }
        assert_eq!(written, 1, "only one of the two succeeds");
    }
}

/// The future of a commit may be dropped at any moment. The commit is never seen in part.
pub(super) async fn an_abandoned_commit_is_complete_or_absent(store: &Arc<dyn Store>) {
    const ROUNDS: usize = 40;
    let mut seen = [0; 2];
    for round in 0..ROUNDS {
        let before = store.head().await.unwrap();
        let pair = format!("pair-{round}");
        let [one, other] = [format!("{pair}-a"), format!("{pair}-b")];
        let mut commit = store.commit(vec![
            user(&one, &[&one], &[&pair]),
            user(&other, &[&other], &[&pair]),
            delete("missing", Expect::Any),
        ]);
        // Not polled in the first round, and dropped a little later in each round.
        for _ in 0..round {
            tokio::select! {
                biased;
                _ = &mut commit => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(commit);
        store.commit(vec![put(kinds::PREFERENCES, "after", "1")]).await.unwrap();
        let changes: Vec<_> = changes_after(&**store, before)
            .await
            .into_iter()
            .filter(|c| c.kind == kinds::USER)
            .collect();
        let whole = match &changes[..] {
            [] => false,
            [one, other] => one.sequence == other.sequence,
            more_or_less => panic!("{more_or_less:?}"),
        };
        assert_eq!(changes.len(), if whole { 2 } else { 0 }, "all changes together");
        let there = list(&**store, Some(&pair), None, 9).await;
        if whole {
            assert_eq!(there, [&*one, &*other]);
            assert_eq!(find(&**store, &one).await.as_ref(), Some(&one));
            assert_eq!(find(&**store, &other).await.as_ref(), Some(&other));
        } else {
            assert!(there.is_empty() || there.len() == 2, "{there:?}");
        }
        seen[usize::from(whole)] += 1;
    }
    assert!(seen[0] > 0 && seen[0] < ROUNDS, "absent and whole: {seen:?}");
}

/// Runs eight commits at the same time. Returns which one succeeded; all others must be refused with
/// an error that `right` accepts.
async fn winner(
    store: &Arc<dyn Store>,
    commit: impl Fn(usize) -> Commit,
    right: impl Fn(&CommitError) -> bool,
) -> usize {
    let mut winners = Vec::new();
    for (writer, refused) in at_once(store, commit).await {
        match refused {
            None => winners.push(writer),
            Some(error) => assert!(right(&error), "{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    winners[0]
}

/// Runs eight commits at the same time, and returns the errors of those that were refused.
async fn at_once(
    store: &Arc<dyn Store>,
    commit: impl Fn(usize) -> Commit,
) -> Vec<(usize, Option<CommitError>)> {
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, commit) = (Arc::clone(store), commit(writer));
        tasks.spawn(async move { (writer, store.commit(commit).await.err()) });
    }
    tasks.join_all().await
}
