//! A new token, which is shown once.

use askama::Template;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;

use super::API;
use super::form::{Form, day};
use crate::admin::ui::client::Write;
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::rights::RightsForm;
use crate::admin::ui::texts::{Rights, Tokens};
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::{Role, Scope};

/// How long a token is valid, unless its creator says otherwise.
const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Template)]
#[template(path = "admin/tokens/new.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Tokens,
    rights_text: &'a Rights,
    form: Form,
    problem: Option<String>,
}

/// A token as it is shown once.
#[derive(Deserialize)]
struct Created {
    id: String,
    name: String,
    token: String,
}

#[derive(Template)]
#[template(path = "admin/tokens/created.html")]
struct CreatedPage<'a> {
    frame: Frame<'a>,
    text: &'a Tokens,
    created: Created,
    /// The address of the API, without its path.
    at: String,
}

impl CreatedPage<'_> {
    fn page(&self) -> String {
        format!("/tokens/{}", segment(&self.created.id))
    }
}

pub(in crate::admin::ui) async fn new(visit: Visit) -> PageResult {
    let expires = visit.now.checked_add(LIFETIME).map(day).unwrap_or_default();
    let form = Form {
        name: String::new(),
        email: String::new(),
        // With as few rights as there are.
        rights: RightsForm::stored(Role::Auditor, &Scope::ALL, false),
        expires,
        name_problem: None,
        email_problem: None,
        expires_problem: None,
    };
    visit.show(&page(&visit, form, None))
}

pub(in crate::admin::ui) async fn create(visit: Visit) -> PageResult {
    let mut form = Form::sent(&visit.form);
    if form.rights.searches(&visit).await? {
        return visit.show(&page(&visit, form, None));
    }
    let write = Write::new(Method::POST, API).with(&form.document(None));
    let created = match visit.client.write(write).await {
        Ok(created) => created,
        Err(refusal) if refusal.is_about_the_form() => {
            let mut form = form.with_problems(&refusal);
            form.rights.read(&visit).await?;
            let problem = form.general(&refusal);
            let page = page(&visit, form, problem);
            return Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let created: Created =
        serde_json::from_value(created).map_err(|error| Refusal::broken(&error.to_string()))?;
    let (frame, text) = (visit.frame(), &visit.text().tokens);
    let at = visit.ui.site.address(&visit.headers);
    visit.show(&CreatedPage { frame, text, created, at })
}

fn page(visit: &Visit, form: Form, problem: Option<String>) -> Page<'_> {
    let (frame, texts) = (visit.frame(), visit.text());
    Page { frame, text: &texts.tokens, rights_text: &texts.rights, form, problem }
}
