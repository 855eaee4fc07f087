//! Lockout: how often a secret may be guessed (I6).
//!
//! Everything that checks a secret (password, code, link, reset, invitation) counts its failures
//! here. Each [`Key`] has a series of failures of its own, which is this state machine:
//!
//! ```text
//!                  failure
//!                 (n < budget)
//!                  +------+
//!                  |      v        failure (n = budget)
//!   CLEAR ------> COUNTING n ----------------------> LOCKED until t <-------+
//!     ^   failure  |                                  |                     |
//!     |            |                             time | reaches t           | failure: the wait
//!     |            |                                  v                     | is doubled,
//!     |  success,  |         one attempt at a time: TRIAL ------------------+ up to an hour
//!     |  release,  |                                  |
//!     |  window    |                                  | success, release,
//!     +------------+----------------------------------+ window (release also while LOCKED)
//! ```
//!
//! - *Account*: the folded login. 5 consecutive failures, then a wait of 30 s that doubles with
//!   each further failure, up to 1 h. Logins that do not exist are counted like any other, so that
//!   the lockout does not reveal which exist.
//! - *Address*: an IPv4 address or an IPv6 /64. The same with 30 failures, because many people
//!   share one. A success does not clear the failures of an address: otherwise an attacker with
//!   one account could guess at all the others.
//! - *Browser*: an account in a browser that has signed in to it before, with its current
//!   password. It has a series of its own and is not held up by the other two: strangers cannot
//!   lock out a person who signs in regularly. The caller makes sure that the browser's name
//!   cannot be forged and belongs to this account and password.
//! - *Administrator*: the folded login of an administrator, like an account. An administrator has no
//!   known browsers, but a network that the account last signed in from, with a series of its own: a
//!   stranger elsewhere cannot lock out an administrator who signs in from the usual place.
//! - *Browsers*: all browsers known to an account together, counted along with each browser's own
//!   series. 30 failures, otherwise like an account: having many known browsers, or many of their
//!   cookies, gives no more attempts than that.
//! - *Asking*: requests from an address that make us send mail. Like an address, in a series of
//!   its own: it never keeps anyone from signing in.
//! - *Link*: invalid links, by address. Like an address, in a series of its own for which nothing
//!   is refused: any page and any mail scanner can make a browser open such links, which must not
//!   keep a whole office from signing in. It is counted so that operators can see it.
//! - *Token*: invalid tokens of portal users, by address. Like an address, in a series of its own
//!   for which only further invalid tokens are refused: nothing can be guessed in 256 random bits,
//!   and one program with an old token must not keep a whole office from signing in. With a login,
//!   they count for its account too.
//! - *Window*: failures are forgotten 24 h (those counted by address: 1 h) after the first of a
//!   series that has not reached its budget, or after the end of the last wait.
//! - *Clock*: a failure more than a minute in the future was counted while the clock ran ahead, and
//!   the clock has been set back since. It is moved to now, so that the wait starts again instead
//!   of lasting until that time. Only [`Lockout::correct_clock`] does this, with a time that was
//!   just read: the time of an attempt may be old, because the client decides how long its request
//!   takes. An attempt with an old time is never allowed earlier than one with the current time.
//!
//! **Reserve, then verify.** [`Lockout::begin`] takes a place in the budget before anything is
//! verified: failures and pending attempts together never exceed the budget, or one beyond it. So
//! parallel guesses gain nothing. An [`Attempt`] that is dropped has failed, one that
//! [`succeeded`](Attempt::succeeded) clears its account or browsers, one that was
//! [`cancelled`](Attempt::cancelled) leaves no trace. A refused attempt is not counted: it cannot
//! prolong a wait.
//!
//! **Success means the whole sign-in.** A right password that still needs a second factor is
//! *cancelled*, not succeeded: otherwise an attacker who knows the password could clear the count
//! between two guesses at the code.
//!
//! **Tables.** Each kind has a table of its own, so that what costs an attacker nothing (an invalid
//! link, asking for a mail) never evicts what does (a password that was hashed). The series of
//! existing logins, and of their known browsers, are kept until they are over: their number is
//! bounded by the accounts. All others are bounded by `CAPACITY`; when a table is full, series that
//! are not locked are evicted first, those with the fewest failures first, the oldest of them
//! first. So evicting a series takes as many failures, under as many other logins or from as many
//! other networks as the table is long. The tables are in memory: a restart forgets them, and each
//! replica counts for itself.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use super::password::loggable_login;
use crate::telemetry::events::Event;

use self::series::{Series, State};
use self::table::{Table, Tables};

mod key;
mod series;
mod table;
#[cfg(test)]
mod tests;

pub use self::key::{Key, network};

