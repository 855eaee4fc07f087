//! The visitor, according to the gateway's identity headers.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

/// The identity headers of a request. The portal trusts them.
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
    /// Reads the headers of a request.
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

    /// The account of the visitor's organization. Visitors without one share an account.
    pub(super) fn organization(&self) -> &str {
        self.organization.as_deref().unwrap_or_default()
    }

    /// The owner of the visitor's own records: the end user, else the login.
    pub(super) fn person(&self) -> Option<&str> {
        self.end_user.as_deref().or(self.user.as_deref())
    }

    /// A name to display.
    pub(super) fn name(&self) -> &str {
        self.user.as_deref().unwrap_or("a visitor")
    }

    /// Whether `Portcullis-Granted` contains a permission.
    pub(super) fn has(&self, permission: &str) -> bool {
        self.granted.iter().any(|granted| granted == permission)
    }

    /// Whether a list contains a record of `owner`: visitors with the permission see all records, others
    /// only their own.
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
