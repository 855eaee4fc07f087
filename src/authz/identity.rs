//! What the portal learns about the user (I5).

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HeaderName};

use crate::config::{BasicAccount, FieldEncoding, IdentitySettings, Placeholder};
use crate::directory::{Disclosed, FieldText};
use crate::session::SessionLookup;
use portcullis_policy::{Catalogue, PermissionSet, SessionKind, Subject};

/// Bytes that the list of granted permissions usually needs at most.
const USUAL_GRANTED: usize = 64;

/// What the portal learns about the user of a request. A change of it ends what is open (I7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    organization: &'a str,
    group: &'a str,
    login: Option<&'a str>,
    /// The portal user's id, which never changes.
    user: Option<&'a str>,
    end_user: Option<&'a str>,
    kind: SessionKind,
    /// Who of the operator's staff it is.
    actor: Option<&'a str>,
    granted: PermissionSet,
    disclosed: Option<&'a Disclosed>,
}

impl<'a> Identity<'a> {
    /// The identity in a session to which a permit grants these permissions. `None` without a
    /// session, and for a subject without access to the portal (R8), on public routes too.
    #[must_use]
    pub fn of(session: &'a SessionLookup, granted: PermissionSet) -> Option<Self> {
        let subject = session.subject()?;
        if subject.has_no_access() {
            return None;
        }
        let Subject { kind, organization, group, login, user, end_user, actor, .. } = subject;
        let [login, user, end_user, actor] = [login, user, end_user, actor].map(Option::as_deref);
        let (kind, disclosed) = (*kind, session.disclosed());
        Some(Self { organization, group, login, user, end_user, kind, actor, granted, disclosed })
    }

    /// Writes the identity headers, each with `set`. A text that its encoding cannot express is left
    /// out; a request with such a login has not been allowed.
    pub fn write(
        &self,
        settings: &IdentitySettings,
        catalogue: &Catalogue,
        mut set: impl FnMut(&HeaderName, &[u8]),
    ) {
        let names = &settings.names;
        set(&names.organization, self.organization.as_bytes());
        set(&names.group, self.group.as_bytes());
        let encoded = self.disclosed.and_then(|texts| texts.login.as_deref());
        let login = match encoded {
            Some(encoded) => encoded.value(),
            None => self.login.map(str::as_bytes),
        };
        if let Some(login) = login {
            set(&names.user, login);
        }
        if let Some(end_user) = self.end_user {
            set(&names.end_user, end_user.as_bytes());
        }
        set(&names.session_kind, self.kind.name_for_portal().as_bytes());
        if let Some(actor) = self.actor {
            // As the login of a user, or in an encoding that expresses every name.
            let encoded = settings.user_encoding.encode(actor);
            if let Some(encoded) = encoded.or_else(|| FieldEncoding::Rfc8187.encode(actor)) {
                set(&names.actor, &encoded);
            }
        }
        let mut granted = String::with_capacity(USUAL_GRANTED);
        for id in catalogue.ids(self.granted) {
            if !granted.is_empty() {
                granted.push(',');
            }
            granted.push_str(id);
        }
        if !granted.is_empty() {
            set(&names.granted, granted.as_bytes());
        }
        if let Some(texts) = self.disclosed {
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
        if let Some(account) = settings.basic.as_ref().and_then(|basic| self.account(basic)) {
            set(&AUTHORIZATION, account.as_bytes());
        }
    }

    /// The `Authorization` header of the account (RFC 7617). `None` if something for a placeholder is
    /// missing, or the name has a character that HTTP does not allow there.
    fn account(&self, basic: &BasicAccount) -> Option<String> {
        let value = |placeholder| self.value(placeholder);
        let mut credentials = String::new();
        basic.user.render(&mut credentials, value)?;
        // A colon would end the name: a login `ada:x` would be the account `ada`.
        if credentials.is_empty() || credentials.contains(':') {
            return None;
        }
        credentials.push(':');
        basic.password.render(&mut credentials, value)?;
        if credentials.contains(char::is_control) {
            return None;
        }
        let mut header = "Basic ".to_owned();
        BASE64.encode_append(credentials.as_bytes(), &mut header);
        Some(header)
    }

    fn value(&self, placeholder: Placeholder) -> Option<&'a str> {
        let text = |of: fn(&Disclosed) -> Option<&FieldText>| self.disclosed.and_then(of);
        match placeholder {
            Placeholder::Login => self.login,
            Placeholder::User => self.user,
            Placeholder::EndUser => self.end_user,
            Placeholder::Group => Some(self.group),
            Placeholder::Organization => Some(self.organization),
            Placeholder::Email => text(|texts| texts.email.as_deref()).map(FieldText::text),
            Placeholder::Name => text(|texts| texts.name.as_deref()).map(FieldText::text),
        }
    }
}

#[cfg(test)]
mod tests;
