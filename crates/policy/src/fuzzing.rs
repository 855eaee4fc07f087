//! The fuzz targets of this crate: each takes any bytes and panics when a property does not hold.
//!
//! `fuzz/` runs them with libFuzzer; the tests below run each over its corpus.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a property that fails stops the fuzzer")]

pub(crate) mod portal;

use std::sync::{Arc, LazyLock};

use http::Method;
use http::uri::PathAndQuery;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use self::portal::{Habit, QueryReader};
use crate::{
    Access, Decision, HostPattern, Policy, PolicyFiles, Readings, RequestFacts, RequestLine,
    RequestTarget, SessionKind, Subject, decide, fixture,
};

/// The host of every request here.
const HOST: &str = "h";
/// Who sends the requests: a group of the fixture, or `anonymous`.
const ASKING: [&str; 5] = ["anonymous", "limited", "admin", "no-access", "non-portal"];

/// A request target: `TARGET`, and on a second line letters for what the portal does to its path
/// (`a` is the first of `Habit::ALL`).
///
/// - The canonical form is a fixed point, is a valid URI, and decodes to what came.
/// - What is allowed would be allowed to the same session for the path as the portal reads it.
pub fn request_target(data: &[u8]) {
    static POLICIES: LazyLock<(Policy, Policy)> = LazyLock::new(|| {
        let files = fixture::files(fixture::TWINS, "");
        (
            Policy::compile(&files).unwrap(),
            Policy::compile_for(&files, &Readings::NONE.into()).unwrap(),
        )
    });
    let text = String::from_utf8_lossy(data);
    let (text, habits) = text.split_once('\n').unwrap_or((&text, ""));
    let parsed = RequestTarget::parse(text);
    if text.starts_with('/') {
        let line = RequestLine::from_text(&Method::GET, text, HOST).read(|_| Ok(()));
        assert_eq!(line.ok().map(|((), target)| target), parsed.clone().ok());
    }
    let Ok(target) = parsed else { return };
    is_canonical(text, &target);

    let habits: Vec<Habit> = habits.chars().filter_map(Habit::of_letter).collect();
    let (policy, exact) = &*POLICIES;
    for who in ASKING {
        let subject = subject(policy, who);
        if allowed(policy, subject.as_ref(), &target) {
            let decided = |target: &RequestTarget| {
                decide(exact, subject.as_ref(), &get(target, &Method::GET), Timestamp::UNIX_EPOCH)
            };
            portal::check_reading(policy, &target, &habits, decided);
        }
    }
}

fn is_canonical(text: &str, target: &RequestTarget) {
    let canonical = target.as_str();
    assert_eq!(RequestTarget::parse(canonical).as_ref(), Ok(target), "{text:?}");
    let (path, query) = text.split_once('?').map_or((text, None), |(path, q)| (path, Some(q)));
    assert_eq!(target.query(), query, "{text:?}");
    assert!(percent_decode_str(target.path()).eq(percent_decode_str(path)), "{text:?}");
    let is_uri = |text: &str| PathAndQuery::try_from(text).is_ok();
    assert!(is_uri(target.path()), "{text:?}");
    // A query may hold more than the parser of requests lets through.
    if query.is_none_or(|query| is_uri(&format!("/?{query}"))) {
        assert_eq!(PathAndQuery::try_from(canonical).unwrap().as_str(), canonical, "{text:?}");
    }
    let segments: Vec<_> = target.path().split('/').collect();
    let [first, inner @ .., last] = segments.as_slice() else { panic!("{text:?}") };
    assert!(first.is_empty() && inner.iter().all(|segment| !segment.is_empty()), "{text:?}");
    for segment in inner.iter().chain([last]) {
        let decoded = percent_decode_str(segment).decode_utf8().unwrap();
        assert!(!decoded.split(['/', '\\']).any(|part| matches!(part, "." | "..")), "{text:?}");
        assert!(!decoded.chars().any(char::is_control), "{text:?}");
        assert!(!decoded.contains('\\'), "{text:?}");
    }
}

