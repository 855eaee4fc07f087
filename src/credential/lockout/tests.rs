use std::net::IpAddr;
use std::sync::Barrier;

use jiff::{SignedDuration, Timestamp};

use super::key::{ACCOUNT, ADDRESS};
use super::series::{Series, State};
use super::{Attempt, Key, LockedUntil, Lockout};

const T0: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn at(seconds: i64) -> Timestamp {
    T0 + SignedDuration::from_secs(seconds)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A different address each time, so that only the account counts.
fn elsewhere(n: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + n).into())
}

fn begin(lockout: &Lockout, login: &str, now: Timestamp) -> Result<Attempt, LockedUntil> {
    lockout.begin(login, ip("192.0.2.1"), None, now)
}

fn fail(lockout: &Lockout, login: &str, times: u32, now: Timestamp) {
    for _ in 0..times {
        drop(begin(lockout, login, now).unwrap());
    }
}

fn refused(attempt: Result<Attempt, LockedUntil>) -> Timestamp {
    attempt.unwrap_err().0
}

/// The waits after the fifth failure and each one that follows.
#[test]
fn i6_waits_double_from_30_seconds_to_an_hour() {
    let mut series = Series::new(T0);
    let mut now = T0;
    for _ in 0..5 {
        assert!(series.has_room(series.state(ACCOUNT, now), ACCOUNT));
        series.reserve();
        series.fail(ACCOUNT, now);
    }
    for wait in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] {
        let until = now + SignedDuration::from_secs(wait);
        assert_eq!(series.state(ACCOUNT, now), State::Locked(until));
        let almost = until - SignedDuration::from_nanos(1);
        assert_eq!(series.state(ACCOUNT, almost), State::Locked(until));
        assert_eq!(series.state(ACCOUNT, until), State::Trial);
        now = until;
        series.reserve();
        series.fail(ACCOUNT, now);
    }
}

#[test]
fn i6_waits_stay_an_hour_after_any_number_of_failures() {
    let mut series = Series::new(T0);
    for _ in 0..200 {
        series.fail(ACCOUNT, T0);
    }
    assert_eq!(series.state(ACCOUNT, T0), State::Locked(at(3600)));
}

#[test]
fn i6_four_failures_do_not_lock_an_account_and_the_fifth_does() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 4, T0);
    assert!(lockout.locked(T0).is_empty());
    fail(&lockout, "ada", 1, T0);
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(30));
    assert_eq!(refused(begin(&lockout, "ada", at(29))), at(30));
    begin(&lockout, "ada", at(30)).unwrap().cancelled();
}

#[test]
fn i6_another_account_at_the_same_address_goes_on() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    begin(&lockout, "grace", T0).unwrap().cancelled();
}

#[test]
fn i6_a_login_is_one_account_however_it_is_spelled() {
    let lockout = Lockout::default();
    for login in ["ada", "ADA", " Ada ", "ada\t", "\u{ff21}da"] {
        fail(&lockout, login, 1, T0);
    }
    assert_eq!(refused(begin(&lockout, "aDa", T0)), at(30));
}

#[test]
fn i6_success_clears_the_account() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 4, T0);
    begin(&lockout, "ada", T0).unwrap().succeeded();
    fail(&lockout, "ada", 4, T0);
    assert!(begin(&lockout, "ada", T0).is_ok());
}

#[test]
fn i6_success_in_the_trial_clears_the_account() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    begin(&lockout, "ada", at(30)).unwrap().succeeded();
    fail(&lockout, "ada", 4, at(31));
    assert!(begin(&lockout, "ada", at(31)).is_ok());
}

#[test]
fn i6_failure_in_the_trial_doubles_the_wait() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    fail(&lockout, "ada", 1, at(30));
    assert_eq!(refused(begin(&lockout, "ada", at(30))), at(90));
}

#[test]
fn i6_one_attempt_at_a_time_in_the_trial() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    let trial = begin(&lockout, "ada", at(30)).unwrap();
    assert_eq!(refused(begin(&lockout, "ada", at(30))), at(31), "retry in a second");
    trial.cancelled();
    begin(&lockout, "ada", at(30)).unwrap().cancelled();
}

#[test]
fn i6_a_refused_attempt_does_not_prolong_the_wait() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    for second in 0..30 {
        assert_eq!(refused(begin(&lockout, "ada", at(second))), at(30));
    }
    assert!(begin(&lockout, "ada", at(30)).is_ok());
}

