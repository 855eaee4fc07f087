//! Deleting an organization, which must have no people.

use askama::Template;
use http::{Method, StatusCode};

use super::{Organization, api, of, page_of};
use crate::admin::ui::change::carry_out_asked;
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::texts::Organizations;
use crate::admin::ui::visit::{PageResult, Visit};

/// Why it cannot be deleted, with the ways out.
#[derive(Template)]
#[template(path = "admin/organizations/in_use.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Organizations,
    organization: Organization,
    problem: String,
}

/// Asks; confirming sends the form of the question.
pub(in crate::admin::ui) async fn delete(visit: Visit) -> PageResult {
    let id = visit.id(0);
    let Versioned { record: organization, .. } = of(&visit).await?;
    let text = &visit.text().organizations;
    let detach = if visit.form.has("detach") { "true" } else { "" };
    let path = address(&api(id), &[("detach", detach)]);
    let back = page_of(id);
    let question = Question {
        title: text.delete_question.with(&organization.name).plain(),
        action: text.delete.to_string(),
        to: "",
        back: &back,
        is_destructive: true,
        keeps_form: false,
    };
    let write = Write::new(Method::DELETE, &path);
    match carry_out_asked(&visit, write, question).await {
        Ok(change) => change.or_go(&visit, "/organizations?done=deleted"),
        Err(refusal) if refusal.is_about_the_form() => {
            let page =
                Page { frame: visit.frame(), text, organization, problem: refusal.detail.clone() };
            Ok(visit.page(StatusCode::CONFLICT, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
