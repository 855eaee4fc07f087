//! What the ways out do: a person gets another group, or a group more permissions.
//!
//! The page has shown the consequences, so they are not asked about again. The versions are those that
//! were tried out: after another change nothing is done, and the page says so.

use http::{Method, StatusCode};
use serde_json::json;

use super::question::PATH;
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::fields::{Fields, segment};
use crate::admin::ui::groups::Group;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::visit::{PageResult, Visit};

/// The most parameters of the question.
const MOST_PARAMETERS: usize = 100;

pub(in crate::admin::ui) async fn move_person(visit: Visit) -> PageResult {
    let form = &visit.form;
    let path = format!("/api/v1/users/{}", segment(form.get("user")));
    let patch = json!({ "group": form.get("group") });
    let write = Write::new(Method::PATCH, &path).with(&patch).at(form.get("version"));
    let moved = visit.client.write(write).await.map(drop);
    back(&visit, moved, "moved")
}

pub(in crate::admin::ui) async fn grant(visit: Visit) -> PageResult {
    let form = &visit.form;
    let path = format!("/api/v1/groups/{}", segment(form.get("group")));
    let Versioned { record: group, .. } = visit.client.record::<Group>(&path).await?;
    let added = form.set("permission").into_iter().collect::<Vec<_>>();
    let patch = json!({ "permissions": group.with(&added) });
    let write = Write::new(Method::PATCH, &path).with(&patch).at(form.get("version"));
    let granted = visit.client.write(write).await.map(drop);
    back(&visit, granted, "granted")
}

/// Asks the same question again. A change that the API refuses is explained by the way's dry run,
/// which is made again then.
fn back(visit: &Visit, changed: Answer<()>, done: &str) -> PageResult {
    let done = match changed {
        Ok(()) => done,
        Err(refusal) if refusal.status == StatusCode::CONFLICT => "changed",
        Err(refusal) => return Err(refusal.into()),
    };
    let query = visit.form.get("back").split_once('?').map_or("", |(_, query)| query);
    let query = Fields::within(query.as_bytes(), MOST_PARAMETERS).unwrap_or_default();
    let query = query.without(&["done"]).with("done", done);
    visit.go(&format!("{PATH}?{}", query.encoded()))
}
