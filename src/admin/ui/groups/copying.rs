//! A copy of a group, under another name.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::json;

use super::{Group, path};
use crate::admin::ui::client::Write;
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Groups;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/groups/copy.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Groups,
    group: Group,
    name: String,
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

pub(in crate::admin::ui) async fn copy(visit: Visit) -> PageResult {
    let api = format!("{}/copy", path(visit.id(0)));
    let write = Write::new(Method::POST, &api).with(&json!({ "name": visit.form.get("name") }));
    match visit.client.write(write).await {
        Ok(created) => {
            let id = created.get("id").and_then(|id| id.as_str()).unwrap_or_default();
            visit.go(&format!("/groups/{}?done=created", segment(id)))
        }
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::CONFLICT, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let group: Group = visit.client.get(&path(visit.id(0))).await?;
    let text = &visit.text().groups;
    let name = match refusal {
        None => text.copy_of.with(&group.name).plain(),
        Some(_) => visit.form.get("name").to_owned(),
    };
    let problem = refusal.map(|it| it.field("name").unwrap_or(&it.detail).to_owned());
    Ok(Page { frame: visit.frame(), text, group, name, problem })
}
