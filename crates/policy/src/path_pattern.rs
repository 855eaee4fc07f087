//! The path of a route: literal segments, `{name}` for one segment, `{*rest}` for all that follow.

use super::request_path::{BadTarget, RequestTarget};

/// Bounds the depth of the tree of routes.
const MAX_SEGMENTS: usize = 32;

/// The prefix of the gateway's own paths. No route applies to them.
pub const RESERVED: &str = "/.portcullis/";

/// A parsed path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// A segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Canonical text; empty only as the last one, for a path that ends in a slash.
    Literal(String),
    /// Any segment that is not empty.
    Variable(String),
    /// Any number of segments, including none; only as the last one.
    Rest(String),
}

/// Why a pattern is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPattern {
    #[error("`path` must begin with a slash")]
    NoSlash,
    #[error("`path` has more than {MAX_SEGMENTS} segments")]
    TooDeep,
    #[error("`path` has an empty segment")]
    EmptySegment,
    #[error("`path` has a query; use the key `query` for it")]
    Query,
    #[error("`{0}` mixes text and a variable; a variable is a whole segment, as in `/{{name}}/`")]
    HalfVariable(String),
    #[error("`{0}` is not a valid variable name; use letters, digits, `_` and `-`")]
    VariableName(String),
    #[error("the variable `{0}` is used twice")]
    Twice(String),
    #[error("`{{*{0}}}` must be the last segment")]
    RestNotLast(String),
    #[error(
        "`path` is below `{RESERVED}`, which the gateway serves itself; no route applies there"
    )]
    Reserved,
    #[error("`{0}` can never match: {1}")]
    NeverMatches(String, BadTarget),
}

impl PathPattern {
    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn parse(text: &str) -> Result<Self, BadPattern> {
        let parts = text.strip_prefix('/').ok_or(BadPattern::NoSlash)?;
        let mut segments: Vec<Segment> = Vec::new();
        let mut parts = parts.split('/').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            if segments.len() == MAX_SEGMENTS {
                return Err(BadPattern::TooDeep);
            }
            if part.is_empty() && !last {
                return Err(BadPattern::EmptySegment);
            }
            let segment = Segment::parse(part)?;
            if let Some(name) = segment.variable()
                && segments.iter().any(|earlier| earlier.variable() == Some(name))
            {
                return Err(BadPattern::Twice(name.to_owned()));
            }
            if let Segment::Rest(name) = &segment
                && !last
            {
                return Err(BadPattern::RestNotLast(name.clone()));
            }
            segments.push(segment);
        }
        if let [Segment::Literal(first), _, ..] = segments.as_slice()
            && first == RESERVED.trim_matches('/')
        {
            return Err(BadPattern::Reserved);
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The position of a variable that stands for one segment, from 0.
    pub(super) fn place_of(&self, variable: &str) -> Option<usize> {
        self.segments
            .iter()
            .position(|segment| matches!(segment, Segment::Variable(name) if name == variable))
    }
}

impl Segment {
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Variable(name) | Self::Rest(name) => Some(name),
        }
    }

    fn parse(part: &str) -> Result<Self, BadPattern> {
        if let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            return match inner.strip_prefix('*') {
                Some(name) => variable_name(name).map(Self::Rest),
                None => variable_name(inner).map(Self::Variable),
            };
        }
        if part.contains(['{', '}']) {
            return Err(BadPattern::HalfVariable(part.to_owned()));
        }
        if part.contains('?') {
            return Err(BadPattern::Query);
        }
        let target = RequestTarget::parse(&format!("/{part}"))
            .and_then(|target| target.strict().map(|()| target))
            .map_err(|cause| BadPattern::NeverMatches(part.to_owned(), cause))?;
        Ok(Self::Literal(target.path().trim_start_matches('/').to_owned()))
    }
}

fn variable_name(name: &str) -> Result<String, BadPattern> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(BadPattern::VariableName(name.to_owned()));
    }
    Ok(name.to_owned())
}
