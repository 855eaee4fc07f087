//! A route: the requests to which it applies, and what it requires of them.

mod compile;
mod limits;
mod requests;
mod sections;
mod trial;
mod upstream;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use ipnet::IpNet;

use super::host_pattern::HostPattern;
use super::method_override::MethodOverride;
use super::name_pattern::NamePattern;
use super::path_pattern::PathPattern;
use super::permission::PermissionSet;
use super::portal::Upstream;
use super::query_rule::QueryRule;
use super::reading::{Part, Readings};

pub(super) use self::compile::{compile, place_from};

/// A route of `routes.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    name: String,
    methods: MethodSet,
    path: PathPattern,
    query: Option<QueryRule>,
    hosts: Vec<HostPattern>,
    access: Access,
    organization: Option<OrganizationVariable>,
    on_deny: Option<String>,
    websocket: bool,
    body: bool,
    slash_is_data: bool,
    except: Vec<NamePattern>,
    cross_origin: bool,
    tokens: bool,
    refuses_staff: bool,
    preflight_is_public: bool,
    method_override: Option<MethodOverride>,
    /// Empty for every address.
    from: Vec<IpNet>,
    response_timeout: Option<Duration>,
    body_bytes: Option<u64>,
    upstream: Option<Upstream>,
    file: Cow<'static, str>,
    line: usize,
    position: usize,
}

/// Who may send requests to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every request, with or without a session.
    Public,
    /// Requests with a session.
    SignedIn,
    /// No request.
    Deny,
    /// Requests of a session with the required permissions.
    Require(Requirement),
}

/// The required permissions, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// All of them.
    All(PermissionSet),
    /// At least one of them.
    Any(PermissionSet),
}

impl Requirement {
    /// Whether these permissions suffice.
    #[must_use]
    pub const fn is_met_by(self, held: PermissionSet) -> bool {
        match self {
            Self::All(needed) => held.is_superset(needed),
            Self::Any(needed) => !held.intersection(needed).is_empty(),
        }
    }

    /// The permissions that it names.
    #[must_use]
    pub const fn permissions(self) -> PermissionSet {
        match self {
            Self::All(set) | Self::Any(set) => set,
        }
    }
}

/// The methods of a route. Contains HEAD if it contains GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodSet(Vec<Method>);

impl MethodSet {
    /// Whether the set contains a method.
    #[must_use]
    pub fn contains(&self, method: &Method) -> bool {
        self.0.contains(method)
    }

    /// The methods, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Method> {
        self.0.iter()
    }

    /// The first method in both sets.
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

/// The variable that must be the session's organization.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OrganizationVariable {
    name: String,
    place: VariablePlace,
}

/// Where the value of a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VariablePlace {
    /// The position of a segment of the path, from 0.
    Path(usize),
    /// The query.
    Query,
    /// The first label of the host.
    Host,
}

impl Route {
    /// The name. No two routes have the same.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The methods to which it applies.
    #[must_use]
    pub fn methods(&self) -> &MethodSet {
        &self.methods
    }

    /// The paths to which it applies.
    #[must_use]
    pub fn path(&self) -> &PathPattern {
        &self.path
    }

    /// The query to which it applies; `None` for any query.
    #[must_use]
    pub fn query(&self) -> Option<&QueryRule> {
        self.query.as_ref()
    }

    /// The hosts to which it applies; empty for every host.
    #[must_use]
    pub fn hosts(&self) -> &[HostPattern] {
        &self.hosts
    }

    /// Who may send requests to a route.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// The permissions that it names.
    #[must_use]
    pub fn permissions(&self) -> PermissionSet {
        match self.access {
            Access::Require(requirement) => requirement.permissions(),
            Access::Public | Access::SignedIn | Access::Deny => PermissionSet::EMPTY,
        }
    }

