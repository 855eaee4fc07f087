//! Requests that `portcullis doctor` has marked, and what was decided about each.
//!
//! `doctor` gets a value over the admin API and sends it in the query of its requests to the public
//! URL. Only such requests are kept here, so that others cannot displace them, as they can where
//! [all refused requests](super::refused_requests) are kept.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::decision_record::Entry;
use super::request_id;
use crate::random;

/// The query parameter that has the value and, after a full stop, what the client tells its
/// requests apart by.
pub const PARAMETER: &str = "portcullis-doctor";
/// Seconds for which a value is valid.
const VALID: i64 = 600;
/// The most requests that are kept, the newest.
const MOST: usize = 64;
/// The most characters of each text from outside.
const LONGEST: usize = 256;

/// The requests that have the value that is valid now.
#[derive(Debug, Default)]
pub struct MarkedRequests {
    /// Until when the value is valid, in seconds since 1970. While none is, a request costs one
    /// comparison.
    until: AtomicI64,
    marks: Mutex<Marks>,
}

/// The value, and the requests that had it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// What the parameter must have to be recognized.
    pub value: String,
    /// What the ids of all requests to this process begin with; empty until one was refused.
    pub ids: String,
    /// The requests, the oldest first.
    pub requests: VecDeque<MarkedRequest>,
}

/// What was decided about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedRequest {
    /// What follows the value.
    pub mark: String,
    /// The request's id.
    pub request: String,
    /// The contract in which another proxy asked about it.
    pub contract: Option<&'static str>,
    /// The client's address.
    pub client: IpAddr,
    /// The method.
    pub method: String,
    /// The path as it came.
    pub path: String,
    /// The decision.
    pub decision: &'static str,
    /// Why, from the closed list of reasons.
    pub reason: &'static str,
}

impl MarkedRequests {
    /// The value that is valid now, and the requests that had it. If none is valid, another one
    /// becomes so.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> Marks {
        let mut marks = self.marks.lock();
        if now.as_second() >= self.until.load(Ordering::Relaxed) {
            *marks = Marks { value: HEXLOWER.encode(&random::bytes::<16>()), ..Marks::default() };
            self.until.store(now.as_second() + VALID, Ordering::Relaxed);
        }
        marks.clone()
    }

    /// Adds a request that was refused or asked about by another proxy, if it has the value.
    pub fn add(&self, entry: &Entry<'_>) {
        if entry.time.as_second() >= self.until.load(Ordering::Relaxed) {
            return;
        }
        let marked = entry.query.and_then(parameter);
        // One that is allowed waits for no lock.
        if marked.is_none() && entry.decision == "allow" {
            return;
        }
        let mut marks = self.marks.lock();
        if marks.ids.is_empty() {
            marks.ids = request_id::prefix(entry.request).to_owned();
        }
        let Some((value, mark)) = marked.and_then(|marked| marked.split_once('.')) else { return };
        if value != marks.value {
            return;
        }
        if marks.requests.len() >= MOST {
            marks.requests.pop_front();
        }
        marks.requests.push_back(MarkedRequest {
            mark: shortened(mark),
            request: entry.request.to_owned(),
            contract: entry.via,
            client: entry.client,
            method: shortened(entry.method),
            path: shortened(entry.target.as_deref().or(entry.path).unwrap_or_default()),
            decision: entry.decision,
            reason: entry.reason,
        });
    }
}

/// The value of the parameter in a query.
fn parameter(query: &str) -> Option<&str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == PARAMETER).map(|(_, value)| value)
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-27T09:30:00Z".parse().unwrap()
    }

    /// A refused request at this time, with this query.
    fn add(marked: &MarkedRequests, at: Timestamp, query: &str) {
        let client = [192, 0, 2, 7].into();
        let entry = Entry::new(at, ("0123456789ab0000000000000001", client), "GET", 0);
        let path = Some("/a;b");
        let target = Some("/a%3Bb".to_owned());
        marked.add(&Entry { path, target, query: Some(query), decision: "deny", ..entry });
    }

    #[test]
    fn only_requests_with_the_value_are_kept() {
        let marked = MarkedRequests::default();
        add(&marked, now(), "portcullis-doctor=.1");
        let value = marked.current(now()).value;
        assert_eq!((value.len(), marked.current(now()).requests.len()), (32, 0));
        for query in ["", "a=b", "portcullis-doctor=", "portcullis-doctor=.1", "portcullis-doctor"]
        {
            add(&marked, now(), query);
        }
        add(&marked, now(), &format!("portcullis-doctor={value}"));
        add(&marked, now(), &format!("a=b&portcullis-doctor={value}.1"));
        let marks = marked.current(now());
        assert_eq!((&*marks.value, &*marks.ids), (&*value, "0123456789ab"));
        let kept: Vec<_> = marks.requests.iter().map(|it| (&*it.mark, &*it.path)).collect();
        assert_eq!(kept, [("1", "/a%3Bb")]);
    }

    #[test]
    fn requests_without_the_value_displace_nothing() {
        let marked = MarkedRequests::default();
        let value = marked.current(now()).value;
        add(&marked, now(), &format!("portcullis-doctor={value}.mine"));
        for number in 0..10_000 {
            add(&marked, now(), &format!("portcullis-doctor={number:032x}.other"));
        }
        let marks = marked.current(now());
        assert_eq!(marks.requests.len(), 1);
        assert_eq!(marks.requests[0].mark, "mine");
        for number in 0..100 {
            add(&marked, now(), &format!("portcullis-doctor={value}.{number}"));
        }
        let marks = marked.current(now());
        assert_eq!((marks.requests.len(), &*marks.requests[63].mark), (MOST, "99"));
    }

    #[test]
    fn value_expires_with_its_requests() {
        let marked = MarkedRequests::default();
        let value = marked.current(now()).value;
        let query = format!("portcullis-doctor={value}.1");
        add(&marked, now(), &query);
        let later = now() + SignedDuration::from_secs(VALID);
        add(&marked, later, &query);
        assert_eq!(marked.current(now()).requests.len(), 1);
        let marks = marked.current(later);
        assert!(marks.value != value && marks.requests.is_empty(), "{marks:?}");
    }
}
