//! Saving the login, the name, the group and the second factor of a portal user.

use http::{Method, StatusCode};
use serde_json::json;

use super::api;
use super::page;
use crate::admin::ui::change::carry_out;
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::fields::address;
use crate::admin::ui::visit::{PageResult, Visit};

pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let (id, form) = (visit.id(0), &visit.form);
    let name = Some(form.get("name")).filter(|it| !it.is_empty());
    let patch = json!({
        "login": form.get("login"),
        "name": name,
        "group": form.get("group"),
        "require_mfa": form.has("require_mfa"),
    });
    let detach = if form.has("detach") { "true" } else { "" };
    let path = address(&api(id), &[("detach", detach)]);
    let write = Write::new(Method::PATCH, &path).with(&patch).at(form.get("version"));
    let question = Question {
        title: visit.text().users.save_question.with(form.get("login")).plain(),
        action: visit.text().action.save.to_string(),
        to: "",
        back: &visit.path,
        is_destructive: false,
        keeps_form: true,
    };
    match carry_out(&visit, write, question).await {
        Ok(change) => change.or_go(&visit, &format!("{}?done=saved", visit.path)),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page::read(&visit, Some(&refusal)).await?;
            Ok(visit.page(refusal.of_page(StatusCode::CONFLICT), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
