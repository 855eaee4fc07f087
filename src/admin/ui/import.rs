//! CSV files: imported as jobs, and the lists as files.
//!
//! Browsers send a file once, so trying it out and importing it are two buttons of one form. With
//! script the form stays on the page, with the file, while it is tried out.

use askama::Template;
use axum::body::Bytes;
use http::{Method, StatusCode};

use super::client::Write;
use super::field::Field;
use super::fields::address;
use super::frame::Frame;
use super::groups::{self, Group};
use super::jobs;
use super::jobs::preview::Preview;
use super::organizations::filter::{self, Meant};
use super::organizations::suggestions;
use super::refusal::Refusal;
use super::texts::{Import, Jobs};
use super::visit::{Failure, PageResult, Visit};
use crate::directory::records::Authority;

/// A file with more rows than this is not tried out, because that would take too long.
const TRIED_OUT: usize = 2_000;

/// The button of an organization that the text in the field may mean: the file is tried out with it.
const CHOOSE: &str = "choose";

/// The kinds of files.
const KINDS: [&str; 3] = ["organizations", "end-users", "users"];

/// The form as it was filled in, without the file.
#[derive(Debug)]
struct Form {
    kind: &'static str,
    /// The one of rows that name none.
    organization: Meant,
    group: String,
    groups: Vec<Group>,
    is_inviting: bool,
    file_problem: Option<String>,
    organization_problem: Option<String>,
    group_problem: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/import/form.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Import,
    jobs: &'a Jobs,
    form: Form,
    organization: Field<'a>,
    /// What importing the file would do, if it was tried out.
    preview: Option<Preview>,
    problem: Option<String>,
    may_import: bool,
}

impl Form {
    async fn read(visit: &Visit) -> Result<Self, Refusal> {
        let given = if visit.form.has("kind") { &visit.form } else { &visit.query };
        let kind = KINDS.into_iter().find(|kind| *kind == given.get("kind"));
        let mut groups = groups::all(visit).await?;
        let of = groups.iter().map(|group| group.of).max().unwrap_or_default();
        groups.retain(|group| group.of == of);
        Ok(Self {
            kind: kind.unwrap_or("users"),
            organization: match given.get(CHOOSE) {
                "" => filter::meant(visit, given.get("organization")).await?,
                id => filter::meant(visit, id).await?,
            },
            group: given.get("group").to_owned(),
            groups,
            is_inviting: given.has("invite"),
            file_problem: None,
            organization_problem: None,
            group_problem: None,
        })
    }

    /// Where the file is sent to, with the parameters that this kind of file has.
    fn path(&self) -> String {
        let is_users = self.kind == "users";
        let organization = if self.kind == "organizations" { "" } else { &self.organization.id };
        let group = if is_users { &*self.group } else { "" };
        let invite = if is_users && self.is_inviting { "true" } else { "" };
        let parameters = [("organization", organization), ("group", group), ("invite", invite)];
        address(&format!("/api/v1/import/{}", self.kind), &parameters)
    }

    fn add_problems(&mut self, refusal: &Refusal) -> Option<String> {
        let field = |name: &str| refusal.field(name).map(str::to_owned);
        self.organization_problem = field("organization");
        self.group_problem = field("group");
        // What is wrong with the file as a whole is about no field.
        self.file_problem = field("");
        refusal.apart_from(&["", "organization", "group"]).map(str::to_owned)
    }
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let form = Form::read(&visit).await?;
    visit.show(&page(&visit, form, None))
}

pub(super) async fn act(visit: Visit) -> PageResult {
    let is_tried = visit.form.has(CHOOSE) || visit.chosen(&[("try", true), ("start", false)])?;
    let mut form = Form::read(&visit).await?;
    let upload = visit.uploads.iter().find(|upload| upload.field == "file");
    let content = upload.map(|upload| upload.content.clone()).unwrap_or_default();
    let text = &visit.text().import;
    if content.is_empty() {
        form.file_problem = Some(text.choose_file.to_string());
        return refused(&visit, &page(&visit, form, None));
    }
    if is_tried && is_too_large_to_try_out(&content) {
        form.file_problem = Some(text.too_many_rows.to_string());
        return refused(&visit, &page(&visit, form, None));
    }
    let path = form.path();
    let write = Write::new(Method::POST, &path).with_file("text/csv", content);
    let refusal = match is_tried {
        true => match Preview::of(&visit, write).await {
            Ok(preview) => return visit.show(&page(&visit, form, Some(preview))),
            Err(refusal) => refusal,
        },
        false => match visit.client.write(write).await {
            Ok(job) => {
                let id = job.get("id").and_then(|id| id.as_str()).unwrap_or_default();
                return visit.go(&jobs::address(id));
            }
            Err(refusal) => refusal,
        },
    };
    if !refusal.is_about_the_form() {
        return Err(Failure::Api(refusal));
    }
    let problem = form.add_problems(&refusal);
    refused(&visit, &Page { problem, ..page(&visit, form, None) })
}

fn refused(visit: &Visit, page: &Page<'_>) -> PageResult {
    Ok(visit.page(StatusCode::UNPROCESSABLE_ENTITY, page))
}

fn is_too_large_to_try_out(content: &Bytes) -> bool {
    content.iter().filter(|byte| **byte == b'\n').count() > TRIED_OUT
}

fn page(visit: &Visit, form: Form, preview: Option<Preview>) -> Page<'_> {
    let text = visit.text();
    Page {
        frame: visit.frame(),
        text: &text.import,
        jobs: &text.jobs,
        organization: Field::new("organization", &text.import.organization)
            .value(&*form.organization.id)
            .hint(&text.import.organization_hint)
            .suggestions(suggestions::PATH),
        form,
        preview,
        problem: None,
        may_import: visit.may(Authority::Manage),
    }
}
