//! One administrator: what it may do, how it signs in, where it is signed in, and its end.

use askama::Template;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::creation::issued_page;
use super::form::Form;
use super::{Administrator, path};
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::{self, Question};
use crate::admin::ui::editing::Editing;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::refusal::{Answer, Refusal};
use crate::admin::ui::rights::FIND;
use crate::admin::ui::texts::{Administrators, Rights};
use crate::admin::ui::visit::{PageResult, Visit};
use crate::web::text::Text;

/// How many sessions are shown.
const SESSIONS: usize = 50;

/// A session of the account.
#[derive(Debug, Deserialize)]
struct Session {
    created: Timestamp,
    last_seen: Timestamp,
    address: String,
}

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<Session>,
}

#[derive(Template)]
#[template(path = "admin/administrators/editor.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Administrators,
    rights_text: &'a Rights,
    administrator: Administrator,
    version: String,
    editing: Editing,
    sessions: Vec<Session>,
    form: Form,
    done: Option<&'a Text>,
    problem: Option<String>,
    /// Whether it is the visitor's own account.
    is_own: bool,
}

/// What a button of the page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Save,
    SetPassword,
    IssueFactor,
    EndSessions,
    Delete,
}

impl Act {
    fn of(visit: &Visit) -> Answer<Self> {
        visit.chosen(&[
            ("", Self::Save),
            (FIND, Self::Save),
            ("password", Self::SetPassword),
            ("mfa", Self::IssueFactor),
            ("end-sessions", Self::EndSessions),
            ("delete", Self::Delete),
        ])
    }

    /// The request, but for its version.
    fn write<'a>(self, visit: &Visit, paths: &'a Paths) -> Write<'a> {
        match self {
            Self::Save => {
                let document = Value::Object(Form::sent(&visit.form).document());
                Write::new(Method::PATCH, &paths.record).with(&document)
            }
            Self::SetPassword => Write::new(Method::PUT, &paths.password)
                .with(&json!({ "password": visit.form.raw("password") })),
            Self::IssueFactor => Write::new(Method::POST, &paths.mfa),
            Self::EndSessions => Write::new(Method::DELETE, &paths.sessions),
            Self::Delete => Write::new(Method::DELETE, &paths.record),
        }
    }
}

/// The paths of the API about one account.
struct Paths {
    record: String,
    password: String,
    mfa: String,
    sessions: String,
}

impl Paths {
    fn of(id: &str) -> Self {
        let record = path(id);
        let below = |name: &str| format!("{record}/{name}");
        Self { password: below("password"), mfa: below("mfa"), sessions: below("sessions"), record }
    }
}

pub(in crate::admin::ui) async fn show(visit: Visit) -> PageResult {
    let stored = visit.client.record(&path(visit.id(0))).await?;
    let page = page(&visit, stored, None).await?;
    visit.show(&page)
}

pub(in crate::admin::ui) async fn act(visit: Visit) -> PageResult {
    let paths = Paths::of(visit.id(0));
    let stored: Versioned<Administrator> = visit.client.record(&paths.record).await?;
    let act = Act::of(&visit)?;
    let mut sent = Form::sent(&visit.form);
    if act == Act::Save && sent.rights.searches(&visit).await? {
        let editing = Editing::again(&visit);
        let page = Page { form: sent, editing, ..page(&visit, stored, None).await? };
        return visit.show(&page);
    }
    let write = act.write(&visit, &paths).at(visit.form.get("version"));
    if let Some(question) = question(&visit, act, &stored.record)
        && !visit.form.has(confirmation::CONFIRMED)
    {
        match confirmation::tried(&visit, write.clone()).await {
            Ok(changes) => return Ok(confirmation::ask(&visit, question, &changes)),
            Err(refusal) => return refused(&visit, stored, refusal).await,
        }
    }
    let done = match (visit.client.write(write).await, act) {
        (Ok(issued), Act::IssueFactor) => return Ok(issued_page(&visit, issued)?),
        (Ok(_), Act::Delete) => return visit.go("/administrators?done=deleted"),
        (Ok(_), Act::Save) => "saved",
        (Ok(_), Act::SetPassword) => "password",
        (Ok(_), Act::EndSessions) => "ended",
        (Err(refusal), _) => return refused(&visit, stored, refusal).await,
    };
    visit.go(&format!("{}?done={done}", visit.path))
}

/// The question before an act that ends something.
fn question<'a>(visit: &'a Visit, act: Act, of: &Administrator) -> Option<Question<'a>> {
    let words = &visit.text().administrators;
    let (question, action, is_destructive) = match act {
        Act::Save | Act::SetPassword => return None,
        Act::IssueFactor => (&words.factor_question, &words.issue_factor, false),
        Act::EndSessions => (&words.end_question, &words.end_sessions, false),
        Act::Delete => (&words.delete_question, &words.delete, true),
    };
    Some(Question {
        title: question.with(&of.login).plain(),
        action: action.to_string(),
        to: "",
        back: &visit.path,
        is_destructive,
        keeps_form: false,
    })
}

async fn refused(visit: &Visit, stored: Versioned<Administrator>, refusal: Refusal) -> PageResult {
    if !refusal.is_about_the_form() {
        return Err(refusal.into());
    }
    let page = page(visit, stored, Some(&refusal)).await?;
    Ok(visit.page(StatusCode::CONFLICT, &page))
}

/// The page with what is stored or, after a refused save, with what was typed.
async fn page<'a>(
    visit: &'a Visit,
    Versioned { record: administrator, version }: Versioned<Administrator>,
    refusal: Option<&Refusal>,
) -> Result<Page<'a>, Refusal> {
    let words = &visit.text().administrators;
    let path = format!("{}/sessions?limit={SESSIONS}", path(&administrator.id));
    let sessions = visit.client.get::<Listed>(&path).await?.items;
    let of_save = refusal.filter(|_| Act::of(visit).is_ok_and(|act| act == Act::Save));
    let values = Form::stored(&administrator).values();
    let editing = Editing::of(visit, &version, values, of_save);
    let form = match of_save {
        Some(_) => Form::sent(editing.shown()),
        None => Form::stored(&administrator),
    };
    let mut form = refusal.iter().fold(form, |form, refusal| form.with_problems(refusal));
    form.rights.read(visit).await?;
    let is_conflict = editing.is_conflict();
    Ok(Page {
        frame: visit.frame(),
        text: words,
        rights_text: &visit.text().rights,
        is_own: visit.who.as_ref().is_some_and(|who| who.login() == administrator.login),
        version,
        editing,
        administrator,
        sessions,
        done: match visit.query.get("done") {
            "created" => Some(&words.created_done),
            "saved" => Some(&words.saved),
            "password" => Some(&words.password_done),
            "ended" => Some(&words.ended),
            _ => None,
        },
        problem: refusal.filter(|_| !is_conflict).and_then(|refusal| form.general(refusal)),
        form,
    })
}
