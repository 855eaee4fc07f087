//! Deleting a group: its users get another one first (R5).

use askama::Template;
use http::{Method, StatusCode};

use super::{Group, all, path};
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::{self, Question};
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Groups;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::web::text::Text;

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
    /// Whether one must be chosen.
    needs_other: bool,
    /// What is wrong with the choice.
    other_problem: Option<&'a Text>,
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
            let group: Group = visit.client.get(&path(visit.id(0))).await?;
            let question = Question {
                title: question(&visit, &group).await?,
                action: visit.text().groups.delete.to_string(),
                to: "",
                back: &visit.path,
                is_destructive: true,
                keeps_form: true,
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
            Ok(visit.page(refusal.of_page(StatusCode::CONFLICT), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// What is about to be done: which group is deleted, and who gets which one in its place.
async fn question(visit: &Visit, group: &Group) -> Answer<String> {
    let (words, move_to) = (&visit.text().groups, visit.form.get("move_to"));
    if move_to.is_empty() {
        return Ok(words.delete_question.with(&group.name).plain());
    }
    let other: Group = visit.client.get(&path(move_to)).await?;
    Ok(match group.users {
        0 => words.replace_question.with(&group.name, &other.name).plain(),
        users => {
            let users = words.members.of(users).plain();
            words.move_question.with(&group.name, users, &other.name).plain()
        }
    })
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let Versioned { record: group, version } = visit.client.record(&path(visit.id(0))).await?;
    let (mut others, group): (Vec<Group>, Group) = (all(visit).await?, group);
    // The group of visitors who do not sign in can have fewer permissions, and no users.
    others.retain(|other| other.id != group.id && other.of == group.of);
    let text = &visit.text().groups;
    let move_to = visit.form.get("move_to");
    // The API says both in words for programs. The default group cannot be replaced like this.
    let other_problem = match refusal.map(|refusal| &*refusal.kind) {
        Some("group-in-use") => Some(&text.needs_other),
        Some("group-is-default") if !group.default => Some(&text.is_default_of_organizations),
        _ => None,
    };
    let problem = refusal.filter(|_| other_problem.is_none());
    Ok(Page {
        frame: visit.frame(),
        text,
        needs_other: group.users > 0 || other_problem.is_some() || !move_to.is_empty(),
        other_problem,
        group,
        version,
        others,
        move_to,
        problem: problem.map(|it| it.detail.clone()).filter(|detail| !detail.is_empty()),
    })
}
