//! Lockout: how often a secret may be guessed (I6).
//!
//! Every path on which somebody proves who they are (password, code, link, reset, invitation,
//! administrator) counts here. Each *key* has a series of failures of its own, and walks this
//! machine:
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
//!     |  success,  |             one try at a time: TRIAL ------------------+ up to an hour
//!     |  release,  |                                  |
//!     |  window    |                                  | success, release,
//!     +------------+----------------------------------+ window (release also while LOCKED)
//! ```
//!
//! - *Account*: the folded login. 5 consecutive failures, then a wait of 30 s that doubles with
//!   each further failure, up to 1 h. A login that nobody has is counted like any other, so that
//!   the lockout does not tell which exist.
//! - *Address*: an IPv4 address or an IPv6 /64. The same with 30 failures, because many people
//!   share one. A success does not clear the failures of an address: else somebody with one good
//!   account could guess at all the others.
//! - *Browser*: an account in a browser that has signed in to it before, with the password it has
//!   now. It has a series of its own and is not held up by the other two: strangers cannot lock out
//!   the person who is always there. What names the browser must be unforgeable and belong to this
//!   account and password; that is the caller's to make sure.
//! - *Browsers*: all browsers known to an account together, counted along with each browser's own
//!   series. 30 failures, otherwise like an account: whoever has many browsers known, or many
//!   cookies of them, has no more tries than that.
//! - *Asking*: requests of an address that make us do something for a stranger: send a mail. Like
//!   an address, in a series of its own: it never keeps anybody from signing in.
//! - *Link*: links that open nothing, by address. Like an address, in a series of its own that
//!   refuses nothing: any page and any scanner of mails can have a browser open such links, which
//!   must not keep a whole office from signing in. It is counted so that somebody can see it.
//! - *Window*: failures are forgotten when the first of a series that has not reached its budget,
//!   or the end of the last wait, lies back 24 h (what is counted by address: 1 h).
//! - *Clock*: a failure that lies more than a minute in the future was counted by a clock that ran
//!   ahead and has been set back since. It is taken to be of now, so that the wait begins anew and
//!   does not last until the old time comes. Only [`Lockout::keep_time`] judges that, from a time
//!   that was read for it: the time of a try may be an old one, because the client decides how long
//!   its request takes. An old time is never let in earlier than one of now.
//!
//! **Reserve, then verify.** [`Lockout::begin`] takes a place in the budget before anything is
//! verified: at any moment failures and tries under way together are at most the budget, and
//! beyond it, one. So parallel guesses gain nothing. An [`Attempt`] that is dropped has failed, one
//! that [`succeeded`](Attempt::succeeded) clears its account or browsers, one that was
//! [`cancelled`](Attempt::cancelled) was never there. A refused try counts as nothing: it cannot
//! prolong a wait.
//!
//! **Success means the whole sign-in.** A right password that still needs a second factor is
//! *cancelled*, not succeeded: else whoever knows the password clears the count between two
//! guesses at the code.
//!
//! **Tables.** Each kind has a table of its own, so that what is free (a wrong link, asking for a
//! mail) never pushes out what costs (a password that was hashed). The series of logins that
//! somebody has, and of their known browsers, are kept until they are over, however many others
//! there are: their number is bounded by the accounts. All others are bounded by `CAPACITY`; when
//! a table is full, series that are not locked go first, those with the fewest failures first, the
//! oldest of them first. So whoever wants to push a series out has to fail as often, under as many
//! other logins or from as many other networks as the table is long. The tables live in memory: a
//! restart forgets them, and each replica counts for itself.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ipnet::{IpNet, Ipv6Net};
use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest, Sha256};

use self::series::{Limits, Series, State};
use self::table::{Table, Tables};
use super::folding::fold;

mod series;
mod table;
#[cfg(test)]
mod tests;

