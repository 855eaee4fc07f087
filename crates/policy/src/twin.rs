//! Twins: other spellings of a stricter route's path that a laxer route matches. `check` warns of
//! them.
//!
//! The decision refuses these spellings to people who may only have the laxer route. If the portal
//! does not read paths in that way, the refusal is not needed.

use std::borrow::Cow;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::decision::{Decision, RequestFacts, decide};
use super::group::built_in;
use super::host_pattern::HostPattern;
use super::path_pattern::{Form, Segment};
use super::permission::PermissionSet;
use super::policy::Policy;
use super::reading::{Reading, decoded};
use super::request_path::RequestTarget;
use super::route::{Access, Requirement, Route};
use super::segment_type::SegmentType;
use super::subject::{SessionKind, Subject};

/// The value of a rest, and the organization, in examples.
const VALUE: &str = "1";
/// Up to this many literals in a path, every combination of them is tried.
const MAX_COMBINED: usize = 3;

/// A stricter route, and a laxer one that matches another spelling of its path.
#[derive(Debug, Clone)]
pub struct Twin {
    /// The stricter route.
    pub strict: Arc<Route>,
    /// The laxer route.
    pub lax: Arc<Route>,
    /// A path that the laxer route matches and that the portal may take for the stricter route's.
    pub example: String,
}

impl Policy {
    /// Every pair of a stricter route and a laxer one that matches another spelling of its path, for
    /// the enabled readings.
    #[must_use]
    pub fn twins(&self) -> Vec<Twin> {
        self.pairs(self.routes.iter(), |strict| self.spellings_of(strict))
    }

    /// The routes whose paths match only with or only without a slash at the end, each with an
    /// example of a path that is denied.
    pub fn without_slash(&self) -> impl Iterator<Item = (&Arc<Route>, String)> {
        self.routes.iter().filter_map(|route| {
            let form = route.path().forms().first()?;
            let path = spelled(&texts(form));
            let host = route.hosts().first().map(HostPattern::example).unwrap_or_default();
            let other = with_other_slash(&path)?;
            self.router.find(&host, &other).is_none().then_some((route, other))
        })
    }

    /// Every pair of a stricter route and a laxer one that matches what is below its path.
    #[must_use]
    pub fn open_below(&self) -> Vec<Twin> {
        let strict = self.routes.iter().filter(|route| !route.path().has_rest());
        self.pairs(strict, |strict| {
            let path = strict.path().forms().first().map(|form| spelled(&texts(form)));
            path.into_iter().map(|path| format!("{}/{VALUE}", path.trim_end_matches('/'))).collect()
        })
    }

    /// Every pair of a stricter route and a laxer one that allows its path with a slash at the end
    /// that the stricter does not have, or without one that it has.
    #[must_use]
    pub fn open_with_other_slash(&self) -> Vec<Twin> {
        let strict = self.routes.iter().filter(|route| !route.path().has_rest());
        let mut twins = self.pairs(strict, |strict| {
            let path = strict.path().forms().first().map(|form| spelled(&texts(form)));
            path.as_deref().and_then(with_other_slash).into_iter().collect()
        });
        twins.retain(|twin| self.allows_laxer(twin));
        twins
    }

    /// Whether a session that the laxer route is for may have the example, and not the path of the
    /// stricter one.
    fn allows_laxer(&self, twin: &Twin) -> bool {
        let Twin { strict, lax, example } = twin;
        let Some(path) = with_other_slash(example) else { return false };
        let Some(method) = lax.methods().shared(strict.methods()) else { return false };
        let host = strict.hosts().first().map(HostPattern::example).unwrap_or_default();
        let client = lax.from().first().map(IpNet::addr);
        let allows = |subject: Option<&Subject>, path: &str| {
            let Ok(target) = RequestTarget::parse(path) else { return false };
            let request = RequestFacts { client, ..RequestFacts::new(&host, method, &target) };
            let decision = decide(self, subject, &request, Timestamp::UNIX_EPOCH);
            matches!(decision, Decision::Allow(_))
        };
        sessions(lax.access())
            .iter()
            .any(|subject| allows(subject.as_ref(), example) && !allows(subject.as_ref(), &path))
    }

