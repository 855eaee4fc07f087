//! The fields of what an account or a token may do: role, scope, and seeing the portal as a person.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::refusal::Refusal;
use super::texts::Rights;
use crate::directory::records::{Role, Scope};

/// The fields, as a page shows them. Templates have them as `rights`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RightsForm {
    pub(super) role: String,
    /// Whether it is limited to some organizations.
    pub(super) is_limited: bool,
    /// The ids of the organizations, one a line.
    pub(super) organizations: String,
    pub(super) impersonate: bool,
    pub(super) role_problem: Option<String>,
    pub(super) scope_problem: Option<String>,
}

impl RightsForm {
    /// The fields of these rights.
    pub(super) fn stored(role: Role, scope: &Scope, impersonate: bool) -> Self {
        let ids = scope.limited().into_iter().flatten();
        let ids: Vec<_> = ids.map(ToString::to_string).collect();
        Self {
            role: role.name().to_owned(),
            is_limited: scope.is_limited(),
            organizations: ids.join("\n"),
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
            organizations: form.get("organizations").to_owned(),
            impersonate: form.has("impersonate"),
            role_problem: None,
            scope_problem: None,
        }
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
        let ids: BTreeSet<&str> = self
            .organizations
            .split([',', ' ', '\n', '\r', '\t'])
            .filter(|id| !id.is_empty())
            .collect();
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
    fn organizations_are_taken_one_a_line_and_once() {
        let form = Fields::parse(b"role=owner&scope=some&organizations=b%0D%0Aa,+b");
        let document = RightsForm::sent(&form).document();
        assert_eq!(document["scope"], json!(["a", "b"]));
        let form = Fields::parse(b"role=owner&scope=all&organizations=b");
        assert_eq!(RightsForm::sent(&form).document()["scope"], Value::Null);
    }
}
