//! What the portal learns about the user (I5).

use http::header::HeaderName;

use crate::config::IdentityNames;
use portcullis_policy::{Catalogue, PermissionSet, SessionKind, Subject};

/// Bytes that the list of granted permissions usually needs at most.
const USUAL_GRANTED: usize = 64;

/// What the portal learns about the user of a request. A change of it ends what is open (I7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    organization: &'a str,
    group: &'a str,
    login: Option<&'a str>,
    end_user: Option<&'a str>,
    kind: SessionKind,
    granted: PermissionSet,
}

impl<'a> Identity<'a> {
    /// The identity of a subject to whom a permit grants these permissions. `None` for a subject
    /// without access to the portal (R8), on public routes too.
    #[must_use]
    pub fn of(subject: &'a Subject, granted: PermissionSet) -> Option<Self> {
        if subject.has_no_access() {
            return None;
        }
        let Subject { kind, organization, group, login, end_user, .. } = subject;
        let (login, end_user) = (login.as_deref(), end_user.as_deref());
        Some(Self { organization, group, login, end_user, kind: *kind, granted })
    }

    /// Writes the identity headers, each with `set`.
    pub fn write(
        &self,
        names: &IdentityNames,
        catalogue: &Catalogue,
        mut set: impl FnMut(&HeaderName, &str),
    ) {
        set(&names.organization, self.organization);
        set(&names.group, self.group);
        if let Some(login) = self.login {
            set(&names.user, login);
        }
        if let Some(end_user) = self.end_user {
            set(&names.end_user, end_user);
        }
        set(&names.session_kind, self.kind.name());
        let mut granted = String::with_capacity(USUAL_GRANTED);
        for id in catalogue.ids(self.granted) {
            if !granted.is_empty() {
                granted.push(',');
            }
            granted.push_str(id);
        }
        if !granted.is_empty() {
            set(&names.granted, &granted);
        }
    }
}