    /// Every pair of a route of `strict` and a laxer one that matches one of its examples.
    fn pairs<'p>(
        &self,
        strict: impl Iterator<Item = &'p Arc<Route>>,
        examples: impl Fn(&Route) -> Vec<String>,
    ) -> Vec<Twin> {
        let mut twins: Vec<Twin> = Vec::new();
        for strict in strict {
            let begin = twins.len();
            for example in examples(strict) {
                for host in self.router.hosts(strict.hosts()) {
                    let Some(shape) = self.router.find(&host, &example) else { continue };
                    for lax in shape.routes() {
                        let new = twins.iter().skip(begin).all(|twin| !Arc::ptr_eq(&twin.lax, lax));
                        if new && is_laxer(lax, strict) && !shape.excludes(lax, &example) {
                            let (strict, lax) = (Arc::clone(strict), Arc::clone(lax));
                            twins.push(Twin { strict, lax, example: example.clone() });
                        }
                    }
                }
            }
        }
        twins
    }

    /// Other spellings of the paths of a route, for each enabled reading and combination of fixed
    /// segments.
    fn spellings_of(&self, route: &Route) -> Vec<String> {
        let mut spellings = Vec::new();
        for form in route.path().forms() {
            let texts = texts(form);
            let combinations = combinations(&fixed(form));
            let enabled =
                Reading::ALL.into_iter().filter(|reading| self.router.readings().has(*reading));
            for reading in enabled {
                for chosen in &combinations {
                    let changed: Vec<_> = texts
                        .iter()
                        .enumerate()
                        .map(|(place, text)| match chosen.contains(&place) {
                            true => {
                                respelled(reading, text).map_or_else(|| text.clone(), Cow::Owned)
                            }
                            false => text.clone(),
                        })
                        .collect();
                    if changed != texts {
                        spellings.push(spelled(&changed));
                    }
                }
                spellings.extend(ended(reading, form, &texts));
            }
        }
        spellings
    }
}

impl Reading {
    /// Other spellings of a canonical path that a portal with this reading takes for the same, each
    /// in its canonical form: with another segment respelled, or with another end. Empty if the path
    /// has none.
    #[must_use]
    pub fn spellings(self, path: &str) -> Vec<String> {
        let texts: Vec<_> = path.split('/').skip(1).map(decoded).collect();
        let mut spellings: Vec<String> = (0..texts.len())
            .filter_map(|place| {
                let mut changed = texts.clone();
                let text = changed.get_mut(place).filter(|text| !text.is_empty())?;
                *text = respelled(self, text).map(Cow::Owned)?;
                let spelled = spelled(&changed);
                // Servlet containers cut off parameters before they decode.
                Some(if self == Self::Parameters { spelled.replace("%3B", ";") } else { spelled })
            })
            .collect();
        if let Some(last) = texts.last() {
            spellings.extend(other_end(self, path, last));
        }
        spellings
    }
}

impl Route {
    /// A host and a path that the route matches, for a comparison of policies. The host is empty if the
    /// route is for all. Conditions on the query and the client are not met by it.
    #[must_use]
    pub fn example(&self) -> Option<(String, String)> {
        let form = self.path().forms().first()?;
        let host = self.hosts().first().map(HostPattern::example).unwrap_or_default();
        Some((host, spelled(&texts(form))))
    }
}

/// The path without the slash at its end, or with one if it has none; `None` for `/`.
fn with_other_slash(path: &str) -> Option<String> {
    match path.strip_suffix('/') {
        Some("") => None,
        Some(without) => Some(without.to_owned()),
        None => Some(format!("{path}/")),
    }
}

/// The sessions with no more than what one access requires.
fn sessions(access: Access) -> Vec<Option<Subject>> {
    let with = |granted| {
        let (organization, group) = (Arc::from(VALUE), Arc::from(built_in::LIMITED));
        let kind = SessionKind::User;
        Some(Subject::nameless(kind, organization, (group, granted), Timestamp::MAX))
    };
    match access {
        Access::Deny => Vec::new(),
        Access::Public => vec![None],
        Access::SignedIn => vec![with(PermissionSet::EMPTY)],
        Access::Require(Requirement::All(needed)) => vec![with(needed)],
        Access::Require(Requirement::Any(needed)) => {
            needed.iter().map(|one| with(only(one))).collect()
        }
    }
}

/// The set of one permission.
fn only(index: usize) -> PermissionSet {
    let mut set = PermissionSet::EMPTY;
    set.insert(index);
    set
}

/// The segments of a form, with values for its variables.
fn texts(form: &Form) -> Vec<Cow<'_, str>> {
    let segments = form.segments.iter().map(|segment| match segment {
        Segment::Literal(text) => decoded(text),
        Segment::Variable(_, of_type) => Cow::Owned(of_type.example()),
    });
    let rest = form.rest.iter().flat_map(|tail| {
        std::iter::once(Cow::Borrowed(VALUE)).chain(tail.iter().map(|text| decoded(text)))
    });
    segments.chain(rest).collect()
}