#[test]
fn i6_a_cancelled_attempt_is_not_counted() {
    let lockout = Lockout::default();
    for _ in 0..100 {
        begin(&lockout, "ada", T0).unwrap().cancelled();
    }
    fail(&lockout, "ada", 5, T0);
    begin(&lockout, "ada", at(30)).unwrap().cancelled();
    assert!(begin(&lockout, "ada", at(30)).is_ok(), "and it does not start another wait");
}

/// With a second factor, the right password is cancelled and the code is counted.
#[test]
fn i6_a_right_password_between_wrong_codes_does_not_clear_them() {
    let lockout = Lockout::default();
    for _ in 0..5 {
        begin(&lockout, "ada", T0).unwrap().cancelled();
        fail(&lockout, "ada", 1, T0);
    }
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(30));
}

#[test]
fn i6_parallel_attempts_at_an_account_get_exactly_the_budget() {
    let lockout = Lockout::default();
    let barrier = Barrier::new(100);
    let attempts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|n| {
                let (lockout, barrier) = (&lockout, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    lockout.begin("ada", elsewhere(n), None, T0)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(attempts.iter().filter(|attempt| attempt.is_ok()).count(), 5);
    drop(attempts);
    let locked = lockout.locked(T0);
    assert_eq!((locked.len(), locked[0].failures), (1, 5));
}

#[test]
fn i6_parallel_attempts_of_an_address_get_exactly_the_budget() {
    let lockout = Lockout::default();
    let attempts: Vec<_> = (0..100).map(|n| begin(&lockout, &format!("user{n}"), T0)).collect();
    assert_eq!(attempts.iter().filter(|attempt| attempt.is_ok()).count(), 30);
}

#[test]
fn i6_pending_attempts_delay_others_for_one_second_only() {
    let lockout = Lockout::default();
    let pending: Vec<_> = (0..5).map(|_| begin(&lockout, "ada", T0).unwrap()).collect();
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(1));
    pending.into_iter().for_each(Attempt::succeeded);
    assert!(begin(&lockout, "ada", T0).is_ok());
}

#[test]
fn i6_a_failure_that_began_before_a_success_still_counts() {
    let lockout = Lockout::default();
    let slow: Vec<_> = (0..4).map(|_| begin(&lockout, "ada", T0).unwrap()).collect();
    begin(&lockout, "ada", T0).unwrap().succeeded();
    drop(slow);
    fail(&lockout, "ada", 1, T0);
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(30));
}

#[test]
fn i6_thirty_failures_from_an_address_lock_it_for_every_account() {
    let lockout = Lockout::default();
    for n in 0..29 {
        fail(&lockout, &format!("user{n}"), 1, T0);
    }
    assert!(lockout.locked(T0).is_empty());
    fail(&lockout, "user29", 1, T0);
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(30));
    assert!(lockout.begin("ada", ip("192.0.2.2"), None, T0).is_ok());
}

#[test]
fn i6_success_does_not_clear_an_address() {
    let lockout = Lockout::default();
    for n in 0..30 {
        fail(&lockout, &format!("user{n}"), 1, T0);
        if n < 29 {
            begin(&lockout, "mallory", T0).unwrap().succeeded();
        }
    }
    assert_eq!(refused(begin(&lockout, "mallory", T0)), at(30));
}

#[test]
fn i6_successes_of_an_address_are_not_limited() {
    let lockout = Lockout::default();
    for n in 0..100 {
        begin(&lockout, &format!("user{n}"), T0).unwrap().succeeded();
    }
    let tables = lockout.lock();
    let remembered = tables.all().iter().map(|table| table.series().count()).sum::<usize>();
    assert_eq!(remembered, 0, "nothing is remembered of them");
}

#[test]
fn i6_strangers_cannot_lock_a_known_browser_out() {
    let lockout = Lockout::default();
    let home = ip("192.0.2.1");
    fail(&lockout, "ada", 5, T0);
    for n in 0..25 {
        fail(&lockout, &format!("user{n}"), 1, T0);
    }
    assert!(lockout.begin("ada", home, None, T0).is_err());
    lockout.begin("ada", home, Some("laptop"), T0).unwrap().succeeded();
    assert!(lockout.begin("ada", home, None, T0).is_err(), "it does not let the strangers in");
}

