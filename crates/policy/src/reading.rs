//! Other readings of a path: those that operators enable, and those for which a request was refused.
//!
//! A portal may match paths less strictly than the routes: it may ignore case, drop a slash or a dot
//! at the end, or decode twice. Each of these is a [`Reading`]. A request is allowed only if the
//! session may have the path in every combination of the enabled ones (`decision`). Otherwise a
//! route `/tickets/{ticket}` would match `/tickets/New`, which the portal takes for the stricter
//! `/tickets/new`.

mod decoding;
mod segment;
mod spelling;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

pub(super) use self::decoding::decoded;
pub(super) use self::segment::{Matched, Part, Unreadable};
pub(super) use self::spelling::Spellings;
use super::folding::caseless;
use super::name::is_invisible;
use super::request_path::RequestTarget;

/// A way in which a portal may read a path differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Letter case is ignored.
    Case,
    /// A slash at the end is ignored.
    Slash,
    /// Dots and spaces at the end of a segment, and what follows a colon, are ignored, as in file
    /// names on Windows.
    Dot,
    /// What follows a segment with an extension is passed to that script (`PATH_INFO`).
    PathInfo,
    /// The extension of the last segment only selects a format.
    Suffix,
    /// Compatibility characters are taken for plain ones (Unicode NFKC), and invisible ones ignored.
    Compatibility,
    /// What follows a semicolon is ignored, and so is a segment such as `(S(x))`.
    Parameters,
    /// The path is decoded twice.
    DecodeTwice,
}

impl Reading {
    /// Every reading. All are enabled by default.
    pub const ALL: [Self; 8] = [
        Self::Case,
        Self::Slash,
        Self::Dot,
        Self::PathInfo,
        Self::Suffix,
        Self::Compatibility,
        Self::Parameters,
        Self::DecodeTwice,
    ];

    /// The name in the settings, in `explain` and in decision records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Slash => "slash",
            Self::Dot => "dot",
            Self::PathInfo => "path-info",
            Self::Suffix => "suffix",
            Self::Compatibility => "compatibility",
            Self::Parameters => "parameters",
            Self::DecodeTwice => "decode-twice",
        }
    }
}

impl FromStr for Reading {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|reading| reading.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("is not a reading; the readings are {names}")
        })
    }
}

/// A set of readings. Three more have no setting and always count: an escaped `?` or `#` ends the
/// path, a plus is a space, and spaces around a segment are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readings(u16);

impl Readings {
    pub(super) const NONE: Self = Self(0);
    /// An escaped `?` or `#` ended the path.
    pub(super) const EARLY_END: Self = Self(1 << 8);
    /// A plus was a space.
    pub(super) const PLUS: Self = Self(1 << 9);
    /// Spaces around a segment were dropped.
    pub(super) const OUTER_SPACE: Self = Self(1 << 10);

    /// The readings that are ignored if they match no route.
    const MAY_LACK_A_ROUTE: Self = Self(Self::of(Reading::Slash).0 | Self::of(Reading::PathInfo).0);

    /// All that have a setting.
    #[must_use]
    pub fn all() -> Self {
        Reading::ALL.into_iter().collect()
    }

    pub(super) const fn of(reading: Reading) -> Self {
        Self(1 << reading as u16)
    }

    /// Whether the set contains a reading.
    #[must_use]
    pub const fn has(self, reading: Reading) -> bool {
        self.0 & Self::of(reading).0 != 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a path in this reading may match no route.
    pub(super) const fn may_lack_a_route(self) -> bool {
        self.0 & Self::MAY_LACK_A_ROUTE.0 != 0
    }

    /// The names of the readings, including those without a setting.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let enabled = Reading::ALL.into_iter().map(|reading| (Self::of(reading), reading.name()));
        let always = [
            (Self::EARLY_END, "early-end"),
            (Self::PLUS, "plus"),
            (Self::OUTER_SPACE, "outer-space"),
        ];
        enabled.chain(always).filter(move |(one, _)| self.0 & one.0 != 0).map(|(_, name)| name)
    }

    /// The key by which segments and literals of routes are compared, if case or compatibility
    /// characters are ignored.
    pub(super) fn key(self, text: &str) -> Cow<'_, str> {
        let case = self.has(Reading::Case);
        if text.is_ascii() {
            return if case && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Cow::Owned(text.to_ascii_lowercase())
            } else {
                Cow::Borrowed(text)
            };
        }
        let compatible = |text: Cow<'_, str>| -> String {
            if self.has(Reading::Compatibility) { compatible(&text) } else { text.into_owned() }
        };
        let plain = compatible(Cow::Borrowed(text));
        if !case {
            return Cow::Owned(plain);
        }
        // In lower case, `İ` is an `i` and a combining dot.
        let folded = plain.chars().flat_map(caseless).collect::<String>().replace("i\u{307}", "i");
        Cow::Owned(compatible(Cow::Owned(folded)))
    }

    /// The reading by which two texts have the same [`Readings::key`].
    pub(super) fn folding(self, text: &str, literal: &str) -> Self {
        let case = Self::of(Reading::Case);
        let by_case = self.has(Reading::Case) && case.key(text) == case.key(literal);
        if by_case { case } else { Self::of(Reading::Compatibility) }
    }
}

impl RequestTarget {
    /// Whether the path is valid in every reading.
    #[must_use]
    pub fn is_path_in_every_reading(&self) -> bool {
        Spellings::of(self.path(), |_| Matched::Other, Readings::all()).is_ok()
    }
}

/// The text in NFKC, without invisible characters.
fn compatible(text: &str) -> String {
    let visible = |c: &char| !is_invisible(*c);
    text.chars().filter(visible).nfkc().filter(visible).collect()
}

impl FromIterator<Reading> for Readings {
    fn from_iter<I: IntoIterator<Item = Reading>>(readings: I) -> Self {
        readings.into_iter().fold(Self::NONE, |set, reading| set.and(Self::of(reading)))
    }
}

/// The names, separated by commas.
impl fmt::Display for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, name) in self.names().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
