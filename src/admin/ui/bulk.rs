//! Bulk Manage Portal Users (R43): the portal users of many organizations at once.
//!
//! The form is shown again with what was filled in until the job is started: while organizations are
//! searched, and when the visitor goes back from what it would do.

mod form;

use askama::Template;
use http::{Method, StatusCode};

use self::form::Form;
use super::client::Write;
use super::confirmation::CONFIRMED;
use super::frame::Frame;
use super::jobs;
use super::jobs::preview::Preview;
use super::refusal::Refusal;
use super::texts::{Bulk, Jobs};
use super::visit::{PageResult, TOKEN, Visit};

/// Where jobs are queued.
const API: &str = "/api/v1/bulk";

#[derive(Template)]
#[template(path = "admin/bulk/form.html")]
struct FormPage<'a> {
    frame: Frame<'a>,
    text: &'a Bulk,
    form: Form,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/bulk/preview.html")]
struct PreviewPage<'a> {
    frame: Frame<'a>,
    text: &'a Bulk,
    jobs: &'a Jobs,
    /// What it would do; `None` for too many organizations to try it out.
    preview: Option<Preview>,
    fields: Vec<(&'a str, &'a str)>,
}

/// What a button of the form does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Shows the form: after a search, or on the way back.
    Show,
    /// Shows what it would do.
    Preview,
    /// Starts it, once that was shown.
    Start,
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let form = Form::read(&visit, &visit.query).await?;
    visit.show(&page(&visit, form, None))
}

pub(super) async fn act(visit: Visit) -> PageResult {
    let mut form = Form::read(&visit, &visit.form).await?;
    let asked = visit.chosen(&[
        ("", Step::Show),
        ("search", Step::Show),
        ("edit", Step::Show),
        ("preview", Step::Preview),
        ("start", Step::Start),
    ])?;
    let step = match asked {
        Step::Start if !visit.form.has(CONFIRMED) => Step::Preview,
        step => step,
    };
    if form.is_empty() && step != Step::Show {
        form.organizations_problem = Some(visit.text().bulk.choose_some.to_string());
        return Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page(&visit, form, None)));
    }
    let write = Write::new(Method::POST, API).with(&form.request());
    let refusal = match step {
        Step::Start => match visit.client.write(write).await {
            Ok(job) => {
                let id = job.get("id").and_then(|id| id.as_str()).unwrap_or_default();
                return visit.go(&jobs::address(id));
            }
            Err(refusal) => refusal,
        },
        Step::Preview => match preview(&visit, &form, write).await {
            Ok(preview) => return ask(&visit, preview),
            Err(refusal) => refusal,
        },
        Step::Show => return visit.show(&page(&visit, form, None)),
    };
    if !refusal.is_about_the_form() {
        return Err(refusal.into());
    }
    let page = page(&visit, form, Some(&refusal));
    Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn preview(visit: &Visit, form: &Form, write: Write<'_>) -> Result<Option<Preview>, Refusal> {
    if form.is_too_large_to_try_out(visit).await? {
        return Ok(None);
    }
    Preview::of(visit, write).await.map(Some)
}

/// Says what would be done, and asks whether to start.
fn ask(visit: &Visit, preview: Option<Preview>) -> PageResult {
    let left_out = [TOKEN, CONFIRMED, "do", "q"];
    let fields = visit.form.iter().filter(|(name, _)| !left_out.contains(name));
    let text = visit.text();
    visit.show(&PreviewPage {
        frame: visit.frame(),
        text: &text.bulk,
        jobs: &text.jobs,
        preview,
        fields: fields.collect(),
    })
}

fn page<'a>(visit: &'a Visit, mut form: Form, refusal: Option<&Refusal>) -> FormPage<'a> {
    let text = &visit.text().bulk;
    let problem = refusal.and_then(|refusal| form.add_problems(refusal));
    FormPage { frame: visit.frame(), text, form, problem }
}
