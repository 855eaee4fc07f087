//! Reads `routes.toml`.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use super::{Access, MethodSet, OrganizationVariable, Requirement, Route, VariablePlace};
use crate::document::{At, Entry, File};
use crate::host::Host;
use crate::name::breaks_line;
use crate::name_pattern::NamePattern;
use crate::path_pattern::PathPattern;
use crate::permission::{Catalogue, PermissionSet};
use crate::query_rule::{self, QueryRule};
use crate::request_path::RequestTarget;

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

/// Reads `routes.toml`. Problems are added to the file. Without a catalogue, because its file is
/// invalid, the permissions of routes are not checked.
pub(crate) fn compile(file: &File<'_>, catalogue: Option<&Catalogue>) -> Vec<Arc<Route>> {
    let mut lines_by_name = HashMap::new();
    let mut routes = Vec::new();
    for mut entry in file.entries("route") {
        let line = entry.line();
        let name = entry.required_string("name");
        let route = compile_one(file, &mut entry, catalogue);
        entry.finish();
        let Some(name) = name else { continue };
        if name.value.trim().is_empty() || name.value.chars().any(breaks_line) {
            file.problem(name.line, "`name` must not be empty or have control characters");
        } else if let Some(other) = lines_by_name.insert(name.value.clone(), name.line) {
            file.problem(
                name.line,
                format!("the route on line {other} is already named `{}`", name.value),
            );
        } else if let Some(route) = route {
            routes.push(Arc::new(Route { name: name.value, line, ..route }));
        }
    }
    routes
}

/// Everything but the name; `None` if any of it is invalid.
fn compile_one(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    catalogue: Option<&Catalogue>,
) -> Option<Route> {
    // Every key is read before the first return, so that all problems are reported at once.
    let methods = methods(file, entry);
    let subtree = entry.boolean("subtree").unwrap_or(false);
    let path = path(file, entry, subtree);
    let except = except(file, entry);
    let query = query_rule::compile(file, entry);
    let hosts = hosts(file, entry);
    let access = access(file, entry, catalogue);
    let on_deny = on_deny(file, entry);
    let websocket = entry.boolean("websocket").unwrap_or(false);
    let body = entry.boolean("body").unwrap_or(false);
    let slash_is_data = slash_is_data(file, entry);
    let cross_origin = entry.boolean("cross_origin").unwrap_or(false);
    let tokens = entry.boolean("tokens").unwrap_or(false);
    let organization = entry.string("organization");

    let (path, access) = (path?, access?);
    let query = query?;
    let except = except?;
    if !except.value.is_empty() && !path.has_rest() {
        file.problem(
            except.line,
            "`except` is for the segments of `{*name}` or of `subtree = true`",
        );
        return None;
    }
    let organization = match organization {
        Some(variable) => {
            Some(organization_variable(file, &variable, (&path, query.as_ref()), access)?)
        }
        None => None,
    };
    let unused = query.iter().flat_map(QueryRule::variables).find(|name| {
        organization.as_ref().is_none_or(|used: &OrganizationVariable| used.name != *name)
    });
    if let Some(unused) = unused {
        file.problem(
            entry.line(),
            format!(
                "the variable `{{{unused}}}` in `query` is not used; write `true` for any value, or \
                 add `organization = \"{{{unused}}}\"`"
            ),
        );
        return None;
    }
    if let Some(target) = &on_deny
        && matches!(access, Access::Public | Access::SignedIn)
    {
        file.problem(
            target.line,
            "`on_deny` has no effect: this route requires no permission; remove it",
        );
    }
    Some(Route {
        name: String::new(),
        methods: methods?,
        path,
        query,
        hosts: hosts?,
        access,
        organization,
        on_deny: on_deny.map(|target| target.value),
        websocket,
        body,
        slash_is_data,
        except: except.value,
        cross_origin,
        tokens,
        line: entry.line(),
    })
}

fn methods(file: &File<'_>, entry: &mut Entry<'_>) -> Option<MethodSet> {
    if !entry.has("methods") {
        return Some(MethodSet(DEFAULT_METHODS.to_vec()));
    }
    let mut methods = Vec::new();
    let mut valid = true;
    for name in entry.strings("methods")? {
        match Method::from_bytes(name.value.as_bytes()) {
            Ok(method @ (Method::CONNECT | Method::TRACE)) => {
                file.problem(name.line, format!("{method} is never forwarded; remove it"));
                valid = false;
            }
            Ok(method) if !name.value.bytes().any(|b| b.is_ascii_lowercase()) => {
                methods.push(method);
            }
            _ => {
                file.problem(
                    name.line,
                    format!("`{}` is not a method; write methods in capitals", name.value),
                );
                valid = false;
            }
        }
    }
    if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
        methods.push(Method::HEAD);
    }
    valid.then_some(MethodSet(methods))
}

fn path(file: &File<'_>, entry: &mut Entry<'_>, subtree: bool) -> Option<PathPattern> {
    let path = entry.required_string("path")?;
    PathPattern::parse(&path.value, subtree)
        .map_err(|problem| file.problem(path.line, problem.to_string()))
        .ok()
}

