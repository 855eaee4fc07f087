//! The fields of a token.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Token;
use crate::admin::ui::fields::Fields;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::rights::RightsForm;

/// The fields, as a page shows them.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) rights: RightsForm,
    /// The last day in UTC on which it can be used; empty for one that never expires.
    pub(super) expires: String,
    pub(super) name_problem: Option<String>,
    pub(super) email_problem: Option<String>,
    pub(super) expires_problem: Option<String>,
}

impl Form {
    pub(super) fn stored(token: &Token) -> Self {
        Self {
            name: token.name.clone(),
            email: token.email.clone().unwrap_or_default(),
            rights: RightsForm::stored(token.role, &token.scope, token.impersonate),
            expires: token.expires.map(day).unwrap_or_default(),
            name_problem: None,
            email_problem: None,
            expires_problem: None,
        }
    }

    pub(super) fn sent(form: &Fields) -> Self {
        Self {
            name: form.get("name").to_owned(),
            email: form.get("email").to_owned(),
            rights: RightsForm::sent(form),
            expires: form.get("expires").to_owned(),
            name_problem: None,
            email_problem: None,
            expires_problem: None,
        }
    }

    /// The same with what the API says about its fields.
    pub(super) fn with_problems(self, refusal: &Refusal) -> Self {
        let about = |name: &str| refusal.field(name).map(str::to_owned);
        Self {
            name_problem: about("name"),
            email_problem: about("email"),
            expires_problem: about("expires"),
            rights: self.rights.with_problems(refusal),
            ..self
        }
    }

    /// What the API says that stands beside no field.
    pub(super) fn general(&self, refusal: &Refusal) -> Option<String> {
        let problems = [&self.name_problem, &self.email_problem, &self.expires_problem];
        let is_shown = self.rights.has_problems() || problems.iter().any(|it| it.is_some());
        (!is_shown).then(|| refusal.detail.clone())
    }

    /// The fields, as a browser sends them.
    pub(super) fn values(&self) -> Fields {
        let form = Fields::default().with("name", &*self.name).with("email", &*self.email);
        self.rights.add_to(form.with("expires", &*self.expires))
    }

    /// The API's document. A day that has not changed leaves the exact time as it is.
    pub(super) fn document(&self, stored: Option<&Token>) -> Value {
        let mut document = self.rights.document();
        document.insert("name".to_owned(), json!(self.name));
        let email = (!self.email.is_empty()).then_some(&self.email);
        document.insert("email".to_owned(), json!(email));
        let known = stored.map(|token| token.expires.map(day).unwrap_or_default());
        if known.as_ref() != Some(&self.expires) {
            document.insert("expires".to_owned(), end_of(&self.expires));
        }
        Value::Object(document)
    }
}

/// The day of a time, in UTC.
pub(super) fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}

/// The last second of a day; what is not a day as it is, for the API to refuse.
fn end_of(day: &str) -> Value {
    match day.parse::<Date>() {
        _ if day.is_empty() => Value::Null,
        Ok(date) => json!(format!("{date}T23:59:59Z")),
        Err(_) => json!(day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_until_the_end_of_its_day() {
        for (day, expected) in [
            ("", Value::Null),
            ("2027-03-04", json!("2027-03-04T23:59:59Z")),
            ("soon", json!("soon")),
        ] {
            assert_eq!(end_of(day), expected, "{day}");
        }
    }
}
