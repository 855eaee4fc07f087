//! The form for the name, the address and the default group of an organization.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::json;

use super::{Organization, api, of};
use crate::admin::ui::change::carry_out;
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::editing::Editing;
use crate::admin::ui::field::{Choice, Field};
use crate::admin::ui::fields::{Fields, address};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::groups::{self, Group};
use crate::admin::ui::people::conflict::Conflict;
use crate::admin::ui::people::{choices, group_name};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::{Organizations, People};
use crate::admin::ui::visit::{PageResult, Visit};
use portcullis_policy::built_in::NON_PORTAL;

#[derive(Template)]
#[template(path = "admin/organizations/editor.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Organizations,
    people: &'a People,
    organization: Organization,
    editing: Editing,
    fields: [Field<'a>; 3],
    problem: Option<String>,
    conflict: Option<Conflict<'a>>,
}

const FIELDS: [&str; 3] = ["name", "email", "default_group"];

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let Versioned { record: organization, version } = of(visit).await?;
    let text = &visit.text().organizations;
    let groups = groups::all(visit).await?;
    let mut options =
        vec![Choice { value: String::new(), label: text.gateway_default.to_string() }];
    options.extend(choices(groups.iter().filter(|group| group.id != NON_PORTAL)));
    let fields = [
        Field::new("name", &text.name).required().most(100),
        Field::email("email", &text.email).hint(&text.email_hint),
        Field::choice("default_group", &text.default_group, options).hint(&text.default_group_hint),
    ];
    let editing = Editing::of(visit, &version, stored(&organization), refusal);
    let is_conflict = editing.is_conflict();
    let conflict = is_conflict.then(|| conflict(visit, &organization, editing.shown(), &groups));
    let problem = refusal.filter(|_| !is_conflict).and_then(|it| it.apart_from(&FIELDS));
    Ok(Page {
        frame: visit.frame(),
        text,
        people: &visit.text().people,
        organization,
        fields: fields.map(|field| field.of(&editing, refusal)),
        editing,
        problem: problem.map(str::to_owned),
        conflict,
    })
}

/// The fields of a stored organization.
fn stored(of: &Organization) -> Fields {
    Fields::default()
        .with("name", &*of.name)
        .with("email", of.email.as_deref().unwrap_or_default())
        .with("default_group", of.default_group.as_deref().unwrap_or_default())
}

/// The fields in which the form differs from what is in force.
fn conflict<'a>(
    visit: &'a Visit,
    theirs: &Organization,
    form: &Fields,
    groups: &[Group],
) -> Conflict<'a> {
    let text = &visit.text().organizations;
    let group = |id: &str| match id {
        "" => text.gateway_default.to_string(),
        id => group_name(groups, id).to_owned(),
    };
    Conflict::of(
        &visit.text().people,
        [
            (&text.name, theirs.name.clone(), form.get("name").to_owned()),
            (&text.email, theirs.email.clone().unwrap_or_default(), form.get("email").to_owned()),
            (
                &text.default_group,
                group(theirs.default_group.as_deref().unwrap_or_default()),
                group(form.get("default_group")),
            ),
        ],
    )
}

pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let (id, form) = (visit.id(0), &visit.form);
    let given = |name| Some(form.get(name)).filter(|it| !it.is_empty());
    let patch = json!({
        "name": form.get("name"),
        "email": given("email"),
        "default_group": given("default_group"),
    });
    let detach = if form.has("detach") { "true" } else { "" };
    let path = address(&api(id), &[("detach", detach)]);
    let write = Write::new(Method::PATCH, &path).with(&patch).at(form.get("version"));
    let back = super::page_of(id);
    let question = Question {
        title: visit.text().organizations.save_question.with(form.get("name")).plain(),
        action: visit.text().action.save.to_string(),
        to: "",
        back: &visit.path,
        is_destructive: false,
        keeps_form: true,
    };
    match carry_out(&visit, write, question).await {
        Ok(change) => change.or_go(&visit, &format!("{back}?done=saved")),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(refusal.of_page(StatusCode::CONFLICT), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
