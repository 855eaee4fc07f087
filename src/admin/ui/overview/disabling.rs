//! Disabling the portal on the first page, and enabling it again (R60).

use http::{Method, StatusCode};
use serde_json::json;

use super::page;
use super::portal_switch::{PortalSwitch, URL};
use crate::admin::ui::change::carry_out;
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::fields::address;
use crate::admin::ui::visit::{PageResult, Visit};

pub(in crate::admin::ui) async fn act(visit: Visit) -> PageResult {
    let disables = visit.chosen(&[("enable", false), ("disable", true)])?;
    let patch = match disables {
        true => json!({ URL: visit.form.get(URL) }),
        false => json!({ URL: null }),
    };
    let detach = if visit.form.has("detach") { "true" } else { "" };
    let path = address("/api/v1/preferences", &[("detach", detach)]);
    let write = Write::new(Method::PATCH, &path).with(&patch);
    let text = visit.text();
    let (title, action, done) = match disables {
        true => (&text.preferences.disable_question, &text.overview.disable, "/?done=disabled"),
        false => (&text.preferences.enable_question, &text.overview.enable, "/?done=enabled"),
    };
    let question = Question {
        title: title.to_string(),
        action: action.to_string(),
        to: "",
        back: "/",
        is_destructive: disables,
        keeps_form: disables,
    };
    match carry_out(&visit, write, question).await {
        Ok(change) => change.or_go(&visit, done),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, PortalSwitch::again(&visit, &refusal)).await?;
            Ok(visit.page(refusal.of_page(StatusCode::UNPROCESSABLE_ENTITY), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
