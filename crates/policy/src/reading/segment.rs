//! A segment of a path, and what is left of it in other readings.

use std::borrow::Cow;

use super::decoding::decoded;
use super::{Reading, Readings};
use crate::request_path::BadTarget;

/// Most forms of a segment.
const MAX_CUTS: usize = 64;

/// Why a path is refused because of its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is invalid in one of them.
    Bad(BadTarget),
    /// It has too many.
    TooMany,
}

impl From<BadTarget> for Unreadable {
    fn from(bad: BadTarget) -> Self {
        Self::Bad(bad)
    }
}

/// A segment of a path, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part<'p> {
    /// The text; an escaped slash is a NUL.
    pub(crate) text: Cow<'p, str>,
    /// The canonical segment, if it matches a literal of the route.
    pub(crate) literal: Option<&'p str>,
    /// Whether the route names its extension, which then does not only select a format.
    pub(super) keeps_extension: bool,
}

/// What in a route's path matches a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matched {
    /// A literal.
    Literal,
    /// A variable for a certain extension.
    Extension,
    /// Another variable, the rest, or nothing.
    Other,
}

impl<'p> Part<'p> {
    /// A canonical segment.
    pub(super) fn new(segment: &'p str, matched: Matched) -> Self {
        Self {
            text: decoded(segment),
            literal: (matched == Matched::Literal).then_some(segment),
            keeps_extension: matched == Matched::Extension,
        }
    }

    /// A segment of another spelling.
    pub(super) fn respelled(text: &str) -> Self {
        Self { text: Cow::Owned(text.to_owned()), literal: None, keeps_extension: false }
    }
}

impl Part<'_> {
    /// What is left of the segment without the ignored parts, the whole segment first.
    ///
    /// # Errors
    /// When nothing or only dots are left, or when there are too many.
    pub(crate) fn cuts(
        &self,
        last: bool,
        enabled: Readings,
    ) -> Result<Vec<(&str, Readings)>, Unreadable> {
        if self.text.is_empty() || is_plain(&self.text) {
            return Ok(vec![(&self.text, Readings::NONE)]);
        }
        cuts(&self.text, (last, self.keeps_extension), enabled)
    }
}

impl Part<'_> {
    /// Whether it is the session id of ASP.NET, `(S(x))`.
    pub(super) fn is_session(&self) -> bool {
        let inner = self.text.strip_prefix('(').and_then(|text| text.strip_suffix("))"));
        let inner = inner.and_then(|text| text.strip_prefix(|c: char| c.is_ascii_alphabetic()));
        self.literal.is_none() && inner.is_some_and(|text| text.starts_with('('))
    }
}

/// The text without its extension, if it has one and a name before it.
pub(super) fn stem(text: &str) -> Option<&str> {
    let (stem, extension) = text.rsplit_once('.')?;
    let is_name = stem.contains(|c: char| c != '.' && !c.is_whitespace());
    (is_name && !extension.is_empty()).then_some(stem)
}

/// Whether nothing of a text may be cut off.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'.' | b';' | b':'))
}

/// Whether a segment has an extension, as the name of a script.
pub(super) fn has_extension(text: &str) -> bool {
    let extensions = text.trim_start_matches('.').split('.').skip(1);
    extensions.into_iter().any(|text| text.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// What is left of a segment when any combination of spaces, dots, a stream, parameters and, of the
/// last segment, extensions is cut off. If the route names the extension, the whole segment keeps it.
pub(super) fn cuts(
    text: &str,
    (last, keeps_extension): (bool, bool),
    enabled: Readings,
) -> Result<Vec<(&str, Readings)>, Unreadable> {
    check_cut(text, text)?;
    let dot = enabled.has(Reading::Dot);
    let parameters = enabled.has(Reading::Parameters);
    let suffix = last && enabled.has(Reading::Suffix);
    let mut all = vec![(text, Readings::NONE)];
    let mut next = 0;
    while let Some((text, by)) = all.get(next).copied() {
        next += 1;
        let up_to = |sign: char| text.split_once(sign).map(|(before, _)| before);
        let before_stream = up_to(':').filter(|before| !before.is_empty());
        let cut = [
            (true, Some(text.trim()), Readings::OUTER_SPACE),
            (
                dot,
                Some(text.trim_end_matches(|c: char| c == '.' || c.is_whitespace())),
                Readings::of(Reading::Dot),
            ),
            (dot, before_stream, Readings::of(Reading::Dot)),
            (parameters, up_to(';'), Readings::of(Reading::Parameters)),
            (suffix && !(keeps_extension && next == 1), stem(text), Readings::of(Reading::Suffix)),
        ];
        for (enabled, left, reading) in cut {
            let Some(left) = left.filter(|left| enabled && left.len() < text.len()) else {
                continue;
            };
            check_cut(left, text)?;
            if all.iter().all(|(known, _)| *known != left) {
                all.push((left, by.and(reading)));
            }
        }
        if all.len() > MAX_CUTS {
            return Err(Unreadable::TooMany);
        }
    }
    Ok(all)
}

/// Refuses empty and dot segments. `of` is the text before the cut.
fn check_cut(left: &str, of: &str) -> Result<(), BadTarget> {
    match left {
        "." | ".." => Err(BadTarget::DotSegment),
        "" if of.contains('.') => Err(BadTarget::DotSegment),
        "" => Err(BadTarget::EmptySegment),
        _ => Ok(()),
    }
}
