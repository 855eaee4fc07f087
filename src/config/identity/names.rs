//! The names of the headers that identify the caller to the portal.

use std::str::FromStr;

use http::HeaderName;

use super::assertion::{self, AssertionSettings};
use crate::config::header_names::{folded_text, is_taken};
use crate::config::reader::Reader;
use crate::config::value::{FieldName, capitalised};

/// `[identity]`: the names of the identity headers. No two are equal when folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityNames {
    /// `identity.user`: the portal user's login.
    pub user: HeaderName,
    /// `identity.organization`: the organization's id.
    pub organization: HeaderName,
    /// `identity.end_user`: the end user's id.
    pub end_user: HeaderName,
    /// `identity.group`: the group's id.
    pub group: HeaderName,
    /// `identity.granted`: the permissions named by the route that the session has.
    pub granted: HeaderName,
    /// `identity.session_kind`: `user`, `link`, `staff` or `impersonation`.
    pub session_kind: HeaderName,
    /// `identity.actor`: who of the operator's staff is behind a session of kind `staff` or
    /// `impersonation`.
    pub actor: HeaderName,
    /// `identity.request_id`: the request's id, as in the decision record.
    pub request_id: HeaderName,
    /// `identity.email`: the portal user's email address.
    pub email: Option<HeaderName>,
    /// `identity.name`: the portal user's displayed name.
    pub name: Option<HeaderName>,
    /// `identity.group_name`: the group's name.
    pub group_name: Option<HeaderName>,
    /// `identity.organization_name`: the organization's name.
    pub organization_name: Option<HeaderName>,
    /// `identity.assertion.header`: the signed assertion, unless it is sent as `Authorization`.
    pub assertion: Option<HeaderName>,
}

/// Whether a header is sent, and under which name.
enum Switch {
    Off,
    On,
    Named(HeaderName),
}

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "false" => Ok(Self::Off),
            "true" => Ok(Self::On),
            name => name.parse().map(Self::Named).map_err(
                |_| "is neither `true`, `false` nor the name of a header (e.g. `Remote-Email`)",
            ),
        }
    }
}

impl IdentityNames {
    /// All names that are in use, in the order of the fields.
    pub fn all(&self) -> impl Iterator<Item = &HeaderName> {
        let Self { user, organization, end_user, group, granted, session_kind, .. } = self;
        let Self { actor, request_id, .. } = self;
        let Self { email, name, group_name, organization_name, assertion, .. } = self;
        let switched = [email, name, group_name, organization_name, assertion];
        [user, organization, end_user, group, granted, session_kind, actor, request_id]
            .into_iter()
            .chain(switched.into_iter().flatten())
    }

    pub(super) fn read(r: &mut Reader, assertion: Option<&AssertionSettings>) -> Self {
        let assertion = assertion.filter(|assertion| !assertion.is_bearer());
        let mut names = Names { r, read: Vec::new() };
        Self {
            user: names.always("user", "portcullis-user"),
            organization: names.always("organization", "portcullis-organization"),
            end_user: names.always("end_user", "portcullis-end-user"),
            group: names.always("group", "portcullis-group"),
            granted: names.always("granted", "portcullis-granted"),
            session_kind: names.always("session_kind", "portcullis-session-kind"),
            actor: names.always("actor", "portcullis-actor"),
            request_id: names.always("request_id", "portcullis-request-id"),
            email: names.switched("email", "portcullis-email"),
            name: names.switched("name", "portcullis-name"),
            group_name: names.switched("group_name", "portcullis-group-name"),
            organization_name: names.switched("organization_name", "portcullis-organization-name"),
            assertion: assertion.map(|AssertionSettings { header, .. }| {
                names.checked(assertion::HEADER_KEY, Some(header.clone()), assertion::HEADER)
            }),
        }
    }
}

/// The names that have been read, to find equal ones.
struct Names<'r> {
    r: &'r mut Reader,
    /// Folded.
    read: Vec<String>,
}

impl Names<'_> {
    fn always(&mut self, key: &str, default: &'static str) -> HeaderName {
        let key = format!("identity.{key}");
        let given = self.r.parsed(&key).map(|FieldName(name)| name);
        if given.is_none() {
            self.r.show(&key, capitalised(default));
        }
        self.checked(&key, given, default)
    }

    fn switched(&mut self, key: &str, default: &'static str) -> Option<HeaderName> {
        let key = format!("identity.{key}");
        let Some(switch) = self.r.parsed(&key) else {
            self.r.show(&key, false);
            return None;
        };
        match switch {
            Switch::Off => {
                self.r.show(&key, false);
                None
            }
            Switch::On => {
                self.r.show(&key, true);
                Some(self.checked(&key, None, default))
            }
            Switch::Named(name) => Some(self.checked(&key, Some(name), default)),
        }
    }

    fn checked(
        &mut self,
        key: &str,
        given: Option<HeaderName>,
        default: &'static str,
    ) -> HeaderName {
        let default = HeaderName::from_static(default);
        // Keep the static name if an equal one is given: it is cheaper to set on each request.
        let name = given.filter(|given| *given != default).unwrap_or(default);
        let folded = folded_text(&name);
        if is_taken(&folded) {
            let message = format!("`{name}` has another meaning in HTTP; use another name");
            self.r.problem(key, message);
        } else if self.read.contains(&folded) {
            let message = format!("`{name}` is the name of another identity header already");
            self.r.problem(key, message);
        }
        self.read.push(folded);
        name
    }
}
