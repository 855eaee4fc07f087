//! One token: what it may do and until when, and its end.

use askama::Template;
use http::{Method, StatusCode};

use super::form::Form;
use super::{Token, path};
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::{self, Question};
use crate::admin::ui::editing::Editing;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::rights::FIND;
use crate::admin::ui::texts::{Rights, Tokens};
use crate::admin::ui::visit::{PageResult, Visit};

#[derive(Template)]
#[template(path = "admin/tokens/editor.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Tokens,
    rights_text: &'a Rights,
    token: Token,
    version: String,
    editing: Editing,
    form: Form,
    is_saved: bool,
    is_expired: bool,
    problem: Option<String>,
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let stored = visit.client.record(&path(visit.id(0))).await?;
    let page = page(&visit, stored, None).await?;
    visit.show(&page)
}

/// Saves the form, or revokes the token: `do` is `revoke`.
pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let api = path(visit.id(0));
    let stored: Versioned<Token> = visit.client.record(&api).await?;
    let is_revoked = visit.chosen(&[("", false), (FIND, false), ("revoke", true)])?;
    let version = visit.form.get("version");
    let mut sent = Form::sent(&visit.form);
    if !is_revoked && sent.rights.searches(&visit).await? {
        let editing = Editing::again(&visit);
        let page = Page { form: sent, editing, ..page(&visit, stored, None).await? };
        return visit.show(&page);
    }
    let write = match is_revoked {
        true => Write::new(Method::DELETE, &api).at(version),
        false => {
            let document = sent.document(Some(&stored.record));
            Write::new(Method::PATCH, &api).with(&document).at(version)
        }
    };
    if is_revoked && !visit.form.has(confirmation::CONFIRMED) {
        let changes = confirmation::tried(&visit, write).await?;
        let words = &visit.text().tokens;
        let question = Question {
            title: words.revoke_question.with(&stored.record.name).plain(),
            action: words.revoke.to_string(),
            to: "",
            back: &visit.path,
            is_destructive: true,
            keeps_form: false,
        };
        return Ok(confirmation::ask(&visit, question, &changes));
    }
    let saved: Answer<_> = visit.client.write(write).await;
    match saved {
        Ok(_) if is_revoked => visit.go("/tokens?done=revoked"),
        Ok(_) => visit.go(&format!("{}?done=saved", visit.path)),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, stored, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::CONFLICT, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The page with what is stored or, after a refusal, with what was typed.
async fn page<'a>(
    visit: &'a Visit,
    Versioned { record: token, version }: Versioned<Token>,
    refusal: Option<&Refusal>,
) -> Answer<Page<'a>> {
    let of_save = refusal.filter(|_| visit.form.get("do") != "revoke");
    let editing = Editing::of(visit, &version, Form::stored(&token).values(), of_save);
    let is_conflict = editing.is_conflict();
    let mut form = match of_save {
        None => Form::stored(&token),
        Some(refusal) => Form::sent(editing.shown()).with_problems(refusal),
    };
    form.rights.read(visit).await?;
    let problem = refusal.filter(|_| !is_conflict).and_then(|refusal| form.general(refusal));
    Ok(Page {
        frame: visit.frame(),
        text: &visit.text().tokens,
        rights_text: &visit.text().rights,
        is_expired: token.expires.is_some_and(|end| end <= visit.now),
        token,
        version,
        editing,
        form,
        is_saved: visit.is_done("saved"),
        problem,
    })
}
