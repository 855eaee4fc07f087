//! Texts of a session for the portal, besides the ids. They are encoded when the record is loaded,
//! not for each request. Only texts that `[identity]` switches on are kept.

use std::sync::Arc;

use crate::config::{Disclosure, FieldEncoding};
use crate::directory::records::{EndUser, User};
use crate::email;

/// A text, and its value in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldText {
    text: Box<str>,
    /// `None` if the encoding cannot express the text.
    value: Option<Box<[u8]>>,
}

impl FieldText {
    pub(super) fn new(text: &str, encoding: Option<FieldEncoding>) -> Option<Arc<Self>> {
        let value = encoding?.encode(text).map(|value| value.into_owned().into());
        Some(Arc::new(Self { text: text.into(), value }))
    }

    /// The text itself.
    #[must_use]
    pub const fn text(&self) -> &str {
        &self.text
    }

    /// The value for the header, if the encoding can express the text.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }
}

/// What the portal learns about a session besides the ids. Fields are `None` if they are not
/// switched on, or there is no such text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disclosed {
    /// The login, if it is not sent as it is.
    pub login: Option<Arc<FieldText>>,
    /// The person's email address.
    pub email: Option<Arc<FieldText>>,
    /// The displayed name.
    pub name: Option<Arc<FieldText>>,
    /// The group's name.
    pub group_name: Option<Arc<FieldText>>,
    /// The organization's name.
    pub organization_name: Option<Arc<FieldText>>,
}

/// The texts of a portal user or an end user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PersonTexts {
    pub(super) login: Option<Arc<FieldText>>,
    pub(super) email: Option<Arc<FieldText>>,
    pub(super) name: Option<Arc<FieldText>>,
}

impl PersonTexts {
    /// Those of a portal user: the login is also the email address, if it is one.
    pub(super) fn of_user(user: &User, disclosure: Disclosure) -> Self {
        let is_address = email::address(&user.login).is_ok();
        let email = if is_address { disclosure.email } else { None };
        Self {
            login: FieldText::new(&user.login, disclosure.login),
            email: FieldText::new(&user.login, email),
            name: user.name.as_deref().and_then(|name| FieldText::new(name, disclosure.name)),
        }
    }

    pub(super) fn of_end_user(end_user: &EndUser, disclosure: Disclosure) -> Self {
        let EndUser { email, name, .. } = end_user;
        Self {
            login: None,
            email: email.as_deref().and_then(|email| FieldText::new(email, disclosure.email)),
            name: FieldText::new(name, disclosure.name),
        }
    }

    /// Whether a text that is switched on is missing.
    pub(super) fn lacks_some(&self, disclosure: Disclosure) -> bool {
        (disclosure.email.is_some() && self.email.is_none())
            || (disclosure.name.is_some() && self.name.is_none())
    }
}
