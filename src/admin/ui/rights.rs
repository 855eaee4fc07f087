//! The fields of what an account or a token may do: role, scope, and seeing the portal as a person.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::organizations::choices::{CHOSEN, Choices, SEARCH};
use super::refusal::{Answer, Refusal};
use super::texts::Rights;
use super::visit::Visit;
use crate::directory::records::{Role, Scope};

/// The button that searches: `do` in the form.
pub(super) const FIND: &str = "find";

/// The fields, as a page shows them. Templates have them as `rights`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RightsForm {
    pub(super) role: String,
    /// Whether it is limited to some organizations.
    pub(super) is_limited: bool,
    pub(super) organizations: Choices,
    /// What organizations are searched for.
    pub(super) search: String,
    pub(super) impersonate: bool,
    pub(super) role_problem: Option<String>,
    pub(super) scope_problem: Option<String>,
}

impl RightsForm {
    /// The fields of these rights.
    pub(super) fn stored(role: Role, scope: &Scope, impersonate: bool) -> Self {
        let ids = scope.limited().into_iter().flatten();
        Self {
            role: role.name().to_owned(),
            is_limited: scope.is_limited(),
            organizations: Choices::of(ids.map(|id| id.as_str())),
            search: String::new(),
            impersonate,
            role_problem: None,
            scope_problem: None,
        }
    }

    /// The fields as they were sent.
    pub(super) fn sent(form: &Fields) -> Self {
        Self {
            role: form.get("role").to_owned(),
            is_limited: form.get("scope") == "some",
            organizations: Choices::sent(form),
            search: form.get(SEARCH).to_owned(),
            impersonate: form.has("impersonate"),
            role_problem: None,
            scope_problem: None,
        }
    }

    /// Adds the fields to those of a form, as a browser sends them.
    pub(super) fn add_to(&self, form: Fields) -> Fields {
        let scope = if self.is_limited { "some" } else { "all" };
        let form = form.with("role", &*self.role).with("scope", scope);
        let form = if self.impersonate { form.with("impersonate", "yes") } else { form };
        let ids = self.organizations.ids().into_iter();
        ids.fold(form, |form, id| form.with(CHOSEN, id))
    }

    /// Reads the names of the organizations, and what is found by what is searched for.
    pub(super) async fn read(&mut self, visit: &Visit) -> Answer<()> {
        self.organizations.read(visit, &self.search).await
    }

    /// Whether the form was sent to search, or before anything was chosen of what is searched for.
    /// Then it has what was found, and is shown again in place of being saved.
    pub(super) async fn searches(&mut self, visit: &Visit) -> Answer<bool> {
        let is_asked = visit.form.get("do") == FIND;
        let is_open = self.is_limited && self.organizations.ids().is_empty();
        if self.search.is_empty() || !(is_asked || is_open) {
            return Ok(false);
        }
        self.read(visit).await?;
        self.organizations.choose_only();
        self.is_limited = true;
        Ok(true)
    }

    /// The same with what the API says about its fields.
    pub(super) fn with_problems(mut self, refusal: &Refusal) -> Self {
        let about = |start: &str| {
            let mut errors = refusal.errors.iter();
            errors.find(|it| it.field.starts_with(start)).map(|it| it.message.clone())
        };
        self.role_problem = about("role");
        self.scope_problem = about("scope");
        self
    }

    /// Whether the API says something about its fields.
    pub(super) const fn has_problems(&self) -> bool {
        self.role_problem.is_some() || self.scope_problem.is_some()
    }

    /// The names of the roles, the one with the most rights first.
    pub(super) fn roles(&self) -> [&'static str; 4] {
        Role::ALL.map(Role::name)
    }

    /// The members of the API's document.
    pub(super) fn document(&self) -> Map<String, Value> {
        let ids = self.organizations.ids();
        Map::from_iter([
            ("role".to_owned(), json!(self.role)),
            ("scope".to_owned(), json!(self.is_limited.then_some(ids))),
            ("impersonate".to_owned(), json!(self.impersonate)),
        ])
    }
}

/// The organizations in a scope, in words.
pub(super) fn reach(scope: &Scope, words: &Rights) -> String {
    match scope.limited() {
        None => words.all_organizations.to_string(),
        Some(limited) => {
            words.organization_count.of(u64::try_from(limited.len()).unwrap_or(u64::MAX)).plain()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_are_taken_once_and_only_for_a_scope() {
        let form =
            Fields::parse(b"role=owner&scope=some&organization=b&organization=a&organization=b");
        let document = RightsForm::sent(&form).document();
        assert_eq!(document["scope"], json!(["a", "b"]));
        let form = Fields::parse(b"role=owner&scope=all&organization=b");
        assert_eq!(RightsForm::sent(&form).document()["scope"], Value::Null);
    }
}
