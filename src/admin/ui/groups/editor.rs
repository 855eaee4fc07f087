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
use crate::admin::ui::fields::{address, segment};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::Refusal;
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
    /// The version that a change must name.
    version: String,
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
    let Versioned { record: group, version } = visit.client.record(&path(visit.id(0))).await?;
    let text = &visit.text().groups;
    let done = match visit.query.get("done") {
        "created" => Some(&text.created),
        "saved" => Some(&text.saved),
        _ => None,
    };
    let catalogue = permissions(&visit).await?;
    let form = stored(&group, &catalogue, &visit);
    let can_be_default = group.of == catalogue.len();
    let (frame, problem, conflict) = (visit.frame(), None, None);
    visit.show(&Page { frame, text, group, can_be_default, version, form, done, problem, conflict })
}

/// The form of a stored group.
fn stored(group: &Group, catalogue: &[Permission], visit: &Visit) -> Form {
    let granted = group.permissions.iter().map(String::as_str).collect();
    let is_read_only = !may_manage(visit);
    Form { is_read_only, ..Form::new(Some(group), &group.name, &granted, catalogue) }
}

pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let (id, form) = (visit.id(0), &visit.form);
    let api = path(id);
    let (name, granted) = (form.get("name"), form.set("permission"));
    if visit.chosen(&[("save", false), ("default", true)])? {
        return make_default(&visit, &api).await;
    }
    let Versioned { record: group, version } = visit.client.record::<Group>(&api).await?;
    // The name of a built-in group stays.
    let name = (!group.system).then_some(name);
    let patch = json!({ "permissions": granted, "name": name });
    let write_to = address(&api, &[("detach", if form.has("detach") { "true" } else { "" })]);
    let write = Write::new(Method::PATCH, &write_to).with(&patch).at(form.get("version"));
    let saved = match confirmation::needed(&visit, write.clone()).await {
        Ok(Some(changes)) => {
            let words = visit.text();
            let question = Question {
                title: words.groups.save_question.with(&group.name).plain(),
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
        Err(refusal) if refusal.is_about_the_form() => {
            let catalogue = permissions(&visit).await?;
            refused(&visit, (group, version), &catalogue, &refusal)
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The page with what was typed, and why it was not saved.
fn refused(
    visit: &Visit,
    (group, version): (Group, String),
    catalogue: &[Permission],
    refusal: &Refusal,
) -> PageResult {
    let (name, granted) = (visit.form.get("name"), visit.form.set("permission"));
    let form = Form::new(Some(&group), name, &granted, catalogue).with_problems(refusal);
    let is_conflict = refusal.is_conflict();
    let conflict = is_conflict.then(|| Difference::between(&group, &granted, catalogue));
    let problem = if is_conflict { None } else { form.general(refusal) };
    // After a conflict the version is that of the record that is shown beside the form. Any other
    // time it stays the one that was read.
    let version = if is_conflict { version } else { visit.form.get("version").to_owned() };
    let (frame, text) = (visit.frame(), &visit.text().groups);
    let can_be_default = group.of == catalogue.len();
    let page =
        Page { frame, text, group, can_be_default, version, form, done: None, problem, conflict };
    Ok(visit.page(refusal.of_page(StatusCode::CONFLICT), &page))
}

async fn make_default(visit: &Visit, api: &str) -> PageResult {
    let version = visit.form.get("version");
    let write = Write::new(Method::PATCH, api).with(&json!({ "default": true })).at(version);
    let group: Versioned<Group> = visit.client.record(api).await?;
    let asked = confirmation::needed(visit, write.clone()).await;
    let refusal = match asked {
        Ok(Some(changes)) => {
            let words = &visit.text().groups;
            let question = Question {
                title: words.default_question.with(&group.record.name).plain(),
                action: words.make_default.to_string(),
                to: "",
                back: &visit.path,
                is_destructive: false,
                keeps_form: false,
            };
            return Ok(confirmation::ask(visit, question, &changes));
        }
        Ok(None) => match visit.client.write(write).await {
            Ok(_) => return visit.go(&format!("{}?done=saved", visit.path)),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    match refusal.is_about_the_form() {
        true => {
            let catalogue = permissions(visit).await?;
            refused(visit, (group.record, group.version), &catalogue, &refusal)
        }
        false => Err(refusal.into()),
    }
}
