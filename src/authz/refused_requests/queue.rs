//! The refused requests that are not in the store yet.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::document::RefusedRequest;

/// The most requests of sessions that wait.
const MOST_OF_SESSIONS: usize = 400;
/// The most of one user, or of the secure link of one organization.
const MOST_OF_ONE: usize = 50;
/// The most requests of visitors without a session.
const MOST_OF_VISITORS: usize = 100;

/// Who sent a refused request. The two do not displace each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// A session.
    Session,
    /// A visitor without a session.
    Visitor,
}

/// Requests that wait. Adding one waits for nothing: if there is no room, the request is counted.
#[derive(Debug)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    of_sessions: VecDeque<RefusedRequest>,
    of_visitors: VecDeque<RefusedRequest>,
    dropped: u64,
}

impl Queue {
    /// An empty queue.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Waiting {
            of_sessions: VecDeque::new(),
            of_visitors: VecDeque::new(),
            dropped: 0,
        }))
    }

    /// Whether there is room. If not, a request is counted as dropped.
    pub(super) fn has_room(&self, sender: Sender) -> bool {
        let mut waiting = self.0.lock();
        let has_room = match sender {
            Sender::Session => waiting.of_sessions.len() < MOST_OF_SESSIONS,
            Sender::Visitor => waiting.of_visitors.len() < MOST_OF_VISITORS,
        };
        waiting.dropped += u64::from(!has_room);
        has_room
    }

    /// Adds a request, if there is room.
    pub(super) fn add(&self, request: RefusedRequest) {
        let mut waiting = self.0.lock();
        let (of, most) = match &request.session {
            None => (&mut waiting.of_visitors, MOST_OF_VISITORS),
            Some(session) => {
                let of = &mut waiting.of_sessions;
                let same = |other: &&RefusedRequest| {
                    other.session.as_ref().is_some_and(|other| {
                        (&other.user, &other.organization) == (&session.user, &session.organization)
                    })
                };
                let most = match of.iter().filter(same).count() < MOST_OF_ONE {
                    true => MOST_OF_SESSIONS,
                    false => 0,
                };
                (of, most)
            }
        };
        if of.len() < most {
            of.push_back(request);
        } else {
            waiting.dropped += 1;
        }
    }

    /// The requests that wait, the oldest first.
    pub(super) fn waiting(&self, sender: Sender) -> Vec<RefusedRequest> {
        self.0.lock().of(sender).iter().cloned().collect()
    }

    /// Removes the oldest requests, which are in the store now.
    pub(super) fn written(&self, sender: Sender, count: usize) {
        let mut waiting = self.0.lock();
        let of = waiting.of(sender);
        of.drain(..count.min(of.len()));
    }

    /// The request with this id.
    pub(super) fn find(&self, reference: &str) -> Option<RefusedRequest> {
        let waiting = self.0.lock();
        let mut all = waiting.of_sessions.iter().chain(&waiting.of_visitors);
        all.find(|request| request.reference == reference).cloned()
    }

    /// How many were dropped since the last call.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.0.lock().dropped)
    }
}

impl Waiting {
    const fn of(&mut self, sender: Sender) -> &mut VecDeque<RefusedRequest> {
        match sender {
            Sender::Session => &mut self.of_sessions,
            Sender::Visitor => &mut self.of_visitors,
        }
    }
}
