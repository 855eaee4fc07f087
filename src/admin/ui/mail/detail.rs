//! One email: how it fared, and how it reads.
//!
//! Its HTML is shown in a frame without any rights: no script, form or link of it works, and it loads
//! nothing.

use askama::Template;
use axum::response::{Html, IntoResponse as _};
use http::{HeaderValue, Method, header};
use serde::Deserialize;

use super::{API, Mail};
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::fields::segment;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::Mail as Words;
use crate::admin::ui::visit::{PageResult, Visit};
use crate::directory::records::Authority;

/// What the HTML of a mail may load: nothing but the pictures and the style that it brings.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
     frame-ancestors 'self'; base-uri 'none'; sandbox",
);

#[derive(Debug, Deserialize)]
struct Content {
    from: String,
    subject: String,
    text: String,
    html: String,
}

#[derive(Template)]
#[template(path = "admin/mail/detail.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Words,
    mail: Mail,
    version: String,
    content: Content,
    is_retried: bool,
    problem: Option<String>,
    may_retry: bool,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit).await?;
    visit.show(&page)
}

async fn page(visit: &Visit) -> Answer<Page<'_>> {
    let path = path(visit);
    let Versioned { record: mail, version } = visit.client.record::<Mail>(&path).await?;
    Ok(Page {
        frame: visit.frame(),
        text: &visit.text().mail,
        may_retry: mail.can_be_retried() && visit.may(Authority::Support),
        mail,
        version,
        content: visit.client.get(&format!("{path}/content")).await?,
        is_retried: visit.is_done("retried"),
        problem: None,
    })
}

/// The part in HTML, for the frame.
pub(in crate::admin::ui) async fn html(visit: Visit) -> PageResult {
    let content: Content = visit.client.get(&format!("{}/content", path(&visit))).await?;
    let mut response = Html(content.html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    Ok(response)
}

/// Sends it again now.
pub(in crate::admin::ui) async fn retry(visit: Visit) -> PageResult {
    let path = format!("{}/retry", path(&visit));
    let write = Write::new(Method::POST, &path).at(visit.form.get("version"));
    match visit.client.write(write).await {
        Ok(_) => visit.go(&format!("/mail/{}?done=retried", segment(visit.id(0)))),
        Err(refusal) if refusal.is_about_the_form() => {
            let mut page = page(&visit).await?;
            page.problem = Some(refusal.detail.clone());
            Ok(visit.page(refusal.status, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

fn path(visit: &Visit) -> String {
    format!("{API}/{}", segment(visit.id(0)))
}
