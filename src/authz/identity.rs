//! What the portal learns about the user (I5).

mod assertion;
mod facts;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};

pub use self::assertion::Assertions;

use self::facts::Facts;
use crate::config::{FieldEncoding, IdentitySettings};
use crate::session::SessionLookup;
use portcullis_policy::{Catalogue, PermissionSet};

/// Bytes that the list of granted permissions usually needs at most.
const USUAL_GRANTED: usize = 64;

/// What the portal learns about the user of a request. Two are equal if they state the same: then
/// their assertions may differ, which are renewed. A change ends what is open (I7).
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    facts: Facts<'a>,
    /// The signed assertion of the same, if the portal gets one.
    assertion: Option<&'a HeaderValue>,
}

impl PartialEq for Identity<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.facts == other.facts
    }
}

impl Eq for Identity<'_> {}

impl<'a> Identity<'a> {
    /// The identity in a session to which a permit grants these permissions. `None` without a
    /// session, and for a subject without access to the portal (R8), on public routes too.
    #[must_use]
    pub fn of(session: &'a SessionLookup, granted: PermissionSet) -> Option<Self> {
        Some(Self { facts: Facts::of(session, granted)?, assertion: None })
    }

    /// The same with an assertion.
    #[must_use]
    pub fn asserted(self, assertion: Option<&'a HeaderValue>) -> Self {
        Self { assertion, ..self }
    }

    /// Writes the identity headers, each with `set`. A text that its encoding cannot express is left
    /// out; a request with such a login has not been allowed.
    pub fn write(
        &self,
        settings: &IdentitySettings,
        catalogue: &Catalogue,
        mut set: impl FnMut(&HeaderName, &[u8]),
    ) {
        let (names, facts) = (&settings.names, &self.facts);
        set(&names.organization, facts.organization.as_bytes());
        set(&names.group, facts.group.as_bytes());
        let encoded = facts.disclosed.and_then(|texts| texts.login.as_deref());
        let login = match encoded {
            Some(encoded) => encoded.value(),
            None => facts.login.map(str::as_bytes),
        };
        if let Some(login) = login {
            set(&names.user, login);
        }
        if let Some(end_user) = facts.end_user {
            set(&names.end_user, end_user.as_bytes());
        }
        set(&names.session_kind, facts.kind.name_for_portal().as_bytes());
        if let Some(actor) = facts.actor {
            // As the login of a user, or in an encoding that expresses every name.
            let encoded = settings.user_encoding.encode(actor);
            if let Some(encoded) = encoded.or_else(|| FieldEncoding::Rfc8187.encode(actor)) {
                set(&names.actor, &encoded);
            }
        }
        let mut granted = String::with_capacity(USUAL_GRANTED);
        for id in catalogue.ids(facts.granted) {
            if !granted.is_empty() {
                granted.push(',');
            }
            granted.push_str(id);
        }
        if !granted.is_empty() {
            set(&names.granted, granted.as_bytes());
        }
        if let Some(texts) = facts.disclosed {
            for (name, text) in [
                (&names.email, &texts.email),
                (&names.name, &texts.name),
                (&names.group_name, &texts.group_name),
                (&names.organization_name, &texts.organization_name),
            ] {
                if let (Some(name), Some(value)) =
                    (name, text.as_ref().and_then(|text| text.value()))
                {
                    set(name, value);
                }
            }
        }
        if let Some(account) = settings.basic.as_ref().and_then(|basic| facts.account(basic)) {
            set(&AUTHORIZATION, account.as_bytes());
        }
        if let (Some(settings), Some(assertion)) = (&settings.assertion, self.assertion) {
            set(&settings.header, assertion.as_bytes());
        }
    }

    /// The cookie of `identity.cookie`, as `name=value`. `None` without that setting, and if a value
    /// for it is missing.
    #[must_use]
    pub fn cookie(&self, settings: &IdentitySettings) -> Option<String> {
        settings.cookie.as_ref()?.pair(|placeholder| self.facts.value(placeholder))
    }
}

#[cfg(test)]
mod tests;
