//! What is known about the user of a request, as far as the portal may learn it.

use data_encoding::BASE64;

use crate::config::{BasicAccount, Placeholder};
use crate::directory::{Disclosed, FieldText};
use crate::session::SessionLookup;
use portcullis_policy::{PermissionSet, SessionKind, Subject};

/// Borrowed from the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts<'a> {
    pub(super) organization: &'a str,
    pub(super) group: &'a str,
    pub(super) login: Option<&'a str>,
    /// The portal user's id, which never changes.
    pub(super) user: Option<&'a str>,
    pub(super) end_user: Option<&'a str>,
    pub(super) kind: SessionKind,
    /// Who of the operator's staff it is.
    pub(super) actor: Option<&'a str>,
    pub(super) granted: PermissionSet,
    pub(super) disclosed: Option<&'a Disclosed>,
}

impl<'a> Facts<'a> {
    /// `None` without a session, and for a subject without access to the portal (R8).
    pub(super) fn of(session: &'a SessionLookup, granted: PermissionSet) -> Option<Self> {
        let subject = session.subject()?;
        if subject.has_no_access() {
            return None;
        }
        let Subject { kind, organization, group, login, user, end_user, actor, .. } = subject;
        let [login, user, end_user, actor] = [login, user, end_user, actor].map(Option::as_deref);
        let (kind, disclosed) = (*kind, session.disclosed());
        Some(Self { organization, group, login, user, end_user, kind, actor, granted, disclosed })
    }

    /// The `Authorization` header of the account (RFC 7617). `None` if something for a placeholder is
    /// missing, or the name has a character that HTTP does not allow there.
    pub(super) fn account(&self, basic: &BasicAccount) -> Option<String> {
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

    /// What a placeholder stands for.
    pub(super) fn value(&self, placeholder: Placeholder) -> Option<&'a str> {
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
