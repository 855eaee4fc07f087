//! `/docs`: the description of the API as pages for people.
//!
//! The pages are made from the document of `/openapi.json` and from nothing else. They have no
//! scripts and load no file: their style is part of the page, and the content security policy names
//! its hash.

mod markup;
mod outline;
mod schema_type;

use std::sync::LazyLock;

use askama::Template;
use axum::Extension;
use data_encoding::BASE64;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use self::outline::{OperationView, Outline, ProblemView, Section, Shape, Subject};
use super::openapi::Description;
use super::problem::Problem;
use super::request::Id;
use super::response::{ApiResult, Page, page};
use crate::web::response::{Referrer, html, protect};

const STYLE: &str = include_str!("../../templates/docs/style.css");

/// Allows the style of the pages and their empty icon, and nothing else.
static CONTENT_SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(&Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'none'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// What is around the content of each page.
struct Frame<'a> {
    /// The last part of the page's path; empty for the first page.
    here: &'a str,
    title: &'a str,
    version: &'a str,
    subjects: Vec<Subject<'a>>,
}

#[derive(Template)]
#[template(path = "docs/start.html")]
struct StartPage<'a> {
    frame: Frame<'a>,
    sections: Vec<Section>,
    /// Each subject, with its operations.
    contents: Vec<(Subject<'a>, Vec<OperationView<'a>>)>,
}

#[derive(Template)]
#[template(path = "docs/subject.html")]
struct SubjectPage<'a> {
    frame: Frame<'a>,
    subject: Subject<'a>,
    operations: Vec<OperationView<'a>>,
    /// The documents that the operations refer to.
    documents: Vec<Shape<'a>>,
}

#[derive(Template)]
#[template(path = "docs/problems.html")]
struct ProblemsPage<'a> {
    frame: Frame<'a>,
    /// The document that every problem has, and the documents that it refers to.
    documents: Vec<Shape<'a>>,
    problems: Vec<ProblemView<'a>>,
}

/// `/docs`: how the API is used, and what it has.
pub(super) async fn start(Extension(description): Extension<Description>) -> ApiResult<Page> {
    let outline = Outline(description.document());
    let contents = outline.subjects().map(|subject| {
        let operations = outline.operations(subject.name);
        (subject, operations)
    });
    respond(&StartPage {
        frame: frame(&outline, ""),
        sections: outline.sections(),
        contents: contents.collect(),
    })
}

/// `/docs/{tag}`: the operations of a subject.
pub(super) async fn subject(
    Extension(description): Extension<Description>,
    Id(tag): Id,
) -> ApiResult<Page> {
    let outline = Outline(description.document());
    let Some(subject) = outline.subjects().find(|subject| subject.name == tag) else {
        return Err(Problem::not_found("subject", &tag));
    };
    respond(&SubjectPage {
        frame: frame(&outline, subject.name),
        operations: outline.operations(subject.name),
        documents: outline.documents_of(subject.name),
        subject,
    })
}

/// `/docs/problems`: what each type of problem means, and what to do.
pub(super) async fn problems(Extension(description): Extension<Description>) -> ApiResult<Page> {
    let outline = Outline(description.document());
    respond(&ProblemsPage {
        frame: frame(&outline, "problems"),
        documents: outline.documents(["Problem"]),
        problems: outline.problems(),
    })
}

fn frame<'a>(outline: &Outline<'a>, here: &'a str) -> Frame<'a> {
    Frame {
        here,
        title: outline.title(),
        version: outline.version(),
        subjects: outline.subjects().collect(),
    }
}

fn respond(template: &impl Template) -> ApiResult<Page> {
    let mut response = html("en", StatusCode::OK, template, Referrer::Nothing);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY.clone());
    page(protect(response, None))
}