const ACCOUNT: Limits = Limits { budget: 5, window: SignedDuration::from_hours(24) };
const BROWSERS: Limits = Limits { budget: 30, window: SignedDuration::from_hours(24) };
const ADDRESS: Limits = Limits { budget: 30, window: SignedDuration::from_hours(1) };
/// How many series each table keeps unless told otherwise, those of accounts aside.
const CAPACITY: usize = 100_000;
/// A login as long as this stands in the table as its hash.
const LONG_LOGIN: usize = 128;

/// Whose failures are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A login, folded, whether anybody has it or not; tried by strangers.
    Account(String),
    /// A login tried by a browser that has signed in to it before.
    Browser {
        /// The login, folded.
        account: String,
        /// What names the browser.
        browser: String,
    },
    /// A login, folded, tried by any of the browsers that have signed in to it before.
    Browsers(String),
    /// An IPv4 address, or the IPv6 network that one customer is given.
    Address(IpNet),
    /// The same, as one that mails were asked for from.
    Asking(IpNet),
    /// The same, as one that links were opened from that open nothing.
    Link(IpNet),
}

impl Key {
    /// The key of a login, however it is spelt.
    #[must_use]
    pub fn account(login: &str) -> Self {
        Self::Account(account(login))
    }

    /// The key of a login in a browser that has signed in to it before.
    #[must_use]
    pub fn browser(login: &str, browser: &str) -> Self {
        Self::Browser { account: account(login), browser: browser.to_owned() }
    }

    /// The key of a login in all browsers that have signed in to it before.
    #[must_use]
    pub fn browsers(login: &str) -> Self {
        Self::Browsers(account(login))
    }

    /// The key of a network address.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }

    /// The key of a network address that mails are asked for from.
    #[must_use]
    pub fn asking(address: IpAddr) -> Self {
        Self::Asking(network(address))
    }

    /// The key of a network address that wrong links are opened from.
    #[must_use]
    pub fn link(address: IpAddr) -> Self {
        Self::Link(network(address))
    }

    const fn limits(&self) -> Limits {
        match self {
            Self::Account(_) | Self::Browser { .. } => ACCOUNT,
            Self::Browsers(_) => BROWSERS,
            Self::Address(_) | Self::Asking(_) | Self::Link(_) => ADDRESS,
        }
    }
}

/// For logs and for the operator's list.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account {account}"),
            Self::Browser { account, .. } => write!(f, "known browser of {account}"),
            Self::Browsers(account) => write!(f, "all known browsers of {account}"),
            Self::Address(network) => write!(f, "address {network}"),
            Self::Asking(network) => write!(f, "mails asked for from {network}"),
            Self::Link(network) => write!(f, "wrong links from {network}"),
        }
    }
}

/// No try is allowed before this time. Whether there is such an account is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedUntil(pub Timestamp);

/// A key that is locked, for administrators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Whose failures they were.
    pub key: Key,
    /// How many.
    pub failures: u32,
    /// When the next try is allowed.
    pub until: Timestamp,
}

/// The tables of failures. Clones share them.
#[derive(Debug, Clone)]
pub struct Lockout {
    tables: Arc<Mutex<Tables>>,
}

impl Default for Lockout {
    fn default() -> Self {
        Self::new(CAPACITY)
    }
}

