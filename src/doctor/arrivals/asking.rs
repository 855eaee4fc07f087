//! Asks the public URL for an open path, and gives what arrives in place of the portal.

use crate::doctor::client::{Ask, Client, Endpoint};
use crate::doctor::deployment::Deployment;
use crate::doctor::marks::{Decided, Marks, Records};
use crate::doctor::recorder::{Arrived, Recorder};

/// Asks for one path, again and again.
pub(super) struct Asking<'a> {
    pub(super) deployment: &'a Deployment<'a>,
    pub(super) client: &'a Client,
    pub(super) endpoint: &'a Endpoint,
    pub(super) recorder: &'a Recorder,
    /// `None` if there is no running gateway to ask.
    pub(super) marks: Option<Marks<'a>>,
    pub(super) path: &'a str,
}

impl Asking<'_> {
    /// What arrives of a request; `None` if it is refused.
    pub(super) fn arrives(&self, ask: &Ask<'_>) -> Option<Arrived> {
        self.recorder.during(|| self.client.ask(self.endpoint, ask)).1
    }

    /// What arrives of a request with these fields.
    pub(super) fn with(&self, fields: &[(String, String)]) -> Option<Arrived> {
        self.arrives(&Ask::get(self.path).with_all(fields))
    }

    /// What arrives of a request, and what was decided about it if another proxy has asked and the
    /// gateway can be asked for that.
    pub(super) fn judged(&self, ask: &Ask<'_>) -> (Option<Arrived>, Option<Decided>) {
        let Some(marks) = self.marks else { return (self.arrives(ask), None) };
        let (marked, arrived) = self.recorder.during(|| marks.send_once(ask));
        let records = marked.records.ok();
        (arrived, records.and_then(Records::into_decision))
    }
}
