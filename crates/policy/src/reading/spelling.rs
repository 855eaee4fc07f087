//! The enabled readings of a path, as far as they do not depend on the routes.
//!
//! - A [`Spelling`] is the path after changes that may add or remove segments: decoded again, in
//!   plain characters, with spaces for pluses, cut at a `?` or `#`; and, as portals differ in the
//!   order, also after parameters, streams and extensions have been removed.
//! - Its [`Spelling::endings`] are what is left without a slash at the end, `PATH_INFO` or session
//!   segments.
//! - [`cuts`] are what is left of a segment.
//!
//! Letter case is not changed here: literals are compared by [`Readings::key`]. Segments that match a
//! literal of the route are not changed. The numbers of spellings, endings and cuts are bounded, and
//! a path with more is refused.

use std::borrow::Cow;

use super::decoding::{DATA_SLASH, decoded_leniently};
use super::segment::{Matched, Part, Unreadable, cuts, has_extension, is_plain, stem};
use super::{Reading, Readings, compatible};
use crate::request_path::BadTarget;
use crate::segment_type::extension_of;

/// Bounds for one path.
const MAX_SPELLINGS: usize = 24;
const MAX_ENDINGS: usize = 32;

/// The segment of the path `/`.
static EMPTY: Part<'static> =
    Part { text: Cow::Borrowed(""), literal: None, keeps_extension: false };

/// The segments of a path in one reading.
#[derive(Debug, Clone)]
pub(crate) struct Spelling<'p> {
    parts: Vec<Part<'p>>,
    by: Readings,
}

/// All spellings of a path.
#[derive(Debug)]
pub(crate) struct Spellings<'p> {
    pub(crate) all: Vec<Spelling<'p>>,
    /// Whether an escaped `?` or `#` may end the path.
    pub(crate) may_end_early: bool,
}

impl<'p> Spellings<'p> {
    /// The spellings of a canonical path, itself first. `matched` returns what in the route's path
    /// matches the segment at a position.
    ///
    /// # Errors
    /// When the path is invalid in one of them, or there are too many.
    pub(crate) fn of(
        path: &'p str,
        matched: impl Fn(usize) -> Matched,
        enabled: Readings,
    ) -> Result<Self, Unreadable> {
        let segments = path.split('/').skip(1).enumerate();
        let parts = segments.map(|(place, segment)| Part::new(segment, matched(place)));
        let mut all = vec![Spelling { parts: parts.collect(), by: Readings::NONE }];
        let mut may_end_early = false;
        let mut next = 0;
        while let Some(spelling) = all.get(next) {
            next += 1;
            spelling.check(enabled)?;
            if !spelling.open().any(may_be_respelled) {
                continue;
            }
            may_end_early |= spelling.open().any(|text| text.contains(['?', '#']));
            let respelled = [
                spelling.decoded_again(enabled)?,
                spelling.in_plain_characters(enabled)?,
                spelling.with_spaces()?,
                spelling.without_parameters(enabled)?,
                spelling.without_streams(enabled)?,
                spelling.without_suffix(enabled)?,
            ];
            let ended = spelling.ended_early().collect::<Vec<_>>();
            for new in respelled.into_iter().flatten().chain(ended) {
                if all.iter().all(|known| known.parts != new.parts) {
                    all.push(new);
                }
            }
            if all.len() > MAX_SPELLINGS {
                return Err(Unreadable::TooMany);
            }
        }
        Ok(Self { all, may_end_early })
    }
}

impl<'p> Spelling<'p> {
    /// The segments that match no literal of the route.
    fn open(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(|part| part.literal.is_none()).map(|part| &*part.text)
    }

