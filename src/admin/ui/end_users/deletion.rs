//! Deleting an end user, which must have no portal user.

use askama::Template;
use http::{Method, StatusCode};

use super::new::api_of;
use super::{EndUser, list_of};
use crate::admin::ui::change::carry_out_asked;
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::EndUsers;
use crate::admin::ui::visit::{PageResult, Visit};

/// Why it cannot be deleted, with the ways out.
#[derive(Template)]
#[template(path = "admin/end_users/in_use.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a EndUsers,
    end_user: EndUser,
    problem: String,
}

pub(in crate::admin::ui) async fn delete(visit: Visit) -> PageResult {
    let api = api_of(&visit);
    let end_user: EndUser = visit.client.get(&api).await?;
    let text = &visit.text().end_users;
    let detach = if visit.form.has("detach") { "true" } else { "" };
    let path = address(&api, &[("detach", detach)]);
    let back = end_user.page();
    let question = Question {
        title: text.delete_question.with(&end_user.name).plain(),
        action: text.delete.to_string(),
        to: "",
        back: &back,
        is_destructive: true,
        keeps_form: false,
    };
    match carry_out_asked(&visit, Write::new(Method::DELETE, &path), question).await {
        Ok(change) => {
            let list = list_of(&end_user.organization);
            change.or_go(&visit, &format!("{list}?done=deleted"))
        }
        Err(refusal) if refusal.is_about_the_form() => {
            let page =
                Page { frame: visit.frame(), text, end_user, problem: refusal.detail.clone() };
            Ok(visit.page(StatusCode::CONFLICT, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The address of the form leads back to the page.
pub(in crate::admin::ui) async fn back(visit: Visit) -> PageResult {
    visit.go(visit.path.trim_end_matches("/delete"))
}
