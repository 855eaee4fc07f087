//! Twins: other spellings of a stricter route's path that a laxer route matches. `check` warns of
//! them.
//!
//! The decision refuses these spellings to people who may only have the laxer route. If the portal
//! does not read paths in that way, the refusal is not needed.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::path_pattern::Segment;
use super::permission::PermissionSet;
use super::policy::Policy;
use super::reading::{Reading, decoded};
use super::request_path::RequestTarget;
use super::route::{Access, Requirement, Route};

/// The value of variables in examples.
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
        let mut twins: Vec<Twin> = Vec::new();
        for strict in &self.routes {
            let begin = twins.len();
            for example in self.spellings_of(strict) {
                for host in self.router.hosts(strict.hosts()) {
                    let Some(shape) = self.router.find(host, &example) else { continue };
                    for lax in shape.routes() {
                        let new = twins.iter().skip(begin).all(|twin| !Arc::ptr_eq(&twin.lax, lax));
                        if new && is_laxer(lax, strict) {
                            let (strict, lax) = (Arc::clone(strict), Arc::clone(lax));
                            twins.push(Twin { strict, lax, example: example.clone() });
                        }
                    }
                }
            }
        }
        twins
    }

    /// The routes whose paths match only without a slash at the end, each with an example of a path
    /// that is denied.
    pub fn without_slash(&self) -> impl Iterator<Item = (&Arc<Route>, String)> {
        self.routes.iter().filter_map(|route| {
            let path = spelled(&texts(route));
            let host = route.hosts().first().map_or("", String::as_str);
            let with_slash = format!("{path}/");
            let is_one = !path.ends_with('/') && self.router.find(host, &with_slash).is_none();
            is_one.then_some((route, with_slash))
        })
    }

    /// Other spellings of a route's path, for each enabled reading and combination of literals.
    fn spellings_of(&self, route: &Route) -> Vec<String> {
        let texts = texts(route);
        let literals: Vec<usize> = (0..texts.len())
            .filter(|place| {
                let segment = route.path().segments().get(*place);
                matches!(segment, Some(Segment::Literal(text)) if !text.is_empty())
            })
            .collect();
        let combinations: Vec<Vec<usize>> = if literals.len() <= MAX_COMBINED {
            (1..1_usize << literals.len())
                .map(|mask| {
                    let chosen =
                        literals.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
                    chosen.map(|(_, place)| *place).collect()
                })
                .collect()
        } else {
            literals.iter().map(|place| vec![*place]).chain([literals.clone()]).collect()
        };
        let mut spellings = Vec::new();
        let enabled =
            Reading::ALL.into_iter().filter(|reading| self.router.readings().has(*reading));
        for reading in enabled {
            for chosen in &combinations {
                let changed: Vec<_> = texts
                    .iter()
                    .enumerate()
                    .map(|(place, text)| match chosen.contains(&place) {
                        true => respelled(reading, text).map_or_else(|| text.clone(), Cow::Owned),
                        false => text.clone(),
                    })
                    .collect();
                if changed != texts {
                    spellings.push(spelled(&changed));
                }
            }
            spellings.extend(ended(reading, route, &spelled(&texts)));
        }
        spellings
    }
}

/// The segments of a route's path, with values for its variables.
fn texts(route: &Route) -> Vec<Cow<'_, str>> {
    let segments = route.path().segments().iter();
    segments
        .map(|segment| match segment {
            Segment::Literal(text) => decoded(text),
            Segment::Variable(_) | Segment::Rest(_) => Cow::Borrowed(VALUE),
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
    let letter = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (before, rest) = text.split_at_checked(letter)?;
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
        Reading::DecodeTwice => Some(format!("{before}%{c:02x}{after}")),
        Reading::Slash | Reading::PathInfo | Reading::Suffix => None,
    }
}

/// Another path that a portal with this reading takes for the same, with another end.
fn ended(reading: Reading, route: &Route, path: &str) -> Option<String> {
    let Some(Segment::Literal(last)) = route.path().segments().last() else { return None };
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
            Requirement::Any(held) => held.iter().all(|index| {
                let mut one = PermissionSet::EMPTY;
                one.insert(index);
                needed.is_met_by(one)
            }),
        },
    }
}

#[cfg(test)]
mod tests;
