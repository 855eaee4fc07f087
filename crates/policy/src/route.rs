//! A route: which requests it is for, and what they need.

use std::sync::Arc;

use http::Method;

use super::document::{At, Entry, File};
use super::host::Host;
use super::name::breaks_line;
use super::path_pattern::PathPattern;
use super::permission::{Catalogue, PermissionSet};
use super::query_rule::{self, QueryRule};
use super::reading::{Part, Readings};
use super::request_path::RequestTarget;

/// What a route is for when it names no methods.
const DEFAULT_METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// A route of `routes.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    name: String,
    methods: MethodSet,
    path: PathPattern,
    query: Option<QueryRule>,
    hosts: Vec<String>,
    access: Access,
    organization: Option<OrganizationVariable>,
    on_deny: Option<String>,
    websocket: bool,
    body: bool,
    slash_is_data: bool,
    cross_origin: bool,
    line: usize,
}

/// Who may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a session.
    Public,
    /// Everybody with a session.
    SignedIn,
    /// Nobody.
    Deny,
    /// Those who have what it takes.
    Require(Requirement),
}

/// Which permissions it takes; never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Each of them.
    All(PermissionSet),
    /// One of them.
    Any(PermissionSet),
}

impl Requirement {
    /// Whether someone with these permissions has what it takes.
    #[must_use]
    pub const fn is_met_by(self, held: PermissionSet) -> bool {
        match self {
            Self::All(needed) => held.is_superset(needed),
            Self::Any(needed) => !held.intersection(needed).is_empty(),
        }
    }

    /// The permissions it names.
    #[must_use]
    pub const fn permissions(self) -> PermissionSet {
        match self {
            Self::All(set) | Self::Any(set) => set,
        }
    }
}

/// The methods of a route. HEAD is there whenever GET is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSet(Vec<Method>);

impl MethodSet {
    /// Whether requests with this method are meant.
    #[must_use]
    pub fn contains(&self, method: &Method) -> bool {
        self.0.contains(method)
    }

    /// The methods, in the order they were written.
    pub fn iter(&self) -> std::slice::Iter<'_, Method> {
        self.0.iter()
    }

    /// The first method that both sets have.
    pub(super) fn shared<'a>(&'a self, other: &Self) -> Option<&'a Method> {
        self.0.iter().find(|method| other.contains(method))
    }
}

impl<'a> IntoIterator for &'a MethodSet {
    type Item = &'a Method;
    type IntoIter = std::slice::Iter<'a, Method>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The variable of the path that must be the organization of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OrganizationVariable {
    name: String,
    place: usize,
}

impl Route {
    /// The name, unique among routes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The methods it is for.
    #[must_use]
    pub fn methods(&self) -> &MethodSet {
        &self.methods
    }

    /// The paths it is for.
    #[must_use]
    pub fn path(&self) -> &PathPattern {
        &self.path
    }

    /// The values of a parameter it is for; none means whatever the query says.
    #[must_use]
    pub fn query(&self) -> Option<&QueryRule> {
        self.query.as_ref()
    }

    /// The hosts it is for; none means every host.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Who may pass.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// The permissions it names.
    #[must_use]
    pub fn permissions(&self) -> PermissionSet {
        match self.access {
            Access::Require(requirement) => requirement.permissions(),
            Access::Public | Access::SignedIn | Access::Deny => PermissionSet::EMPTY,
        }
    }

    /// The variable of the path that must be the organization of the session.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.organization.as_ref().map(|variable| variable.name.as_str())
    }

    /// Where those are sent who are refused.
    #[must_use]
    pub fn on_deny(&self) -> Option<&str> {
        self.on_deny.as_deref()
    }

    /// Whether a WebSocket may be opened here.
    #[must_use]
    pub fn websocket(&self) -> bool {
        self.websocket
    }

    /// Whether a GET or HEAD may carry a body here.
    #[must_use]
    pub fn body(&self) -> bool {
        self.body
    }

    /// Whether an encoded slash in a variable is data, and not refused.
    #[must_use]
    pub fn slash_is_data(&self) -> bool {
        self.slash_is_data
    }

    /// Whether pages of other sites may send requests here that change something.
    #[must_use]
    pub fn cross_origin(&self) -> bool {
        self.cross_origin
    }

    /// Its line in `routes.toml`.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether a path this route matches speaks of the organization, as far as it speaks of one.
    /// Both are compared decoded: an id is text, a path is not.
    pub(super) fn concerns(&self, organization: &str, path: &str) -> bool {
        let Some(variable) = &self.organization else { return true };
        let segment = path.split('/').skip(1).nth(variable.place);
        segment.is_some_and(|segment| {
            percent_encoding::percent_decode_str(segment).eq(organization.bytes())
        })
    }

    /// The same for a path that is read in another way, whatever else may be cut off the segment.
    pub(super) fn concerns_in_every_reading(
        &self,
        organization: &str,
        parts: &[&Part<'_>],
        enabled: Readings,
    ) -> bool {
        let Some(variable) = &self.organization else { return true };
        let Some(part) = parts.get(variable.place) else { return false };
        let last = variable.place + 1 == parts.len();
        let cuts = part.cuts(last, enabled);
        cuts.is_ok_and(|cuts| cuts.iter().all(|(text, _)| *text == organization))
    }
}

