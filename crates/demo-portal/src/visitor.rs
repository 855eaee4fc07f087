//! Who the portal believes is asking: the gateway's identity headers, taken at their word.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

/// The identity headers of one request. Nothing in here is checked; that is the gateway's work.
#[derive(Clone, Debug, Default)]
pub(super) struct Visitor {
    pub(super) user: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) end_user: Option<String>,
    pub(super) group: Option<String>,
    pub(super) session_kind: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) granted: Vec<String>,
}

impl Visitor {
    /// Whoever the headers of a request name.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let granted = text("portcullis-granted").unwrap_or_default();
        Self {
            user: text("portcullis-user"),
            organization: text("portcullis-organization"),
            end_user: text("portcullis-end-user"),
            group: text("portcullis-group"),
            session_kind: text("portcullis-session-kind"),
            request_id: text("portcullis-request-id"),
            granted: granted
                .split(',')
                .map(str::trim)
                .filter(|permission| !permission.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The account whose records are shown; requests that name none share an account without name.
    pub(super) fn organization(&self) -> &str {
        self.organization.as_deref().unwrap_or_default()
    }

    /// Whose records are *mine*: the contact behind the sign-in, or else the sign-in itself.
    pub(super) fn person(&self) -> Option<&str> {
        self.end_user.as_deref().or(self.user.as_deref())
    }

    /// A name to show and to sign records with.
    pub(super) fn name(&self) -> &str {
        self.user.as_deref().unwrap_or("a visitor")
    }

    /// Whether the gateway says that the route's permission of this name is held.
    pub(super) fn has(&self, permission: &str) -> bool {
        self.granted.iter().any(|granted| granted == permission)
    }

    /// Whether a record of `owner` belongs in a list: all are shown to those who may see all, and
    /// to others only their own.
    pub(super) fn sees(&self, owner: &str, all: &str) -> bool {
        self.has(all) || self.person() == Some(owner)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}