#[test]
fn i6_a_known_browser_has_the_same_budget() {
    let lockout = Lockout::default();
    let known = |browser, now| lockout.begin("ada", ip("192.0.2.1"), Some(browser), now);
    for _ in 0..5 {
        drop(known("laptop", T0).unwrap());
    }
    assert_eq!(refused(known("laptop", T0)), at(30));
    assert!(known("phone", T0).is_ok());
    begin(&lockout, "ada", T0).unwrap().cancelled();
}

#[test]
fn i6_all_known_browsers_of_an_account_share_thirty_failures() {
    let lockout = Lockout::default();
    let known = |browser: u32, login: &str, now| {
        lockout.begin(login, ip("192.0.2.1"), Some(&format!("browser {browser}")), now)
    };
    let parallel: Vec<_> = (0..40).filter_map(|n| known(n, "ada", T0).ok()).collect();
    assert_eq!(parallel.len(), 30, "in parallel too");
    drop(parallel);
    assert_eq!(refused(known(99, "ada", T0)), at(30), "another browser does not help");
    drop(known(99, "ada", at(30)).unwrap());
    assert_eq!(refused(known(98, "ada", at(30))), at(90), "the waits grow");
    // Other accounts and unknown browsers are not affected, and the list shows it.
    assert!(known(1, "grace", T0).is_ok());
    begin(&lockout, "ada", T0).unwrap().cancelled();
    let locked = lockout.locked(at(30));
    assert_eq!((locked.len(), &locked[0].key), (1, &Key::browsers("ada")));
    assert!(lockout.release(&Key::account("ada")), "together with the login");
    known(98, "ada", at(30)).unwrap().cancelled();
}

#[test]
fn i6_strangers_do_not_count_against_the_known_browsers() {
    let lockout = Lockout::default();
    for n in 0..100 {
        drop(lockout.begin("ada", elsewhere(n), None, at(i64::from(n) * 3600)));
    }
    let now = at(100 * 3600);
    let browsers = Key::browsers("ada");
    assert!(lockout.lock().of(&browsers).get(&browsers).is_none());
    lockout.begin("ada", ip("192.0.2.1"), Some("laptop"), now).unwrap().cancelled();
}

#[test]
fn i6_invalid_links_are_counted_and_nothing_is_refused() {
    let lockout = Lockout::default();
    let office = ip("192.0.2.1");
    for _ in 0..100 {
        lockout.wrong_link(office, T0);
    }
    begin(&lockout, "ada", T0).unwrap().cancelled();
    assert!(lockout.allow_asking(office, T0));
    let locked = lockout.locked(T0);
    assert_eq!((locked.len(), &locked[0].key), (1, &Key::link(office)));
    assert_eq!(locked[0].key.to_string(), "invalid links from 192.0.2.1/32");
    assert!(lockout.release(&Key::link(office)));
    assert!(lockout.locked(T0).is_empty());
}

#[test]
fn i6_addresses_of_one_customer_are_one() {
    let lockout = Lockout::default();
    for n in 0..30 {
        let address = ip(&format!("2001:db8:1:2::{n:x}"));
        drop(lockout.begin(&format!("user{n}"), address, None, T0).unwrap());
    }
    assert!(lockout.begin("ada", ip("2001:db8:1:2:ffff::1"), None, T0).is_err());
    assert!(lockout.begin("ada", ip("2001:db8:1:3::1"), None, T0).is_ok());
}

#[test]
fn i6_an_ipv4_mapped_ipv6_address_is_the_ipv4_address() {
    assert_eq!(Key::address(ip("::ffff:192.0.2.1")), Key::address(ip("192.0.2.1")));
    assert_ne!(Key::address(ip("192.0.2.1")), Key::address(ip("192.0.2.2")));
}

#[test]
fn failures_are_forgotten_after_the_window() {
    let day = 24 * 3600;
    let lockout = Lockout::default();
    fail(&lockout, "ada", 4, T0);
    let late = lockout.begin("ada", elsewhere(1), None, at(day - 1)).unwrap();
    drop(late);
    assert!(begin(&lockout, "ada", at(day - 1)).is_err(), "the first is remembered for a day");

    let lockout = Lockout::default();
    fail(&lockout, "ada", 4, T0);
    fail(&lockout, "ada", 4, at(day));
    assert!(begin(&lockout, "ada", at(day)).is_ok());
}

