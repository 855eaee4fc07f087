//! The session that a decision is about.

use serde::Serialize;

use crate::authz::refused_requests::RefusedSession;
use portcullis_policy::Subject;

/// The session that the decision is about.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ExplainedSession")]
pub(super) struct Session<'a> {
    pub(super) kind: &'a str,
    pub(super) organization: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) login: Option<&'a str>,
    pub(super) group: &'a str,
}

impl<'a> Session<'a> {
    pub(super) fn of(subject: &'a Subject) -> Self {
        Self {
            kind: subject.kind.name(),
            organization: &subject.organization,
            user: subject.user.as_deref(),
            login: subject.login.as_deref(),
            group: &subject.group,
        }
    }

    /// The session of a refused request.
    pub(super) fn refused(session: &'a RefusedSession) -> Self {
        Self {
            kind: &session.kind,
            organization: &session.organization,
            user: session.user.as_deref(),
            login: session.login.as_deref(),
            group: &session.group,
        }
    }
}