/// `except = ["*.php", ..]`: the patterns and their line.
fn except(file: &File<'_>, entry: &mut Entry<'_>) -> Option<At<Vec<NamePattern>>> {
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

fn hosts(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Vec<String>> {
    if !entry.has("hosts") {
        return Some(Vec::new());
    }
    let mut hosts = Vec::new();
    let mut valid = true;
    for text in entry.strings("hosts")? {
        match Host::parse(&text.value) {
            Ok(host) if host.port().is_none() => {
                if !hosts.iter().any(|known| known == host.name()) {
                    hosts.push(host.name().to_owned());
                }
            }
            Ok(_) => {
                file.problem(text.line, format!("`{}`: write the host without a port", text.value));
                valid = false;
            }
            Err(cause) => {
                file.problem(text.line, format!("`{}`: {cause}", text.value));
                valid = false;
            }
        }
    }
    valid.then_some(hosts)
}

/// `access` or `require`: exactly one of them.
fn access(file: &File<'_>, entry: &mut Entry<'_>, catalogue: Option<&Catalogue>) -> Option<Access> {
    match (entry.has("access"), entry.has("require")) {
        (false, false) => {
            file.problem(entry.line(), "`require` or `access` is missing; add one of them");
            None
        }
        (true, true) => {
            let (access, _) = (entry.string("access"), requirement(file, entry, catalogue));
            let line = access.map_or(entry.line(), |access| access.line);
            file.problem(line, "a route has either `access` or `require`, not both");
            None
        }
        (false, true) => requirement(file, entry, catalogue).map(Access::Require),
        (true, false) => {
            let access = entry.string("access")?;
            match access.value.as_str() {
                "public" => Some(Access::Public),
                "signed-in" => Some(Access::SignedIn),
                "deny" => Some(Access::Deny),
                other => {
                    file.problem(
                        access.line,
                        format!(
                            "`access` must be \"public\", \"signed-in\" or \"deny\", not `{other}`"
                        ),
                    );
                    None
                }
            }
        }
    }
}

/// A name, `{ all = [..] }` or `{ any = [..] }`.
fn requirement(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    catalogue: Option<&Catalogue>,
) -> Option<Requirement> {
    if entry.is_string("require") {
        let id = entry.string("require")?;
        return permissions(file, &[id], catalogue).map(Requirement::All);
    }
    let mut table = entry.table("require")?;
    let line = table.line();
    let both = [table.has("all"), table.has("any")];
    let all = table.strings("all").map(|ids| permissions(file, &ids, catalogue));
    let any = table.strings("any").map(|ids| permissions(file, &ids, catalogue));
    table.finish();
    match both {
        [true, false] => all?.map(Requirement::All),
        [false, true] => any?.map(Requirement::Any),
        [_, _] => {
            file.problem(line, "`require` must be a permission, { all = [..] } or { any = [..] }");
            None
        }
    }
}

fn permissions(
    file: &File<'_>,
    ids: &[At<String>],
    catalogue: Option<&Catalogue>,
) -> Option<PermissionSet> {
    let catalogue = catalogue?;
    let mut set = PermissionSet::EMPTY;
    let mut valid = true;
    for id in ids {
        match catalogue.index(&id.value) {
            Some(index) => set.insert(index),
            None => {
                file.problem(
                    id.line,
                    format!("there is no permission `{}` in permissions.toml", id.value),
                );
                valid = false;
            }
        }
    }
    valid.then_some(set)
}

fn organization_variable(
    file: &File<'_>,
    text: &At<String>,
    (path, query): (&PathPattern, Option<&QueryRule>),
    access: Access,
) -> Option<OrganizationVariable> {
    let name = text.value.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
    let Some(name) = name else {
        file.problem(
            text.line,
            "`organization` must be a variable of `path` or `query`, such as \"{organization}\"",
        );
        return None;
    };
    let in_query = query.is_some_and(|query| query.has_variable(name));
    let place = match path.place_of(name) {
        Some(place) => VariablePlace::Path(place),
        None if in_query => VariablePlace::Query,
        None => {
            file.problem(text.line, format!("`path` and `query` have no variable `{{{name}}}`"));
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

/// `on_deny = { redirect = ".." }`.
fn on_deny(file: &File<'_>, entry: &mut Entry<'_>) -> Option<At<String>> {
    let mut table = entry.table("on_deny")?;
    let target = table.required_string("redirect");
    table.finish();
    let target = target?;
    if is_redirect_target(&target.value) {
        Some(target)
    } else {
        file.problem(
            target.line,
            format!(
                "`{}` is not a redirect target; use a path of the portal or an http:// or \
                 https:// URL",
                target.value
            ),
        );
        None
    }
}

/// `slash = "data"`.
fn slash_is_data(file: &File<'_>, entry: &mut Entry<'_>) -> bool {
    let Some(slash) = entry.string("slash") else { return false };
    if slash.value != "data" {
        file.problem(
            slash.line,
            format!("`slash` must be \"data\" or left out, not `{}`", slash.value),
        );
    }
    true
}

fn is_redirect_target(target: &str) -> bool {
    if let Some(rest) = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://")) {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let path = if target.starts_with('/') { target } else { &format!("/{target}") };
        return Host::parse(authority).is_ok() && RequestTarget::parse(path).is_ok();
    }
    RequestTarget::parse(target).is_ok_and(|parsed| parsed.as_str() == target)
}