#[test]
fn a_series_that_locked_is_forgotten_a_window_after_its_wait() {
    let mut series = Series::new(T0);
    for _ in 0..30 {
        series.fail(ADDRESS, T0);
    }
    let end = 30 + 3600;
    assert_eq!(series.state(ADDRESS, at(end - 1)), State::Trial);
    assert_eq!(series.state(ADDRESS, at(end)), State::Clear);
    series.fail(ADDRESS, at(end));
    assert_eq!(series.failures(), 1, "and starts again");
}

#[test]
fn i6_a_time_from_before_a_wait_does_not_shorten_it() {
    let hour = 3600;
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, at(hour));
    // Requests that arrived an hour ago, alternating with current ones.
    for (now, asked) in [(0, hour + 1), (hour - 61, hour + 2), (0, hour + 29)] {
        assert_eq!(refused(begin(&lockout, "ada", at(now))), at(hour + 30), "{now}");
        assert_eq!(refused(begin(&lockout, "ada", at(asked))), at(hour + 30), "{asked}");
    }
    begin(&lockout, "ada", at(hour + 30)).unwrap().cancelled();
    // The same when such a request fails, or makes room in a full table.
    drop(begin(&lockout, "ada", at(hour + 30)).unwrap());
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(hour + 90));
    lockout.lock().of_mut(&Key::account("ada")).make_room(T0);
    assert_eq!(refused(begin(&lockout, "ada", at(hour + 89))), at(hour + 90));
    assert_eq!(lockout.locked(T0)[0].until, at(hour + 90));
}

#[test]
fn i6_a_clock_set_back_neither_unlocks_nor_extends_the_wait() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    lockout.correct_clock(at(-60));
    assert_eq!(refused(begin(&lockout, "ada", at(-60))), at(30), "a small step changes nothing");
    lockout.correct_clock(at(-1000));
    assert_eq!(refused(begin(&lockout, "ada", at(-1000))), at(-970));
    assert_eq!(refused(begin(&lockout, "ada", at(-971))), at(-970));
    begin(&lockout, "ada", at(-970)).unwrap().cancelled();
}

#[test]
fn a_clock_at_either_end_of_time_does_not_panic() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    lockout.correct_clock(Timestamp::MIN);
    let earliest = Timestamp::MIN + SignedDuration::from_secs(30);
    assert_eq!(refused(begin(&lockout, "ada", Timestamp::MIN)), earliest);
    fail(&lockout, "grace", 5, Timestamp::MAX);
    drop(begin(&lockout, "grace", Timestamp::MAX));
    lockout.correct_clock(Timestamp::MAX);
}

#[test]
fn i6_a_clock_that_ran_ahead_restarts_the_wait() {
    let year = 365 * 24 * 3600;
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, at(year));
    lockout.correct_clock(T0);
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(30), "it does not unlock");
    lockout.correct_clock(at(29));
    assert_eq!(refused(begin(&lockout, "ada", at(29))), at(30), "and the wait ends");
    begin(&lockout, "ada", at(30)).unwrap().cancelled();

    // The operator's list agrees, and failures below the budget are forgotten in time.
    fail(&lockout, "grace", 5, at(year));
    fail(&lockout, "alan", 4, at(year));
    lockout.correct_clock(T0);
    assert_eq!(lockout.locked(T0).iter().map(|locked| locked.until).max(), Some(at(30)));
    fail(&lockout, "alan", 4, at(24 * 3600));
    assert!(begin(&lockout, "alan", at(24 * 3600)).is_ok());
}

#[test]
fn locked_keys_are_listed_and_can_be_released() {
    let lockout = Lockout::default();
    fail(&lockout, "Ada", 5, T0);
    fail(&lockout, "grace", 4, T0);
    let locked = lockout.locked(T0);
    assert_eq!(locked.len(), 1);
    assert_eq!((&locked[0].key, locked[0].until), (&Key::account("ada"), at(30)));
    assert_eq!(locked[0].key.to_string(), "account ada");
    assert!(lockout.locked(at(30)).is_empty());

    assert!(!lockout.release(&Key::account("nobody")));
    assert!(lockout.release(&Key::account(" ADA ")));
    assert!(lockout.locked(T0).is_empty());
    fail(&lockout, "ada", 4, T0);
    assert!(begin(&lockout, "ada", T0).is_ok());
}

