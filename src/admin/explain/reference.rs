//! A refused request by its reference, the request's id: what was decided about it then.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::session::Session;
use crate::admin::problem::Problem;
use crate::admin::response::{ApiResult, Document, document};
use crate::admin::state::AdminState;
use crate::authz::refused_requests::{RefusedRequest, RefusedSession};
use crate::directory::Snapshot;

/// The decision as it was. The fields that an explanation of a decision now has too mean the same.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "ExplainedReference")]
pub(in crate::admin) struct Reference<'a> {
    sentence: String,
    reference: &'a str,
    time: Timestamp,
    /// The client's address.
    address: String,
    method: &'a str,
    target: &'a str,
    decision: &'a str,
    reason: &'a str,
    route: Option<&'a str>,
    access: Option<&'a str>,
    needed: &'a [String],
    /// Those of the needed permissions that the session had.
    held: Vec<&'a str>,
    missing: &'a [String],
    session: Option<Session<'a>>,
    /// How the portal might have read the path, if that is the reason.
    reading: Option<&'a str>,
    names: BTreeMap<&'a str, &'a str>,
    policy: &'a str,
    /// The version of the policy that is in force now.
    policy_now: &'a str,
}

/// What was decided about the request with this reference.
pub(super) async fn explain(
    admin: &AdminState,
    reference: &str,
    now: Timestamp,
) -> ApiResult<Document<Reference<'static>>> {
    let reference = reference.trim();
    let found = admin.authz.refused_requests().find(reference, now).await?;
    // The requests of visitors belong to no organization.
    let organization = |request: &RefusedRequest| {
        request.session.as_ref().map(|session| session.organization.clone())
    };
    let found = found.filter(|request| admin.shows(organization(request).as_deref()));
    let Some(request) = found else { return Err(unknown(reference)) };
    if let Some(id) = organization(&request).filter(|_| admin.is_limited())
        && let Some(deleted) = admin.directory.deleted_at(&id).await?
        && request.time <= deleted
    {
        return Err(unknown(reference));
    }
    let snapshot = admin.authz.snapshot();
    let is_held = |id: &&String| !request.missing.contains(id);
    document(&Reference {
        sentence: sentence(&request, &snapshot),
        reference: &request.reference,
        time: request.time,
        address: request.client.to_string(),
        method: &request.method,
        target: &request.target,
        decision: &request.decision,
        reason: &request.reason,
        route: request.route.as_deref(),
        access: request.access.as_deref(),
        needed: &request.needed,
        held: match request.session {
            Some(_) => request.needed.iter().filter(is_held).map(String::as_str).collect(),
            None => Vec::new(),
        },
        missing: &request.missing,
        session: request.session.as_ref().map(Session::refused),
        reading: request.reading.as_deref(),
        names: names(&request, &snapshot),
        policy: &request.policy,
        policy_now: snapshot.policy().version(),
    })
}

fn unknown(reference: &str) -> Problem {
    let detail = format!(
        "there is no refused request with the reference `{reference}`, or it has expired: references \
         are kept for 14 days, or less if there are very many refusals"
    );
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

/// The names of the permissions and of the group, as far as they still exist.
fn names<'a>(request: &'a RefusedRequest, snapshot: &'a Snapshot) -> BTreeMap<&'a str, &'a str> {
    let permissions = snapshot.policy().catalogue().permissions().iter();
    let used = permissions.filter(|permission| request.needed.contains(&permission.id));
    let permissions = used.map(|permission| (&*permission.id, &*permission.name));
    let group = request.session.as_ref().and_then(|session| snapshot.group(&session.group));
    permissions.chain(group.map(|group| (group.id().as_str(), group.name()))).collect()
}

