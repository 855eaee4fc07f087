//! Models of portals that read paths and queries carelessly, written independently of the code
//! they are compared with.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization as _;

use super::HOST;
use crate::reading::Matched;
use crate::{Decision, Policy, Reading, Reason, RequestTarget};

/// What a portal does to the segments of a path that the route has no literal for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Has(Reading),
    Plus,
    EarlyEnd,
    Trim,
}

impl Habit {
    pub(crate) const ALL: [Self; 11] = [
        Self::Has(Reading::Case),
        Self::Has(Reading::Slash),
        Self::Has(Reading::Dot),
        Self::Has(Reading::PathInfo),
        Self::Has(Reading::Suffix),
        Self::Has(Reading::Compatibility),
        Self::Has(Reading::Parameters),
        Self::Has(Reading::DecodeTwice),
        Self::Plus,
        Self::EarlyEnd,
        Self::Trim,
    ];

    /// `a` is the first of [`Habit::ALL`], and so on.
    pub(crate) fn of_letter(letter: char) -> Option<Self> {
        let place = u32::from(letter).checked_sub(u32::from('a'))?;
        Self::ALL.get(usize::try_from(place).ok()?).copied()
    }

    fn apply(self, segments: &mut Vec<Segment>) {
        match self {
            Self::Has(Reading::Case) => respell(segments, str::to_lowercase),
            Self::Has(Reading::Compatibility) => respell(segments, |text| {
                text.replace('\u{200b}', "").nfkc().collect::<String>().replace('\u{200b}', "")
            }),
            Self::Has(Reading::DecodeTwice) => {
                respell(segments, |text| percent_decode_str(text).decode_utf8_lossy().into_owned());
            }
            Self::Plus => respell(segments, |text| text.replace('+', " ")),
            Self::Trim => respell(segments, |text| text.trim().to_owned()),
            Self::Has(Reading::Dot) => respell(segments, |text| {
                let stem = text.split(':').next().filter(|stem| !stem.is_empty()).unwrap_or(text);
                stem.trim_end_matches(['.', ' ']).to_owned()
            }),
            Self::Has(Reading::Parameters) => {
                segments.retain(|segment| segment.is_literal() || segment.text != "(S(x))");
                respell(segments, |text| text.split(';').next().unwrap_or_default().to_owned());
            }
            Self::EarlyEnd => {
                let ends =
                    |segment: &Segment| !segment.is_literal() && segment.text.contains(['?', '#']);
                if let Some(place) = segments.iter().position(ends) {
                    segments.truncate(place + 1);
                    if let Some(Segment { text, matched }) = segments.last_mut() {
                        text.truncate(text.find(['?', '#']).unwrap_or(text.len()));
                        *matched = Matched::Other;
                    }
                }
            }
            Self::Has(Reading::Slash) => {
                if segments.len() > 1 {
                    segments.pop_if(|segment| !segment.is_literal() && segment.text.is_empty());
                }
            }
            Self::Has(Reading::PathInfo) => {
                let script = segments.iter().enumerate().position(|(place, segment)| {
                    segment.text.ends_with(".php")
                        && segments.iter().skip(place + 1).any(|after| !after.is_literal())
                });
                if let Some(place) = script {
                    segments.truncate(place + 1);
                }
            }
            Self::Has(Reading::Suffix) => {
                if let Some(Segment { text, matched: Matched::Other }) = segments.last_mut()
                    && let Some((stem, _)) = text.rsplit_once('.')
                    && stem.contains(|c: char| c.is_alphanumeric())
                {
                    *text = stem.to_owned();
                }
            }
        }
    }
}

/// A segment as the portal has it, and what in the route matches it: literals are left alone.
#[derive(Debug, Clone)]
struct Segment {
    text: String,
    matched: Matched,
}

impl Segment {
    fn is_literal(&self) -> bool {
        self.matched == Matched::Literal
    }
}