    /// The variable that must be the session's organization.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.organization.as_ref().map(|variable| variable.name.as_str())
    }

    /// The target of the redirect for requests that are refused.
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

    /// Whether an escaped slash in a variable is data, and not refused.
    #[must_use]
    pub fn slash_is_data(&self) -> bool {
        self.slash_is_data
    }

    /// Names that the route does not apply to: no segment that the rest matches may have one.
    pub(super) fn except(&self) -> &[NamePattern] {
        &self.except
    }

    /// The `name` of the first `name.*` in `except`, which may be meant as a regular expression.
    #[must_use]
    pub fn foreign_except(&self) -> Option<&str> {
        self.except.iter().find_map(NamePattern::before_final_dot)
    }

    /// Whether pages of other sites may send requests that change something.
    #[must_use]
    pub fn cross_origin(&self) -> bool {
        self.cross_origin
    }

    /// Whether scripts without a session are asked for a token of a portal user.
    #[must_use]
    pub fn tokens(&self) -> bool {
        self.tokens
    }

    /// Whether sessions of the operator's staff are refused (`staff = "never"`).
    #[must_use]
    pub fn refuses_staff(&self) -> bool {
        self.refuses_staff
    }

    /// Whether a CORS preflight for it needs no session.
    #[must_use]
    pub fn preflight_is_public(&self) -> bool {
        self.preflight_is_public
    }

    /// Where requests may name another method than their own.
    #[must_use]
    pub fn method_override(&self) -> Option<&MethodOverride> {
        self.method_override.as_ref()
    }

    /// The addresses from which it may be used; empty for every address.
    #[must_use]
    pub fn from(&self) -> &[IpNet] {
        &self.from
    }

    /// Whether it may be used from a client's address.
    pub(super) fn admits(&self, client: Option<IpAddr>) -> bool {
        let is_in = |address: IpAddr| {
            let address = address.to_canonical();
            self.from.iter().any(|network| network.contains(&address))
        };
        self.from.is_empty() || client.is_some_and(is_in)
    }

    /// The longest time until the head of the portal's response, if it is not that of the settings.
    #[must_use]
    pub fn response_timeout(&self) -> Option<Duration> {
        self.response_timeout
    }

    /// The most bytes of a request's body, if they are limited.
    #[must_use]
    pub fn body_bytes(&self) -> Option<u64> {
        self.body_bytes
    }

    /// The servers to which its requests go; `None` for those of `upstream.servers`.
    #[must_use]
    pub fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_ref()
    }

    /// The name of its file, such as `routes.toml` or `routes.d/billing.toml`.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Its position among the [routes of the policy](crate::Policy::routes), from 0.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Its line in the file.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether the request names this organization, if the route requires it to. The path is decoded
    /// for the comparison.
    pub(super) fn is_of_organization(&self, organization: &str, named: &NamedBy<'_>) -> bool {
        let Some(variable) = &self.organization else { return true };
        let place = match variable.place {
            VariablePlace::Path(place) => place,
            VariablePlace::Query => {
                let value = |rule: &QueryRule| rule.value_of(&variable.name, named.query);
                return self.query.as_ref().and_then(value) == Some(organization);
            }
            VariablePlace::Host => {
                return named.host.split('.').next() == Some(organization);
            }
        };
        match named.path {
            PathReading::Itself(path) => {
                let segment = path.split('/').skip(1).nth(place);
                segment.is_some_and(|segment| {
                    percent_encoding::percent_decode_str(segment).eq(organization.bytes())
                })
            }
            // For all that may be cut off the segment.
            PathReading::Other(parts, enabled) => parts.get(place).is_some_and(|part| {
                let cuts = part.cuts(place + 1 == parts.len(), enabled);
                cuts.is_ok_and(|cuts| cuts.iter().all(|(text, _)| *text == organization))
            }),
        }
    }
}

/// What in a request may name an organization.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedBy<'a> {
    pub(super) host: &'a str,
    pub(super) path: PathReading<'a>,
    pub(super) query: Option<&'a str>,
}

/// A path in one of its readings.
#[derive(Debug, Clone, Copy)]
pub(super) enum PathReading<'a> {
    /// The canonical path.
    Itself(&'a str),
    /// Segments in another reading, with what may be cut off them.
    Other(&'a [&'a Part<'a>], Readings),
}
