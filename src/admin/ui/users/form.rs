//! The fields of a portal user that are edited on its page.

use super::User;
use crate::admin::ui::client::Versioned;
use crate::admin::ui::editing::Editing;
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::Fields;
use crate::admin::ui::groups::Group;
use crate::admin::ui::people::conflict::Conflict;
use crate::admin::ui::people::{choices, group_name};
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::visit::Visit;

/// The fields, and what became of a form with them.
pub(super) struct Form<'a> {
    pub(super) fields: [Field<'a>; 3],
    pub(super) require_mfa: bool,
    pub(super) editing: Editing,
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
        let text = &visit.text().users;
        let Versioned { record: user, version } = stored;
        let editing = Editing::of(visit, version, values(user), refusal);
        let fields = [
            Field::new("login", &text.login).required(),
            Field::new("name", &text.name).most(100).hint(&text.name_hint),
            Field::choice("group", &text.group, choices(groups)),
        ];
        let is_conflict = editing.is_conflict();
        Self {
            fields: fields.map(|field| field.of(&editing, refusal)),
            require_mfa: editing.shown().has("require_mfa"),
            problem: refusal
                .filter(|_| !is_conflict)
                .and_then(|it| it.apart_from(&["login", "name", "group"]))
                .map(str::to_owned),
            conflict: is_conflict.then(|| conflict(visit, user, editing.shown(), groups)),
            editing,
        }
    }
}

/// The fields of a stored portal user.
fn values(of: &User) -> Fields {
    let fields = Fields::default()
        .with("login", &*of.login)
        .with("name", of.name.as_deref().unwrap_or_default())
        .with("group", &*of.group);
    if of.require_mfa { fields.with("require_mfa", "yes") } else { fields }
}

/// The fields in which the form differs from what is in force.
fn conflict<'a>(visit: &'a Visit, theirs: &User, form: &Fields, groups: &[Group]) -> Conflict<'a> {
    let (text, list) = (&visit.text().users, &visit.text().list);
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