fn respell(segments: &mut Vec<Segment>, change: impl Fn(&str) -> String) {
    let extension = |text: &str| text.rsplit_once('.').map(|(_, extension)| extension.to_owned());
    for segment in std::mem::take(segments) {
        if segment.is_literal() {
            segments.push(segment);
            continue;
        }
        let text = change(&segment.text);
        // The extension that the route names stays what it is, whatever is before it.
        let kept = !text.contains(['/', '\\']) && extension(&text) == extension(&segment.text);
        let matched = if kept { segment.matched } else { Matched::Other };
        let texts = text.split(['/', '\\']);
        segments.extend(texts.map(|text| Segment { text: text.to_owned(), matched }));
    }
}

/// Checks that a target that `policy` allows is allowed too as a portal with these habits reads
/// it. `decided` asks a policy of the same routes that knows no other readings.
pub(crate) fn check_reading(
    policy: &Policy,
    target: &RequestTarget,
    habits: &[Habit],
    decided: impl Fn(&RequestTarget) -> Decision,
) {
    // A session in the path of a login page is cut off before the route is looked for.
    let Some(shape) = policy.router.find(HOST, target.path()) else { return };
    let count = target.path().split('/').skip(1).count();
    let segments = target.path().split('/').skip(1).enumerate();
    let mut segments: Vec<Segment> = segments
        .map(|(place, text)| {
            let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
            Segment { text, matched: shape.matched(place, count) }
        })
        .collect();
    for habit in habits {
        habit.apply(&mut segments);
    }
    let mut read: String = segments
        .iter()
        .map(|segment| format!("/{}", utf8_percent_encode(&segment.text, NON_ALPHANUMERIC)))
        .collect();
    if read.is_empty() {
        read.push('/');
    }
    let as_read = RequestTarget::parse(&read);
    assert!(as_read.is_ok(), "{} read as {read} by {habits:?}", target.path());
    let Ok(as_read) = as_read else { return };
    let decision = decided(&as_read);
    let may_have_none = [Habit::Has(Reading::Slash), Habit::Has(Reading::PathInfo)];
    let ignored = decision.reason() == Reason::NoRoute
        && habits.iter().any(|habit| may_have_none.contains(habit));
    assert!(
        decision.name() == "allow" || ignored,
        "{} read as {read} by {habits:?}: {decision:?}",
        target.path()
    );
}

/// How a portal reads queries: which of the things that portals are known to do it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryReader {
    pub(crate) semicolons: bool,
    pub(crate) any_case: bool,
    pub(crate) first_wins: bool,
    /// PHP leaves out white space before a name and cuts it at a NUL and at a bracket; others do
    /// neither.
    pub(crate) php: bool,
}

impl QueryReader {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..16u8).map(|bits| Self {
            semicolons: bits & 1 != 0,
            any_case: bits & 2 != 0,
            first_wins: bits & 4 != 0,
            php: bits & 8 != 0,
        })
    }

    /// The value of a parameter; empty when it is not given. A portal with the separator `;` may
    /// take an `&` for one too, and reads the query in no other way.
    pub(crate) fn read(self, query: &str, parameter: &str, separator: char) -> String {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode(spaced.as_bytes()).decode_utf8_lossy().into_owned()
        };
        let mut found: Vec<String> = Vec::new();
        let separators: &[char] =
            if self.semicolons || separator == ';' { &['&', ';'] } else { &['&'] };
        for pair in query.split(separators) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (mut name, mut value) = (decode(name), decode(value));
            if self.php {
                name = name.trim_start().to_owned();
                name.truncate(name.find('\0').unwrap_or(name.len()));
                // The action may be the index of an array: `do[edit]`.
                if let Some((array, index)) = name.clone().split_once('[') {
                    value = index.trim_end_matches(']').to_owned() + &value;
                    name = array.to_owned();
                }
            }
            if name == parameter || (self.any_case && name.eq_ignore_ascii_case(parameter)) {
                found.push(value);
            }
        }
        let found = if self.first_wins { found.first() } else { found.last() };
        found.cloned().unwrap_or_default()
    }
}
