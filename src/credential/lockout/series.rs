//! The failures of one key: the state machine of [`super`], without a table around it.

use jiff::{SignedDuration, Timestamp};

/// The first wait.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// Failures further in the future than this were counted before the clock was set back.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// The limits of one kind of key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The number of failures that locks the key.
    pub(super) budget: u32,
    /// How long failures are remembered.
    pub(super) window: SignedDuration,
}

/// The state of a series at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No failure is remembered.
    Clear,
    /// Fewer failures than the budget.
    Counting,
    /// No attempt is allowed before this time.
    Locked(Timestamp),
    /// The wait is over; one attempt at a time.
    Trial,
}

/// Failures that have not been cleared, and attempts whose outcome is not known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series {
    failures: u32,
    pending: u32,
    first: Timestamp,
    last: Timestamp,
}

impl Series {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { failures: 0, pending: 0, first: now, last: now }
    }

    /// Moves failures that are in the future, because the clock ran ahead, to now. The change is
    /// kept, so that a wait that starts again also ends.
    pub(super) fn correct_clock(&mut self, now: Timestamp) {
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

    /// Whether one more attempt may start in this state.
    pub(super) const fn has_room(&self, state: State, limits: Limits) -> bool {
        match state {
            State::Clear => self.pending < limits.budget,
            State::Counting => self.failures.saturating_add(self.pending) < limits.budget,
            State::Trial => self.pending == 0,
            State::Locked(_) => false,
        }
    }

    pub(super) const fn reserve(&mut self) {
        self.pending = self.pending.saturating_add(1);
    }

    pub(super) const fn unreserve(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    /// The attempt that began at this time has failed.
    pub(super) fn fail(&mut self, limits: Limits, began: Timestamp) {
        self.unreserve();
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

    pub(super) const fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Whether nothing is left to remember, whatever the time.
    pub(super) const fn is_empty(&self) -> bool {
        self.failures == 0 && self.pending == 0
    }

    /// Whether nothing is left to remember at this time.
    pub(super) fn is_over(&self, limits: Limits, now: Timestamp) -> bool {
        self.pending == 0 && self.state(limits, now) == State::Clear
    }
}

/// The time this much later, at most [`Timestamp::MAX`].
pub(super) fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The wait after this many failures beyond the budget.
fn wait(beyond: u32) -> SignedDuration {
    let factor = 2_i32.checked_pow(beyond);
    factor
        .and_then(|factor| FIRST_WAIT.checked_mul(factor))
        .map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}
