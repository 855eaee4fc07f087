//! Routes for the requests that were seen in a trial of the portal, as far as the policy has none.
//!
//! A route is proposed only for a path that no route of the policy matches: one for a path that has
//! routes could take requests from them. What such a path lacks is listed as a comment. All proposed
//! routes are closed, until the operator has chosen who may use them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::Method;

use super::folded::example_of;
use super::{Observations, Observed, Suggestion};
use crate::decision::{RequestFacts, route_for, route_of_path};
use crate::permission::Catalogue;
use crate::policy::Policy;
use crate::request_path::RequestTarget;

/// The most permissions that are named for a route.
const MOST_CANDIDATES: usize = 8;

/// Requests that were seen.
#[derive(Debug, Clone, Copy)]
pub struct SeenRequest<'a> {
    /// The name of the host.
    pub host: &'a str,
    /// The method.
    pub method: &'a str,
    /// The [folded path](super::folded_path).
    pub path: &'a str,
    /// The names of query parameters.
    pub query: &'a [&'a str],
    /// Whether they asked for a WebSocket.
    pub websocket: bool,
    /// What the portal's responses were: `page`, `asset` or the like.
    pub contents: &'a [&'a str],
    /// The statuses of the portal's responses, and how many had each.
    pub statuses: &'a [(u16, u64)],
}

/// Proposed routes.
#[derive(Debug, Default)]
pub struct Proposal {
    observations: Observations,
    /// Methods and queries that no route of their path lists, as comments.
    unlisted: BTreeSet<String>,
}

impl Proposal {
    /// Adds requests, if no route of the policy is for them. Returns whether there is something to
    /// propose.
    pub fn add(&mut self, policy: &Policy, seen: &SeenRequest<'_>) -> bool {
        let path = example_of(seen.path);
        let (Ok(target), Ok(method)) =
            (RequestTarget::parse(&path), Method::from_bytes(seen.method.as_bytes()))
        else {
            return false;
        };
        let facts = RequestFacts::new(seen.host, &method, &target);
        if let Some(route) = route_of_path(policy, &facts) {
            if route_for(policy, &facts).is_some() {
                return false;
            }
            let place = format!("{}:{}", route.file(), route.line());
            self.unlisted
                .insert(format!("{} {} (routes for this path: {place})", seen.method, seen.path));
            return true;
        }
        let mut added = false;
        for (place, (status, requests)) in seen.statuses.iter().enumerate() {
            added |= self.observations.add(&Observed {
                method: seen.method,
                path: &path,
                query: seen.query,
                websocket: seen.websocket,
                status: Some(*status),
                content: seen.contents.get(place).or(seen.contents.first()).copied(),
                sender: None,
                requests: *requests,
            });
        }
        added
    }

    /// The proposed routes as a file of routes, which can be loaded beside those of the policy: every
    /// route in it is closed. The permissions whose names resemble the path are named.
    #[must_use]
    pub fn to_toml(self, catalogue: &Catalogue) -> String {
        let routes = self.observations.suggest();
        let mut text = format!(
            "# Routes for paths that no route of the policy matches: {}.\n\
             # All are closed. Choose who may use each: replace `access = \"deny\"` by `require`.\n",
            routes.len()
        );
        if !self.unlisted.is_empty() {
            text.push_str(
                "# Methods and queries that no route of their path lists; add them to one:\n",
            );
            for unlisted in &self.unlisted {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "#   {unlisted}");
            }
        }
        for route in routes {
            text.push('\n');
            text += &route.to_toml_with(&choice(&route, catalogue));
        }
        text
    }
}

/// The comment in which the operator chooses.
fn choice(route: &Suggestion, catalogue: &Catalogue) -> String {
    let words: Vec<_> = route.path.split('/').map(str::to_ascii_lowercase).collect();
    let resembles = |id: &str| {
        let section = id.split('.').next().unwrap_or(id).to_ascii_lowercase();
        let section = section.trim_end_matches('s');
        words.iter().any(|word| !word.is_empty() && word.trim_end_matches('s') == section)
    };
    let permissions = catalogue.permissions().iter().map(|permission| permission.id.as_str());
    let candidates: Vec<_> = permissions.filter(|id| resembles(id)).take(MOST_CANDIDATES).collect();
    match candidates.as_slice() {
        [] => "# require = \"…\"  # choose a permission\n".to_owned(),
        candidates => {
            format!("# require = \"…\"  # choose a permission: {}\n", candidates.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PolicyFiles, fixture};

    const ROUTES: &str = r#"
[[route]]
name = "Invoice"
methods = ["GET"]
path = "/invoices/{number}"
require = "view"
"#;

    fn seen<'a>(method: &'a str, path: &'a str) -> SeenRequest<'a> {
        let (query, contents) = (&["page"], &["page"]);
        let statuses = &[(200, 3)];
        SeenRequest { host: "h", method, path, query, websocket: false, contents, statuses }
    }

    #[test]
    fn proposal_loads_beside_the_policy_and_is_closed() {
        let policy = fixture::compile(ROUTES).unwrap();
        let mut proposal = Proposal::default();
        for (method, path, is_new) in [
            ("GET", "/invoices/{id:int}", false),
            ("POST", "/invoices/{id:int}", true),
            ("GET", "/views/{id:int}", true),
            ("PUT", "/views/{id:int}", true),
            ("GET", "/reports/{date}", true),
            ("GET", "/assets/{file:*.js}", true),
        ] {
            assert_eq!(proposal.add(&policy, &seen(method, path)), is_new, "{method} {path}");
        }
        let text = proposal.to_toml(policy.catalogue());
        assert!(
            text.contains("#   POST /invoices/{id:int} (routes for this path: routes.toml:2)"),
            "{text}"
        );
        assert!(text.contains("# require = \"…\"  # choose a permission: view\n"), "{text}");
        assert!(
            text.contains("# 6 requests: GET (3), PUT (3); status 200 (6); page; query page\n"),
            "{text}"
        );
        let mut files = fixture::files(ROUTES, "");
        files.more_routes.push(("proposal.toml".to_owned(), text.clone()));
        let both = Policy::compile(&files).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(both.routes().len(), 4, "{text}");
        let proposed = both.routes().iter().filter(|route| route.file() != PolicyFiles::NAMES[2]);
        assert!(proposed.clone().all(|route| route.access() == crate::Access::Deny), "{text}");
        let paths: BTreeSet<_> = proposed.map(|route| route.path().as_str()).collect();
        let expected = ["/assets/{file:*.js}", "/reports/{name:word}", "/views/{id:int}"];
        assert_eq!(paths, BTreeSet::from(expected), "{text}");
    }
}
