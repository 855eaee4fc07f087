//! The names of organizations, for lists of other records, which know them by their ids.

use std::collections::BTreeMap;

use super::{Organization, api};
use crate::admin::ui::visit::Visit;

/// Names of organizations by their ids.
#[derive(Debug, Default)]
pub(in crate::admin::ui) struct Names(BTreeMap<String, String>);

impl Names {
    /// Reads the name of each of these organizations. One that was deleted has none.
    pub(in crate::admin::ui) async fn read<'a>(
        visit: &Visit,
        ids: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut names: BTreeMap<_, _> = ids.map(|id| (id.to_owned(), id.to_owned())).collect();
        for (id, name) in &mut names {
            if let Ok(organization) = visit.client.get::<Organization>(&api(id)).await {
                *name = organization.name;
            }
        }
        Self(names)
    }

    /// The name of an organization; its id if it has none.
    pub(in crate::admin::ui) fn of<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }
}
