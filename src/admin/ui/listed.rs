//! Lists of the API, and the links between their pages.

use serde::Deserialize;

use super::fields::Fields;
use super::visit::Visit;

/// The parameter with the place where a page of a list begins.
const AFTER: &str = "after";

/// A page of a list of the API.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    /// Where the next page begins.
    #[serde(default)]
    pub(super) next: Option<String>,
    /// How many records are outside of the visitor's scope.
    #[serde(default)]
    pub(super) hidden: Option<u64>,
}

/// The links to other pages of a list, with the same filters. Templates have it as `pages`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pages {
    /// The first page, unless this is it.
    pub(super) first: Option<String>,
    /// The next page.
    pub(super) next: Option<String>,
}

impl Pages {
    pub(super) fn of(visit: &Visit, next: Option<&str>) -> Self {
        Self::between(&visit.path, &visit.query, next)
    }

    /// The same of the list at this path with this query.
    pub(super) fn between(path: &str, query: &Fields, next: Option<&str>) -> Self {
        let filters = query.without(&[AFTER, "done"]);
        let at = |fields: &Fields| match fields.encoded() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        Self {
            first: query.has(AFTER).then(|| at(&filters)),
            next: next.map(|next| at(&filters.clone().with(AFTER, next))),
        }
    }

    /// Whether there are other pages.
    pub(super) fn any(&self) -> bool {
        self.first.is_some() || self.next.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_between_pages_keep_the_filters() {
        let query = Fields::parse(b"search=a%26b&done=saved");
        let pages = Pages::between("/users", &query, Some("x"));
        let next = Some("/users?search=a%26b&after=x".to_owned());
        assert_eq!(pages, Pages { first: None, next });
        let pages = Pages::between("/users", &Fields::parse(b"after=x"), None);
        assert_eq!(pages, Pages { first: Some("/users".to_owned()), next: None });
    }
}
