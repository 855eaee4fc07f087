//! Deleting a group: its users get another one first (R5).

use askama::Template;
use http::{Method, StatusCode};

use super::{Group, all, path};
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::{self, Question};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::texts::Groups;
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/groups/delete.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Groups,
    group: Group,
    version: String,
    /// The groups that its users may get.
    others: Vec<Group>,
    /// The id of the chosen one.
    move_to: &'a str,
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

pub(in crate::admin::ui) async fn delete(visit: Visit) -> PageResult {
    let form = &visit.form;
    let api = address(&path(visit.id(0)), &[("move_to", form.get("move_to"))]);
    let write = Write::new(Method::DELETE, &api).at(form.get("version"));
    let deleted = match confirmation::needed(&visit, write.clone()).await {
        Ok(Some(changes)) => {
            let group: Versioned<Group> = visit.client.record(&path(visit.id(0))).await?;
            let words = &visit.text().groups;
            let question = Question {
                title: words.delete_question.with(&group.record.name).plain(),
                action: words.delete.to_string(),
                to: "",
                back: &visit.path,
                is_destructive: true,
                keeps_form: false,
            };
            return Ok(confirmation::ask(&visit, question, &changes));
        }
        Ok(None) => visit.client.write(write).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    match deleted {
        Ok(()) => visit.go("/groups?done=deleted"),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::CONFLICT, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Result<Page<'a>, Refusal> {
    let Versioned { record: group, version } = visit.client.record(&path(visit.id(0))).await?;
    let (mut others, group): (Vec<Group>, Group) = (all(visit).await?, group);
    // The group of visitors who do not sign in can have fewer permissions, and no users.
    others.retain(|other| other.id != group.id && other.of == group.of);
    Ok(Page {
        frame: visit.frame(),
        text: &visit.text().groups,
        group,
        version,
        others,
        move_to: visit.form.get("move_to"),
        problem: refusal.map(|refusal| refusal.detail.clone()),
    })
}
