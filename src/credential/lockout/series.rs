//! The failures of one key: the pure state machine of [`super`], without a table around it.

use jiff::{SignedDuration, Timestamp};

/// The first wait.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// Failures that lie further in the future than this are of a clock that has been set back.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What a kind of key is allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The failure with this number locks.
    pub(super) budget: u32,
    /// How long failures are remembered.
    pub(super) window: SignedDuration,
}

/// Where a series stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No failure is remembered.
    Clear,
    /// Fewer failures than the budget.
    Counting,
    /// No try is allowed before this time.
    Locked(Timestamp),
    /// The wait is over; one try at a time.
    Trial,
}

/// Failures that nothing has cleared yet, and tries that are not decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series {
    failures: u32,
    under_way: u32,
    first: Timestamp,
    last: Timestamp,
}

impl Series {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { failures: 0, under_way: 0, first: now, last: now }
    }

    /// Takes failures that lie in the future, because the clock ran ahead, to be of now. It is kept,
    /// so that a wait that begins anew also ends.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        let latest = after(now, CLOCK_SKEW);
        for time in [&mut self.first, &mut self.last] {
            if *time > latest {
                *time = now;
            }
        }
    }

    pub(super) fn state(&self, limits: Limits, now: Timestamp) -> State {
        if self.failures == 0 {
            return State::Clear;
        }
        if self.failures < limits.budget {
            let over = now >= after(self.first, limits.window);
            return if over { State::Clear } else { State::Counting };
        }
        let until = after(self.last, wait(self.failures - limits.budget));
        if now < until {
            State::Locked(until)
        } else if now < after(until, limits.window) {
            State::Trial
        } else {
            State::Clear
        }
    }

    /// Whether one more try may get under way in this state.
    pub(super) const fn has_room(&self, state: State, limits: Limits) -> bool {
        match state {
            State::Clear => self.under_way < limits.budget,
            State::Counting => self.failures.saturating_add(self.under_way) < limits.budget,
            State::Trial => self.under_way == 0,
            State::Locked(_) => false,
        }
    }

    pub(super) const fn reserve(&mut self) {
        self.under_way = self.under_way.saturating_add(1);
    }

    pub(super) const fn give_back(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The try that began at this time has failed.
    pub(super) fn fail(&mut self, limits: Limits, began: Timestamp) {
        self.give_back();
        if self.state(limits, began) == State::Clear {
            self.failures = 0;
            self.first = began;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = self.last.max(began);
    }

    pub(super) const fn clear(&mut self) {
        self.failures = 0;
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) const fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way > 0
    }

    /// Nothing is left to remember, whatever the time.
    pub(super) const fn is_empty(&self) -> bool {
        self.failures == 0 && self.under_way == 0
    }

    /// Nothing is left to remember at this time.
    pub(super) fn is_over(&self, limits: Limits, now: Timestamp) -> bool {
        self.under_way == 0 && self.state(limits, now) == State::Clear
    }
}

/// A time this much later, or the end of time.
pub(super) fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The wait after so many failures beyond the budget.
fn wait(beyond: u32) -> SignedDuration {
    let factor = 2_i32.checked_pow(beyond);
    factor
        .and_then(|factor| FIRST_WAIT.checked_mul(factor))
        .map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}
