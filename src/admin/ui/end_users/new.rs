//! The page for a new end user.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::json;

use super::{api, fields, list_of, organization_of};
use crate::admin::ui::client::Write;
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::organizations::{self, Organization};
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::EndUsers;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/end_users/new.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a EndUsers,
    organization: Organization,
    fields: [Field<'a>; 2],
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let text = &visit.text().end_users;
    Ok(Page {
        frame: visit.frame(),
        text,
        organization: organization_of(visit).await?,
        fields: fields(text).map(|field| field.after(visit, refusal)),
        problem: refusal.and_then(|it| it.apart_from(&["name", "email"])).map(str::to_owned),
    })
}

pub(in crate::admin::ui) async fn create(visit: Visit) -> PageResult {
    let (organization, form) = (visit.id(0), &visit.form);
    let email = Some(form.get("email")).filter(|it| !it.is_empty());
    let new = json!({ "name": form.get("name"), "email": email });
    let path = format!("{}/end-users", organizations::api(organization));
    match visit.client.write(Write::new(Method::POST, &path).with(&new)).await {
        Ok(created) => {
            let id = created.get("id").and_then(|id| id.as_str()).unwrap_or_default();
            visit.go(&format!("{}/{}?done=created", list_of(organization), segment(id)))
        }
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The path of the end user of a page's address in the API.
pub(super) fn api_of(visit: &Visit) -> String {
    api(visit.id(0), visit.id(1))
}