    /// The path without a slash at the end, `PATH_INFO` or session segments, and the whole path.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn endings(
        &self,
        enabled: Readings,
    ) -> Result<Vec<(Vec<&Part<'p>>, Readings)>, Unreadable> {
        let mut ends = vec![(self.parts.len(), self.by)];
        if let [before @ .., Part { text, literal: None, .. }] = self.parts.as_slice()
            && enabled.has(Reading::Slash)
            && text.is_empty()
            && !before.is_empty()
        {
            ends.push((before.len(), self.by.and(Readings::of(Reading::Slash))));
        }
        if enabled.has(Reading::PathInfo) {
            for (place, part) in self.parts.iter().enumerate() {
                let after = self.parts.get(place + 1..).unwrap_or_default();
                if has_extension(&part.text) && after.iter().any(|part| part.literal.is_none()) {
                    ends.push((place + 1, self.by.and(Readings::of(Reading::PathInfo))));
                }
            }
        }
        if ends.len() > MAX_ENDINGS {
            return Err(Unreadable::TooMany);
        }
        let mut endings = Vec::with_capacity(ends.len());
        for (end, by) in ends {
            let parts = self.parts.get(..end).unwrap_or_default();
            if enabled.has(Reading::Parameters) && parts.iter().any(Part::is_session) {
                let mut kept: Vec<_> = parts.iter().filter(|part| !part.is_session()).collect();
                if kept.is_empty() {
                    kept.push(&EMPTY);
                }
                endings.push((kept, by.and(Readings::of(Reading::Parameters))));
            }
            endings.push((parts.iter().collect(), by));
        }
        Ok(endings)
    }

    /// Checks every reading of every segment.
    fn check(&self, enabled: Readings) -> Result<(), Unreadable> {
        for (place, part) in self.parts.iter().enumerate() {
            let at_the_end = place + 1 == self.parts.len();
            if part.literal.is_some()
                || is_plain(&part.text)
                || (at_the_end && part.text.is_empty())
            {
                continue;
            }
            for piece in part.text.split(DATA_SLASH) {
                cuts(piece, (false, false), enabled)?;
            }
        }
        Ok(())
    }

    fn decoded_again(&self, enabled: Readings) -> Result<Option<Self>, BadTarget> {
        if !enabled.has(Reading::DecodeTwice) {
            return Ok(None);
        }
        self.respelled(Readings::of(Reading::DecodeTwice), |text| {
            let controls = |text: &str| text.chars().filter(|c| c.is_control()).count();
            match decoded_leniently(text) {
                // Those that it has already stand for escaped slashes.
                Some(new) if controls(&new) > controls(text) => Err(BadTarget::Control),
                new => Ok(new),
            }
        })
    }

    fn in_plain_characters(&self, enabled: Readings) -> Result<Option<Self>, BadTarget> {
        if !enabled.has(Reading::Compatibility) {
            return Ok(None);
        }
        self.respelled(Readings::of(Reading::Compatibility), |text| {
            Ok((!text.is_ascii()).then(|| compatible(text)).filter(|plain| plain != text))
        })
    }

    fn with_spaces(&self) -> Result<Option<Self>, BadTarget> {
        self.respelled(Readings::PLUS, |text| {
            Ok(text.contains('+').then(|| text.replace('+', " ")))
        })
    }

    /// Parameters may be removed before anything else, so that what they hide does not count.
    fn without_parameters(&self, enabled: Readings) -> Result<Option<Self>, BadTarget> {
        if !enabled.has(Reading::Parameters) {
            return Ok(None);
        }
        let by = Readings::of(Reading::Parameters);
        let mut kept: Vec<_> =
            self.parts.iter().filter(|part| !part.is_session()).cloned().collect();
        if kept.is_empty() {
            kept.push(EMPTY.clone());
        }
        let without_sessions = Self { by: self.by.and(by), parts: kept };
        let cut = without_sessions.respelled(by, |text| Ok(before(text, ';')))?;
        let has_sessions = without_sessions.parts.len() < self.parts.len();
        Ok(cut.or(has_sessions.then_some(without_sessions)))
    }

    /// The same for streams.
    fn without_streams(&self, enabled: Readings) -> Result<Option<Self>, BadTarget> {
        if !enabled.has(Reading::Dot) {
            return Ok(None);
        }
        self.respelled(Readings::of(Reading::Dot), |text| {
            Ok(before(text, ':').filter(|before| !before.is_empty()))
        })
    }

    /// The same for the extension of the last segment.
    fn without_suffix(&self, enabled: Readings) -> Result<Option<Self>, BadTarget> {
        let Some((last, before)) = self.parts.split_last() else { return Ok(None) };
        let stem = stem(&last.text).filter(|_| last.literal.is_none() && !last.keeps_extension);
        let Some(stem) = stem.filter(|_| enabled.has(Reading::Suffix)) else { return Ok(None) };
        let parts = before.iter().cloned().chain([Part::respelled(stem)]).collect();
        Ok(Some(Self { parts, by: self.by.and(Readings::of(Reading::Suffix)) }))
    }

    /// The path up to each segment with a `?` or `#`: one before may be removed with parameters.
    fn ended_early(&self) -> impl Iterator<Item = Self> {
        self.parts.iter().enumerate().filter_map(|(place, part)| {
            let end = part.text.find(['?', '#']).filter(|_| part.literal.is_none())?;
            let mut parts = self.parts.get(..=place)?.to_vec();
            parts.last_mut()?.text = Cow::Owned(part.text.get(..end)?.to_owned());
            Some(Self { parts, by: self.by.and(Readings::EARLY_END) })
        })
    }

    /// The spelling with changed segments; `None` if nothing changes.
    fn respelled(
        &self,
        by: Readings,
        change: impl Fn(&str) -> Result<Option<String>, BadTarget>,
    ) -> Result<Option<Self>, BadTarget> {
        let mut changed = false;
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let new = match part.literal {
                Some(_) => None,
                None => change(&part.text)?,
            };
            let Some(new) = new else {
                parts.push(part.clone());
                continue;
            };
            changed = true;
            let keeps_extension = part.keeps_extension
                && extension_of(&new) == extension_of(&part.text)
                && !new.contains(['/', '\\']);
            let segments = new.split(['/', '\\']).map(Part::respelled);
            parts.extend(segments.map(|segment| Part { keeps_extension, ..segment }));
        }
        if let [before @ .., _] = parts.as_slice()
            && before.iter().any(|part| part.text.is_empty())
        {
            return Err(BadTarget::EmptySegment);
        }
        Ok(changed.then(|| Self { parts, by: self.by.and(by) }))
    }
}

/// The text before a sign, if it has the sign.
fn before(text: &str, sign: char) -> Option<String> {
    text.split_once(sign).map(|(before, _)| before.to_owned())
}

/// Whether another spelling of a text may exist.
fn may_be_respelled(text: &str) -> bool {
    !text.bytes().all(|byte| byte.is_ascii() && !matches!(byte, b'%' | b'+' | b'?' | b'#'))
}
