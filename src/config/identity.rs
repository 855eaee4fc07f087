//! `[identity]`: names of the headers that identify the caller to the portal.

use http::HeaderName;

use super::header_names::{folded_text, is_own, is_taken};
use super::reader::Reader;
use super::value::FieldName;

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
    /// `identity.request_id`: the request's id, as in the decision record.
    pub request_id: HeaderName,
}

impl IdentityNames {
    /// All names, in the order of the fields.
    pub fn all(&self) -> impl Iterator<Item = &HeaderName> {
        let Self { user, organization, end_user, group, granted, session_kind, request_id } = self;
        [user, organization, end_user, group, granted, session_kind, request_id].into_iter()
    }

    pub(super) fn read(r: &mut Reader) -> Self {
        let mut read: Vec<String> = Vec::new();
        let mut name = |key: &str, default: &'static str| {
            let key = format!("identity.{key}");
            let default = HeaderName::from_static(default);
            // Keep the static name if an equal one is given: it is cheaper to set on each request.
            let name = match r.parsed(&key) {
                Some(FieldName(other)) if other != default => other,
                Some(_) | None => default,
            };
            let folded = folded_text(&name);
            if is_taken(&folded) {
                r.problem(&key, format!("`{name}` has another meaning in HTTP; use another name"));
            } else if read.contains(&folded) {
                let message = format!("`{name}` is the name of another identity header already");
                r.problem(&key, message);
            }
            read.push(folded);
            name
        };
        Self {
            user: name("user", "portcullis-user"),
            organization: name("organization", "portcullis-organization"),
            end_user: name("end_user", "portcullis-end-user"),
            group: name("group", "portcullis-group"),
            granted: name("granted", "portcullis-granted"),
            session_kind: name("session_kind", "portcullis-session-kind"),
            request_id: name("request_id", "portcullis-request-id"),
        }
    }
}

/// Rejects names in `upstream.pass_headers` that only the gateway may set.
pub(super) fn check_pass_headers(r: &mut Reader, names: &[HeaderName], identity: &IdentityNames) {
    for name in names {
        let text = folded_text(name);
        if is_own(&text) || identity.all().any(|own| text.starts_with(&folded_text(own))) {
            let message = format!("`{name}` is set by the gateway and cannot be forwarded");
            r.problem("upstream.pass_headers", message);
        }
    }
}