/// A query rule on the first line, the query on the rest. The rule is a parameter and its listed
/// values, or `!` for any value; more parameters follow after commas, and a `;` at the end is the
/// separator.
///
/// - A query for which the route applies has the listed values in every way to read queries.
pub fn query_rule(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((rule, query)) = text.split_once('\n') else { return };
    let (rule, separator) = match rule.strip_suffix(';') {
        Some(rule) => (rule, ';'),
        None => (rule, '&'),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let is_value = |value: &&str| *value == "!" || value.chars().all(|c| c == '.' || plain(c));
    let mut parameters: Vec<(&str, Vec<&str>)> = Vec::new();
    for text in rule.split(',') {
        let mut words = text.split(' ');
        let parameter = words.next().unwrap_or_default();
        let values: Vec<&str> = words.collect();
        let is_valid = !parameter.is_empty() && parameter.chars().all(plain);
        if !is_valid || !values.iter().all(is_value) {
            return;
        }
        parameters.push((parameter, values));
    }
    let conditions = parameters.iter().map(|(parameter, values)| match values.as_slice() {
        ["!"] => format!("{parameter} = true"),
        values => format!("{parameter} = {values:?}"),
    });
    let conditions = conditions.collect::<Vec<_>>().join(", ");
    let Ok(target) = RequestTarget::parse(&format!("/?{query}")) else { return };
    let Ok(policy) = fixture::compile(&format!(
        "[[route]]\nname = \"r\"\npath = \"/\"\naccess = \"public\"\n\
         query = {{ {conditions} }}\nquery_separator = \"{separator}\"\n"
    )) else {
        return;
    };
    if !allowed(&policy, None, &target) {
        return;
    }
    for reader in QueryReader::all() {
        for (parameter, values) in &parameters {
            let read = reader.read(query, parameter, separator);
            let holds = match values.as_slice() {
                ["!"] => !read.trim().is_empty(),
                values => values.contains(&read.as_str()),
            };
            assert!(holds, "{query:?} read as {read:?} by {reader:?}");
        }
    }
}

/// Policy files: sections between lines of `---`, which are `routes.toml`, `expectations.toml`,
/// `groups.toml`, `permissions.toml`, and requests to decide, one a line; what is missing or empty
/// is small and valid.
///
/// - Problems name a line that their file has.
/// - What is allowed is allowed by a route of the file that is for the request, to a session that
///   has what the route requires.
pub fn policy_files(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut sections = text.split("\n---\n");
    let mut section = |default: &str| match sections.next() {
        Some(text) if !text.trim().is_empty() => text.to_owned(),
        Some(_) | None => default.to_owned(),
    };
    let files = PolicyFiles {
        routes: section(""),
        expectations: section(""),
        groups: section(fixture::GROUPS),
        permissions: section(fixture::PERMISSIONS),
        ..PolicyFiles::default()
    };
    let requests = section("GET /\nPOST /a\nGET /a/b");
    let policy = match Policy::compile(&files) {
        Ok(policy) => policy,
        Err(problems) => return have_lines(&files, &problems),
    };
    if let Err(problems) = policy.check_seed_expectations() {
        have_lines(&files, &problems);
    }
    for request in requests.lines().take(20) {
        let Some((method, target)) = request.split_once(' ') else { continue };
        let (Ok(method), Ok(target)) =
            (Method::from_bytes(method.as_bytes()), RequestTarget::parse(target))
        else {
            continue;
        };
        for who in ASKING {
            let subject = subject(&policy, who);
            let asked = get(&target, &method);
            let decision = decide(&policy, subject.as_ref(), &asked, Timestamp::UNIX_EPOCH);
            if let Decision::Allow(_) = &decision {
                is_for(&policy, &decision, subject.as_ref(), &asked);
            }
        }
    }
}

fn have_lines(files: &PolicyFiles, problems: &crate::PolicyProblems) {
    let texts = [&files.permissions, &files.groups, &files.routes, &files.expectations];
    for problem in problems {
        let place = PolicyFiles::NAMES.iter().position(|name| *name == problem.file).unwrap();
        let lines = texts.get(place).map_or(0, |text| text.split('\n').count());
        assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
        assert!(!problem.message.is_empty());
    }
}

/// Judges an allowance by the text of its route, not by the way it was found.
fn is_for(
    policy: &Policy,
    decision: &Decision,
    subject: Option<&Subject>,
    asked: &RequestFacts<'_>,
) {
    let route = decision.route().unwrap();
    assert!(policy.routes().iter().any(|known| Arc::ptr_eq(known, route)));
    assert!(route.methods().contains(asked.method), "{asked:?}");
    assert!(
        route.hosts().is_empty()
            || route.hosts().contains(&HostPattern::Name(asked.host.to_owned()))
    );
    let requirement = match route.access() {
        Access::Public => return,
        Access::Deny => panic!("a closed route allows {asked:?}"),
        Access::SignedIn => None,
        Access::Require(requirement) => Some(requirement),
    };
    let subject = subject.unwrap_or_else(|| panic!("allowed without a session: {asked:?}"));
    assert!(!subject.has_no_access(), "{asked:?}");
    let held = subject.held(policy.catalogue());
    assert!(requirement.is_none_or(|requirement| requirement.is_met_by(held)), "{asked:?}");
    if route.organization().is_some() {
        let named = |segment| percent_decode_str(segment).eq(subject.organization.bytes());
        assert!(asked.target.path().split('/').any(named), "{asked:?}");
    }
    let expired = Subject { valid_until: Timestamp::UNIX_EPOCH, ..subject.clone() };
    let decision = decide(policy, Some(&expired), asked, Timestamp::UNIX_EPOCH);
    assert_ne!(decision.name(), "allow", "{asked:?}");
}

fn get<'a>(target: &'a RequestTarget, method: &'a Method) -> RequestFacts<'a> {
    RequestFacts::new(HOST, method, target)
}

fn allowed(policy: &Policy, subject: Option<&Subject>, target: &RequestTarget) -> bool {
    let asked = get(target, &Method::GET);
    decide(policy, subject, &asked, Timestamp::UNIX_EPOCH).name() == "allow"
}

/// A session of the organization `acme`.
fn subject(policy: &Policy, who: &str) -> Option<Subject> {
    let seed = policy.seed(who)?;
    let kind = if who == "non-portal" { SessionKind::Link } else { SessionKind::User };
    let group = (Arc::from(who), seed.permissions);
    Some(Subject::nameless(kind, Arc::from("acme"), group, Timestamp::MAX))
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::replay::replay;
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    #[test]
    fn corpus_of_request_targets() {
        replay(ROOT, "request_target", super::request_target);
    }

    #[test]
    fn corpus_of_query_rules() {
        replay(ROOT, "query_rule", super::query_rule);
    }

    #[test]
    fn corpus_of_policy_files() {
        replay(ROOT, "policy_files", super::policy_files);
    }
}
