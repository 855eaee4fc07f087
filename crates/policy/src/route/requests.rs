//! Reads the keys that say to which requests a route applies.

use http::Method;

use super::{Access, MethodSet, OrganizationVariable, VariablePlace};
use crate::document::{At, Entry, File};
use crate::host_pattern::HostPattern;
use crate::name_pattern::NamePattern;
use crate::path_pattern::PathPattern;
use crate::query_rule::QueryRule;

/// The methods of a route that names none.
const DEFAULT_METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

pub(super) fn methods(file: &File<'_>, entry: &mut Entry<'_>) -> Option<MethodSet> {
    if !entry.has("methods") {
        return Some(MethodSet(DEFAULT_METHODS.to_vec()));
    }
    let mut methods = Vec::new();
    let mut valid = true;
    for name in entry.strings("methods")? {
        if means_all_methods(&name.value) {
            let message = format!(
                "`{}` is not a method; leave `methods` out for GET, HEAD, POST, PUT, PATCH, DELETE \
                 and OPTIONS",
                name.value
            );
            file.problem(name.line, message);
            valid = false;
            continue;
        }
        match Method::from_bytes(name.value.as_bytes()) {
            Ok(method @ (Method::CONNECT | Method::TRACE)) => {
                file.problem(name.line, format!("{method} is never forwarded; remove it"));
                valid = false;
            }
            Ok(method) if !name.value.bytes().any(|b| b.is_ascii_lowercase()) => {
                methods.push(method);
            }
            _ => {
                let capitals = name.value.to_ascii_uppercase();
                let advice = match Method::from_bytes(capitals.as_bytes()) {
                    Ok(_) => format!("; write `{capitals}`"),
                    Err(_) => " (e.g. `GET`)".to_owned(),
                };
                file.problem(name.line, format!("`{}` is not a method{advice}", name.value));
                valid = false;
            }
        }
    }
    if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
        methods.push(Method::HEAD);
    }
    valid.then_some(MethodSet(methods))
}

/// Whether other programs write this for all methods. As a method, it would match no request.
fn means_all_methods(name: &str) -> bool {
    name.contains('*') || ["ALL", "ANY"].iter().any(|all| name.eq_ignore_ascii_case(all))
}

pub(super) fn path(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    (prefix, subtree): (&str, bool),
) -> Option<PathPattern> {
    let path = entry.required_string("path")?;
    let is_continuation = ["", "[/]"].contains(&&*path.value) || path.value.starts_with('/');
    // Without the slash, the prefix would end within a segment.
    let text = if is_continuation { format!("{prefix}{}", path.value) } else { path.value };
    PathPattern::parse(&text, subtree)
        .map_err(|problem| file.problem(path.line, problem.to_string()))
        .ok()
}

/// `except = ["*.php", ..]`: the patterns and their line.
pub(super) fn except(file: &File<'_>, entry: &mut Entry<'_>) -> Option<At<Vec<NamePattern>>> {
    if !entry.has("except") {
        return Some(At { value: Vec::new(), line: entry.line() });
    }
    let names = entry.strings("except")?;
    let line = names.first().map_or(entry.line(), |name| name.line);
    let mut patterns = Vec::new();
    for name in &names {
        let Some(pattern) = NamePattern::parse(&name.value) else {
            file.problem(
                name.line,
                format!(
                    "`{}` is not a name; use letters, digits, `-`, `.`, `_` and `~`, and `*` at \
                     one end (e.g. `*.php`)",
                    name.value
                ),
            );
            continue;
        };
        patterns.push(pattern);
    }
    (patterns.len() == names.len()).then_some(At { value: patterns, line })
}

pub(super) fn hosts(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Vec<HostPattern>> {
    if !entry.has("hosts") {
        return Some(Vec::new());
    }
    let mut hosts = Vec::new();
    let mut valid = true;
    for text in entry.strings("hosts")? {
        match HostPattern::parse(&text.value) {
            Ok(host) if hosts.contains(&host) => {}
            Ok(host) => hosts.push(host),
            Err(cause) => {
                file.problem(text.line, format!("`{}`: {cause}", text.value));
                valid = false;
            }
        }
    }
    valid.then_some(hosts)
}

/// `slash = "data"`.
pub(super) fn slash_is_data(file: &File<'_>, entry: &mut Entry<'_>) -> bool {
    let Some(slash) = entry.string("slash") else { return false };
    if slash.value != "data" {
        file.problem(
            slash.line,
            format!("`slash` must be \"data\" or left out, not `{}`", slash.value),
        );
    }
    true
}

pub(super) fn organization_variable(
    file: &File<'_>,
    text: &At<String>,
    (path, query, hosts): (&PathPattern, Option<&QueryRule>, &[HostPattern]),
    access: Access,
) -> Option<OrganizationVariable> {
    let name = text.value.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
    let Some(name) = name else {
        file.problem(
            text.line,
            "`organization` must be a variable of `path`, `query` or `hosts`, such as \"{organization}\"",
        );
        return None;
    };
    let in_query = query.is_some_and(|query| query.has_variable(name));
    let in_host = hosts.iter().any(|host| host.has_variable(name));
    let place = match (path.place_of(name), in_query, in_host) {
        (Some(place), false, false) => VariablePlace::Path(place),
        (None, true, false) => VariablePlace::Query,
        (None, false, true) if hosts.iter().all(|host| host.has_variable(name)) => {
            VariablePlace::Host
        }
        (None, false, true) => {
            let message = format!("every host of the route must have the variable `{{{name}}}`");
            file.problem(text.line, message);
            return None;
        }
        (None, false, false) => {
            let message = format!("`path`, `query` and `hosts` have no variable `{{{name}}}`");
            file.problem(text.line, message);
            return None;
        }
        (_, _, _) => {
            file.problem(text.line, format!("the variable `{name}` is used twice"));
            return None;
        }
    };
    if access == Access::Public {
        file.problem(
            text.line,
            "a public route has no session, so `organization` cannot be checked; remove it",
        );
        return None;
    }
    Some(OrganizationVariable { name: name.to_owned(), place })
}
