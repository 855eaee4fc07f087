//! What the pages about organizations and about portal users have in common.

pub(super) mod conflict;
pub(super) mod portal_session;
pub(super) mod trail;
pub(super) mod way_in;

use super::field::Choice;
use super::fields::segment;
use super::groups::Group;
use super::refusal::Answer;
use super::visit::Visit;
use serde::de::DeserializeOwned;

/// How many records a page shows of each kind that has a list of its own.
pub(super) const FEW: usize = 10;

/// The document of a path, if the record that its parameters name exists.
pub(super) async fn found<T: DeserializeOwned>(visit: &Visit, path: &str) -> Answer<Option<T>> {
    match visit.client.get(path).await {
        Ok(document) => Ok(Some(document)),
        Err(refusal) if refusal.kind == "not-found" => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// The name of the group with this id.
pub(super) fn group_name<'a>(groups: &'a [Group], id: &'a str) -> &'a str {
    groups.iter().find(|group| group.id == id).map_or(id, |group| &group.name)
}

/// Groups to choose from.
pub(super) fn choices<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Vec<Choice> {
    let choice = |group: &Group| Choice { value: group.id.clone(), label: group.name.clone() };
    groups.into_iter().map(choice).collect()
}

/// The path of a page below that of a record.
pub(super) fn below(of: &str, id: &str, rest: &str) -> String {
    format!("/{of}/{}{rest}", segment(id))
}
