//! Changes to the portal users that are checked in the list. They are made by a job.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::ui::change::{Change, carry_out_asked};
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::fields::segment;
use crate::admin::ui::notice;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{Failure, PageResult, Visit};
use crate::web::text::Text;

/// What can be done, by the name of the choice.
pub(super) fn actions(text: &Users) -> Vec<(&'static str, &Text)> {
    vec![
        ("disable", &text.disable),
        ("enable", &text.enable),
        ("group", &text.move_to_group),
        ("require_mfa", &text.require_mfa),
        ("no_mfa", &text.no_longer_require_mfa),
    ]
}

pub(in crate::admin::ui) async fn change(visit: Visit) -> PageResult {
    let form = &visit.form;
    let text = &visit.text().users;
    let chosen = form.set("user");
    let wanted = form.get("do");
    let Some((_, action)) = actions(text).into_iter().find(|(name, _)| *name == wanted) else {
        return Ok(not_chosen(&visit, &text.choose_action));
    };
    if chosen.is_empty() {
        return Ok(not_chosen(&visit, &text.choose_users));
    }
    let count = u64::try_from(chosen.len()).unwrap_or(u64::MAX);
    let mut request = json!({ "users": chosen });
    let (field, value) = match wanted {
        "group" => match form.get("group") {
            "" => return Ok(not_chosen(&visit, &text.choose_group)),
            group => ("group", Value::from(group)),
        },
        "require_mfa" => ("require_mfa", Value::from(true)),
        "no_mfa" => ("require_mfa", Value::from(false)),
        action => ("action", Value::from(action)),
    };
    if let Some(request) = request.as_object_mut() {
        request.insert(field.to_owned(), value);
    }
    let write = Write::new(Method::POST, "/api/v1/users/bulk").with(&request);
    let question = Question {
        title: text.bulk_question.of(count).plain(),
        action: action.to_string(),
        to: "",
        back: "/users",
        is_destructive: wanted == "disable",
    };
    match carry_out_asked(&visit, write, question).await? {
        Change::Asked(page) => Ok(page),
        Change::Made(job) => {
            let id = job.get("id").and_then(Value::as_str).unwrap_or_default();
            visit.go(&format!("/jobs/{}", segment(id)))
        }
    }
}

/// Says what was not chosen.
fn not_chosen(visit: &Visit, message: &Text) -> axum::response::Response {
    let refusal = Refusal::malformed(message.as_str());
    let mut response = notice::failure(visit, &Failure::Api(refusal));
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// The address of the form leads back to the list.
pub(in crate::admin::ui) async fn back(visit: Visit) -> PageResult {
    visit.go("/users")
}
