//! Parking an organization: the portal is closed for it. And opening it again.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Organization, api, page_of};
use crate::admin::ui::change::{carry_out, carry_out_asked};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::Organizations;
use crate::admin::ui::visit::{PageResult, Visit};

/// The most characters of a reason.
const LONGEST_REASON: usize = 500;

#[derive(Template)]
#[template(path = "admin/organizations/park.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Organizations,
    organization: Organization,
    reason: Field<'a>,
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Answer<Page<'a>> {
    let text = &visit.text().organizations;
    let reason = Field::new("reason", &text.park_reason).hint(&text.park_reason_hint);
    let mut reason = reason.required().most(LONGEST_REASON).after(visit, refusal);
    let in_patch = refusal.and_then(|it| it.field("parked.reason"));
    if let Some(problem) = in_patch {
        reason = reason.problem(problem);
    }
    let problem = refusal.and_then(|it| it.apart_from(&["reason", "parked.reason"]));
    Ok(Page {
        frame: visit.frame(),
        text,
        organization: visit.client.get(&api(visit.id(0))).await?,
        reason,
        problem: problem.map(str::to_owned),
    })
}

pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let (id, form) = (visit.id(0), &visit.form);
    let organization: Organization = visit.client.get(&api(id)).await?;
    let text = &visit.text().organizations;
    let opens = visit.chosen(&[("", false), ("open", true)])?;
    let parked = match opens {
        true => Value::Null,
        false => json!({ "reason": form.get("reason") }),
    };
    let detach = if form.has("detach") { "true" } else { "" };
    let path = address(&api(id), &[("detach", detach)]);
    let patch = json!({ "parked": parked });
    let write = Write::new(Method::PATCH, &path).with(&patch);
    let back = page_of(id);
    let (title, action) = match opens {
        true => (&text.open_question, &text.open_again),
        false => (&text.park_question, &text.park),
    };
    let question = Question {
        title: title.with(&organization.name).plain(),
        action: action.to_string(),
        to: "",
        back: &back,
        is_destructive: !opens,
        keeps_form: !opens,
    };
    let saved = match opens {
        true => carry_out(&visit, write, question).await,
        false => carry_out_asked(&visit, write, question).await,
    };
    match saved {
        Ok(change) => {
            let done = if opens { "opened" } else { "parked" };
            change.or_go(&visit, &format!("{back}?done={done}"))
        }
        Err(refusal) if refusal.is_about_the_form() && !opens => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(refusal.of_page(StatusCode::UNPROCESSABLE_ENTITY), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
