//! A new administrator; and the page that shows a second factor once.

use askama::Template;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::Form;
use super::{API, Administrator};
use crate::admin::ui::client::Write;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::issued_factor::IssuedFactor;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::texts::{Administrators, Rights, SecondFactor};
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/administrators/new.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Administrators,
    rights_text: &'a Rights,
    form: Form,
    problem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Issued {
    #[serde(flatten)]
    administrator: Administrator,
    second_factor: Option<IssuedFactor>,
}

#[derive(Template)]
#[template(path = "admin/administrators/issued.html")]
struct IssuedPage<'a> {
    frame: Frame<'a>,
    text: &'a Administrators,
    factor_text: &'a SecondFactor,
    administrator: Administrator,
    factor: IssuedFactor,
}

pub(in crate::admin::ui) async fn new(visit: Visit) -> PageResult {
    visit.show(&page(&visit, Form::empty(), None))
}

pub(in crate::admin::ui) async fn create(visit: Visit) -> PageResult {
    let mut form = Form::sent(&visit.form);
    if form.rights.searches(&visit).await? {
        // No page shows a password again.
        if !visit.form.raw("password").is_empty() {
            let words = &visit.text().administrators;
            form.password_problem = Some(words.password_again.to_string());
        }
        return visit.show(&page(&visit, form, None));
    }
    let mut document = form.document();
    document.insert("login".to_owned(), json!(form.login));
    document.insert("password".to_owned(), json!(visit.form.raw("password")));
    document.insert("mfa".to_owned(), json!(form.mfa));
    let write = Write::new(Method::POST, API).with(&Value::Object(document));
    match visit.client.write(write).await {
        Ok(issued) => Ok(issued_page(&visit, issued)?),
        Err(refusal) if refusal.is_about_the_form() => {
            let mut form = form.with_problems(&refusal);
            form.rights.read(&visit).await?;
            let problem = form.general(&refusal);
            let page = page(&visit, form, problem);
            Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The page with the second factor of an account, or the account itself if it has none.
pub(super) fn issued_page(visit: &Visit, issued: Value) -> Answer<Response> {
    let Issued { administrator, second_factor } =
        serde_json::from_value(issued).map_err(|error| Refusal::broken(&error.to_string()))?;
    let Some(factor) = second_factor else {
        let page = format!("{}?done=created", administrator.page());
        return Ok(crate::web::response::see_other(&page));
    };
    let (frame, texts) = (visit.frame(), visit.text());
    let (text, factor_text) = (&texts.administrators, &texts.second_factor);
    let page = IssuedPage { frame, text, factor_text, administrator, factor };
    Ok(visit.page(StatusCode::OK, &page))
}

fn page(visit: &Visit, form: Form, problem: Option<String>) -> Page<'_> {
    let (frame, texts) = (visit.frame(), visit.text());
    Page { frame, text: &texts.administrators, rights_text: &texts.rights, form, problem }
}
