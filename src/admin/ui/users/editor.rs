//! The form for the login, the name, the group and the second factor of a portal user.

use http::{Method, StatusCode};
use serde_json::json;

use super::page::{self, Page};
use super::{User, api};
use crate::admin::ui::change::carry_out;
use crate::admin::ui::client::{Versioned, Write};
use crate::admin::ui::confirmation::Question;
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::address;
use crate::admin::ui::groups::Group;
use crate::admin::ui::people::conflict::Conflict;
use crate::admin::ui::people::{choices, group_name};
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::visit::{PageResult, Visit};

/// The fields, and what became of a form with them.
pub(super) struct Form<'a> {
    pub(super) fields: [Field<'a>; 3],
    pub(super) require_mfa: bool,
    /// The version that a change must name.
    pub(super) version: String,
    pub(super) problem: Option<String>,
    pub(super) conflict: Option<Conflict<'a>>,
}

impl<'a> Form<'a> {
    /// The form of a record; after a refusal with what was typed.
    pub(super) fn of(
        visit: &'a Visit,
        stored: &Versioned<User>,
        groups: &[Group],
        refusal: Option<&Refusal>,
    ) -> Self {
        let (text, form) = (&visit.text().users, &visit.form);
        let Versioned { record: user, version } = stored;
        let fields = [
            Field::new("login", &text.login).required().value(&*user.login),
            Field::new("name", &text.name)
                .most(100)
                .value(user.name.as_deref().unwrap_or_default())
                .hint(&text.name_hint),
            Field::choice("group", &text.group, choices(groups)).value(&*user.group),
        ];
        let is_conflict = refusal.is_some_and(Refusal::is_conflict);
        let problem = refusal.filter(|_| !is_conflict);
        Self {
            fields: fields.map(|field| field.after(visit, refusal)),
            require_mfa: match refusal {
                Some(_) => form.has("require_mfa"),
                None => user.require_mfa,
            },
            // After a conflict the version is that of the record that is shown beside the form.
            version: match problem {
                Some(_) => form.get("version").to_owned(),
                None => version.clone(),
            },
            problem: problem
                .and_then(|it| it.apart_from(&["login", "name", "group"]))
                .map(str::to_owned),
            conflict: is_conflict.then(|| conflict(visit, user, groups)),
        }
    }
}

/// The fields that someone else has changed.
fn conflict<'a>(visit: &'a Visit, theirs: &User, groups: &[Group]) -> Conflict<'a> {
    let (text, form, list) = (&visit.text().users, &visit.form, &visit.text().list);
    let group = |id: &str| group_name(groups, id).to_owned();
    let yes = |is: bool| if is { list.yes.to_string() } else { list.no.to_string() };
    Conflict::of(
        &visit.text().people,
        [
            (&text.login, theirs.login.clone(), form.get("login").to_owned()),
            (&text.name, theirs.name.clone().unwrap_or_default(), form.get("name").to_owned()),
            (&text.group, group(&theirs.group), group(form.get("group"))),
            (&text.require_mfa, yes(theirs.require_mfa), yes(form.has("require_mfa"))),
        ],
    )
}

pub(in crate::admin::ui) async fn save(visit: Visit) -> PageResult {
    let (id, form) = (visit.id(0), &visit.form);
    let name = Some(form.get("name")).filter(|it| !it.is_empty());
    let patch = json!({
        "login": form.get("login"),
        "name": name,
        "group": form.get("group"),
        "require_mfa": form.has("require_mfa"),
    });
    let detach = if form.has("detach") { "true" } else { "" };
    let path = address(&api(id), &[("detach", detach)]);
    let write = Write::new(Method::PATCH, &path).with(&patch).at(form.get("version"));
    let question = Question {
        title: visit.text().users.save_question.with(form.get("login")).plain(),
        action: visit.text().action.save.to_string(),
        to: "",
        back: &visit.path,
        is_destructive: false,
    };
    match carry_out(&visit, write, question).await {
        Ok(change) => change.or_go(&visit, &format!("{}?done=saved", visit.path)),
        Err(refusal) if refusal.is_about_the_form() => {
            let page: Page<'_> = page::read(&visit, Some(&refusal)).await?;
            Ok(visit.page(StatusCode::CONFLICT, &page))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
