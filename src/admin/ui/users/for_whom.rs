//! For whom a new portal user is: an organization, or one of its end users (R16).

use askama::Template;

use crate::admin::ui::end_users::{self, EndUser};
use crate::admin::ui::field::Field;
use crate::admin::ui::fields::address;
use crate::admin::ui::frame::Frame;
use crate::admin::ui::organizations::{self, Organization, suggestions};
use crate::admin::ui::people::found;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::Users;
use crate::admin::ui::visit::{PageResult, Visit};

/// The path of the page for a new portal user.
pub(super) const NEW: &str = "/users/new";

#[derive(Template)]
#[template(path = "admin/users/for_whom.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Users,
    fields: [Field<'a>; 2],
    /// What begins with the text that is not an id: the address to go on at, and the name.
    matches: Vec<(String, String)>,
}

/// For whom a portal user is.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) organization: Organization,
    pub(super) end_user: Option<EndUser>,
}

/// Which of the two ids does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Organization,
    EndUser,
}

impl Owner {
    /// The address that a login is proposed from, and that an invitation is sent to.
    pub(super) fn email(&self) -> Option<&str> {
        let own = self.end_user.as_ref().and_then(|end_user| end_user.email.as_deref());
        own.or(self.organization.email.as_deref())
    }

    pub(super) fn end_user_id(&self) -> Option<&str> {
        self.end_user.as_ref().map(|end_user| &*end_user.id)
    }
}

/// The owner with these ids; the second one is empty for the organization itself.
pub(super) async fn owner(
    visit: &Visit,
    id: &str,
    end_user: &str,
) -> Answer<Result<Owner, Unknown>> {
    let Some(organization) = found(visit, &organizations::api(id)).await? else {
        return Ok(Err(Unknown::Organization));
    };
    if end_user.is_empty() {
        return Ok(Ok(Owner { organization, end_user: None }));
    }
    let found = found(visit, &end_users::api(id, end_user)).await?;
    Ok(match found {
        Some(end_user) => Ok(Owner { organization, end_user: Some(end_user) }),
        None => Err(Unknown::EndUser),
    })
}

/// The page that asks for the ids. Texts that are not ids are searched for.
pub(super) async fn ask(visit: &Visit, unknown: Option<Unknown>) -> PageResult {
    let text = &visit.text().users;
    let [organization, end_user] = ["organization", "end_user"].map(|name| visit.query.get(name));
    let problem =
        |which, text: &crate::web::text::Text| (unknown == Some(which)).then(|| text.to_string());
    let fields = [
        Field::new("organization", &text.organization)
            .required()
            .hint(&text.organization_hint)
            .value(organization)
            .suggestions(suggestions::PATH)
            .with_problem(problem(Unknown::Organization, &text.unknown_organization)),
        Field::new("end_user", &text.end_user)
            .hint(&text.end_user_hint)
            .value(end_user)
            .suggestions(end_users::list::SUGGESTIONS)
            .with_problem(problem(Unknown::EndUser, &text.unknown_end_user)),
    ];
    let matches = match unknown {
        None => Vec::new(),
        Some(Unknown::Organization) => {
            let found = suggestions::beginning_with(visit, organization).await?;
            let at = |id: &str| address(NEW, &[("organization", id)]);
            found.into_iter().map(|(id, name)| (at(&id), name)).collect()
        }
        Some(Unknown::EndUser) => {
            let found = end_users::list::beginning_with(visit, organization, end_user).await?;
            let at = |id: &str| address(NEW, &[("organization", organization), ("end_user", id)]);
            found.into_iter().map(|(id, name)| (at(&id), name)).collect()
        }
    };
    visit.show(&Page { frame: visit.frame(), text, fields, matches })
}
