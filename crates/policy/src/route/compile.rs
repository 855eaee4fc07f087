//! Reads the files of routes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::sections::{self, Written};
use super::upstream::upstream;
use super::{Access, OrganizationVariable, Requirement, Route, limits, requests};
use crate::document::{At, Entry, File};
use crate::host::Host;
use crate::method_override;
use crate::name::breaks_line;
use crate::permission::{Catalogue, PermissionSet};
use crate::portal::Portal;
use crate::query_rule::{self, QueryRule};
use crate::request_path::RequestTarget;

/// Reads the files of routes. Problems are added to the files. Without a catalogue, because its file
/// is invalid, the permissions of routes are not checked.
pub(crate) fn compile(
    files: &[File<'_>],
    catalogue: Option<&Catalogue>,
    portal: &Portal,
) -> Vec<Arc<Route>> {
    let mut places_by_name = HashMap::new();
    let mut routes = Vec::new();
    for file in files {
        for Written { mut entry, prefix } in sections::routes(file) {
            let line = entry.line();
            let name = entry.required_string("name");
            let route = compile_one(file, &mut entry, &prefix, (catalogue, portal));
            let is_complete = entry.finish();
            let Some(name) = name else { continue };
            let place = (file.name().clone(), name.line);
            if name.value.trim().is_empty() || name.value.chars().any(breaks_line) {
                file.problem(name.line, "`name` must not be empty or have control characters");
            } else if let Some((other, line)) = places_by_name.insert(name.value.clone(), place) {
                let place = place_from(file.name(), &other, line);
                let message = format!("the route {place} is already named `{}`", name.value);
                file.problem(name.line, message);
            } else if let Some(route) = route.filter(|_| is_complete) {
                // With a misspelt key, it may seem to be for the requests of another.
                let (file, position) = (file.name().clone(), routes.len());
                let route = Route { name: name.value, file, line, position, ..route };
                routes.push(Arc::new(route));
            }
        }
    }
    routes
}

/// A place in a file of routes, for a message about another one.
pub(crate) fn place_from(file: &str, other: &str, line: usize) -> String {
    if file == other { format!("on line {line}") } else { format!("at {other}:{line}") }
}

/// Everything but the name; `None` if any of it is invalid.
fn compile_one(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    prefix: &str,
    (catalogue, portal): (Option<&Catalogue>, &Portal),
) -> Option<Route> {
    // Every key is read before the first return, so that all problems are reported at once.
    let methods = requests::methods(file, entry);
    let subtree = entry.boolean("subtree").unwrap_or(false);
    let path = requests::path(file, entry, (prefix, subtree));
    let except = requests::except(file, entry);
    let query = query_rule::compile(file, entry);
    let hosts = requests::hosts(file, entry);
    let access = access(file, entry, catalogue);
    let on_deny = on_deny(file, entry);
    let websocket = entry.boolean("websocket").unwrap_or(false);
    let body = entry.boolean("body").unwrap_or(false);
    let slash_is_data = requests::slash_is_data(file, entry);
    let preflight = limits::preflight_is_public(file, entry);
    let method_override = method_override::compile(file, entry);
    let from = limits::from(file, entry);
    let response_timeout = limits::response_timeout(file, entry);
    let body_bytes = limits::body_bytes(file, entry);
    let upstream = upstream(file, entry, portal);
    let cross_origin = entry.boolean("cross_origin").unwrap_or(false);
    let tokens = entry.boolean("tokens").unwrap_or(false);
    let staff = limits::refuses_staff(file, entry);
    let organization = entry.string("organization");

    let (path, access) = (path?, access?);
    let query = query?;
    let (except, hosts) = (except?, hosts?);
    if !except.value.is_empty() && !path.has_rest() {
        file.problem(
            except.line,
            "`except` is for the segments of `{*name}` or of `subtree = true`",
        );
        return None;
    }
    let organization = match organization {
        Some(variable) => Some(requests::organization_variable(
            file,
            &variable,
            (&path, query.as_ref(), &hosts),
            access,
        )?),
        None => None,
    };
    let preflight_is_public = preflight?;
    if preflight_is_public && access == Access::Deny {
        file.problem(entry.line(), "`preflight` has no effect: this route is closed; remove it");
    }
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
        hosts,
        access,
        organization,
        on_deny: on_deny.map(|target| target.value),
        websocket,
        body,
        slash_is_data,
        except: except.value,
        cross_origin,
        tokens,
        refuses_staff: staff?,
        preflight_is_public,
        method_override: method_override?,
        from: from?,
        response_timeout: response_timeout?,
        body_bytes: body_bytes?,
        upstream: upstream?,
        file: Cow::default(),
        line: entry.line(),
        position: 0,
    })
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
                file.problem(id.line, catalogue.unknown(&id.value).in_file());
                valid = false;
            }
        }
    }
    valid.then_some(set)
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

fn is_redirect_target(target: &str) -> bool {
    if let Some(rest) = target.strip_prefix("https://").or_else(|| target.strip_prefix("http://")) {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let path = if target.starts_with('/') { target } else { &format!("/{target}") };
        return Host::parse(authority).is_ok() && RequestTarget::parse(path).is_ok();
    }
    RequestTarget::parse(target).is_ok_and(|parsed| parsed.as_str() == target)
}
