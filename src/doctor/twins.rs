//! Other spellings of a path at the portal itself: which of them it takes for the same page, and
//! which of those readings the settings do not have. With consent, also which method overrides the
//! portal follows.
//!
//! A path can be probed if its page differs from that of a path that does not exist.

mod asking;
mod method;
mod page;

use std::collections::BTreeMap;

use portcullis_policy::{Access, Policy, Reading, Readings, Route};

use self::asking::Asking;
use super::client::{Client, Endpoint};
use super::deployment::Deployment;
use super::finding::Finding;
use crate::config::{Settings, Upstream, UpstreamServer};

/// The most paths that are probed, and that are tried for that.
const MAX_PATHS: usize = 8;
const MAX_TRIED: usize = 24;
/// Words in paths that are not asked for, because a GET may change something there.
const AVOIDED: [&str; 8] =
    ["logout", "logoff", "signout", "sign-out", "sign_out", "delete", "remove", "unsubscribe"];

/// What was seen of the portal's readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalReadings {
    /// The paths that were probed.
    pub paths: Vec<String>,
    /// Each reading that was seen, with an example of path and twin.
    pub seen: BTreeMap<&'static str, (String, String)>,
    /// The readings for which no path has a twin, so that they were not probed.
    pub not_probed: Vec<&'static str>,
    /// The query parameters that override the method; `None` if that was not probed.
    pub query_overrides: Option<Vec<String>>,
}

/// Probes the portal. `None` if there is no path that can be probed.
pub(super) fn probe(
    deployment: &Deployment<'_>,
    settings: &Settings,
    client: &Client,
    findings: &mut Vec<Finding>,
) -> Option<PortalReadings> {
    let asking = Asking { client, headers: &deployment.portal_headers };
    let places = places(deployment, settings);
    let tried = places.iter().take(MAX_TRIED);
    let usable = tried.filter_map(|(path, endpoint)| asking.subject(path, endpoint));
    let subjects: Vec<_> = usable.take(MAX_PATHS).collect();
    if subjects.is_empty() {
        findings.push(
            Finding::note("twins-not-probed", "no path of the portal can be probed for twins")
                .because("a page must differ from that of a path that does not exist")
                .fix(
                    "name paths with `--path`, and with `--portal-header` what the portal needs to \
                     show them, such as the header that names a user",
                ),
        );
        return None;
    }
    let mut seen = BTreeMap::new();
    let mut not_probed = Vec::new();
    for reading in Reading::ALL {
        let (probed, found) = asking.reading(reading, &subjects);
        if let Some(found) = found {
            seen.insert(reading.name(), found);
        } else if !probed {
            not_probed.push(reading.name());
        }
    }
    let paths: Vec<_> = subjects.iter().map(|subject| subject.path.clone()).collect();
    findings.extend(judged(&seen, &not_probed, &paths, settings.upstream.readings));
    let refused = asking.always_refused(&subjects);
    if !refused.is_empty() {
        let refused = refused.join(", ");
        findings.push(Finding::ok(
            "twins-always-refused",
            format!("the portal takes {refused}, and the gateway refuses such paths"),
        ));
    }
    let query_overrides = deployment.allow_writes.then(|| {
        let overrides = method::overrides(&asking, &subjects);
        findings.extend(method::judged(&overrides, settings));
        overrides.query
    });
    Some(PortalReadings { paths, seen, not_probed, query_overrides })
}

