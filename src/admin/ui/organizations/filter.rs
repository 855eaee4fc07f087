//! One organization in a field: by its id, which a script suggests, or by how its id, its name or its
//! address begins.

use super::suggestions::beginning_with;
use super::{Organization, api};
use crate::admin::ui::fields::Fields;
use crate::admin::ui::people::found;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::visit::Visit;

/// The organization that a text in a field means.
#[derive(Debug, Default)]
pub(in crate::admin::ui) struct Meant {
    /// Its id; the text itself if it is not clear which one is meant, or none is known.
    pub(in crate::admin::ui) id: String,
    /// Ids and names of those that the text may mean.
    pub(in crate::admin::ui) others: Vec<(String, String)>,
}

impl Meant {
    /// The addresses of this page with each of those that may be meant, and their names.
    pub(in crate::admin::ui) fn links(&self, visit: &Visit) -> Vec<(String, String)> {
        self.links_at(&visit.path, &visit.query)
    }

    /// The same of the page at this path with this query.
    pub(in crate::admin::ui) fn links_at(
        &self,
        path: &str,
        query: &Fields,
    ) -> Vec<(String, String)> {
        self.links_of("organization", path, query)
    }

    /// The same of a field with another name.
    pub(in crate::admin::ui) fn links_of(
        &self,
        field: &str,
        path: &str,
        query: &Fields,
    ) -> Vec<(String, String)> {
        let rest = query.without(&[field, "after", "done"]);
        let link = |(id, name): &(String, String)| {
            let query = rest.clone().with(field, id.as_str()).encoded();
            (format!("{path}?{query}"), name.clone())
        };
        self.others.iter().map(link).collect()
    }
}

/// The organization that is meant by a text. The id of one that was deleted is still an id.
pub(in crate::admin::ui) async fn meant(visit: &Visit, text: &str) -> Answer<Meant> {
    let id = text.to_owned();
    if text.is_empty() || found::<Organization>(visit, &api(text)).await?.is_some() {
        return Ok(Meant { id, others: Vec::new() });
    }
    let mut others = beginning_with(visit, text).await?;
    match others.len() {
        1 => Ok(Meant { id: others.remove(0).0, others }),
        _ => Ok(Meant { id, others }),
    }
}
