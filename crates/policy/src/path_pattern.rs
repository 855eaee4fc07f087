//! The path of a route.
//!
//! - `/tickets/new`: literal segments.
//! - `{name}`, `{name:int}`: one segment, of any or a certain [`SegmentType`].
//! - `{*name}`: any number of segments, including none; literal segments may follow.
//! - `[/]` at the end: with and without a slash there.
//!
//! A pattern has one or more *forms*, each a row of segments that the router has a place for: `[/]`
//! and `subtree = true` stand for more than one. The forms of a pattern begin with the same
//! segments, so a variable is at the same place in all of them.

use super::foreign_syntax::{self, looks_like_a_pattern};
use super::request_path::{BadTarget, RequestTarget};
use super::segment_type::SegmentType;

/// Bounds the depth of the tree of routes.
const MAX_SEGMENTS: usize = 32;

/// The prefix of the gateway's own paths. No route applies to them.
pub const RESERVED: &str = "/.portcullis/";

/// A parsed path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    /// Not empty.
    forms: Vec<Form>,
}

/// A row of segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Up to the rest, if there is one. A literal is empty only at the end, for a slash there.
    pub(super) segments: Vec<Segment>,
    /// The literals after any number of segments, if the form has a rest. The last may be empty.
    pub(super) rest: Option<Vec<String>>,
    /// Whether it ends in a slash that another form of the pattern does not have.
    pub(super) has_optional_slash: bool,
}

/// A segment of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Canonical text.
    Literal(String),
    /// The name of a variable, and its type.
    Variable(String, SegmentType),
}

/// Why a pattern is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPattern {
    #[error("`{0}` must begin with a slash; {1}")]
    NoSlash(String, String),
    #[error("`path` has more than {MAX_SEGMENTS} segments")]
    TooDeep,
    #[error("`path` has an empty segment")]
    EmptySegment,
    #[error("`path` has a query; use the key `query` for it")]
    Query,
    #[error("`{0}` mixes text and a variable; a variable is a whole segment, as in `/{{name}}/`")]
    HalfVariable(String),
    #[error("`{0}` has no {1} brace; write `{{{2}}}`")]
    OneBrace(String, &'static str, String),
    #[error("`{0}` is not a valid variable name; use letters, digits, `_` and `-`")]
    VariableName(String),
    #[error("`{0}` is not a type; use `int`, `uuid`, `word`, or an extension such as `*.pdf`")]
    Type(String),
    #[error("the variable `{0}` is used twice")]
    Twice(String),
    #[error("only literal segments may follow `{{*{0}}}`")]
    OpenTail(String),
    #[error("`[/]` has no effect here; it belongs at the end of a path such as `/tickets[/]`")]
    NeedlessSlash,
    #[error("`subtree` has no effect after `{{*{0}}}`; remove it")]
    NeedlessSubtree(String),
    #[error("`subtree` includes the slash at the end; write `path` without it")]
    SubtreeOfSlash,
    #[error(
        "`path` is below `{RESERVED}`, which the gateway serves itself; no route applies there"
    )]
    Reserved,
    #[error("`{0}` is not a variable in routes; {1}")]
    Foreign(String, String),
    #[error("`{0}` can never match: {1}")]
    NeverMatches(String, BadTarget),
}

/// A part of a pattern between two slashes.
enum Piece {
    Segment(Segment),
    Rest(String),
}

impl PathPattern {
    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads a pattern. With `subtree`, it includes everything below.
    pub(super) fn parse(text: &str, subtree: bool) -> Result<Self, BadPattern> {
        let (path, optional_slash) = match text.strip_suffix("[/]") {
            Some(path) => (path, true),
            None => (text, false),
        };
        let (form, rest_name) = parse_form(path)?;
        let is_one_segment = form.segments.len() == 1 && form.rest.is_none() && !subtree;
        if let [Segment::Literal(first), ..] = form.segments.as_slice()
            && first == RESERVED.trim_matches('/')
            && !is_one_segment
        {
            return Err(BadPattern::Reserved);
        }
        let ends_in_slash = path.ends_with('/');
        let ends_in_rest = form.rest.as_ref().is_some_and(Vec::is_empty);
        if optional_slash && (ends_in_slash || ends_in_rest || subtree) {
            return Err(BadPattern::NeedlessSlash);
        }
        let mut forms = Vec::new();
        if subtree {
            if let Some(name) = rest_name {
                return Err(BadPattern::NeedlessSubtree(name));
            }
            let is_root = path == "/";
            if ends_in_slash && !is_root {
                return Err(BadPattern::SubtreeOfSlash);
            }
            let below = if is_root { Vec::new() } else { form.segments.clone() };
            let rest = Some(Vec::new());
            forms.push(Form { segments: below, rest, has_optional_slash: false });
        }
        if optional_slash || (subtree && !ends_in_slash) {
            forms.push(form.clone().with_slash());
        }
        forms.push(form);
        forms.reverse();
        Ok(Self { text: text.to_owned(), forms })
    }

    /// The forms, at least one.
    pub(super) fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// The position of a variable that stands for one segment, from 0.
    pub(super) fn place_of(&self, variable: &str) -> Option<usize> {
        let segments = &self.forms.first()?.segments;
        segments
            .iter()
            .position(|segment| matches!(segment, Segment::Variable(name, _) if name == variable))
    }

    /// A literal segment that looks like a pattern of another program, such as `*.pdf`, as written.
    #[must_use]
    pub fn foreign_segment(&self) -> Option<&str> {
        let path = self.text.strip_suffix("[/]").unwrap_or(&self.text);
        path.split('/').find(|segment| looks_like_a_pattern(segment))
    }

