//! Asks the portal for a path and for its twins.

use portcullis_policy::Reading;

use super::page::Page;
use crate::doctor::client::{Ask, Client, Endpoint};
use crate::doctor::paths::unused_path;

/// A path of the portal, and where it is.
pub(super) struct Subject {
    pub(super) path: String,
    pub(super) endpoint: Endpoint,
    pub(super) page: Page,
}

/// Asks the portal with the operator's headers.
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) headers: &'a [(String, String)],
}

impl Asking<'_> {
    pub(super) fn page(&self, endpoint: &Endpoint, target: &str) -> Option<Page> {
        let ask = Ask::page(target).with_all(self.headers);
        self.client.ask(endpoint, &ask).ok().map(|answer| Page::of(&answer, target))
    }

    /// A path, if it can be probed: its page is the same each time, and another than that of a path
    /// beside it that does not exist.
    pub(super) fn subject(&self, path: &str, endpoint: &Endpoint) -> Option<Subject> {
        let page = self.page(endpoint, path)?;
        let folder = path.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder);
        let absent = format!("{folder}{}", unused_path());
        let is_usable = page.is_something()
            && !page.is_same(&self.page(endpoint, &absent)?)
            && page.is_same(&self.page(endpoint, path)?);
        is_usable.then(|| Subject { path: path.to_owned(), endpoint: endpoint.clone(), page })
    }

    /// Whether a reading was probed on any path, and the first twin that the portal takes for its
    /// path.
    pub(super) fn reading(
        &self,
        reading: Reading,
        subjects: &[Subject],
    ) -> (bool, Option<(String, String)>) {
        let mut probed = false;
        for subject in subjects {
            for twin in reading.spellings(&subject.path) {
                probed = true;
                if self
                    .page(&subject.endpoint, &twin)
                    .is_some_and(|page| page.is_same(&subject.page))
                {
                    return (probed, Some((subject.path.clone(), twin)));
                }
            }
        }
        (probed, None)
    }

    /// Spellings that the gateway refuses whatever the settings, of the first path that has any: they
    /// matter where the portal can be reached past it, or behind another proxy.
    pub(super) fn always_refused(&self, subjects: &[Subject]) -> Vec<String> {
        for subject in subjects {
            let path = &subject.path;
            let Some((folder, name)) = path.rsplit_once('/') else { continue };
            let twins = [
                format!("/{path}"),
                format!("{folder}%2f{name}"),
                format!("{folder}/./{name}"),
                format!("{folder}\\{name}"),
            ];
            let is_same = |twin: &String| {
                let page = self.page(&subject.endpoint, twin);
                page.is_some_and(|page| page.is_same(&subject.page))
            };
            let found: Vec<_> = twins.into_iter().filter(is_same).collect();
            if !found.is_empty() {
                return found.iter().map(|twin| format!("{twin} for {path}")).collect();
            }
        }
        Vec::new()
    }
}