#[test]
fn i6_release_gives_pending_attempts_no_second_budget() {
    let lockout = Lockout::default();
    let pending: Vec<_> = (0..5).map(|_| begin(&lockout, "ada", T0).unwrap()).collect();
    lockout.release(&Key::account("ada"));
    assert!(begin(&lockout, "ada", T0).is_err());
    drop(pending);
    assert_eq!(refused(begin(&lockout, "ada", T0)), at(30));
}

#[test]
fn a_full_table_drops_the_oldest_that_is_not_locked() {
    let lockout = Lockout::new(4);
    let alone = |login: &str, now| {
        lockout.begin_with(vec![Key::account(login)], (ip("192.0.2.1"), Some(login)), now)
    };
    for _ in 0..5 {
        drop(alone("locked", T0).unwrap());
    }
    let _pending = alone("waiting", T0).unwrap();
    drop(alone("old", at(1)).unwrap());
    drop(alone("young", at(2)).unwrap());
    drop(alone("new", at(3)).unwrap());
    let tables = lockout.lock();
    let accounts = tables.of(&Key::account("x"));
    let mut left: Vec<_> = accounts.series().map(|(key, _)| key.to_string()).collect();
    left.sort();
    let left: Vec<_> = left.iter().map(|key| key.rsplit_once(' ').unwrap().1).collect();
    assert_eq!(left, ["locked", "new", "waiting", "young"]);
}

#[test]
fn a_table_under_attack_stays_bounded() {
    let lockout = Lockout::new(200);
    for n in 0..1000 {
        let now = at(i64::from(n) / 100);
        drop(lockout.begin(&format!("user{n}"), elsewhere(n), None, now).unwrap());
        let tables = lockout.lock();
        assert!(tables.all().iter().all(|table| table.series().count() <= 200));
    }
}

/// 101,000 invalid links and requests for mails, from as many networks.
#[test]
fn i6_links_and_mail_requests_do_not_evict_accounts() {
    let lockout = Lockout::default();
    fail(&lockout, "ada", 5, T0);
    for n in 0..101_000 {
        lockout.wrong_link(elsewhere(n), T0);
        assert!(lockout.allow_asking(elsewhere(n), T0));
    }
    assert_eq!(refused(begin(&lockout, "ada", at(1))), at(30));
}

#[test]
fn i6_failures_of_an_account_outlive_floods_of_logins() {
    let lockout = Lockout::new(100);
    let try_ada = |exists: bool, now| {
        let attempt = lockout.begin("ada", elsewhere(1), None, now).unwrap();
        if exists {
            attempt.account_exists();
        }
    };
    (0..4).for_each(|_| try_ada(true, T0));
    lockout.begin("eve", elsewhere(2), Some("hers"), T0).map(drop).unwrap();
    for n in 0..10_000 {
        // Each fails more often than the account.
        let login = format!("flood {}", n / 5);
        drop(lockout.begin(&login, elsewhere(1000 + n), None, at(1)).unwrap());
    }
    try_ada(true, at(2));
    assert_eq!(refused(lockout.begin("ada", elsewhere(1), None, at(2))), at(32));
    assert!(
        lockout.release(&Key::browser("eve", "hers")),
        "a known browser's are not evicted either"
    );

    // It is forgotten after the window, like a login that does not exist.
    lockout.correct_clock(at(32 + 24 * 3600));
    assert!(!lockout.release(&Key::account("ada")));
}

#[test]
fn i6_series_with_few_failures_are_evicted_first() {
    let lockout = Lockout::new(10);
    let alone = |login: &str, now| {
        lockout.begin_with(vec![Key::account(login)], (ip("192.0.2.1"), Some(login)), now)
    };
    (0..2).for_each(|_| drop(alone("twice", T0).unwrap()));
    for n in 0..100 {
        drop(alone(&format!("once {n}"), at(1)).unwrap());
    }
    assert!(lockout.release(&Key::account("twice")));
}

#[test]
fn a_long_login_is_kept_as_its_hash() {
    let long = "x".repeat(10_000);
    let Key::Account(account) = Key::account(&long) else { panic!("an account") };
    assert!(account.len() < 128);
    assert_ne!(Key::account(&long), Key::account(&format!("{long}y")));
}
