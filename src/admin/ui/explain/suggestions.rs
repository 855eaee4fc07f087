//! What the browser proposes for the fields of the question, as one types.

use askama::Template;
use serde::Deserialize;

use crate::admin::ui::fields::address;
use crate::admin::ui::organizations::names::Names;
use crate::admin::ui::visit::{PageResult, Visit};

/// How many are proposed.
const MOST: &str = "10";

/// What is proposed: a value, and what it is.
#[derive(Debug)]
struct Suggestion {
    value: String,
    label: String,
}

#[derive(Template)]
#[template(path = "admin/explain/suggestions.html")]
struct Suggestions {
    suggestions: Vec<Suggestion>,
}

#[derive(Debug, Deserialize)]
struct Listed<T> {
    items: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Person {
    login: String,
    organization: String,
}

#[derive(Debug, Deserialize)]
struct Organization {
    id: String,
    name: String,
}

/// Portal users by their login or name.
pub(in crate::admin::ui) async fn people(visit: Visit) -> PageResult {
    let search = visit.query.get("user");
    let path = address("/api/v1/users", &[("limit", MOST), ("search", search)]);
    let people: Listed<Person> = visit.client.get(&path).await?;
    let ids = people.items.iter().map(|person| person.organization.as_str());
    let names = Names::read(&visit, ids).await;
    let people = people.items.into_iter();
    let people = people.map(|person| {
        let label = names.of(&person.organization).to_owned();
        Suggestion { value: person.login, label }
    });
    visit.show(&Suggestions { suggestions: people.collect() })
}

/// Organizations by their name, id or address.
pub(in crate::admin::ui) async fn organizations(visit: Visit) -> PageResult {
    let search = visit.query.get("link");
    let path = address("/api/v1/organizations", &[("limit", MOST), ("search", search)]);
    let found: Listed<Organization> = visit.client.get(&path).await?;
    let found = found.items.into_iter();
    let found = found.map(|it| Suggestion { value: it.id, label: it.name });
    visit.show(&Suggestions { suggestions: found.collect() })
}
