//! Routes whose paths resemble one that no route matches: what an operator may have meant. And a
//! route that would match if it did not exclude the path.

use std::sync::Arc;

use http::Method;

use super::path_pattern::{Form, Segment};
use super::policy::Policy;
use super::route::Route;
use super::similar::is_similar;

/// What a difference counts.
mod cost {
    /// A variable stands for the segment.
    pub(super) const VARIABLE: usize = 1;
    /// A slash at the end is missing, or too many.
    pub(super) const SLASH: usize = 2;
    /// The literal is a similar one.
    pub(super) const SIMILAR: usize = 2;
    /// The path has a segment too many.
    pub(super) const ADDED: usize = 4;
    /// The path lacks a segment.
    pub(super) const LACKING: usize = 5;
    /// The literal is another one.
    pub(super) const OTHER: usize = 8;
    /// Paths that differ more do not resemble each other.
    pub(super) const LIMIT: usize = 6;
}

/// A route that does not apply to a path only because of its `except`.
#[derive(Debug, Clone)]
pub struct Exclusion<'p> {
    /// The route.
    pub route: &'p Arc<Route>,
    /// The pattern in its `except`, as it is written.
    pub pattern: String,
}

impl Policy {
    /// The route that excludes this canonical path by its `except` and would apply otherwise; the
    /// query is not considered.
    #[must_use]
    pub fn exclusion(&self, host: &str, method: &Method, path: &str) -> Option<Exclusion<'_>> {
        let shape = self.router().find(host, path)?;
        let mut routes = shape.routes().iter().filter(|route| route.methods().contains(method));
        routes.find_map(|route| {
            let pattern = shape.exception(route, path)?.to_string();
            Some(Exclusion { route, pattern })
        })
    }

    /// Up to `limit` routes whose paths resemble this canonical path, the most similar first.
    #[must_use]
    pub fn nearest_routes(&self, path: &str, limit: usize) -> Vec<&Arc<Route>> {
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let distance = |route: &Arc<Route>| {
            let forms = route.path().forms().iter();
            forms.map(|form| distance(&segments, form)).min().unwrap_or(usize::MAX)
        };
        let mut near: Vec<_> = self
            .routes()
            .iter()
            .map(|route| (distance(route), route))
            .filter(|(distance, _)| *distance < cost::LIMIT)
            .collect();
        near.sort_by_key(|(distance, route)| (*distance, route.position()));
        near.into_iter().take(limit).map(|(_, route)| route).collect()
    }
}

/// The least sum of differences between a path and a form: an edit distance over segments.
fn distance(path: &[&str], form: &Form) -> usize {
    // What follows a rest is ignored: anything may stand before it.
    let mut row: Vec<usize> = std::iter::once(0)
        .chain(path.iter().scan(0, |sum, segment| {
            *sum += unless_slash(segment, cost::ADDED);
            Some(*sum)
        }))
        .collect();
    for segment in &form.segments {
        let length = match segment {
            Segment::Literal(literal) => unless_slash(literal, cost::LACKING),
            Segment::Variable(..) => cost::LACKING,
        };
        let mut next = Vec::with_capacity(row.len());
        let mut left = row.first().map_or(0, |first| first + length);
        next.push(left);
        for (given, above) in path.iter().zip(row.windows(2)) {
            let &[diagonal, above] = above else { break };
            left = (diagonal + replaced(given, segment))
                .min(above + length)
                .min(left + unless_slash(given, cost::ADDED));
            next.push(left);
        }
        row = next;
    }
    match form.rest {
        None => row.last().copied().unwrap_or(usize::MAX),
        Some(_) => row.iter().min().map_or(usize::MAX, |least| least + cost::VARIABLE),
    }
}

/// The cost of a segment, which is empty for a slash at the end.
fn unless_slash(segment: &str, cost: usize) -> usize {
    if segment.is_empty() { cost::SLASH } else { cost }
}

fn replaced(given: &str, segment: &Segment) -> usize {
    match segment {
        Segment::Literal(literal) if literal == given => 0,
        Segment::Literal(literal) if is_similar(given, literal) => cost::SIMILAR,
        Segment::Literal(_) => cost::OTHER,
        Segment::Variable(..) if given.is_empty() => cost::OTHER,
        Segment::Variable(..) => cost::VARIABLE,
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use crate::PolicyFiles;
    use crate::policy::Policy;

    fn policy() -> Policy {
        let routes: String = [
            "/",
            "/invoices",
            "/invoices/{id:int}",
            "/invoices/{id:int}/pay",
            "/tickets/{id}",
            "/files/{*path}",
            "/admin/users",
        ]
        .iter()
        .map(|path| {
            let except = match path.contains("{*") {
                true => "except = [\"admin*\", \"*.php\"]\n",
                false => "",
            };
            format!(
                "[[route]]\nname = \"{path}\"\nmethods = [\"GET\"]\npath = \"{path}\"\n\
                 access = \"public\"\n{except}"
            )
        })
        .collect();
        let groups: String = ["admin", "non-portal", "limited", "no-access"]
            .map(|id| {
                let default = id == "admin";
                format!(
                    "[[group]]\nid = \"{id}\"\nname = \"{id}\"\npermissions = []\ndefault = {default}\n"
                )
            })
            .concat();
        Policy::compile(&PolicyFiles {
            permissions: "[[permission]]\nid = \"view\"\nname = \"View\"\n".to_owned(),
            groups,
            routes,
            ..PolicyFiles::default()
        })
        .unwrap()
    }

    fn nearest(path: &str) -> Vec<String> {
        policy().nearest_routes(path, 2).iter().map(|route| route.name().to_owned()).collect()
    }

    #[test]
    fn a_route_that_excludes_a_path_is_found() {
        let policy = policy();
        let found = |method: Method, path: &str| {
            let found = policy.exclusion("portal.example", &method, path);
            found.map(|found| (found.route.name().to_owned(), found.pattern))
        };
        let files = |pattern: &str| Some(("/files/{*path}".to_owned(), pattern.to_owned()));
        assert_eq!(found(Method::GET, "/files/a/Admin.html"), files("admin*"));
        assert_eq!(found(Method::GET, "/files/a.php/b"), files("*.php"));
        assert_eq!(found(Method::GET, "/files/a/b"), None);
        assert_eq!(found(Method::POST, "/files/a/admin"), None);
        assert_eq!(found(Method::GET, "/admin"), None);
    }

    #[test]
    fn nearest_routes_are_those_of_similar_paths() {
        for (path, expected) in [
            ("/invoice/7", &["/invoices/{id:int}"][..]),
            ("/invoices/", &["/invoices"]),
            ("/invoices/7/print", &["/invoices/{id:int}"]),
            ("/tickets", &["/tickets/{id}"]),
            ("/Tickets/7", &["/tickets/{id}"]),
            ("/admin/user", &["/admin/users"]),
            ("/file/a/b/c", &["/files/{*path}"]),
        ] {
            let found = nearest(path);
            assert_eq!(found.first().map(String::as_str), Some(expected[0]), "{path}: {found:?}");
            for name in expected {
                assert!(found.iter().any(|found| found == name), "{path}: {found:?}");
            }
        }
    }

    #[test]
    fn a_path_that_resembles_none_has_no_nearest_route() {
        for path in ["/wp-login.php", "/api/v2/things/9/parts"] {
            assert_eq!(nearest(path), Vec::<String>::new(), "{path}");
        }
    }
}
