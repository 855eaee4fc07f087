//! One end user: name, address, and the portal users that belong to it.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::json;

use super::new::api_of;
use super::{EndUser, fields, organization_of};
use crate::admin::ui::change::carry_out;
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::editing::Editing;
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::{Fields, address};
use crate::admin::ui::frame::Frame;
use crate::admin::ui::listed::Listed;
use crate::admin::ui::organizations::Organization;
use crate::admin::ui::people::conflict::Conflict;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::{EndUsers, People, Users};
use crate::admin::ui::users::User;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

#[derive(Template)]
#[template(path = "admin/end_users/editor.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a EndUsers,
    people: &'a People,
    users_text: &'a Users,
    organization: Organization,
    end_user: EndUser,
    editing: Editing,
    fields: [Field<'a>; 2],
    users: Vec<User>,
    may_manage: bool,
    done: Option<&'a Text>,
    problem: Option<String>,
    conflict: Option<Conflict<'a>>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let Versioned { record: end_user, version } =
        visit.client.record::<EndUser>(&api_of(visit)).await?;
    let users = address("/api/v1/users", &[("end_user", &end_user.id), ("limit", "10")]);
    let text = &visit.text().end_users;
    let email = end_user.email.clone().unwrap_or_default();
    let stored = Fields::default().with("name", &*end_user.name).with("email", &*email);
    let editing = Editing::of(visit, &version, stored, refusal);
    let is_conflict = editing.is_conflict();
    let conflict = is_conflict.then(|| {
        let form = editing.shown();
        let name = (&text.name, end_user.name.clone(), form.get("name").to_owned());
        let email = (&text.email, email, form.get("email").to_owned());
        Conflict::of(&visit.text().people, [name, email])
    });
    let problem = refusal.filter(|_| !is_conflict).and_then(|it| it.apart_from(&["name", "email"]));
    Ok(Page {
        frame: visit.frame(),
        text,
        people: &visit.text().people,
        users_text: &visit.text().users,
        organization: organization_of(visit).await?,
        users: visit.client.get::<Listed<User>>(&users).await?.items,
        end_user,
        fields: fields(text).map(|field| field.of(&editing, refusal)),
        editing,
        may_manage: visit.may(Authority::Manage),
        done: match visit.query.get("done") {
            "created" => Some(&text.created),
            "saved" => Some(&text.saved),
            _ => None,
        },
        problem: problem.map(str::to_owned),
        conflict,
    })
}

pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let form = &visit.form;
    let email = Some(form.get("email")).filter(|it| !it.is_empty());
    let patch = json!({ "name": form.get("name"), "email": email });
    let detach = if form.has("detach") { "true" } else { "" };
    let path = address(&api_of(&visit), &[("detach", detach)]);
    let write = Write::new(Method::PATCH, &path).with(&patch).at(form.get("version"));
    let question = Question {
        title: visit.text().end_users.save_question.with(form.get("name")).plain(),
        action: visit.text().action.save.to_string(),
        to: "",
        back: &visit.path,
        is_destructive: false,
        keeps_form: true,
    };
    match carry_out(&visit, write, question).await {
        Ok(change) => change.or_go(&visit, &format!("{}?done=saved", visit.path)),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(refusal.of_page(StatusCode::CONFLICT), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
