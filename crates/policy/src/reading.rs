//! How else a portal might read a path: the readings that operators enable, and the names of those
//! that refused a request.
//!
//! A portal can be more generous than the routes: it may ignore case, drop a slash or a dot at the
//! end, or decode once more. Each such habit is a [`Reading`]. A request is allowed only if the
//! session is allowed under every combination of the enabled ones (`decision`), because a
//! route such as `/tickets/{ticket}` would otherwise open the stricter `/tickets/new` to `/tickets/New`.

mod spelling;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

pub(super) use self::spelling::{Part, Spellings, Unreadable, decoded};
use super::folding::caseless;
use super::name::is_invisible;

/// One way in which a portal might read a path differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Letter case does not matter.
    Case,
    /// A slash at the end does not matter.
    Slash,
    /// Dots and spaces at the end of a segment, and what follows a colon, do not count, as in
    /// Windows file names.
    Dot,
    /// What follows a segment with an extension is passed to that script.
    PathInfo,
    /// The extension of the last segment only chooses a format.
    Suffix,
    /// Compatibility characters stand for plain ones (Unicode NFKC), and invisible ones for nothing.
    Compatibility,
    /// What follows a semicolon does not count, nor does a segment such as `(S(x))`.
    Parameters,
    /// What was decoded is decoded again.
    DecodeTwice,
}

impl Reading {
    /// Every reading that can be enabled, which is the default.
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

/// A set of readings. Three more are always taken into account and have no setting, because
/// nearly every portal has one of them somewhere: an escaped `?` or `#` ends the path, a plus is a
/// space, and spaces around a segment do not count.
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

    /// The readings that are ignored where they lead to no route.
    const MAY_LACK_A_ROUTE: Self = Self(Self::of(Reading::Slash).0 | Self::of(Reading::PathInfo).0);

    /// All that can be enabled.
    #[must_use]
    pub fn all() -> Self {
        Reading::ALL.into_iter().collect()
    }

    pub(super) const fn of(reading: Reading) -> Self {
        Self(1 << reading as u16)
    }

    /// Whether a reading is among them.
    #[must_use]
    pub const fn has(self, reading: Reading) -> bool {
        self.0 & Self::of(reading).0 != 0
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a path that was read this way may have no route.
    pub(super) const fn may_lack_a_route(self) -> bool {
        self.0 & Self::MAY_LACK_A_ROUTE.0 != 0
    }

    /// The names of all of them, those that are always taken into account included.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let enabled = Reading::ALL.into_iter().map(|reading| (Self::of(reading), reading.name()));
        let always = [
            (Self::EARLY_END, "early-end"),
            (Self::PLUS, "plus"),
            (Self::OUTER_SPACE, "outer-space"),
        ];
        enabled.chain(always).filter(move |(one, _)| self.0 & one.0 != 0).map(|(_, name)| name)
    }

    /// A segment as it is compared with literals of routes when case or compatibility characters do
    /// not matter.
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
        // A capital I with a dot is an `i` and a dot of its own in lower case.
        let folded = plain.chars().flat_map(caseless).collect::<String>().replace("i\u{307}", "i");
        Cow::Owned(compatible(Cow::Owned(folded)))
    }

    /// The reading by which two texts with the same [`Readings::key`] are twins.
    pub(super) fn folding(self, text: &str, literal: &str) -> Self {
        let case = Self::of(Reading::Case);
        let by_case = self.has(Reading::Case) && case.key(text) == case.key(literal);
        if by_case { case } else { Self::of(Reading::Compatibility) }
    }
}

/// The text with plain characters in place of compatibility ones, and without invisible ones.
fn compatible(text: &str) -> String {
    let visible = |c: &char| !is_invisible(*c);
    text.chars().filter(visible).nfkc().filter(visible).collect()
}

impl FromIterator<Reading> for Readings {
    fn from_iter<I: IntoIterator<Item = Reading>>(readings: I) -> Self {
        readings.into_iter().fold(Self::NONE, |set, reading| set.and(Self::of(reading)))
    }
}

/// The names, with commas between.
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