/// The places of the segments that the form does not leave open: literals, and variables with a
/// type.
fn fixed(form: &Form) -> Vec<usize> {
    let is_fixed = |segment: &Segment| match segment {
        Segment::Literal(text) => !text.is_empty(),
        Segment::Variable(_, of_type) => *of_type != SegmentType::Any,
    };
    let segments = form.segments.iter().map(is_fixed);
    let rest = form
        .rest
        .iter()
        .flat_map(|tail| std::iter::once(false).chain(tail.iter().map(|text| !text.is_empty())));
    let all = segments.chain(rest).enumerate();
    all.filter_map(|(place, fixed)| fixed.then_some(place)).collect()
}

/// Every combination of a few places; of many, each alone and all together.
fn combinations(places: &[usize]) -> Vec<Vec<usize>> {
    if places.len() > MAX_COMBINED {
        return places.iter().map(|place| vec![*place]).chain([places.to_vec()]).collect();
    }
    (1..1_usize << places.len())
        .map(|mask| {
            let chosen = places.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
            chosen.map(|(_, place)| *place).collect()
        })
        .collect()
}

/// The canonical path of these segments.
fn spelled(texts: &[Cow<'_, str>]) -> String {
    let escaped = |text: &Cow<'_, str>| format!("/{}", utf8_percent_encode(text, NON_ALPHANUMERIC));
    let path: String = texts.iter().map(escaped).collect();
    RequestTarget::parse(&path).map(|target| target.path().to_owned()).unwrap_or(path)
}

/// Another text that a portal with this reading takes for the same segment.
fn respelled(reading: Reading, text: &str) -> Option<String> {
    let at = match reading {
        Reading::Case => text.find(|c: char| c.is_ascii_alphabetic())?,
        _ => text.find(|c: char| c.is_ascii_alphanumeric())?,
    };
    let (before, rest) = text.split_at_checked(at)?;
    let (c, after) = rest.split_at_checked(1)?;
    let c = *c.as_bytes().first()?;
    match reading {
        Reading::Case => Some(format!("{before}{}{after}", char::from(c ^ 0x20))),
        Reading::Dot => Some(format!("{text}.")),
        Reading::Compatibility => {
            let wide = char::from_u32(u32::from(c) + 0xfee0)?;
            Some(format!("{before}{wide}{after}"))
        }
        Reading::Parameters => Some(format!("{text};x")),
        Reading::DecodeTwice => Some(format!("{before}%{c:02X}{after}")),
        Reading::Slash | Reading::PathInfo | Reading::Suffix => None,
    }
}

/// Another path that a portal with this reading takes for the same, with another end.
fn ended(reading: Reading, form: &Form, texts: &[Cow<'_, str>]) -> Option<String> {
    let path = spelled(texts);
    let last = texts.last()?;
    let is_fixed = last.is_empty() || fixed(form).last() == Some(&(texts.len() - 1));
    if !is_fixed {
        return None;
    }
    other_end(reading, &path, last)
}

/// The path with another end that a portal with this reading takes for the same. `last` is the text
/// of its last segment.
fn other_end(reading: Reading, path: &str, last: &str) -> Option<String> {
    match reading {
        Reading::Slash if path == "/" => None,
        Reading::Slash if last.is_empty() => path.strip_suffix('/').map(str::to_owned),
        Reading::Slash => Some(format!("{path}/")),
        Reading::PathInfo if last.contains('.') => Some(format!("{path}/x")),
        Reading::Suffix if !last.is_empty() => Some(format!("{path}.json")),
        Reading::Case
        | Reading::Dot
        | Reading::Compatibility
        | Reading::Parameters
        | Reading::DecodeTwice
        | Reading::PathInfo
        | Reading::Suffix => None,
    }
}

/// Whether one route allows some session what the other refuses.
fn is_laxer(lax: &Route, strict: &Route) -> bool {
    let bound = strict.organization().is_some() && lax.organization().is_none();
    let free = !matches!(lax.access(), Access::Deny) && bound;
    lax.methods().shared(strict.methods()).is_some()
        && (free || !implies(lax.access(), strict.access()))
}

/// Whether every session that has one access has the other too.
fn implies(one: Access, other: Access) -> bool {
    match (one, other) {
        (Access::Deny, _) | (_, Access::Public) => true,
        (_, Access::Deny) | (Access::Public, _) => false,
        (Access::SignedIn | Access::Require(_), Access::SignedIn) => true,
        (Access::SignedIn, Access::Require(_)) => false,
        (Access::Require(held), Access::Require(needed)) => match held {
            Requirement::All(held) => needed.is_met_by(held),
            Requirement::Any(held) => held.iter().all(|index| needed.is_met_by(only(index))),
        },
    }
}

#[cfg(test)]
mod tests;