/// Series that each table keeps, those of existing accounts not counted.
const CAPACITY: usize = 100_000;

/// No attempt is allowed before this time. It does not reveal whether the account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedUntil(pub Timestamp);

/// A key that is locked, for administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Whose failures were counted.
    pub key: Key,
    /// The number of failures.
    pub failures: u32,
    /// When the next attempt is allowed.
    pub until: Timestamp,
}

/// The tables of failures. Clones share them.
#[derive(Debug, Clone)]
pub struct Lockout {
    tables: Arc<Mutex<Tables>>,
    /// Whether nothing is counted or forgotten, for a dry run.
    read_only: bool,
}

impl Default for Lockout {
    fn default() -> Self {
        Self::new(CAPACITY)
    }
}

impl Lockout {
    /// Empty tables for `capacity` keys each.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { tables: Arc::new(Mutex::new(Tables::new(capacity))), read_only: false }
    }

    /// The same tables for a dry run, in which nothing is counted or forgotten.
    #[must_use]
    pub fn read_only(&self) -> Self {
        Self { read_only: true, ..self.clone() }
    }

    /// Starts an attempt at an account; it counts as failed until its outcome is known.
    ///
    /// `browser` names a browser that has signed in to this account before, with its current
    /// password.
    ///
    /// # Errors
    /// [`LockedUntil`] when no attempt is allowed now; nothing has been counted then.
    pub fn begin(
        &self,
        login: &str,
        address: IpAddr,
        browser: Option<&str>,
        now: Timestamp,
    ) -> Result<Attempt, LockedUntil> {
        let keys = match browser {
            Some(browser) => vec![Key::browser(login, browser), Key::browsers(login)],
            None => vec![Key::account(login), Key::address(address)],
        };
        self.begin_with(keys, (address, Some(login)), now)
    }

    /// Starts an attempt at an administrator's account, counted by login and address. `last` is the
    /// address that the account last signed in from: attempts in its network are counted apart.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_administrator(
        &self,
        login: &str,
        address: IpAddr,
        last: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt, LockedUntil> {
        let here = Key::administrator_at(login, address);
        let account = match last.map(|last| Key::administrator_at(login, last)) {
            Some(known) if known == here => here,
            _ => Key::administrator(login),
        };
        let keys = vec![account, Key::address(address)];
        self.begin_with(keys, (address, Some(login)), now)
    }

    fn begin_with(
        &self,
        mut keys: Vec<Key>,
        (client, login): (IpAddr, Option<&str>),
        now: Timestamp,
    ) -> Result<Attempt, LockedUntil> {
        let mut tables = self.lock();
        let refusals = keys.iter().filter_map(|key| tables.of(key).refusal(key, now));
        if let Some(until) = refusals.max() {
            return Err(LockedUntil(until));
        }
        if self.read_only {
            keys.clear();
        }
        for key in &keys {
            tables.of_mut(key).reserve(key, now);
        }
        drop(tables);
        Ok(Attempt {
            lockout: self.clone(),
            keys,
            began: now,
            client,
            login: login.map(str::to_owned),
            exists: AtomicBool::new(false),
        })
    }

    /// Whether an address may ask for another mail now; if so, the request is counted.
    #[must_use]
    pub fn allow_asking(&self, address: IpAddr, now: Timestamp) -> bool {
        // A dropped attempt counts as a failure.
        self.begin_with(vec![Key::asking(address)], (address, None), now).is_ok()
    }

    /// Counts an invalid link. Nothing is refused for it, whatever the count.
    pub fn wrong_link(&self, address: IpAddr, now: Timestamp) {
        drop(self.begin_with(vec![Key::link(address)], (address, None), now));
    }

    /// Begins an attempt with a token of a portal user that is not valid, counted by address and by
    /// the login that came with it.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_token(
        &self,
        address: IpAddr,
        login: Option<&str>,
        now: Timestamp,
    ) -> Result<Attempt, LockedUntil> {
        let keys = std::iter::once(Key::token(address)).chain(login.map(Key::account));
        self.begin_with(keys.collect(), (address, login), now)
    }

    /// Restarts waits that were counted while the clock ran ahead. To be called every few seconds
    /// with a time that has just been read.
    pub fn correct_clock(&self, now: Timestamp) {
        for table in self.lock().all_mut() {
            table.correct_clock(now);
        }
    }

    /// The keys that are locked now, longest first.
    #[must_use]
    pub fn locked(&self, now: Timestamp) -> Vec<Locked> {
        let tables = self.lock();
        let mut locked: Vec<_> = tables
            .all()
            .into_iter()
            .flat_map(Table::series)
            .filter_map(|(key, series)| match series.state(key.limits(), now) {
                State::Locked(until) => {
                    Some(Locked { key: key.clone(), failures: series.failures(), until })
                }
                State::Clear | State::Counting | State::Trial => None,
            })
            .collect();
        drop(tables);
        locked.sort_by_key(|locked| std::cmp::Reverse(locked.until));
        locked
    }

    /// Forgets the failures of a key, and for an account those of its known browsers or network too.
    /// Returns whether there were any.
    pub fn release(&self, key: &Key) -> bool {
        let mut tables = self.lock();
        let keys: Vec<Key> = match key {
            Key::Account(login) => {
                let is_browser = |key: &&Key| match key {
                    Key::Browser { account, .. } | Key::Browsers(account) => account == login,
                    Key::Account(_)
                    | Key::Address(_)
                    | Key::Asking(_)
                    | Key::Link(_)
                    | Key::Token(_)
                    | Key::Administrator(_)
                    | Key::AdministratorAt { .. } => false,
                };
                let accounts = tables.of(key).series().map(|(key, _)| key);
                accounts.filter(is_browser).chain([key]).cloned().collect()
            }
            Key::Administrator(login) => {
                let accounts = tables.of(key).series().map(|(key, _)| key);
                let is_same = |key: &&Key| matches!(key, Key::AdministratorAt { account, .. } if account == login);
                accounts.filter(is_same).chain([key]).cloned().collect()
            }
            Key::Browser { .. }
            | Key::Browsers(_)
            | Key::Address(_)
            | Key::Asking(_)
            | Key::Link(_)
            | Key::Token(_)
            | Key::AdministratorAt { .. } => vec![key.clone()],
        };
        let mut failed = false;
        for key in &keys {
            let table = tables.of_mut(key);
            failed |= table.get(key).is_some_and(|series| series.failures() > 0);
            if !self.read_only {
                table.change(key, Series::clear);
            }
        }
        failed
    }

    /// A panic elsewhere leaves the tables consistent: each change is a few assignments.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock()
    }
}

