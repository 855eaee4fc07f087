//! Several organizations to choose, with check boxes: those that were chosen, and those that a search
//! finds. With script, the search is answered as one types.

use std::collections::BTreeSet;

use askama::Template;
use serde::Deserialize;

use super::api;
use crate::admin::ui::fields::{Fields, address};
use crate::admin::ui::listed::Listed;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::visit::{PageResult, Visit};

/// The path of the page that a script asks.
pub(in crate::admin::ui) const PATH: &str = "/organizations/choices";

/// The field with what is searched for.
pub(in crate::admin::ui) const SEARCH: &str = "organization_search";
/// The field of each check box.
pub(in crate::admin::ui) const CHOSEN: &str = "organization";
/// How many organizations a search shows.
const SHOWN: &str = "20";
/// Of how many chosen organizations the names are read.
pub(in crate::admin::ui) const NAMED: usize = 50;

/// An organization to choose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::admin::ui) struct Choice {
    pub(in crate::admin::ui) id: String,
    pub(in crate::admin::ui) name: String,
}

/// The check boxes. Rendered as HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq, Template)]
#[template(path = "admin/organizations/choices.html")]
pub(in crate::admin::ui) struct Choices {
    chosen: Vec<Choice>,
    found: Vec<Choice>,
    /// In words, that a search has found no other organization.
    nothing_found: Option<String>,
}

/// Its parts are escaped when it is rendered.
impl askama::filters::HtmlSafe for Choices {}

impl Choices {
    /// These organizations are chosen.
    pub(in crate::admin::ui) fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let choice = |id: &str| Choice { id: id.to_owned(), name: id.to_owned() };
        Self { chosen: ids.into_iter().map(choice).collect(), ..Self::default() }
    }

    /// The check boxes that were checked in a form.
    pub(in crate::admin::ui) fn sent(form: &Fields) -> Self {
        Self::of(form.set(CHOSEN))
    }

    /// The ids of those that are chosen.
    pub(in crate::admin::ui) fn ids(&self) -> BTreeSet<&str> {
        self.chosen.iter().map(|choice| &*choice.id).collect()
    }

    /// Reads the names of those that are chosen, and searches unless the text is empty. What is found
    /// alone is chosen.
    pub(in crate::admin::ui) async fn read(&mut self, visit: &Visit, search: &str) -> Answer<()> {
        for choice in self.chosen.iter_mut().take(NAMED) {
            *choice = named(visit, &choice.id).await;
        }
        if search.is_empty() {
            return Ok(());
        }
        let path = address("/api/v1/organizations", &[("search", search), ("limit", SHOWN)]);
        let mut found = visit.client.get::<Listed<Choice>>(&path).await?.items;
        found.retain(|it| !self.ids().contains(&*it.id));
        if found.is_empty() {
            self.nothing_found = Some(visit.text().list.nothing_found.to_string());
        }
        self.found = found;
        Ok(())
    }

    /// Chooses what a search has found, if that is one organization.
    pub(in crate::admin::ui) fn choose_only(&mut self) {
        if self.found.len() == 1 {
            self.chosen.append(&mut self.found);
        }
    }
}

/// An organization by its id. Of one that cannot be read, the id is kept: saving says what is wrong.
pub(in crate::admin::ui) async fn named(visit: &Visit, id: &str) -> Choice {
    let read = visit.client.get(&api(id)).await;
    read.unwrap_or_else(|_| Choice { id: id.to_owned(), name: id.to_owned() })
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let mut choices = Choices::sent(&visit.query);
    choices.read(&visit, visit.query.get(SEARCH)).await?;
    visit.show(&choices)
}
