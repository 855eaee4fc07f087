//! How many sessions a secure link may start (I12).
//!
//! Opening a link without a cookie creates a record that is kept for the idle time, and a link can
//! be opened any number of times. Therefore a link may have at most [`LinkLimits::sessions`] open
//! sessions, and one network (an IPv4 address or an IPv6 /64) may start at most
//! [`LinkLimits::rate`] a minute. Further sessions are refused; existing ones stay open.
//!
//! The number of open sessions is counted in the store when a link is first used after a start,
//! after each sweep, and again, at most every [`RECOUNT`], while the limit is reached. Between two
//! counts only new ones are added, so it is never too low in this process. Each replica counts for
//! itself.
//!
//! Memory is bounded: there is one entry for each organization, and one for each network that
//! started a session in the last minutes.

use std::collections::HashMap;
use std::time::Duration;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::new_session::NewSession;
use crate::config::LinkLimits;
use crate::credential::lockout::network;
use crate::directory::OrganizationId;

/// How often a link that has reached its limit is counted again.
const RECOUNT: SignedDuration = SignedDuration::from_secs(10);
/// The period of [`LinkLimits::rate`].
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// The sessions of all secure links.
#[derive(Debug)]
pub(super) struct LinkQuota {
    limits: LinkLimits,
    /// By organization.
    links: Mutex<HashMap<OrganizationId, Usage>>,
    /// Held while a link is counted: there is one count at a time.
    pub(super) counting: tokio::sync::Mutex<()>,
}

/// The sessions of one link.
#[derive(Debug)]
struct Usage {
    /// The generation of the link. Sessions of other generations do not count.
    generation: u64,
    open: usize,
    /// When `open` was last counted in the store; `None` if it must be counted.
    counted: Option<Timestamp>,
    /// The sessions that each network started recently.
    networks: HashMap<IpNet, Recent>,
    /// When expired entries were last removed from `networks`.
    cleared: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    since: Timestamp,
    started: usize,
}

/// The answer to a claim for another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The session may start, and is counted.
    Granted,
    /// The open sessions of the link must be counted first.
    Uncounted,
    /// A limit is reached. Try again after this time.
    Refused(Duration),
}

impl LinkQuota {
    pub(super) fn new(limits: LinkLimits) -> Self {
        Self { limits, links: Mutex::default(), counting: tokio::sync::Mutex::default() }
    }

    /// The same limits, with nothing counted.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.limits)
    }

    /// Claims another session for a link.
    pub(super) fn claim(&self, new: &NewSession, now: Timestamp) -> Claim {
        let mut links = self.links.lock();
        let Some(usage) = links.get_mut(&new.organization) else { return Claim::Uncounted };
        let Some(counted) = usage.counted.filter(|_| usage.generation == new.generation) else {
            return Claim::Uncounted;
        };
        usage.clear_networks(now);
        let network = network(new.address);
        let rate = usage.networks.get(&network).filter(|recent| !recent.is_over(now));
        if let Some(recent) = rate.filter(|recent| recent.started >= self.limits.rate) {
            return Claim::Refused(recent.left(now));
        }
        if usage.open >= self.limits.sessions {
            let age = now.duration_since(counted);
            let outdated = age >= RECOUNT || age < SignedDuration::ZERO;
            return if outdated {
                Claim::Uncounted
            } else {
                Claim::Refused(RECOUNT.unsigned_abs())
            };
        }
        usage.open += 1;
        let fresh = Recent { since: now, started: 0 };
        let recent = usage.networks.entry(network).or_insert(fresh);
        if recent.is_over(now) {
            *recent = fresh;
        }
        recent.started += 1;
        Claim::Granted
    }

    /// Records that this many sessions of the link are open.
    pub(super) fn counted(&self, new: &NewSession, open: usize, now: Timestamp) {
        let mut links = self.links.lock();
        let usage = links.entry(new.organization.clone()).or_insert_with(|| Usage {
            generation: new.generation,
            open,
            counted: None,
            networks: HashMap::new(),
            cleared: now,
        });
        usage.generation = new.generation;
        usage.open = open;
        usage.counted = Some(now);
    }

    /// Makes every link count again when it is next opened, because sessions have ended. Removes the
    /// entries of links that no network opened within the last minute.
    pub(super) fn outdate(&self, now: Timestamp) {
        self.links.lock().retain(|_, usage| {
            usage.counted = None;
            usage.networks.retain(|_, recent| !recent.is_over(now));
            !usage.networks.is_empty()
        });
    }
}

