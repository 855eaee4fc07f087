//! A decision and its reason in words.

use super::asked::{LinkState, LinkView, UserView, Who};
use super::nearest::{ExcludedBy, NearRoute};
use crate::authz::{Outcome, missing};
use crate::directory::Snapshot;
use crate::directory::records::UserStatus;
use portcullis_policy::{
    Access, BadRequest, Decision, PermissionSet, Requirement, Route, SessionKind, Subject,
};

/// A request and what is decided about it.
pub(super) struct Answer<'a> {
    /// The method and the target.
    pub(super) line: &'a str,
    pub(super) outcome: &'a Outcome<'a>,
    pub(super) subject: Option<&'a Subject>,
    pub(super) snapshot: &'a Snapshot,
}

/// The routes that were meant, if none applies.
#[derive(Clone, Copy)]
pub(super) struct Routes<'a> {
    pub(super) excluded_by: Option<&'a ExcludedBy<'a>>,
    pub(super) nearest: &'a [NearRoute<'a>],
}

/// The decision in words. For a link without a session, the reason for that comes first.
pub(super) fn of(who: &Who, answer: &Answer<'_>, routes: Routes<'_>) -> String {
    let decided = decided(&name_of(who, answer), answer, routes);
    match who {
        Who::Link(link) => match without_session(link, answer) {
            Some(why) => format!("{why} {decided}"),
            None => decided,
        },
        Who::User(_) | Who::Group | Who::Anonymous => decided,
    }
}

/// For a user who cannot sign in: why not, and what would be decided otherwise.
pub(super) fn with_access(who: &Who, answer: &Answer<'_>, routes: Routes<'_>) -> String {
    let Who::User(UserView { login, status, disabled, .. }) = who else {
        return of(who, answer, routes);
    };
    let why = match status {
        _ if *disabled => "is disabled, so only public routes are open",
        UserStatus::Invited => "has not accepted the invitation yet, so there is no session",
        UserStatus::NoPassword => "has no password yet, so there is no session",
        UserStatus::Active => "cannot sign in, so there is no session",
    };
    let group = group_name(answer);
    format!("{login} {why}. With the group {group}: {}", decided(login, answer, routes))
}

/// The refusal of a request that cannot be read.
pub(super) fn bad_request(line: &str, bad: BadRequest) -> String {
    let why = match bad {
        BadRequest::Target(bad) => bad.to_string(),
        BadRequest::UnknownHost => "the gateway does not serve this host".to_owned(),
        BadRequest::HostMismatch => "the target names another host than `Host`".to_owned(),
        BadRequest::BadHost => "the host is not valid".to_owned(),
        BadRequest::Connect => "the method is CONNECT".to_owned(),
        BadRequest::NoPath => "the target has no path".to_owned(),
        other => other.as_str().to_owned(),
    };
    format!("{line} is refused as a bad request: {why}.")
}

fn without_session(LinkView { name, state, .. }: &LinkView, answer: &Answer<'_>) -> Option<String> {
    match state {
        LinkState::Works => None,
        // The decision about its session says so.
        LinkState::Parked if answer.subject.is_some() => None,
        LinkState::Parked => {
            Some(format!("The portal is closed for {name}, so its secure link starts no session."))
        }
        LinkState::SignIn => {
            Some(format!("{name} has portal users, so its secure link leads to the sign-in page."))
        }
        LinkState::Disabled => Some(format!("The secure link of {name} is disabled.")),
        LinkState::Replaced => {
            Some(format!("This is not the current secure link of {name}: it does not work."))
        }
    }
}

fn name_of(who: &Who, answer: &Answer<'_>) -> String {
    match who {
        Who::User(user) => user.login.clone(),
        Who::Link(link) if answer.subject.is_some() => {
            format!("A visitor with the secure link of {}", link.name)
        }
        Who::Group if answer.subject.is_some_and(|subject| subject.kind == SessionKind::Link) => {
            "A visitor with a secure link".to_owned()
        }
        Who::Group if is_trial(answer) => "A trial of the portal".to_owned(),
        Who::Group => format!("A portal user in the group {}", group_name(answer)),
        Who::Link(_) | Who::Anonymous => "A visitor without a session".to_owned(),
    }
}