fn sentence(request: &RefusedRequest, snapshot: &Snapshot) -> String {
    let RefusedRequest { method, target, decision, session, time, .. } = request;
    let who = match session {
        None => "A visitor without a session".to_owned(),
        Some(RefusedSession { login: Some(login), .. }) => login.clone(),
        Some(RefusedSession { kind, organization, .. }) if kind == "staff" => {
            format!("Staff that views the portal of {organization}")
        }
        Some(RefusedSession { kind, organization, .. }) if kind == "trial" => {
            format!("Staff that tries the portal of {organization}")
        }
        Some(RefusedSession { organization, .. }) => {
            format!("A visitor with the secure link of {organization}")
        }
    };
    let verb = if ["GET", "HEAD"].contains(&&**method) { "open" } else { "send" };
    let time = time.strftime("%Y-%m-%d %H:%M:%S UTC");
    let because = because(request, snapshot);
    let mut text = match &**decision {
        "sign-in" => {
            format!("{who} had to sign in to {verb} {method} {target} ({time}): {because}.")
        }
        "bad-request" => {
            format!("{method} {target} was refused as a bad request ({time}): {because}.")
        }
        _ => format!("{who} was not allowed to {verb} {method} {target} ({time}): {because}."),
    };
    if !request.policy.is_empty() && request.policy != snapshot.policy().version() {
        text.push_str(" Another policy is in force now.");
    }
    text
}

/// The reason, as a clause.
fn because(request: &RefusedRequest, snapshot: &Snapshot) -> String {
    let RefusedRequest { reason, route, access, missing, needed, session, .. } = request;
    let named = names(request, snapshot);
    let listed = |ids: &[String]| {
        let any = if access.as_deref() == Some("any") && ids.len() > 1 { "one of " } else { "" };
        let names = ids.iter().map(|id| *named.get(&**id).unwrap_or(&&**id));
        format!("{any}{}", names.collect::<Vec<_>>().join(", "))
    };
    let route = route.as_deref().map_or_else(String::new, |name| format!("the route \"{name}\""));
    let group = session.as_ref().map_or("", |session| &session.group);
    let group = named.get(group).copied().unwrap_or(group);
    match &**reason {
        "missing-permission" => {
            format!("needs {}, which the group {group} did not have", listed(missing))
        }
        "no-session" | "sign-in-required" if !needed.is_empty() => {
            format!("needs {}", listed(needed))
        }
        "no-session" | "sign-in-required" => format!("{route} needs a session"),
        "no-route" => "no route matched this path".to_owned(),
        "method-not-allowed" => "no route for this path had this method".to_owned(),
        "query-not-allowed" => "no route for this path had this query".to_owned(),
        "address-not-allowed" => format!("{route} is for other client addresses (`from`)"),
        "websocket-not-allowed" => format!("{route} is not for WebSockets (`websocket`)"),
        "staff-not-allowed" => {
            format!("{route} refuses sessions of staff (`staff = \"never\"`)")
        }
        "read-only" => "the session is of staff that acts as a portal user, and may only read \
                        (`session.impersonation_read_only`)"
            .to_owned(),
        "route-closed" => format!("{route} is closed (`access = \"deny\"`)"),
        "no-portal-access" => format!("the group {group} had no access to the portal"),
        "organization-parked" => "the organization was parked".to_owned(),
        "account-disabled" => "the account was disabled".to_owned(),
        "other-organization" => {
            let own = session.as_ref().map_or("", |session| &session.organization);
            format!("the path belongs to another organization than `{own}`")
        }
        "ambiguous-path" => "the portal may read the path in another way".to_owned(),
        "ambiguous-query" => "the portal may read another query than the gateway".to_owned(),
        "method-override" => "a header or the query names another method".to_owned(),
        "cross-origin" => "a page of another site sent it".to_owned(),
        "foreign-origin" => "a page of another site asked for a WebSocket".to_owned(),
        "store-unavailable" => "the store did not respond".to_owned(),
        "login-not-encodable" => {
            "the portal could not get this login (`identity.encoding`)".to_owned()
        }
        other => format!("`{other}`"),
    }
}
