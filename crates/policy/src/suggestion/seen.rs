//! What was seen of the requests that a suggested route is for.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::hash::{Hash as _, Hasher as _};

use http::Method;

/// Different query names and statuses that are counted.
const MOST_NAMES: usize = 32;
const MOST_STATUSES: usize = 32;
/// Different senders that are counted.
const MOST_SENDERS: usize = 100;
/// Bytes of the name of a query parameter.
const LONGEST_NAME: usize = 64;

/// A request that a portal has had.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The method.
    pub method: &'a str,
    /// The canonical path.
    pub path: &'a str,
    /// The names of its query parameters.
    pub query: &'a [&'a str],
    /// Whether it asked to become a WebSocket.
    pub websocket: bool,
    /// The status of the portal's response.
    pub status: Option<u16>,
    /// What the portal's response was: `page`, `asset` or the like.
    pub content: Option<&'a str>,
    /// A text that identifies its sender; `None` without a session.
    pub sender: Option<&'a str>,
    /// How many such requests there were.
    pub requests: u64,
}

/// What was seen of the requests that a suggested route is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    requests: u64,
    methods: BTreeMap<Box<str>, u64>,
    query: BTreeSet<Box<str>>,
    websocket: bool,
    statuses: BTreeMap<u16, u64>,
    contents: BTreeSet<Box<str>>,
    /// Hashes, at most [`MOST_SENDERS`].
    senders: HashSet<u64>,
}

impl Seen {
    /// The number of requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// The methods, and how many requests had each.
    pub fn methods(&self) -> impl Iterator<Item = (&str, u64)> {
        self.methods.iter().map(|(method, count)| (&**method, *count))
    }

    /// The names of query parameters; some of them if there are many.
    pub fn query(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|name| &**name)
    }

    /// Whether there was a WebSocket.
    #[must_use]
    pub fn websocket(&self) -> bool {
        self.websocket
    }

    /// The statuses of the portal's responses, and how many requests had each.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        self.statuses.iter().map(|(status, count)| (*status, *count))
    }

    /// The number of different senders with a session; counted to 100.
    #[must_use]
    pub fn senders(&self) -> usize {
        self.senders.len()
    }

    pub(super) fn add(&mut self, method: &Method, request: &Observed<'_>) {
        match self.methods.get_mut(method.as_str()) {
            Some(count) => *count += request.requests,
            None => {
                self.methods.insert(method.as_str().into(), request.requests);
            }
        }
        self.requests += request.requests;
        self.websocket |= request.websocket;
        for name in request.query.iter().filter(|name| is_printable(name)) {
            if self.query.len() < MOST_NAMES && !self.query.contains(*name) {
                self.query.insert((*name).into());
            }
        }
        if let Some(status) = request.status {
            self.count_status(status, request.requests);
        }
        if let Some(content) = request.content
            && self.contents.len() < MOST_NAMES
            && !self.contents.contains(content)
        {
            self.contents.insert(content.into());
        }
        if let Some(sender) = request.sender
            && self.senders.len() < MOST_SENDERS
        {
            let mut hasher = DefaultHasher::new();
            sender.hash(&mut hasher);
            self.senders.insert(hasher.finish());
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        for (method, count) in other.methods {
            *self.methods.entry(method).or_default() += count;
        }
        for name in other.query {
            if self.query.len() < MOST_NAMES {
                self.query.insert(name);
            }
        }
        self.websocket |= other.websocket;
        for (status, count) in other.statuses {
            self.count_status(status, count);
        }
        for content in other.contents {
            if self.contents.len() < MOST_NAMES {
                self.contents.insert(content);
            }
        }
        for sender in other.senders {
            if self.senders.len() < MOST_SENDERS {
                self.senders.insert(sender);
            }
        }
    }

    fn count_status(&mut self, status: u16, more: u64) {
        if self.statuses.len() < MOST_STATUSES || self.statuses.contains_key(&status) {
            *self.statuses.entry(status).or_default() += more;
        }
    }
}

/// Whether a name may be printed in a comment.
fn is_printable(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// One line: `15 requests: GET (12), POST (3); by 4 senders; status 200 (15); query page, q`.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |(name, count): (String, u64)| format!("{name} ({count})");
        let list = |items: Vec<String>| items.join(", ");
        write!(f, "{} request{}", self.requests, if self.requests == 1 { "" } else { "s" })?;
        let methods = self.methods().map(|(method, count)| counted((method.to_owned(), count)));
        write!(f, ": {}", list(methods.collect()))?;
        match self.senders.len() {
            0 => {}
            1 => f.write_str("; by 1 sender")?,
            MOST_SENDERS => write!(f, "; by {MOST_SENDERS} senders or more")?,
            senders => write!(f, "; by {senders} senders")?,
        }
        if !self.statuses.is_empty() {
            let statuses =
                self.statuses().map(|(status, count)| counted((status.to_string(), count)));
            write!(f, "; status {}", list(statuses.collect()))?;
        }
        if !self.contents.is_empty() {
            write!(f, "; {}", list(self.contents.iter().map(|name| name.to_string()).collect()))?;
        }
        if !self.query.is_empty() {
            write!(f, "; query {}", list(self.query().map(str::to_owned).collect()))?;
        }
        Ok(())
    }
}
