//! One group: its name and permissions. What is shown after a save is read again.

use std::collections::BTreeSet;

use askama::Template;
use http::{Method, StatusCode};
use serde_json::json;

use super::form::Form;
use super::list::may_manage;
use super::{Group, Permission, path, permissions};
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::{self, Question};
use crate::admin::ui::editing::{self, Editing};
use crate::admin::ui::fields::{Fields, address, segment};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Groups;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::web::text::Text;

#[derive(Template)]
#[template(path = "admin/groups/editor.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Groups,
    group: Group,
    /// Whether new portal users can get it: members sign in.
    can_be_default: bool,
    editing: Editing,
    form: Form,
    done: Option<&'a Text>,
    problem: Option<String>,
    conflict: Option<Difference>,
}

/// What two versions of a group do not have in common.
struct Difference {
    their_name: String,
    only_theirs: Vec<String>,
    only_yours: Vec<String>,
}

impl Difference {
    fn between(theirs: &Group, yours: &BTreeSet<&str>, catalogue: &[Permission]) -> Self {
        let names = |wanted: &dyn Fn(&str) -> bool| {
            let chosen = catalogue.iter().filter(|permission| wanted(&permission.id));
            chosen.map(|permission| permission.name.clone()).collect()
        };
        let has = |id: &str| theirs.permissions.iter().any(|it| it == id);
        Self {
            their_name: theirs.name.clone(),
            only_theirs: names(&|id| has(id) && !yours.contains(id)),
            only_yours: names(&|id| !has(id) && yours.contains(id)),
        }
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let stored = visit.client.record(&path(visit.id(0))).await?;
    let text = &visit.text().groups;
    let done = match visit.query.get("done") {
        "created" => Some(&text.created),
        "saved" => Some(&text.saved),
        "default" => Some(&text.default_done),
        _ => None,
    };
    let page = page(&visit, stored, None).await?;
    visit.show(&Page { done, ..page })
}

/// The page with what is stored or, after a refusal, with what was typed.
async fn page<'a>(
    visit: &'a Visit,
    Versioned { record: group, version }: Versioned<Group>,
    refusal: Option<&Refusal>,
) -> Answer<Page<'a>> {
    let catalogue = permissions(visit).await?;
    let editing = Editing::of(visit, &version, stored(&group, &catalogue), refusal);
    let shown = editing.shown();
    let granted = shown.set("permission");
    let form = Form::new(Some(&group), shown.get("name"), &granted, &catalogue);
    let form = Form { is_read_only: !may_manage(visit), ..form };
    let form = refusal.iter().fold(form, |form, refusal| form.with_problems(refusal));
    let is_conflict = editing.is_conflict();
    Ok(Page {
        frame: visit.frame(),
        text: &visit.text().groups,
        can_be_default: group.of == catalogue.len(),
        conflict: is_conflict.then(|| Difference::between(&group, &granted, &catalogue)),
        problem: refusal.filter(|_| !is_conflict).and_then(|refusal| form.general(refusal)),
        group,
        editing,
        form,
        done: None,
    })
}

/// The fields of a stored group. The form has no box for a permission that the policy does not have.
fn stored(group: &Group, catalogue: &[Permission]) -> Fields {
    let fields = Fields::default().with("name", &*group.name);
    let granted = catalogue.iter().filter(|permission| group.permissions.contains(&permission.id));
    granted.fold(fields, |fields, permission| fields.with("permission", &*permission.id))
}

pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let (id, form) = (visit.id(0), &visit.form);
    let api = path(id);
    if visit.chosen(&[("save", false), ("default", true)])? {
        return make_default(&visit, &api).await;
    }
    let stored: Versioned<Group> = visit.client.record(&api).await?;
    // The name of a built-in group stays.
    let name = (!stored.record.system).then_some(form.get("name"));
    let patch = json!({ "permissions": form.set("permission"), "name": name });
    let write_to = address(&api, &[("detach", if form.has("detach") { "true" } else { "" })]);
    let write = Write::new(Method::PATCH, &write_to).with(&patch).at(form.get("version"));
    let saved = match confirmation::needed(&visit, write.clone()).await {
        Ok(Some(changes)) => {
            let words = visit.text();
            let question = Question {
                title: words.groups.save_question.with(&stored.record.name).plain(),
                action: words.action.save.to_string(),
                to: "",
                back: &visit.path,
                is_destructive: false,
                keeps_form: true,
            };
            return Ok(confirmation::ask(&visit, question, &changes));
        }
        Ok(None) => visit.client.write(write).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    match saved {
        Ok(()) => visit.go(&format!("/groups/{}?done=saved", segment(id))),
        Err(refusal) => refused(&visit, stored, refusal).await,
    }
}

/// The page with what was typed, and why it was not saved.
async fn refused(visit: &Visit, stored: Versioned<Group>, refusal: Refusal) -> PageResult {
    if !refusal.is_about_the_form() {
        return Err(refusal.into());
    }
    let page = page(visit, stored, Some(&refusal)).await?;
    Ok(visit.page(refusal.of_page(StatusCode::CONFLICT), &page))
}

/// Makes the group the default one. The form of the page is not saved with it, so its other fields
/// must be as they were when it was opened.
async fn make_default(visit: &Visit, api: &str) -> PageResult {
    let stored: Versioned<Group> = visit.client.record(api).await?;
    if editing::is_edited(&visit.form) {
        let words = &visit.text().groups.save_first;
        return refused(visit, stored, Refusal::unsaved(words.as_str())).await;
    }
    let version = visit.form.get("version");
    let write = Write::new(Method::PATCH, api).with(&json!({ "default": true })).at(version);
    let made = match confirmation::needed(visit, write.clone()).await {
        Ok(Some(changes)) => {
            let words = &visit.text().groups;
            let question = Question {
                title: words.default_question.with(&stored.record.name).plain(),
                action: words.make_default.to_string(),
                to: "",
                back: &visit.path,
                is_destructive: false,
                keeps_form: false,
            };
            return Ok(confirmation::ask(visit, question, &changes));
        }
        Ok(None) => visit.client.write(write).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(()) => visit.go(&format!("{}?done=default", visit.path)),
        Err(refusal) => refused(visit, stored, refusal).await,
    }
}
