//! Whether the portal's start page opens for a client, so that no page of ours leads to a denial.

use std::net::IpAddr;

use http::Method;
use jiff::Timestamp;

use portcullis_policy::{Decision, Policy, RequestFacts, RequestTarget, Subject, decide};

/// Whether `/` opens: the policy allows it, asks the client to sign in, or redirects to a page of
/// the portal that it allows. `at` is the name of the host and the client's address.
#[must_use]
pub fn start_page_opens(
    policy: &Policy,
    subject: Option<&Subject>,
    (host, client): (&str, Option<IpAddr>),
    now: Timestamp,
) -> bool {
    let decide_on = |target: &str| {
        let target = RequestTarget::parse(target).ok()?;
        let facts = RequestFacts { client, ..RequestFacts::new(host, &Method::GET, &target) };
        Some(decide(policy, subject, &facts, now))
    };
    match decide_on("/") {
        Some(Decision::Allow(_) | Decision::Challenge(_)) => true,
        Some(Decision::Redirect(elsewhere)) => {
            matches!(decide_on(elsewhere.location()), Some(Decision::Allow(_)))
        }
        Some(Decision::Deny(_) | Decision::Malformed(_)) | None => false,
    }
}