    /// Whether it matches some paths only with a slash at the end.
    pub(super) fn needs_slash(&self) -> bool {
        let [first, others @ ..] = self.forms.as_slice() else { return false };
        others.is_empty() && first.ends_in_slash()
    }

    /// Whether a path that it matches may go on with any number of segments.
    pub(super) fn has_rest(&self) -> bool {
        self.forms.iter().any(|form| form.rest.is_some())
    }
}

impl Form {
    fn with_slash(mut self) -> Self {
        match &mut self.rest {
            Some(tail) => tail.push(String::new()),
            None => self.segments.push(Segment::Literal(String::new())),
        }
        self.has_optional_slash = true;
        self
    }

    /// Whether it ends in a slash after at least one other segment.
    fn ends_in_slash(&self) -> bool {
        match &self.rest {
            Some(tail) => tail.last().is_some_and(String::is_empty),
            None => {
                matches!(self.segments.as_slice(), [_, .., Segment::Literal(last)] if last.is_empty())
            }
        }
    }

    /// Its literals, in canonical form.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        let literals = self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(text) => Some(text),
            Segment::Variable(..) => None,
        });
        literals.chain(self.rest.iter().flatten()).map(String::as_str)
    }
}

/// Reads a path without `[/]`. Returns the name of the rest too.
fn parse_form(path: &str) -> Result<(Form, Option<String>), BadPattern> {
    let parts = path.strip_prefix('/').ok_or_else(|| {
        BadPattern::NoSlash(path.to_owned(), foreign_syntax::in_place_of_no_slash(path))
    })?;
    if let Some(braces) = foreign_syntax::braces_with_a_slash(path) {
        return Err(foreign(braces).unwrap_or_else(|| BadPattern::HalfVariable(braces.to_owned())));
    }
    let mut form = Form { segments: Vec::new(), rest: None, has_optional_slash: false };
    let mut names: Vec<String> = Vec::new();
    let mut rest_name = None;
    let mut parts = parts.split('/').enumerate().peekable();
    while let Some((place, part)) = parts.next() {
        if place == MAX_SEGMENTS {
            return Err(BadPattern::TooDeep);
        }
        if part.is_empty() && parts.peek().is_some() {
            return Err(BadPattern::EmptySegment);
        }
        let piece = Piece::parse(part)?;
        if let Some(name) = piece.variable() {
            if names.iter().any(|earlier| earlier == name) {
                return Err(BadPattern::Twice(name.to_owned()));
            }
            names.push(name.to_owned());
        }
        match (piece, &mut form.rest, &rest_name) {
            (Piece::Segment(segment), None, _) => form.segments.push(segment),
            (Piece::Segment(Segment::Literal(text)), Some(tail), _) => tail.push(text),
            (Piece::Rest(name), None, _) => {
                form.rest = Some(Vec::new());
                rest_name = Some(name);
            }
            (Piece::Segment(Segment::Variable(..)) | Piece::Rest(_), Some(_), earlier) => {
                return Err(BadPattern::OpenTail(earlier.clone().unwrap_or_default()));
            }
        }
    }
    Ok((form, rest_name))
}

impl Piece {
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Segment(Segment::Literal(_)) => None,
            Self::Segment(Segment::Variable(name, _)) | Self::Rest(name) => Some(name),
        }
    }

    /// Reads the inside of braces.
    fn parse_variable(inner: &str) -> Result<Self, BadPattern> {
        if let Some(name) = inner.strip_prefix('*') {
            return variable_name(name).map(Self::Rest);
        }
        let (name, of_type) = match inner.split_once(':') {
            Some((name, text)) => {
                let of_type = SegmentType::parse(text);
                (name, of_type.ok_or_else(|| BadPattern::Type(text.to_owned()))?)
            }
            None => (inner, SegmentType::Any),
        };
        let name = variable_name(name)?;
        Ok(Self::Segment(Segment::Variable(name, of_type)))
    }

    fn parse(part: &str) -> Result<Self, BadPattern> {
        if let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            return Self::parse_variable(inner).map_err(|error| foreign(part).unwrap_or(error));
        }
        if let Some(foreign) = foreign(part) {
            return Err(foreign);
        }
        for (inner, missing) in
            [(part.strip_prefix('{'), "closing"), (part.strip_suffix('}'), "opening")]
        {
            if let Some(inner) = inner
                && Self::parse_variable(inner).is_ok()
            {
                return Err(BadPattern::OneBrace(part.to_owned(), missing, inner.to_owned()));
            }
        }
        if part.contains(['{', '}']) {
            return Err(BadPattern::HalfVariable(part.to_owned()));
        }
        if part.contains('?') {
            return Err(BadPattern::Query);
        }
        if part.ends_with('[') || part.starts_with(']') {
            return Err(BadPattern::NeedlessSlash);
        }
        let target = RequestTarget::parse(&format!("/{part}"))
            .and_then(|target| target.strict().map(|()| target))
            .map_err(|cause| BadPattern::NeverMatches(part.to_owned(), cause))?;
        Ok(Self::Segment(Segment::Literal(target.path().trim_start_matches('/').to_owned())))
    }
}

/// The error for a segment in the syntax of another program.
fn foreign(segment: &str) -> Option<BadPattern> {
    foreign_syntax::in_place_of(segment).map(|ours| BadPattern::Foreign(segment.to_owned(), ours))
}

/// Checks the name of a variable.
pub(super) fn variable_name(name: &str) -> Result<String, BadPattern> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(BadPattern::VariableName(name.to_owned()));
    }
    Ok(name.to_owned())
}
