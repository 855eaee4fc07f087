//! Open sessions of an organization or a portal user, and ending them.

use std::collections::BTreeMap;

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::{FEW, found};
use crate::admin::ui::client::Write;
use crate::admin::ui::fields::{address, segment};
use crate::admin::ui::listed::Listed;
use crate::admin::ui::refusal::Answer;
use crate::admin::ui::texts::People;
use crate::admin::ui::visit::Visit;

/// A session, as the API shows it.
#[derive(Debug, Deserialize)]
pub(in crate::admin::ui) struct PortalSession {
    pub(in crate::admin::ui) id: String,
    kind: String,
    user: Option<String>,
    pub(in crate::admin::ui) created: Timestamp,
    pub(in crate::admin::ui) last_seen: Timestamp,
    pub(in crate::admin::ui) address: String,
    pub(in crate::admin::ui) agent: String,
    actor: Option<String>,
    /// The login of the portal user.
    #[serde(skip)]
    login: Option<String>,
}

#[derive(Deserialize)]
struct HasLogin {
    login: String,
}

impl PortalSession {
    /// Whose session it is.
    pub(in crate::admin::ui) fn whose(&self, text: &People) -> String {
        let login = self.login.as_deref().or(self.user.as_deref()).unwrap_or_default();
        let staff = self.actor.as_deref().unwrap_or_default();
        match &*self.kind {
            "user" => login.to_owned(),
            "link" => text.by_link.to_string(),
            "impersonation" => text.staff_as.with(staff, login).plain(),
            _ => text.staff.with(staff).plain(),
        }
    }

    /// The page of the portal user, if the session is one's.
    pub(in crate::admin::ui) fn page(&self) -> Option<String> {
        let is_users = self.kind == "user" && self.login.is_some();
        self.user.as_ref().filter(|_| is_users).map(|id| format!("/users/{}", segment(id)))
    }
}

/// The first sessions of a `user` or an `organization`, and whether there are more.
pub(in crate::admin::ui) async fn of(
    visit: &Visit,
    whose: &str,
    id: &str,
) -> Answer<(Vec<PortalSession>, bool)> {
    let limit = FEW.to_string();
    let path = address("/api/v1/sessions", &[(whose, id), ("limit", &limit)]);
    let Listed { items: mut sessions, next, .. } =
        visit.client.get::<Listed<PortalSession>>(&path).await?;
    let mut logins: BTreeMap<String, Option<String>> = BTreeMap::new();
    for session in &mut sessions {
        let Some(user) = &session.user else { continue };
        if !logins.contains_key(user) {
            let path = format!("/api/v1/users/{}", segment(user));
            let known = found::<HasLogin>(visit, &path).await?.map(|user| user.login);
            logins.insert(user.clone(), known);
        }
        session.login = logins.get(user).cloned().flatten();
    }
    Ok((sessions, next.is_some()))
}

/// The path of the write that a form of such a list asks for: to end one session, or all.
pub(in crate::admin::ui) fn ending(visit: &Visit, whose: &str, id: &str) -> String {
    match visit.form.get("session") {
        "" => address("/api/v1/sessions", &[(whose, id)]),
        session => format!("/api/v1/sessions/{}", segment(session)),
    }
}

/// The write to a path of [`ending`].
pub(in crate::admin::ui) const fn end(path: &str) -> Write<'_> {
    Write::new(Method::DELETE, path)
}
