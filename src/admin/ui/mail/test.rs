//! A test email: sent at once, and what the mail server answered.

use http::{Method, StatusCode};
use serde_json::json;

use super::{API, list};
use crate::admin::ui::client::Write;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::visit::{PageResult, Visit};

pub(in crate::admin::ui) async fn send(visit: Visit) -> PageResult {
    let to = visit.form.get("to");
    let path = format!("{API}/test");
    let test = Write::new(Method::POST, &path).with(&json!({ "to": to }));
    let answer = visit.client.write(test).await;
    let mut page = list::page(&visit).await?;
    page.to = to;
    match answer {
        Ok(tested) => {
            let tested = serde_json::from_value(tested);
            let tested = tested.map_err(|error| Refusal::broken(&error.to_string()))?;
            page.tested = Some(tested);
            visit.show(&page)
        }
        Err(refusal) if refusal.is_about_the_form() => {
            let message = refusal.field("to").unwrap_or(&refusal.detail);
            page.to_problem = Some(message.to_owned());
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