/// Reads `routes.toml`; what is wrong goes to the file's problems. Without a catalogue (its own
/// file is broken) the permissions that routes name are not judged.
pub(super) fn compile(file: &File<'_>, catalogue: Option<&Catalogue>) -> Vec<Arc<Route>> {
    let mut lines_by_name = std::collections::HashMap::new();
    let mut routes = Vec::new();
    for mut entry in file.entries("route") {
        let line = entry.line();
        let name = entry.required_string("name");
        let route = compile_one(file, &mut entry, catalogue);
        entry.finish();
        let Some(name) = name else { continue };
        if name.value.trim().is_empty() || name.value.chars().any(breaks_line) {
            file.problem(name.line, "`name` is empty or holds a control character");
        } else if let Some(other) = lines_by_name.insert(name.value.clone(), name.line) {
            file.problem(
                name.line,
                format!("the name `{}` is taken by the route on line {other}", name.value),
            );
        } else if let Some(route) = route {
            routes.push(Arc::new(Route { name: name.value, line, ..route }));
        }
    }
    routes
}

/// Everything but the name; none when something of it is wrong.
fn compile_one(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    catalogue: Option<&Catalogue>,
) -> Option<Route> {
    // Each is read before any is judged, so that all problems of a route are told at once.
    let methods = methods(file, entry);
    let path = path(file, entry);
    let query = entry.has("query").then(|| query_rule::compile(file, entry));
    let hosts = hosts(file, entry);
    let access = access(file, entry, catalogue);
    let on_deny = on_deny(file, entry);
    let websocket = entry.boolean("websocket").unwrap_or(false);
    let body = entry.boolean("body").unwrap_or(false);
    let slash_is_data = slash_is_data(file, entry);
    let cross_origin = entry.boolean("cross_origin").unwrap_or(false);
    let organization = entry.string("organization");

    let (path, access) = (path?, access?);
    let query = match query {
        Some(rule) => Some(rule?),
        None => None,
    };
    let organization = match organization {
        Some(variable) => Some(organization_variable(file, &variable, &path, access)?),
        None => None,
    };
    if let Some(target) = &on_deny
        && matches!(access, Access::Public | Access::SignedIn)
    {
        file.problem(target.line, "`on_deny` is never used: this route requires no permission");
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
        cross_origin,
        line: entry.line(),
    })
}

fn methods(file: &File<'_>, entry: &mut Entry<'_>) -> Option<MethodSet> {
    if !entry.has("methods") {
        return Some(MethodSet(DEFAULT_METHODS.to_vec()));
    }
    let mut methods = Vec::new();
    let mut sound = true;
    for name in entry.strings("methods")? {
        match Method::from_bytes(name.value.as_bytes()) {
            Ok(method @ (Method::CONNECT | Method::TRACE)) => {
                file.problem(name.line, format!("{method} is never forwarded"));
                sound = false;
            }
            Ok(method) if !name.value.bytes().any(|b| b.is_ascii_lowercase()) => {
                methods.push(method);
            }
            _ => {
                file.problem(
                    name.line,
                    format!("`{}` is no method: they are written in capitals", name.value),
                );
                sound = false;
            }
        }
    }
    if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
        methods.push(Method::HEAD);
    }
    sound.then_some(MethodSet(methods))
}

fn path(file: &File<'_>, entry: &mut Entry<'_>) -> Option<PathPattern> {
    let path = entry.required_string("path")?;
    PathPattern::parse(&path.value)
        .map_err(|problem| file.problem(path.line, problem.to_string()))
        .ok()
}

fn hosts(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Vec<String>> {
    if !entry.has("hosts") {
        return Some(Vec::new());
    }
    let mut hosts = Vec::new();
    let mut sound = true;
    for text in entry.strings("hosts")? {
        match Host::parse(&text.value) {
            Ok(host) if host.port().is_none() => {
                if !hosts.iter().any(|known| known == host.name()) {
                    hosts.push(host.name().to_owned());
                }
            }
            Ok(_) => {
                file.problem(text.line, format!("`{}`: a host without its port", text.value));
                sound = false;
            }
            Err(cause) => {
                file.problem(text.line, format!("`{}`: {cause}", text.value));
                sound = false;
            }
        }
    }
    sound.then_some(hosts)
}

/// `access` or `require`, exactly one of them.
fn access(file: &File<'_>, entry: &mut Entry<'_>, catalogue: Option<&Catalogue>) -> Option<Access> {
    match (entry.has("access"), entry.has("require")) {
        (false, false) => {
            file.problem(entry.line(), "`require` or `access` is missing");
            None
        }
        (true, true) => {
            let (access, _) = (entry.string("access"), requirement(file, entry, catalogue));
            let line = access.map_or(entry.line(), |access| access.line);
            file.problem(line, "`access` and `require` exclude each other");
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
                        format!("`access` is \"public\", \"signed-in\" or \"deny\", not `{other}`"),
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
            file.problem(line, "`require` takes a permission, `all = [..]` or `any = [..]`");
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
    let mut sound = true;
    for id in ids {
        match catalogue.index(&id.value) {
            Some(index) => set.insert(index),
            None => {
                file.problem(id.line, format!("there is no permission `{}`", id.value));
                sound = false;
            }
        }
    }
    sound.then_some(set)
}

fn organization_variable(
    file: &File<'_>,
    text: &At<String>,
    path: &PathPattern,
    access: Access,
) -> Option<OrganizationVariable> {
    let name = text.value.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
    let Some(name) = name else {
        file.problem(text.line, "`organization` names a variable of the path: \"{name}\"");
        return None;
    };
    let Some(place) = path.place_of(name) else {
        file.problem(text.line, format!("`path` has no variable `{{{name}}}`"));
        return None;
    };
    if access == Access::Public {
        file.problem(text.line, "a public route has no session whose organization could be asked");
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
                "`{}` is no place to redirect to: a path of this portal or a whole http:// or \
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
            format!(
                "`slash` is \"data\" or left out, not `{}`: it says that `%2F` in a variable is \
                 part of its value",
                slash.value
            ),
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
