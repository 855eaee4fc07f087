//! What the API says about a request.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::admin::ui::fields::{address, segment};
use crate::admin::ui::messages::Messages;
use crate::admin::ui::texts::Explain;
use crate::web::text::Text;

/// A decision, now or about a request that was refused.
#[derive(Debug, Deserialize)]
pub(super) struct Answered {
    /// The decision and its reason, in English.
    sentence: String,
    pub(super) decision: String,
    pub(super) reason: String,
    pub(super) route: Option<String>,
    pub(super) access: Option<String>,
    pub(super) needed: Vec<String>,
    pub(super) missing: Vec<String>,
    pub(super) session: Option<Session>,
    /// The user who was asked about.
    pub(super) user: Option<User>,
    /// What would be decided if the user could sign in.
    pub(super) with_access: Option<WithAccess>,
    #[serde(default)]
    pub(super) nearest: Vec<NearRoute>,
    /// The names of permissions and groups by their ids.
    pub(super) names: BTreeMap<String, String>,
    pub(super) policy: String,
    /// Of a reference: when it was refused, and what was requested.
    pub(super) time: Option<Timestamp>,
    pub(super) method: Option<String>,
    pub(super) target: Option<String>,
}

/// The session that it is about.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) organization: String,
    pub(super) user: Option<String>,
    pub(super) login: Option<String>,
    pub(super) group: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) group: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct WithAccess {
    pub(super) reason: String,
    pub(super) missing: Vec<String>,
}

/// A route that was probably meant.
#[derive(Debug, Deserialize)]
pub(super) struct NearRoute {
    pub(super) name: String,
    pub(super) methods: Vec<String>,
    pub(super) path: String,
}

impl Answered {
    /// The decision and its reason in the reader's language.
    pub(super) fn sentence(&self, messages: &Messages) -> String {
        messages.say_with_names(&self.sentence, self.names.values().map(String::as_str))
    }

    /// The reason and the missing permissions, once the person can sign in.
    pub(super) fn with_access(&self) -> (&str, &[String]) {
        match &self.with_access {
            Some(with) => (&with.reason, &with.missing),
            None => (&self.reason, &self.missing),
        }
    }

    pub(super) fn decision<'a>(&'a self, text: &'a Explain) -> &'a str {
        let words: &Text = match &*self.decision {
            "allow" => &text.allowed,
            "deny" => &text.refused,
            "sign-in" => &text.sign_in,
            "redirect" => &text.redirected,
            "bad-request" => &text.bad_request,
            other => return other,
        };
        words.as_str()
    }

    /// The class of the decision's badge.
    pub(super) fn class(&self) -> &'static str {
        match &*self.decision {
            "allow" => "good",
            "sign-in" => "warn",
            _ => "alert",
        }
    }

    /// The name of a permission or a group.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// Whether the session has this needed permission.
    pub(super) fn has(&self, id: &str) -> bool {
        self.session.is_some() && !self.missing.iter().any(|missing| missing == id)
    }

    /// Whether one of the needed permissions is enough.
    pub(super) fn needs_any(&self) -> bool {
        self.access.as_deref() == Some("any") && self.needed.len() > 1
    }

    /// The address of its route.
    pub(super) fn route_address(&self) -> Option<String> {
        self.route.as_deref().map(|name| format!("/routes/{}", segment(name)))
    }

    /// The id of the group that decides, of the session or of the user who cannot sign in.
    pub(super) fn group(&self) -> Option<&str> {
        let user = self.user.as_ref().map(|user| &*user.group);
        user.or(self.session.as_ref().map(|session| &*session.group))
    }

    /// The id of the user that it is about.
    pub(super) fn user_id(&self) -> Option<&str> {
        let user = self.user.as_ref().map(|user| &*user.id);
        user.or(self.session.as_ref()?.user.as_deref())
    }
}

impl Session {
    /// Who it belongs to.
    pub(super) fn name(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.organization)
    }

    pub(super) fn organization_segment(&self) -> String {
        segment(&self.organization)
    }
}

impl NearRoute {
    pub(super) fn address(&self) -> String {
        address(&format!("/routes/{}", segment(&self.name)), &[])
    }
}
