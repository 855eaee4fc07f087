//! Request headers that only a gateway may set: portals, application servers and frameworks trust
//! them as coming from a gateway in front of them (I5).
//!
//! Names are compared by their letters and digits in lower case, because portals read
//! `X_Portal.User` and `x-portal-user` as the same name.

mod names;

use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use self::names::listed;
pub use self::names::{Family, REPORTED};
use crate::config::Settings;
use crate::config::header_names::folded;

/// The reserved names: those of the list, of `[identity]` and of `upstream.remove_headers`, without
/// those of `upstream.pass_headers`. Names that begin like an identity header or one of
/// `upstream.remove_headers` are reserved too.
#[derive(Debug)]
pub struct ReservedHeaders {
    /// By [`place`].
    entries: [Vec<Entry>; PLACES * 2],
    /// Whole names, folded, that the settings let through.
    passed: Vec<Box<[u8]>>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// Folded.
    name: Box<[u8]>,
    /// Whether names that only begin with it are reserved too.
    prefix: bool,
    family: Family,
}

impl ReservedHeaders {
    /// The names that are reserved under these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let own = settings.identity.names.all().map(|name| (Family::Own, name.as_str()));
        let removed = settings.upstream.remove_headers.iter();
        let removed = removed.map(|name| (Family::Command, name.as_str()));
        let set = own.chain(removed).map(|(family, name)| (family, name, true));
        let listed = listed().map(|(family, name)| (family, name, name.ends_with('*')));
        let mut entries = [const { Vec::new() }; PLACES * 2];
        // Last, so that a listed one stays in its family; the settings do not let it pass.
        let further = settings.identity.further_names();
        let further = further.map(|name| (Family::Own, name.as_str(), false));
        for (family, name, prefix) in set.chain(listed).chain(further) {
            let name: Box<[u8]> = folded(name.as_bytes()).collect();
            let entry = Entry { name, prefix, family };
            if prefix && *entry.name == *b"x" {
                // Every name that begins with an `x`.
                entries.iter_mut().skip(PLACES).for_each(|place| place.push(entry.clone()));
            }
            let at = place(entry.name.iter().copied());
            if let Some(place) = at.and_then(|at| entries.get_mut(at)) {
                place.push(entry);
            }
        }
        let passed = settings.upstream.pass_headers.iter();
        let passed = passed.map(|name| folded(name.as_str().as_bytes()).collect()).collect();
        Self { entries, passed }
    }

    /// The family of a name, if it is reserved. A name with anything but letters, digits and
    /// hyphens always is: application servers map it to other names (`SCRIPT_NAME`, `$WSRU`).
    #[must_use]
    pub fn family(&self, name: &HeaderName) -> Option<Family> {
        let name = name.as_str().as_bytes();
        let family = match self.entry(name) {
            Some(Family::Own) => return Some(Family::Own),
            Some(family) => family,
            None if is_plain(name) => return None,
            None => Family::Command,
        };
        let passed = self.passed.iter().any(|passed| folded(name).eq(passed.iter().copied()));
        (!passed).then_some(family)
    }

    /// Whether a header other than `allowed` names another method than the request's own. Such a
    /// request is refused, because without the header the portal would do something else than the
    /// client asked for.
    #[must_use]
    pub fn override_method(
        &self,
        headers: &HeaderMap,
        method: &Method,
        allowed: Option<&HeaderName>,
    ) -> bool {
        headers.iter().any(|(name, value)| {
            // These names begin with an `x`, after anything that is not a letter or digit. Most
            // names are excluded by that.
            let first = name.as_str().as_bytes().first();
            first.is_some_and(|byte| *byte == b'x' || !byte.is_ascii_alphanumeric())
                && self.family(name) == Some(Family::Method)
                && Some(name) != allowed
                && !is_same_method(value, method)
        })
    }

    /// The same for a header that a route names, which need not be reserved.
    #[must_use]
    pub fn names_method(
        headers: &HeaderMap,
        header: &HeaderName,
        method: &Method,
        allowed: Option<&HeaderName>,
    ) -> bool {
        let is_same = |name: &HeaderName| {
            folded(name.as_str().as_bytes()).eq(folded(header.as_str().as_bytes()))
        };
        headers.iter().any(|(name, value)| {
            is_same(name) && Some(name) != allowed && !is_same_method(value, method)
        })
    }

    fn entry(&self, name: &[u8]) -> Option<Family> {
        let entries = self.entries.get(place(folded(name))?)?;
        let matches = |entry: &&Entry| {
            let mut name = folded(name);
            entry.name.iter().all(|expected| name.next() == Some(*expected))
                && (entry.prefix || name.next().is_none())
        };
        entries.iter().find(matches).map(|entry| entry.family)
    }
}

/// Whether a method override names the method that the request has anyway.
fn is_same_method(value: &HeaderValue, method: &Method) -> bool {
    value.as_bytes().trim_ascii().eq_ignore_ascii_case(method.as_str().as_bytes())
}

/// Whether a name consists of letters, digits and hyphens. It looks at every byte, which lets the
/// compiler check many at a time.
fn is_plain(name: &[u8]) -> bool {
    name.iter().fold(true, |plain, byte| plain & (byte.is_ascii_alphanumeric() | (*byte == b'-')))
}

/// Letters and digits.
const PLACES: usize = 36;

/// The place of a folded name: by its first letter, and after an `x`, with which most names of the
/// list begin, by its second. `None` for a name without a letter or digit.
fn place(mut name: impl Iterator<Item = u8>) -> Option<usize> {
    let first = name.next()?;
    Some(match (first, name.next()) {
        (b'x', Some(second)) => PLACES + number(second),
        (_, _) => number(first),
    })
}

fn number(letter: u8) -> usize {
    match letter {
        b'0'..=b'9' => usize::from(letter - b'0'),
        _ => usize::from(letter.wrapping_sub(b'a')) + 10,
    }
}

#[cfg(test)]
mod tests;
