//! What happens at the same time: of commits that exclude each other, one is made.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::kinds;
use super::{count, delete, expecting, find, get, list, put, told, user};
use crate::{Commit, CommitError, Expect, Key, Store, Write};

/// Commits that run at once.
const WRITERS: usize = 8;

pub(super) async fn of_conflicting_commits_one_wins(store: &Arc<dyn Store>) {
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

pub(super) async fn of_commits_for_one_unique_key_one_wins(store: &Arc<dyn Store>) {
    for round in 0..20 {
        let login = format!("login-{round}");
        let commit = |writer: usize| vec![user(&format!("{round}-{writer}"), &[&login], &[])];
        let winner = winner(store, commit, |refused| matches!(refused, CommitError::Taken { .. }));
        let winner = format!("{round}-{}", winner.await);
        assert_eq!(find(&**store, &login).await, Some(winner));
        assert_eq!(store.count(kinds::USER, None).await.unwrap(), round + 1);
    }
}

/// A group is deleted on condition that nobody is in it; people are put into it on condition that
/// it is there (R5, R6). Each condition is about what the other writes: a backend that judges it
/// by the state from before both does both.
pub(super) async fn what_is_required_holds_against_what_is_written_meanwhile(
    store: &Arc<dyn Store>,
) {
    for round in 0..100 {
        let group = format!("group-{round}");
        store.commit(vec![put(kinds::GROUP, &group, "1")]).await.unwrap();
        let at_once = at_once(store, |writer| {
            let (kind, id) = (kinds::GROUP, group.clone());
            // Whoever begins may win, so they take turns at that.
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
        assert_eq!(deleted, people == 0, "{people} are in a group that is deleted: {deleted}");
        assert_eq!(deleted, made.contains(&true), "what was answered is so");
        assert_eq!(people, made.iter().filter(|delete| !**delete).count() as u64);
    }
}

/// Each writes one record on condition that the other is as it was.
pub(super) async fn of_two_that_require_each_others_record_one_wins(store: &Arc<dyn Store>) {
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
        assert_eq!(written, 1, "one of the two is as the other required");
    }
}

/// Whoever asked for it may be gone at any moment; nobody ever sees a part of what was asked.
pub(super) async fn a_commit_whose_caller_has_left_is_whole_or_absent(store: &Arc<dyn Store>) {
    const ROUNDS: usize = 40;
    let mut seen = [0; 2];
    for round in 0..ROUNDS {
        let before = store.head().await.unwrap();
        let pair = format!("pair-{round}");
        let [one, other] = [format!("{pair}-a"), format!("{pair}-b")];
        let mut commit = store.commit(vec![
            user(&one, &[&one], &[&pair]),
            user(&other, &[&other], &[&pair]),
            delete("nobody", Expect::Any),
        ]);
        // Not begun at all in the first round, and let go a little later in each that follows.
        for _ in 0..round {
            tokio::select! {
                biased;
                _ = &mut commit => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(commit);
        store.commit(vec![put(kinds::PREFERENCES, "after", "1")]).await.unwrap();
        let told: Vec<_> =
            told(&**store, before).await.into_iter().filter(|c| c.kind == kinds::USER).collect();
        let whole = match &told[..] {
            [] => false,
            [one, other] => one.sequence == other.sequence,
            more_or_less => panic!("{more_or_less:?}"),
        };
        assert_eq!(told.len(), if whole { 2 } else { 0 }, "told at once");
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

/// Lets eight commits run at once, and says which one was made; all others must be refused as is
/// right.
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

/// Lets eight commits run at once; why each was refused, if it was.
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
