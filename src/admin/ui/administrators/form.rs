//! The fields of an administrator.

use serde_json::{Map, Value, json};

use super::Administrator;
use crate::admin::ui::fields::Fields;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::rights::RightsForm;
use crate::directory::records::{Role, Scope};

/// The fields, as a page shows them.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) login: String,
    pub(super) email: String,
    pub(super) rights: RightsForm,
    /// Whether a new account gets a second factor.
    pub(super) mfa: bool,
    pub(super) login_problem: Option<String>,
    pub(super) email_problem: Option<String>,
    pub(super) password_problem: Option<String>,
}

impl Form {
    /// The fields of a new account.
    pub(super) fn empty() -> Self {
        let rights = RightsForm::stored(Role::Technician, &Scope::ALL, false);
        Self::without_problems(String::new(), String::new(), rights, true)
    }

    pub(super) fn stored(of: &Administrator) -> Self {
        let rights = RightsForm::stored(of.role, &of.scope, of.impersonate);
        let email = of.email.clone().unwrap_or_default();
        Self::without_problems(of.login.clone(), email, rights, of.mfa_enrolled)
    }

    pub(super) fn sent(form: &Fields) -> Self {
        let (login, email) = (form.get("login").to_owned(), form.get("email").to_owned());
        Self::without_problems(login, email, RightsForm::sent(form), form.has("mfa"))
    }

    fn without_problems(login: String, email: String, rights: RightsForm, mfa: bool) -> Self {
        let (login_problem, email_problem, password_problem) = (None, None, None);
        Self { login, email, rights, mfa, login_problem, email_problem, password_problem }
    }

    /// The same with what the API says about its fields.
    pub(super) fn with_problems(self, refusal: &Refusal) -> Self {
        let about = |name: &str| refusal.field(name).map(str::to_owned);
        Self {
            login_problem: about("login"),
            email_problem: about("email"),
            password_problem: about("password"),
            rights: self.rights.with_problems(refusal),
            ..self
        }
    }

    /// What the API says that stands beside no field.
    pub(super) fn general(&self, refusal: &Refusal) -> Option<String> {
        let problems = [&self.login_problem, &self.email_problem, &self.password_problem];
        let is_shown = self.rights.has_problems() || problems.iter().any(|it| it.is_some());
        (!is_shown).then(|| refusal.detail.clone())
    }

    /// The fields that can be changed later, as a browser sends them.
    pub(super) fn values(&self) -> Fields {
        self.rights.add_to(Fields::default().with("email", &*self.email))
    }

    /// The members of the API's document that can be changed later.
    pub(super) fn document(&self) -> Map<String, Value> {
        let mut document = self.rights.document();
        let email = (!self.email.is_empty()).then_some(&self.email);
        document.insert("email".to_owned(), json!(email));
        document
    }
}
