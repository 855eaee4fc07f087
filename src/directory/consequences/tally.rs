//! Permissions and routes gained and lost, by how many people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;
use portcullis_policy::{Access, Policy, RequestFacts, RequestTarget, Route, route_for};
use serde::Serialize;

use super::people::Shift;
use super::standing::{Rights, Standing};
use crate::directory::state::Snapshot;

/// A permission that people gain or lose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PermissionChange {
    /// The permission's id.
    pub permission: String,
    /// By how many people. An organization's secure link counts as one.
    pub people: u64,
    /// How many of these are secure links.
    #[serde(skip_serializing_if = "is_default")]
    pub links: u64,
    /// The names of the routes that require it.
    pub routes: Vec<String>,
}

/// People who can use the portal at all, or no longer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AccessChange {
    /// How many people get access.
    pub gains: u64,
    /// How many people lose it.
    pub loses: u64,
    /// How many of those who get access are secure links.
    #[serde(skip_serializing_if = "is_default")]
    pub links_gain: u64,
    /// How many of those who lose it are secure links.
    #[serde(skip_serializing_if = "is_default")]
    pub links_lose: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The routes that a policy opens or closes, by their names, which are those of either policy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RouteChanges {
    /// To how many people each route becomes reachable.
    pub(super) opened: BTreeMap<String, u64>,
    /// To how many people each route is no longer reachable.
    pub(super) closed: BTreeMap<String, u64>,
    /// Those that become reachable without a session.
    pub(super) public: BTreeSet<String>,
}

/// What shifts amount to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) gains: Vec<PermissionChange>,
    pub(super) loses: Vec<PermissionChange>,
    pub(super) access: AccessChange,
    pub(super) routes: RouteChanges,
}

/// By permission.
type Counts<'a> = BTreeMap<&'a str, Count<'a>>;

/// Who gains or loses a permission.
#[derive(Debug, Default)]
struct Count<'a> {
    people: u64,
    links: u64,
    /// The routes besides those that require it.
    routes: BTreeSet<&'a str>,
}

impl Tally {
    pub(super) fn of(before: &Snapshot, after: &Snapshot, shifts: &[Shift]) -> Self {
        let (mut gains, mut loses) = (Counts::new(), Counts::new());
        let mut access = AccessChange::default();
        for shift in shifts {
            let now = (shift.before.rights_now(before), shift.after.rights_now(after));
            let later = (shift.before.rights(before), shift.after.rights(after));
            let enters = |a: &Rights<'_>, b: &Rights<'_>| b.enters && !a.enters;
            if enters(&now.0, &now.1) || enters(&later.0, &later.1) {
                access.gains += shift.people;
                access.links_gain += shift.links();
            }
            if enters(&now.1, &now.0) || enters(&later.1, &later.0) {
                access.loses += shift.people;
                access.links_lose += shift.links();
            }
            add(&mut gains, [(&now.1, &now.0), (&later.1, &later.0)], shift);
            add(&mut loses, [(&now.0, &now.1), (&later.0, &later.1)], shift);
        }
        let mut routes = RouteChanges::default();
        if !Arc::ptr_eq(before.policy(), after.policy()) {
            routes = RouteChanges::between(before, after, shifts);
            attribute(&mut gains, &routes.opened, [after.policy(), before.policy()]);
            attribute(&mut loses, &routes.closed, [before.policy(), after.policy()]);
        }
        let gains = listed(&gains, after.policy());
        // A permission that is gone is required by no route of the new policy.
        let loses = listed(&loses, before.policy());
        Self { gains, loses, access, routes }
    }
}

/// Counts what the first rights of a pair have and the second do not.
fn add<'a>(counts: &mut Counts<'a>, pairs: [(&Rights<'a>, &Rights<'a>); 2], shift: &Shift) {
    let mut ids = BTreeSet::new();
    for (more, less) in pairs {
        ids.extend(more.permissions.difference(&less.permissions).copied());
    }
    for id in ids {
        let count = counts.entry(id).or_default();
        count.people += shift.people;
        count.links += shift.links();
    }
}