fn is_trial(answer: &Answer<'_>) -> bool {
    answer.subject.is_some_and(|subject| subject.kind == SessionKind::Trial)
}

fn decided(who: &str, answer: &Answer<'_>, routes: Routes<'_>) -> String {
    let Answer { line, outcome, .. } = answer;
    let verb =
        if ["GET ", "HEAD "].iter().any(|safe| line.starts_with(safe)) { "open" } else { "send" };
    let because = because(answer, routes);
    match outcome.name() {
        "allow" => format!("{who} may {verb} {line}: {because}."),
        "sign-in" => format!("{who} must sign in to {verb} {line}: {because}."),
        "page" => format!("{line} is a page of the gateway, which is not subject to the policy."),
        "bad-request" => format!("{line} is refused as a bad request: {because}."),
        "redirect" if outcome.reason() == "portal-disabled" => {
            format!("The portal is disabled: {line} is redirected, like every request.")
        }
        "redirect" => {
            format!("{who} may not {verb} {line} and is redirected instead: {because}.")
        }
        _ => format!("{who} may not {verb} {line}: {because}."),
    }
}

/// The reason, as a clause.
fn because(answer: &Answer<'_>, routes: Routes<'_>) -> String {
    let Answer { outcome, subject, .. } = answer;
    let route = outcome.route();
    let named = route.map_or_else(String::new, |route| format!("the route \"{}\"", route.name()));
    match outcome.reason() {
        "public" => format!("{named} is public"),
        "signed-in" => format!("{named} only needs a session"),
        "permitted" => permitted(route, answer),
        "trial" if route.is_some() => {
            format!("needs {}, but {named} is not closed", needs(route, answer))
        }
        "trial" => "no route is for this request, and none closes it".to_owned(),
        "no-session" => match route.map(Route::access) {
            Some(Access::Require(_)) => format!("needs {}", needs(route, answer)),
            _ => format!("{named} needs a session"),
        },
        "no-route" => match routes.excluded_by {
            Some(ExcludedBy { pattern, path, file, line, .. }) => format!(
                "`{path}` excludes paths with a name like `{pattern}` (`except`, {file}:{line})"
            ),
            None => format!("no route matches this path{}", proposals(routes.nearest, false)),
        },
        "method-not-allowed" => format!(
            "no route for this path has this method{}{}",
            proposals(routes.nearest, true),
            in_capitals(answer.line)
        ),
        "query-not-allowed" => "no route for this path has this query".to_owned(),
        "ambiguous-query" => "the portal may read another query than the gateway".to_owned(),
        "ambiguous-path" => other_reading(answer),
        "address-not-allowed" => format!("{named} is for other client addresses (`from`)"),
        "websocket-not-allowed" => format!("{named} is not for WebSockets (`websocket`)"),
        "staff-not-allowed" => {
            format!("{named} refuses sessions of staff (`staff = \"never\"`)")
        }
        "route-closed" => format!("{named} is closed (`access = \"deny\"`)"),
        "no-portal-access" => {
            format!("the group {} has no access to the portal", group_name(answer))
        }
        "organization-parked" => {
            let reason = subject.and_then(|subject| subject.parked.as_deref());
            format!("the organization is parked: {}", reason.unwrap_or("-"))
        }
        "account-disabled" => "the account is disabled".to_owned(),
        "other-organization" => {
            let own = subject.map_or("", |subject| &*subject.organization);
            format!("the path belongs to another organization than `{own}`")
        }
        "missing-permission" => lacking(route, answer),
        "method-override" => "the query names another method".to_owned(),
        "login-not-encodable" => {
            "the portal cannot get this login (`identity.encoding`)".to_owned()
        }
        other => match outcome {
            Outcome::BadTarget(bad) => bad.to_string(),
            Outcome::Decided(Decision::Malformed(bad)) => bad.to_string(),
            _ => other.to_owned(),
        },
    }
}

