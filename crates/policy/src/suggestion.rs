//! Routes for the requests that a portal has had: a start for the policy of a portal whose URLs
//! are unknown.
//!
//! Paths are folded to patterns. A segment is replaced by a variable if it is a number or a UUID,
//! looks random, or has many different siblings. For every request that was added, the routes have
//! one that matches its path and lists its method, and no two of them are for the same requests. All
//! of them are closed: a log shows what was asked for, not what may be allowed.
//!
//! Memory is bounded: by the number of nodes in the tree of segments (`tree`), and in each node by
//! what is counted of it (`seen`). A tree with too many nodes is cut at a lower depth.

mod folded;
mod pattern;
mod proposal;
mod seen;
mod segment;
mod tree;

use std::collections::HashSet;
use std::fmt::Write as _;

use http::Method;

pub use self::folded::{example_of, folded_path};
pub use self::proposal::{Proposal, SeenRequest};
pub use self::seen::{Observed, Seen};

use self::pattern::Pattern;
use self::tree::Tree;
use super::name::breaks_line;
use super::path_pattern::RESERVED;
use super::request_path::RequestTarget;

/// What the names of suggested routes begin with.
const NAME: &str = "suggested: ";
/// Different methods.
const MOST_METHODS: usize = 64;
/// Bytes of a path in a name.
const LONGEST_NAME: usize = 120;

/// Collects requests.
#[derive(Debug, Default)]
pub struct Observations {
    tree: Tree,
    /// At most [`MOST_METHODS`].
    methods: HashSet<String>,
}

/// A suggested route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The name, unique among suggestions.
    pub name: String,
    /// The pattern.
    pub path: String,
    /// Whether a variable may contain an escaped slash.
    pub slash_is_data: bool,
    /// What was seen of the requests that it is for.
    pub seen: Seen,
}

impl Observations {
    /// Adds a request. Returns `false` if no route can be for it: its path is not canonical or one
    /// of our own, its method cannot be listed, or there are too many methods.
    pub fn add(&mut self, request: &Observed<'_>) -> bool {
        let Some(method) = listed(request.method) else { return false };
        let canonical = RequestTarget::parse(request.path)
            .is_ok_and(|target| target.path() == request.path && target.query().is_none());
        if !canonical || request.path.starts_with(RESERVED) {
            return false;
        }
        if !self.methods.contains(method.as_str()) {
            if self.methods.len() == MOST_METHODS {
                return false;
            }
            self.methods.insert(method.as_str().to_owned());
        }
        self.tree.add(request.path, |seen| seen.add(&method, request));
        true
    }

    /// The routes, those with the most requests first.
    #[must_use]
    pub fn suggest(self) -> Vec<Suggestion> {
        let mut found = self.tree.into_patterns();
        found.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        found.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.requests()));
        let mut names = HashSet::new();
        let suggestion = |(pattern, seen): (Pattern, Seen)| {
            let name = unused_name(&mut names, &pattern.path);
            let Pattern { path, slash_is_data } = pattern;
            Suggestion { name, path, slash_is_data, seen }
        };
        found.into_iter().map(suggestion).collect()
    }
}

impl Suggestion {
    /// The methods of the route.
    #[must_use]
    pub fn methods(&self) -> Vec<&str> {
        let seen = || self.seen.methods().map(|(method, _)| method);
        let has_get = seen().any(|method| method == Method::GET.as_str());
        // GET includes HEAD.
        seen().filter(|method| !has_get || *method != Method::HEAD.as_str()).collect()
    }

    /// The route, as it is written in `routes.toml`, with what was seen as a comment.
    #[must_use]
    pub fn to_toml(&self) -> String {
        self.to_toml_with("")
    }

    /// The same, with lines before the one that closes it.
    fn to_toml_with(&self, comment: &str) -> String {
        let methods: Vec<_> = self.methods().iter().map(|method| quoted(method)).collect();
        let mut text = format!(
            "# {}\n[[route]]\nname = {}\nmethods = [{}]\npath = {}\n",
            self.seen,
            quoted(&self.name),
            methods.join(", "),
            quoted(&self.path)
        );
        if self.slash_is_data {
            text.push_str("slash = \"data\"\n");
        }
        if self.seen.websocket() {
            text.push_str("websocket = true\n");
        }
        text.push_str(comment);
        text.push_str("access = \"deny\"\n");
        text
    }
}

/// The method, if a route can list it.
fn listed(method: &str) -> Option<Method> {
    const LONGEST: usize = 32;
    let is_capital = |b: u8| b.is_ascii_uppercase() || b == b'-';
    if method.is_empty() || method.len() > LONGEST || !method.bytes().all(is_capital) {
        return None;
    }
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    (!matches!(method, Method::CONNECT | Method::TRACE)).then_some(method)
}

fn unused_name(names: &mut HashSet<String>, path: &str) -> String {
    // Patterns are ASCII, so this cuts no character in two.
    let short = path.get(..LONGEST_NAME).map_or_else(|| path.to_owned(), |cut| format!("{cut}…"));
    let base = format!("{NAME}{short}");
    let mut name = base.clone();
    let mut number = 2;
    while !names.insert(name.clone()) {
        name = format!("{base} ({number})");
        number += 1;
    }
    name
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if breaks_line(c) => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