impl Usage {
    /// Removes expired entries, at most once a minute: each claim would otherwise visit all of them.
    fn clear_networks(&mut self, now: Timestamp) {
        let age = now.duration_since(self.cleared);
        if age >= MINUTE || age < SignedDuration::ZERO {
            self.networks.retain(|_, recent| !recent.is_over(now));
            self.cleared = now;
        }
    }
}

impl Recent {
    /// Whether its minute is over, or the clock has been set back since it was recorded.
    fn is_over(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.since);
        age >= MINUTE || age < -MINUTE
    }

    fn left(&self, now: Timestamp) -> Duration {
        (MINUTE - now.duration_since(self.since)).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::session::new_session::SignInWay;
    use portcullis_policy::SessionKind;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn at(seconds: i64) -> Timestamp {
        NOW + SignedDuration::from_secs(seconds)
    }

    fn from(address: &str) -> NewSession {
        NewSession {
            way: SignInWay::Password,
            kind: SessionKind::Link,
            organization: "acme".into(),
            user: None,
            generation: 3,
            address: address.parse::<IpAddr>().unwrap(),
            agent: String::new(),
        }
    }

    fn quota(sessions: usize, rate: usize) -> LinkQuota {
        let quota = LinkQuota::new(LinkLimits { sessions, rate });
        quota.counted(&from("192.0.2.1"), 0, NOW);
        quota
    }

    #[test]
    fn i12_the_rate_limits_each_network_by_itself() {
        let quota = quota(100, 3);
        for _ in 0..3 {
            assert_eq!(quota.claim(&from("192.0.2.1"), NOW), Claim::Granted);
        }
        let refused = quota.claim(&from("192.0.2.1"), at(20));
        assert_eq!(refused, Claim::Refused(Duration::from_secs(40)));
        assert_eq!(quota.claim(&from("192.0.2.2"), at(20)), Claim::Granted);
        assert_eq!(quota.claim(&from("192.0.2.1"), at(60)), Claim::Granted);
    }

    #[test]
    fn i12_an_ipv6_slash_64_is_one_network() {
        let quota = quota(100, 1);
        assert_eq!(quota.claim(&from("2001:db8::1"), NOW), Claim::Granted);
        assert!(matches!(quota.claim(&from("2001:db8::2"), NOW), Claim::Refused(_)));
        assert_eq!(quota.claim(&from("2001:db8:0:1::1"), NOW), Claim::Granted);
    }

    #[test]
    fn i12_a_full_link_is_counted_again_after_ten_seconds() {
        let quota = quota(2, 100);
        for number in 1..3 {
            assert_eq!(quota.claim(&from(&format!("192.0.2.{number}")), NOW), Claim::Granted);
        }
        let wait = Claim::Refused(Duration::from_secs(10));
        assert_eq!(quota.claim(&from("192.0.2.3"), at(9)), wait);
        assert_eq!(quota.claim(&from("192.0.2.3"), at(10)), Claim::Uncounted);
        quota.counted(&from("192.0.2.3"), 1, at(10));
        assert_eq!(quota.claim(&from("192.0.2.3"), at(10)), Claim::Granted);
        assert_eq!(quota.claim(&from("192.0.2.3"), at(11)), wait);
    }

    #[test]
    fn i12_a_link_is_counted_after_rotation_and_sweep() {
        let quota = quota(10, 1);
        let rotated = NewSession { generation: 4, ..from("192.0.2.9") };
        assert_eq!(quota.claim(&rotated, NOW), Claim::Uncounted);
        assert_eq!(quota.claim(&from("192.0.2.1"), NOW), Claim::Granted);
        quota.outdate(at(1));
        assert_eq!(quota.claim(&from("192.0.2.1"), at(1)), Claim::Uncounted);
        quota.counted(&from("192.0.2.1"), 1, at(1));
        let refused = quota.claim(&from("192.0.2.1"), at(1));
        assert!(matches!(refused, Claim::Refused(_)), "a sweep keeps the rate: {refused:?}");
    }

    #[test]
    fn i12_entries_of_networks_are_removed_after_a_minute() {
        let quota = quota(1000, 1);
        for number in 0..200 {
            let address = format!("10.0.0.{number}");
            assert_eq!(quota.claim(&from(&address), NOW), Claim::Granted);
        }
        assert_eq!(quota.claim(&from("192.0.2.1"), at(60)), Claim::Granted);
        assert_eq!(quota.links.lock().get("acme").unwrap().networks.len(), 1);
        quota.outdate(at(200));
        assert!(quota.links.lock().is_empty());
    }
}