/// A pending attempt. Dropped, it has failed.
#[derive(Debug)]
#[must_use = "an attempt that is dropped has failed"]
pub struct Attempt {
    lockout: Lockout,
    /// Emptied when the outcome is known.
    keys: Vec<Key>,
    began: Timestamp,
    client: IpAddr,
    /// The login as typed.
    login: Option<String>,
    exists: AtomicBool,
}

impl Attempt {
    /// The account exists: its failures are never evicted to make room for others.
    pub fn account_exists(&self) {
        self.exists.store(true, Ordering::Relaxed);
        let mut tables = self.lockout.lock();
        for key in
            self.keys.iter().filter(|key| matches!(key, Key::Account(_) | Key::Administrator(_)))
        {
            tables.of_mut(key).keep(key);
        }
    }

    /// Whether failures have locked the account since this time, so that what was begun then is over.
    #[must_use]
    pub fn was_locked_since(&self, then: Timestamp) -> bool {
        let tables = self.lockout.lock();
        let was_locked = self.keys.iter().filter(|key| key.is_of_login()).any(|key| {
            tables.of(key).get(key).is_some_and(|series| {
                series.failures() >= key.limits().budget && series.last() >= then
            })
        });
        drop(tables);
        was_locked
    }

    /// The whole sign-in succeeded, second factor included: the account's failures are cleared.
    pub fn succeeded(mut self) {
        let mut tables = self.lockout.lock();
        for key in std::mem::take(&mut self.keys) {
            tables.of_mut(&key).change(&key, |series| {
                series.unreserve();
                if !matches!(key, Key::Address(_)) {
                    series.clear();
                }
            });
        }
    }

    fn log_locked(&self, key: &Key, failures: u32, until: Timestamp) {
        let login = self.login.as_deref().filter(|_| key.is_of_login());
        let exists = self.exists.load(Ordering::Relaxed);
        let shown = |login| if exists { login } else { loggable_login(login) };
        let (kind, client, login) = (key.kind(), self.client, login.map(shown));
        Event::Locked { kind, client, failures, until, login }.log();
    }

    /// Nothing was decided: the pool was busy, or a second factor is still needed.
    pub fn cancelled(mut self) {
        let mut tables = self.lockout.lock();
        for key in std::mem::take(&mut self.keys) {
            tables.of_mut(&key).change(&key, Series::unreserve);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let mut locked = Vec::new();
        let mut tables = self.lockout.lock();
        for key in &self.keys {
            let table = tables.of_mut(key);
            table.change(key, |series| {
                series.fail(key.limits(), self.began);
                if let State::Locked(until) = series.state(key.limits(), self.began) {
                    locked.push((key, series.failures(), until));
                }
            });
        }
        drop(tables);
        for (key, failures, until) in locked {
            self.log_locked(key, failures, until);
        }
    }
}
