//! The list of groups, and the page for a new one.

use std::collections::BTreeSet;

use askama::Template;
use http::{Method, StatusCode};
use serde_json::json;

use super::form::Form;
use super::{Group, all, permissions};
use crate::admin::ui::client::Write;
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::Groups;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;

#[derive(Template)]
#[template(path = "admin/groups/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    text: &'a Groups,
    groups: Vec<Group>,
    may_manage: bool,
    is_deleted: bool,
}

#[derive(Template)]
#[template(path = "admin/groups/new.html")]
struct NewPage<'a> {
    frame: Frame<'a>,
    text: &'a Groups,
    form: Form,
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    visit.show(&ListPage {
        frame: visit.frame(),
        text: &visit.text().groups,
        groups: all(&visit).await?,
        may_manage: may_manage(&visit),
        is_deleted: visit.is_done("deleted"),
    })
}

pub(in crate::admin::ui) async fn new(visit: Visit) -> PageResult {
    let form = Form::new(None, "", &BTreeSet::new(), &permissions(&visit).await?);
    let (frame, text) = (visit.frame(), &visit.text().groups);
    visit.show(&NewPage { frame, text, form, problem: None })
}

pub(in crate::admin::ui) async fn create(visit: Visit) -> PageResult {
    let (name, granted) = (visit.form.get("name"), visit.form.set("permission"));
    let group = json!({ "name": name, "permissions": granted });
    match visit.client.write(Write::new(Method::POST, "/api/v1/groups").with(&group)).await {
        Ok(created) => {
            let id = created.get("id").and_then(|id| id.as_str()).unwrap_or_default();
            visit.go(&format!("/groups/{}?done=created", segment(id)))
        }
        Err(refusal) if refusal.is_about_the_form() => {
            let form = Form::new(None, name, &granted, &permissions(&visit).await?);
            let form = form.with_problems(&refusal);
            let problem = form.general(&refusal);
            let (frame, text) = (visit.frame(), &visit.text().groups);
            let page = NewPage { frame, text, form, problem };
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Whether the visitor may change groups.
pub(super) fn may_manage(visit: &Visit) -> bool {
    visit.may_over_gateway(Authority::Manage)
}
