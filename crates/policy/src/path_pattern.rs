//! The path of a route: literal segments, `{name}` for one segment, `{*rest}` for all that
//! follows.

use super::request_path::{BadTarget, RequestTarget};

/// Deeper patterns than any portal has; it bounds how far matching can go down.
const MAX_SEGMENTS: usize = 32;

/// Paths under this are the gateway's own: no route is asked about them.
pub const RESERVED: &str = "/.portcullis/";

/// A parsed path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// One part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// This canonical text; empty only at the end, for a path that ends in a slash.
    Literal(String),
    /// Any one segment that is not empty.
    Variable(String),
    /// All that follows, nothing included; only at the end.
    Rest(String),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPattern {
    #[error("`path` must begin with a slash")]
    NoSlash,
    #[error("`path` has more than {MAX_SEGMENTS} parts")]
    TooDeep,
    #[error("`path` holds an empty part")]
    EmptySegment,
    #[error("`path` holds a query, which the key `query` is for")]
    Query,
    #[error("`{0}` is neither text nor a variable: a variable is a whole part, `{{name}}`")]
    HalfVariable(String),
    #[error("`{0}` is no variable name: letters, digits, `_` and `-`")]
    VariableName(String),
    #[error("the variable `{0}` is there twice")]
    Twice(String),
    #[error("`{{*{0}}}` must come last")]
    RestNotLast(String),
    #[error("`path` lies under `{RESERVED}`, where the gateway's own pages are: it is never asked")]
    Reserved,
    #[error("`{0}` can never match: {1}")]
    NeverMatches(String, BadTarget),
}

impl PathPattern {
    /// The pattern as it was written.
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

    /// Which segment of a path the variable stands for, counted from 0.
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