/// `needs Invoices – View, which the group Admin Portal Group has`.
fn permitted(route: Option<&Route>, answer: &Answer<'_>) -> String {
    let (needs, group) = (needs(route, answer), group_name(answer));
    let (Some(route), Some(subject), true) = (route, answer.subject, is_any(route)) else {
        return format!("needs {needs}, which the group {group} has");
    };
    let held = subject.held(answer.snapshot.policy().catalogue());
    let has = names(route.permissions().intersection(held), answer, "and");
    format!("needs {needs}; the group {group} has {has}")
}

/// `needs Invoices – View, which the group Limited Portal Group does not have`.
fn lacking(route: Option<&Route>, answer: &Answer<'_>) -> String {
    let catalogue = answer.snapshot.policy().catalogue();
    let lacking = missing(route, answer.subject, catalogue);
    let group = group_name(answer);
    let is_any = is_any(route);
    let names = names(lacking, answer, if is_any { "or" } else { "and" });
    let verb = if is_any && lacking.len() > 1 {
        format!("none of which the group {group} has")
    } else {
        format!("which the group {group} does not have")
    };
    let is_link = answer.subject.is_some_and(|subject| subject.kind == SessionKind::Link);
    let needs_person = lacking.iter().any(|index| {
        catalogue.permissions().get(index).is_some_and(|permission| permission.identity)
    });
    let note = match is_link && needs_person {
        true => "; it is only for people who sign in",
        false => "",
    };
    format!("needs {names}, {verb}{note}")
}

/// What a route needs, by name.
fn needs(route: Option<&Route>, answer: &Answer<'_>) -> String {
    let Some(route) = route else { return String::new() };
    let conjunction = if is_any(Some(route)) { "or" } else { "and" };
    names(route.permissions(), answer, conjunction)
}

fn is_any(route: Option<&Route>) -> bool {
    matches!(route.map(Route::access), Some(Access::Require(Requirement::Any(_))))
}

/// `A`, `A and B`, `A, B and C`.
fn names(set: PermissionSet, answer: &Answer<'_>, conjunction: &str) -> String {
    let permissions = answer.snapshot.policy().catalogue().permissions();
    let names: Vec<&str> = set
        .iter()
        .filter_map(|index| permissions.get(index))
        .map(|permission| &*permission.name)
        .collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} {conjunction} {last}", others.join(", ")),
    }
}

fn group_name<'a>(answer: &Answer<'a>) -> &'a str {
    let Some(subject) = answer.subject else { return "" };
    answer.snapshot.group(&subject.group).map_or(&*subject.group, |group| group.name())
}

/// `; nearest: /invoices/{id} (GET, HEAD)`.
fn proposals(nearest: &[NearRoute<'_>], with_methods: bool) -> String {
    let described = |NearRoute { path, methods, .. }: &NearRoute<'_>| match with_methods {
        true => format!("{path} ({})", methods.join(", ")),
        false => (*path).to_owned(),
    };
    let mut routes: Vec<String> = nearest.iter().map(described).collect();
    // Routes for other methods have the same path.
    routes.dedup();
    if routes.is_empty() { String::new() } else { format!("; nearest: {}", routes.join("; ")) }
}

/// For a method that is not in capitals: how it is written.
fn in_capitals(line: &str) -> String {
    let method = line.split(' ').next().unwrap_or_default();
    let capitals = method.to_ascii_uppercase();
    if method == capitals {
        return String::new();
    }
    format!("; methods are written in capitals: `{capitals}`")
}

fn other_reading(answer: &Answer<'_>) -> String {
    let Some(reading) = answer.outcome.reading() else {
        return "the portal may read the path in too many ways".to_owned();
    };
    let route = match reading.route() {
        Some(route) => format!("the route \"{}\" decides", route.name()),
        None => "no route matches".to_owned(),
    };
    let readings: Vec<&str> = reading.readings().names().collect();
    format!(
        "the portal may read the path differently ({}), and then {route} ({})",
        readings.join(", "),
        reading.reason().as_str()
    )
}