impl Lockout {
    /// Empty tables for so many keys each.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { tables: Arc::new(Mutex::new(Tables::new(capacity))) }
    }

    /// Asks for a try at an account and counts it as failed until it turns out otherwise.
    ///
    /// `browser` names a browser that is known to have signed in to this account before, with the
    /// password that the account has now.
    ///
    /// # Errors
    /// [`LockedUntil`] when no try is allowed now; nothing has been counted then.
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
        self.begin_with(keys, now)
    }

    fn begin_with(&self, keys: Vec<Key>, now: Timestamp) -> Result<Attempt, LockedUntil> {
        let mut tables = self.lock();
        let refusals = keys.iter().filter_map(|key| tables.of(key).refusal(key, now));
        if let Some(until) = refusals.max() {
            return Err(LockedUntil(until));
        }
        for key in &keys {
            tables.of_mut(key).reserve(key, now);
        }
        drop(tables);
        Ok(Attempt { lockout: self.clone(), keys, began: now })
    }

    /// Whether an address may ask for one more thing now; if so, it is counted.
    #[must_use]
    pub fn asks(&self, address: IpAddr, now: Timestamp) -> bool {
        // A try that is dropped has failed: that is the count.
        self.begin_with(vec![Key::asking(address)], now).is_ok()
    }

    /// Counts a link that opens nothing. Nothing is refused for it, whatever the count.
    pub fn wrong_link(&self, address: IpAddr, now: Timestamp) {
        drop(self.begin_with(vec![Key::link(address)], now));
    }

    /// Lets waits that were counted by a clock that ran ahead begin anew. To be called every few
    /// seconds with a time that has just been read.
    pub fn keep_time(&self, now: Timestamp) {
        for table in self.lock().all_mut() {
            table.keep_time(now);
        }
    }

    /// Who is locked now, longest first.
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

    /// Forgets the failures of a key, with those of an account the ones of the browsers that know
    /// it; says whether there were any.
    pub fn release(&self, key: &Key) -> bool {
        let mut tables = self.lock();
        let keys: Vec<Key> = match key {
            Key::Account(login) => {
                let knows = |key: &&Key| match key {
                    Key::Browser { account, .. } | Key::Browsers(account) => account == login,
                    Key::Account(_) | Key::Address(_) | Key::Asking(_) | Key::Link(_) => false,
                };
                let accounts = tables.of(key).series().map(|(key, _)| key);
                accounts.filter(knows).chain([key]).cloned().collect()
            }
            Key::Browser { .. }
            | Key::Browsers(_)
            | Key::Address(_)
            | Key::Asking(_)
            | Key::Link(_) => vec![key.clone()],
        };
        let mut failed = false;
        for key in &keys {
            let table = tables.of_mut(key);
            failed |= table.get(key).is_some_and(|series| series.failures() > 0);
            table.change(key, Series::clear);
        }
        failed
    }

    /// A panic elsewhere leaves the table whole: each change is a few assignments.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock()
    }
}

/// A try under way. Dropped, it has failed.
#[derive(Debug)]
#[must_use = "a try that is dropped has failed"]
pub struct Attempt {
    lockout: Lockout,
    /// Emptied when the outcome is known.
    keys: Vec<Key>,
    began: Timestamp,
}

impl Attempt {
    /// Somebody has the login that is tried: its failures outlive any number of others.
    pub fn account_exists(&self) {
        let mut tables = self.lockout.lock();
        for key in self.keys.iter().filter(|key| matches!(key, Key::Account(_))) {
            tables.of_mut(key).keep(key);
        }
    }

    /// The whole sign-in succeeded, second factor included: the account's failures are over.
    pub fn succeeded(mut self) {
        let mut tables = self.lockout.lock();
        for key in std::mem::take(&mut self.keys) {
            tables.of_mut(&key).change(&key, |series| {
                series.give_back();
                if !matches!(key, Key::Address(_)) {
                    series.clear();
                }
            });
        }
    }

    /// Nothing was decided: the pool was busy, or a second factor is still to come.
    pub fn cancelled(mut self) {
        let mut tables = self.lockout.lock();
        for key in std::mem::take(&mut self.keys) {
            tables.of_mut(&key).change(&key, Series::give_back);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let mut tables = self.lockout.lock();
        for key in &self.keys {
            tables.of_mut(key).change(key, |series| series.fail(key.limits(), self.began));
        }
    }
}

/// The network that one customer is given: an IPv4 address, or an IPv6 /64.
#[must_use]
pub fn network(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Net::new_assert(v6, 64).trunc().into(),
        v4 @ IpAddr::V4(_) => v4.into(),
    }
}

fn account(login: &str) -> String {
    let folded = fold(login);
    if folded.len() < LONG_LOGIN {
        return folded;
    }
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(folded)))
}
