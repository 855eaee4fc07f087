//! Preferences: what applies to all organizations (R12, R60). What is shown after a save is read
//! again.

use askama::Template;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::client::{Versioned, Write};
use super::confirmation::{self, Question};
use super::editing::Editing;
use super::fields::{Fields, address, segment};
use super::frame::Frame;
use super::refusal::Refusal;
use super::texts::Preferences as Words;
use super::visit::{PageResult, Visit};
use crate::directory::records::Authority;
use crate::web::text::Text;

const API: &str = "/api/v1/preferences";
const URL: &str = "disabled_redirect_url";

/// The preferences, as the API shows them.
#[derive(Debug, Clone, Deserialize)]
struct Preferences {
    secure_with_password_if_portal_users_exist: bool,
    disabled_redirect_url: Option<String>,
    default_group: String,
    notify_impersonated: bool,
    managed_by: Option<ManagedBy>,
}

/// The file that manages them.
#[derive(Debug, Clone, Deserialize)]
struct ManagedBy {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Group {
    name: String,
}

/// The fields of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Form {
    asks_for_sign_in: bool,
    notifies: bool,
    url: String,
}

impl Form {
    fn stored(preferences: &Preferences) -> Self {
        Self {
            asks_for_sign_in: preferences.secure_with_password_if_portal_users_exist,
            notifies: preferences.notify_impersonated,
            url: preferences.disabled_redirect_url.clone().unwrap_or_default(),
        }
    }

    fn of(form: &Fields) -> Self {
        let (asks_for_sign_in, notifies) = (form.has("secure"), form.has("notify"));
        Self { asks_for_sign_in, notifies, url: form.get(URL).to_owned() }
    }

    /// The fields, as a browser sends them.
    fn values(&self) -> Fields {
        let mut values = Fields::default().with(URL, &*self.url);
        for (name, is_checked) in [("secure", self.asks_for_sign_in), ("notify", self.notifies)] {
            values = if is_checked { values.with(name, "yes") } else { values };
        }
        values
    }
}

#[derive(Template)]
#[template(path = "admin/preferences.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Words,
    stored: Preferences,
    editing: Editing,
    /// The name of the group that new portal users get.
    default_group: String,
    form: Form,
    is_read_only: bool,
    is_saved: bool,
    problem: Option<String>,
    url_problem: Option<String>,
    /// The preferences in force, if they were changed since the form was read.
    conflict: Option<Form>,
}

impl Page<'_> {
    fn default_group_page(&self) -> String {
        format!("/groups/{}", segment(&self.stored.default_group))
    }

    /// What a version says about emails to users that staff acts as.
    fn notices(&self, form: &Form) -> &Text {
        if form.notifies { &self.text.notices_on } else { &self.text.notices_off }
    }

    /// What a version says about secure links.
    fn links(&self, form: &Form) -> &Text {
        if form.asks_for_sign_in { &self.text.links_secured } else { &self.text.links_open }
    }
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let page = page(&visit, None).await?;
    visit.show(&page)
}

pub(super) async fn save(visit: Visit) -> PageResult {
    visit.chosen(&[("", ())])?;
    let form = &visit.form;
    let url = form.get(URL);
    let patch = json!({
        "secure_with_password_if_portal_users_exist": form.has("secure"),
        "notify_impersonated": form.has("notify"),
        URL: (!url.is_empty()).then_some(url),
    });
    let path = address(API, &[("detach", if form.has("detach") { "true" } else { "" })]);
    let write = Write::new(Method::PATCH, &path).with(&patch).at(form.get("version"));
    let saved = match confirmation::needed(&visit, write.clone()).await {
        Ok(Some(changes)) => {
            let text = visit.text();
            let question = Question {
                title: text.preferences.question.to_string(),
                action: text.action.save.to_string(),
                to: "",
                back: &visit.path,
                is_destructive: false,
                keeps_form: true,
            };
            return Ok(confirmation::ask(&visit, question, &changes));
        }
        Ok(None) => visit.client.write(write).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    match saved {
        Ok(()) => visit.go("/preferences?done=saved"),
        Err(refusal) if refusal.is_about_the_form() => {
            let page = page(&visit, Some(&refusal)).await?;
            Ok(visit.page(refusal.of_page(StatusCode::CONFLICT), &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The page with what is stored or, after a refusal, with what was typed.
async fn page<'a>(visit: &'a Visit, refusal: Option<&Refusal>) -> Result<Page<'a>, Refusal> {
    let Versioned { record: stored, version } = visit.client.record::<Preferences>(API).await?;
    let group = format!("/api/v1/groups/{}", segment(&stored.default_group));
    let default_group = visit.client.get::<Group>(&group).await?.name;
    let in_force = Form::stored(&stored);
    let editing = Editing::of(visit, &version, in_force.values(), refusal);
    let form = Form::of(editing.shown());
    let is_conflict = refusal.is_some_and(Refusal::is_conflict);
    let url_problem = refusal.and_then(|refusal| refusal.field(URL)).map(str::to_owned);
    Ok(Page {
        frame: visit.frame(),
        text: &visit.text().preferences,
        editing,
        default_group,
        form,
        is_read_only: !visit.may_over_gateway(Authority::Manage),
        is_saved: visit.is_done("saved"),
        problem: refusal
            .filter(|_| url_problem.is_none() && !is_conflict)
            .and_then(|refusal| refusal.apart_from(&[URL]))
            .map(str::to_owned),
        url_problem,
        conflict: is_conflict.then_some(in_force),
        stored,
    })
}
