//! The page for a new organization.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::json;

use super::page_of;
use crate::admin::ui::client::Write;
use crate::admin::ui::field::Field;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::texts::Organizations;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/organizations/new.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Organizations,
    fields: [Field<'a>; 3],
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    visit.show(&page(&visit, None))
}

fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Page<'a> {
    let text = &visit.text().organizations;
    let fields = [
        Field::new("name", &text.name).required().most(100),
        Field::email("email", &text.email).hint(&text.email_hint),
        Field::new("id", &text.id).hint(&text.id_hint).most(64),
    ];
    Page {
        frame: visit.frame(),
        text,
        fields: fields.map(|field| field.after(visit, refusal)),
        problem: refusal.and_then(|it| it.apart_from(&["name", "email", "id"])).map(str::to_owned),
    }
}

pub(in crate::admin::ui) async fn create(visit: Visit) -> PageResult {
    let form = &visit.form;
    let given = |name| Some(form.get(name)).filter(|it| !it.is_empty());
    let new = json!({ "name": form.get("name"), "email": given("email"), "id": given("id") });
    match visit.client.write(Write::new(Method::POST, "/api/v1/organizations").with(&new)).await {
        Ok(created) => {
            let id = created.get("id").and_then(|id| id.as_str()).unwrap_or_default();
            visit.go(&format!("{}?done=created", page_of(id)))
        }
        Err(refusal) if refusal.is_about_the_form() => {
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page(&visit, Some(&refusal))))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
