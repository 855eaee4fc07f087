//! The tables of series, one for each kind of key, each of bounded size.

use std::collections::HashMap;

use jiff::Timestamp;

use super::key::Key;
use super::series::{self, Series, State};

/// How soon an attempt can be repeated that was refused only because of pending ones.
const RETRY_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

/// One table for each kind of key.
#[derive(Debug)]
pub(super) struct Tables {
    /// Logins and their known browsers.
    accounts: Table,
    addresses: Table,
    asking: Table,
    links: Table,
    tokens: Table,
    administrators: Table,
}

impl Tables {
    pub(super) fn new(capacity: usize) -> Self {
        let table = || Table { kept: HashMap::new(), others: HashMap::new(), capacity };
        Self {
            accounts: table(),
            addresses: table(),
            asking: table(),
            links: table(),
            tokens: table(),
            administrators: table(),
        }
    }

    pub(super) const fn of(&self, key: &Key) -> &Table {
        match key {
            Key::Account(_) | Key::Browser { .. } | Key::Browsers(_) => &self.accounts,
            Key::Address(_) => &self.addresses,
            Key::Asking(_) => &self.asking,
            Key::Link(_) => &self.links,
            Key::Token(_) => &self.tokens,
            Key::Administrator(_) | Key::AdministratorAt { .. } => &self.administrators,
        }
    }

    pub(super) const fn of_mut(&mut self, key: &Key) -> &mut Table {
        match key {
            Key::Account(_) | Key::Browser { .. } | Key::Browsers(_) => &mut self.accounts,
            Key::Address(_) => &mut self.addresses,
            Key::Asking(_) => &mut self.asking,
            Key::Link(_) => &mut self.links,
            Key::Token(_) => &mut self.tokens,
            Key::Administrator(_) | Key::AdministratorAt { .. } => &mut self.administrators,
        }
    }

    pub(super) const fn all(&self) -> [&Table; 6] {
        let Self { accounts, addresses, asking, links, tokens, administrators } = self;
        [accounts, addresses, asking, links, tokens, administrators]
    }

    pub(super) const fn all_mut(&mut self) -> [&mut Table; 6] {
        let Self { accounts, addresses, asking, links, tokens, administrators } = self;
        [accounts, addresses, asking, links, tokens, administrators]
    }
}

/// The series of one kind of key.
#[derive(Debug)]
pub(super) struct Table {
    /// Those of existing accounts, kept until they are over. Bounded by the number of accounts,
    /// and for known browsers by the budget that those of an account share.
    kept: HashMap<Key, Series>,
    /// All others: at most `capacity`.
    others: HashMap<Key, Series>,
    capacity: usize,
}

impl Table {
    pub(super) fn series(&self) -> impl Iterator<Item = (&Key, &Series)> {
        self.kept.iter().chain(&self.others)
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Series> {
        self.kept.get(key).or_else(|| self.others.get(key))
    }

    /// Until when an attempt is refused; `None` if it is allowed.
    pub(super) fn refusal(&self, key: &Key, now: Timestamp) -> Option<Timestamp> {
        let series = self.get(key)?;
        match series.state(key.limits(), now) {
            State::Locked(until) => Some(until),
            state if series.has_room(state, key.limits()) => None,
            State::Clear | State::Counting | State::Trial => Some(series::after(now, RETRY_AFTER)),
        }
    }

    pub(super) fn reserve(&mut self, key: &Key, now: Timestamp) {
        if let Some(series) = self.kept.get_mut(key) {
            return series.reserve();
        }
        // The name of a known browser cannot be forged, and only an account that exists has signed
        // in from somewhere.
        let of_account =
            matches!(key, Key::Browser { .. } | Key::Browsers(_) | Key::AdministratorAt { .. });
        if !of_account && !self.others.contains_key(key) && self.others.len() >= self.capacity {
            self.make_room(now);
        }
        let series = if of_account { &mut self.kept } else { &mut self.others };
        series.entry(key.clone()).or_insert_with(|| Series::new(now)).reserve();
    }

    /// Keeps a series until it is over.
    pub(super) fn keep(&mut self, key: &Key) {
        if let Some((key, series)) = self.others.remove_entry(key) {
            self.kept.insert(key, series);
        }
    }

    /// Changes a series, and removes it when there is nothing left to remember.
    pub(super) fn change(&mut self, key: &Key, change: impl FnOnce(&mut Series)) {
        let all = if self.kept.contains_key(key) { &mut self.kept } else { &mut self.others };
        if let Some(series) = all.get_mut(key) {
            change(series);
            if series.is_empty() {
                all.remove(key);
            }
        }
    }

    /// Corrects times that were counted while the clock ran ahead, and removes kept series that
    /// are over.
    pub(super) fn correct_clock(&mut self, now: Timestamp) {
        self.others.values_mut().for_each(|series| series.correct_clock(now));
        self.kept.retain(|key, series| {
            series.correct_clock(now);
            !series.is_over(key.limits(), now)
        });
    }

    /// Removes series that are over; if that is not enough, a hundredth of the table: those not
    /// locked first, of them those with the fewest failures, of them the oldest; those with a
    /// pending attempt last. A hundredth, so that not every new key costs a walk through the table.
    pub(super) fn make_room(&mut self, now: Timestamp) {
        self.others.retain(|key, series| !series.is_over(key.limits(), now));
        if self.others.len() < self.capacity {
            return;
        }
        let rank = |key: &Key, series: &Series| {
            let locked = matches!(series.state(key.limits(), now), State::Locked(_));
            (series.is_pending(), locked, series.failures(), series.last())
        };
        let mut ranks: Vec<_> = self.others.iter().map(|(key, series)| rank(key, series)).collect();
        let mut surplus = (self.capacity / 100).max(1).min(ranks.len());
        let Some(index) = surplus.checked_sub(1) else { return };
        let (_, &mut bound, _) = ranks.select_nth_unstable(index);
        self.others.retain(|key, series| {
            let evicted = surplus > 0 && rank(key, series) <= bound;
            surplus -= usize::from(evicted);
            !evicted
        });
    }
}