/// Adds routes that are reached by others than before to the permissions that they require.
fn attribute<'a>(
    counts: &mut Counts<'a>,
    routes: &BTreeMap<String, u64>,
    policies: [&'a Arc<Policy>; 2],
) {
    for (name, people) in routes {
        let required = policies.iter().find_map(|policy| {
            let route = policy.routes().iter().find(|route| route.name() == name)?;
            let ids: Vec<_> = policy.catalogue().ids(route.permissions()).collect();
            (!ids.is_empty()).then(|| (route.name(), ids))
        });
        let Some((name, ids)) = required else { continue };
        for id in ids {
            let count = counts.entry(id).or_default();
            count.people = count.people.max(*people);
            count.routes.insert(name);
        }
    }
}

fn listed(counts: &Counts<'_>, policy: &Policy) -> Vec<PermissionChange> {
    let catalogue = policy.catalogue();
    let list = counts.iter().map(|(id, count)| {
        let index = catalogue.index(id);
        let requires =
            |route: &&Arc<Route>| index.is_some_and(|index| route.permissions().contains(index));
        let requiring = policy.routes().iter().filter(requires).map(|route| route.name());
        let routes: BTreeSet<&str> = requiring.chain(count.routes.iter().copied()).collect();
        PermissionChange {
            permission: (*id).to_owned(),
            people: count.people,
            links: count.links,
            routes: routes.into_iter().map(str::to_owned).collect(),
        }
    });
    list.collect()
}

impl RouteChanges {
    /// The routes whose requests people reach under one of two policies only. Each route of both is
    /// asked about by an example of its requests, whichever route of the other policy decides it: a
    /// route under another name is the same, and one for other paths or methods is not.
    fn between(before: &Snapshot, after: &Snapshot, shifts: &[Shift]) -> Self {
        let mut changes = Self::default();
        let routes = before.policy().routes().iter().chain(after.policy().routes());
        for route in routes {
            for method in route.methods().iter() {
                let of = |snapshot: &Snapshot| deciding(snapshot.policy(), route, method);
                changes.add(route.name(), &[(of(before), before), (of(after), after)], shifts);
            }
        }
        changes
    }

    /// Compares the routes that decide the same request before and after.
    fn add(&mut self, name: &str, routes: &[(Option<Arc<Route>>, &Snapshot); 2], shifts: &[Shift]) {
        let [(old, before), (new, after)] = routes;
        let reaches = |standing: &Standing, route: &Option<Arc<Route>>, snapshot: &Snapshot| {
            route.as_ref().is_some_and(|route| standing.reaches(route, snapshot))
        };
        let [mut opened, mut closed] = [0, 0];
        for Shift { before: from, after: to, people } in shifts {
            match (reaches(from, old, before), reaches(to, new, after)) {
                (false, true) => opened += people,
                (true, false) => closed += people,
                _ => {}
            }
        }
        for (counts, people) in [(&mut self.opened, opened), (&mut self.closed, closed)] {
            if people > 0 {
                // Of several requests of a route, the one that concerns the most people.
                let count = counts.entry(name.to_owned()).or_default();
                *count = (*count).max(people);
            }
        }
        let is_public = |route: &Option<Arc<Route>>| {
            route.as_ref().is_some_and(|route| route.access() == Access::Public)
        };
        if is_public(new) && !is_public(old) {
            self.public.insert(name.to_owned());
        }
    }
}

/// The route of a policy that decides the requests of `route`, which may be of another policy. If these
/// have conditions that an example does not meet, it is the route with the same name.
fn deciding(policy: &Policy, route: &Route, method: &Method) -> Option<Arc<Route>> {
    let named = || policy.routes().iter().find(|other| other.name() == route.name()).cloned();
    if route.query().is_some() || !route.from().is_empty() {
        return named();
    }
    let Some((host, path)) = route.example() else { return named() };
    let Ok(target) = RequestTarget::parse(&path) else { return named() };
    let facts = RequestFacts::new(&host, method, &target);
    let facts = RequestFacts { websocket: route.websocket(), ..facts };
    route_for(policy, &facts).cloned()
}
