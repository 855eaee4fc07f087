//! The fields of a portal user that are edited on its page.

use super::User;
use crate::admin::ui::client::Versioned;
use crate::admin::ui::field::Field;
use crate::admin::ui::groups::Group;
use crate::admin::ui::people::conflict::Conflict;
use crate::admin::ui::people::{choices, group_name};
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::visit::Visit;

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
