//! `[identity.basic]`: an account of HTTP Basic authentication for portals that know nothing else.

use super::template::{Placeholder, Template};
use crate::config::reader::Reader;

/// `[identity.basic]`
#[derive(Debug, Clone)]
pub struct BasicAccount {
    /// `identity.basic.user`: with one placeholder at most.
    pub user: Template,
    /// `identity.basic.password`
    pub password: Template,
}

impl BasicAccount {
    /// `None` if nothing of it is set, or something is invalid.
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let section = "identity.basic";
        let [user, password] = ["user", "password"].map(|key| format!("{section}.{key}"));
        if !r.has(section) {
            // Known, although they are not set.
            let _ = (r.text(&user), r.secret(&password));
            return None;
        }
        let name = r.parsed::<Template>(&user);
        if !r.has(&user) {
            r.problem(&user, "is required (e.g. `{login}`)".to_owned());
        }
        if let Some(name) = &name {
            if name.placeholders().count() > 1 {
                let message = "must have one placeholder only: with two, different people could \
                               get the same name";
                r.problem(&user, message.to_owned());
            }
            // It would begin the password (RFC 7617, section 2).
            if name.has(|c| c == ':' || c.is_control()) {
                let message = "must not have colons or control characters".to_owned();
                r.problem(&user, message);
            }
        }
        let in_file = r.has(&format!("{password}_file"));
        let secret = r.secret(&password);
        if secret.is_none() && r.is_valid(&password) && !in_file {
            let message = format!("is required, or `{password}_file`");
            r.problem(&password, message);
        }
        let secret = match secret {
            None => None,
            Some(secret) if in_file => Some(Template::literal(secret)),
            Some(secret) => match secret.expose().parse() {
                Ok(template) => Some(template),
                Err(error) => {
                    r.problem(&password, format!("{error}"));
                    None
                }
            },
        };
        if secret.as_ref().is_some_and(|secret| secret.has(char::is_control)) {
            r.problem(&password, "must not have control characters".to_owned());
        }
        Some(Self { user: name?, password: secret? })
    }

    /// Whether the account depends on this.
    pub(super) fn uses(&self, placeholder: Placeholder) -> bool {
        self.user.placeholders().chain(self.password.placeholders()).any(|used| used == placeholder)
    }
}
