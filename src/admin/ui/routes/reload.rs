//! Reading the policy files again.

use http::Method;

use super::list;
use crate::admin::ui::client::Write;
use crate::admin::ui::confirmation::{self, Question};
use crate::admin::ui::visit::{PageResult, Visit};

const API: &str = "/api/v1/policy/reload";

/// A policy that cannot be used stays out of force; the page names its errors at their places.
pub(in crate::admin::ui) async fn reload(visit: Visit) -> PageResult {
    let write = Write::new(Method::POST, API);
    let reloaded = match confirmation::needed(&visit, write.clone()).await {
        Ok(Some(changes)) => {
            let words = &visit.text().routes;
            let question = Question {
                title: words.reload_question.to_string(),
                action: words.reload.to_string(),
                to: "",
                back: "/routes",
                is_destructive: false,
                keeps_form: false,
            };
            return Ok(confirmation::ask(&visit, question, &changes));
        }
        Ok(None) => visit.client.write(write).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    match reloaded {
        Ok(()) => visit.go("/routes?done=reloaded"),
        Err(refusal) if refusal.is_about_the_form() => {
            let mut page = list::page(&visit).await?;
            let status = refusal.status;
            page.problem = Some(refusal.detail.clone());
            page.errors = refusal.into_errors();
            Ok(visit.page(status, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