/// The findings about what was seen.
fn judged(
    seen: &BTreeMap<&'static str, (String, String)>,
    not_probed: &[&'static str],
    paths: &[String],
    enabled: Readings,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut not_seen = Vec::new();
    for reading in Reading::ALL {
        let name = reading.name();
        match seen.get(name) {
            Some((path, twin)) if enabled.has(reading) => findings.push(Finding::ok(
                "twin",
                format!("the portal takes {twin} for {path}; `upstream.readings` has `{name}`"),
            )),
            Some((path, twin)) => findings.push(
                Finding::error("twin-not-enabled", format!("the portal takes {twin} for {path}"))
                    .because("who may have only the one may open the other by its twin")
                    .fix(format!("add \"{name}\" to `upstream.readings`")),
            ),
            None if enabled.has(reading) && !not_probed.contains(&name) => not_seen.push(name),
            None => {}
        }
    }
    if !not_seen.is_empty() {
        findings.push(
            Finding::note(
                "twins-not-seen",
                format!(
                    "of {} the portal shows no twins by {}",
                    paths.join(", "),
                    not_seen.join(", ")
                ),
            )
            .because("each enabled reading refuses some names of documents")
            .fix(
                "keep them, unless all of the portal is known not to read paths that way; \
                 `--write-settings` writes a proposal",
            ),
        );
    }
    findings
}

/// Paths to probe, and the servers that have them: those that the operator names, then those of
/// routes that are not public, then of the others.
fn places(deployment: &Deployment<'_>, settings: &Settings) -> Vec<(String, Endpoint)> {
    let host = settings.server.public_url.host().to_string();
    let named = deployment.paths.iter().map(|path| (path.clone(), None, host.clone()));
    let mut places: Vec<_> = named.collect();
    if let Some(policy) = deployment.policy() {
        for (path, route) in literal_routes(policy) {
            let host = route.example().map(|(host, _)| host).filter(|host| !host.is_empty());
            let host = host.unwrap_or_else(|| settings.server.public_url.host().to_string());
            places.push((path, route.upstream().map(|upstream| upstream.name().to_owned()), host));
        }
    }
    let mut known = Vec::new();
    places
        .into_iter()
        .filter_map(|(path, name, host)| {
            let server = first_server(&settings.upstream, name.as_deref())?;
            let endpoint = Endpoint::portal(server, &host)?;
            let place = (path, endpoint.with_name(settings.upstream.tls.name.as_ref()));
            let is_new = !known.contains(&place);
            known.push(place.clone());
            is_new.then_some(place)
        })
        .collect()
}

/// The paths of routes for GET that have no variables, the stricter routes first.
fn literal_routes(policy: &Policy) -> Vec<(String, &Route)> {
    let mut routes: Vec<_> = policy
        .routes()
        .iter()
        .filter(|route| {
            let path = route.path().as_str();
            let lower = path.to_ascii_lowercase();
            route.methods().contains(&http::Method::GET)
                && !path.contains(['{', '['])
                && path.len() > 1
                && !AVOIDED.iter().any(|word| lower.contains(word))
        })
        .map(|route| (route.path().as_str().to_owned(), &**route))
        .collect();
    routes.sort_by_key(|(_, route)| matches!(route.access(), Access::Public));
    routes
}

/// The first server of a group.
fn first_server<'s>(upstream: &'s Upstream, name: Option<&str>) -> Option<&'s UpstreamServer> {
    let servers = match name {
        None => &upstream.servers,
        Some(name) => &upstream.others.iter().find(|(other, _)| other == name)?.1,
    };
    servers.first()
}

impl PortalReadings {
    /// Settings for what was seen, in TOML. Readings that were not probed are kept.
    #[must_use]
    pub fn settings(&self, now: jiff::Timestamp) -> String {
        let mut lines = vec![format!(
            "# What `portcullis doctor` saw of the portal on {}, at {}.",
            now.strftime("%Y-%m-%d"),
            self.paths.join(", ")
        )];
        let mut kept = Vec::new();
        let mut not_seen = Vec::new();
        for reading in Reading::ALL {
            let name = reading.name();
            match self.seen.get(name) {
                Some((path, twin)) => {
                    lines.push(format!("# {name}: {twin} is {path}."));
                    kept.push(name);
                }
                None if self.not_probed.contains(&name) => {
                    lines.push(format!("# {name}: not probed, and kept."));
                    kept.push(name);
                }
                None => not_seen.push(name),
            }
        }
        if !not_seen.is_empty() {
            lines.push(format!(
                "# Not seen, and left out: {}. Keep one that other parts of the portal may have.",
                not_seen.join(", ")
            ));
        }
        let listed = |names: &[String]| {
            let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
            quoted.join(", ")
        };
        let kept: Vec<_> = kept.into_iter().map(str::to_owned).collect();
        lines.push(format!("upstream.readings = [{}]", listed(&kept)));
        if let Some(query) = &self.query_overrides {
            lines.push("# Query parameters that the portal takes for the method.".to_owned());
            lines.push(format!("upstream.refuse_query = [{}]", listed(query)));
        }
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn seen() -> BTreeMap<&'static str, (String, String)> {
        [("case", ("/a/new".to_owned(), "/a/New".to_owned()))].into()
    }

    #[test]
    fn twin_is_an_error_only_if_its_reading_is_not_enabled() {
        let severities = |enabled: &[Reading]| -> Vec<_> {
            let enabled = enabled.iter().copied().collect();
            let found = judged(&seen(), &["path-info"], &["/a/new".to_owned()], enabled);
            found.iter().map(|finding| (finding.name, finding.severity)).collect()
        };
        let all = [("twin", Severity::Ok), ("twins-not-seen", Severity::Note)];
        assert_eq!(severities(&Reading::ALL), all);
        assert_eq!(severities(&[Reading::PathInfo]), [("twin-not-enabled", Severity::Error)]);
        assert_eq!(severities(&[Reading::Case]), [("twin", Severity::Ok)]);
    }

    #[test]
    fn proposed_settings_have_what_was_seen_or_not_probed() {
        let readings = PortalReadings {
            paths: vec!["/a/new".to_owned()],
            seen: seen(),
            not_probed: vec!["path-info"],
            query_overrides: Some(vec!["_method".to_owned()]),
        };
        let settings = readings.settings("2026-11-27T02:30:50Z".parse().unwrap());
        let table: toml::Table = settings.parse().unwrap();
        let expected = "readings = [\"case\", \"path-info\"]\nrefuse_query = [\"_method\"]\n";
        assert_eq!(table["upstream"], toml::Value::Table(expected.parse().unwrap()));
        assert!(settings.contains("# case: /a/New is /a/new.\n"), "{settings}");
        assert!(settings.contains("Not seen, and left out: slash, dot, suffix"), "{settings}");
    }
}
