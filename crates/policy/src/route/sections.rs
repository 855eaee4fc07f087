//! The routes of a file: its `[[route]]` tables, and those of its sections with what they inherit.

use crate::document::{Entry, File};
use crate::path_pattern::PathPattern;
use crate::similar::did_you_mean;

/// The keys of a section that its routes inherit, unless they have their own.
const INHERITED: [&str; 21] = [
    "methods",
    "hosts",
    "require",
    "access",
    "organization",
    "on_deny",
    "websocket",
    "body",
    "body_bytes",
    "slash",
    "except",
    "query_separator",
    "query_other",
    "cross_origin",
    "preflight",
    "method_override",
    "from",
    "response_timeout",
    "tokens",
    "staff",
    "upstream",
];

/// A route as it stands in its file, and what its path begins with.
pub(super) struct Written<'f> {
    pub(super) entry: Entry<'f>,
    pub(super) prefix: String,
}

/// The routes of a file. Problems are added to the file.
pub(super) fn routes<'f>(file: &'f File<'f>) -> Vec<Written<'f>> {
    let Some(mut document) = file.document() else { return Vec::new() };
    let of_file = prefix(file, &mut document);
    let entries = document.tables("route").into_iter();
    let mut routes: Vec<_> =
        entries.map(|entry| Written { entry, prefix: of_file.clone() }).collect();
    for mut section in document.tables("section") {
        let prefix = of_file.clone() + &prefix(file, &mut section);
        let entries = section.tables("route");
        if entries.is_empty() {
            file.problem(
                section.line(),
                "the section has no route; write [[section.route]] below it",
            );
        }
        for key in section.keys() {
            if !INHERITED.contains(&key.value.as_str()) {
                let proposal = did_you_mean(&key.value, INHERITED);
                let advice =
                    if proposal.is_empty() { "; write it in each route" } else { &proposal };
                file.problem(key.line, format!("`{}` cannot be inherited{advice}", key.value));
            }
        }
        for mut entry in entries {
            inherit(&mut entry, &section);
            routes.push(Written { entry, prefix: prefix.clone() });
        }
    }
    document.finish();
    routes
}

/// Gives a route the keys of its section. Its own `access` or `require` replaces the section's, and
/// with it what follows from a denial.
fn inherit<'f>(route: &mut Entry<'f>, section: &Entry<'f>) {
    let is_own = route.has("access") || route.has("require");
    for key in INHERITED {
        let replaced = is_own && ["access", "require", "on_deny"].contains(&key);
        if !route.has(key) && !replaced {
            route.copy(key, section);
        }
    }
}

/// `prefix = "/portal"`, or nothing.
fn prefix(file: &File<'_>, entry: &mut Entry<'_>) -> String {
    let Some(prefix) = entry.string("prefix") else { return String::new() };
    let text = &prefix.value;
    let problem = match PathPattern::parse(text, false) {
        Err(problem) => problem.to_string(),
        Ok(pattern) if pattern.has_rest() || text.ends_with(['/', ']']) => {
            format!("`{text}` is not a prefix; write it without a rest and a slash at the end")
        }
        Ok(_) => return prefix.value,
    };
    file.problem(prefix.line, problem.replace("`path`", "`prefix`"));
    String::new()
}
