//! Bearer tokens of the API: for programs.

pub(super) mod creation;
pub(super) mod editor;
mod form;
pub(super) mod list;

use jiff::Timestamp;
use serde::Deserialize;

use super::fields::segment;
use super::rights;
use super::texts::Rights;
use crate::directory::records::{Role, Scope};

const API: &str = "/api/v1/tokens";

/// A token, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
struct Token {
    id: String,
    name: String,
    email: Option<String>,
    role: Role,
    scope: Scope,
    impersonate: bool,
    created: Timestamp,
    expires: Option<Timestamp>,
    last_used: Option<Timestamp>,
    /// In lists: `never-expires`, `expires-soon` or `expired`.
    warning: Option<String>,
}

impl Token {
    /// Its page.
    fn page(&self) -> String {
        format!("/tokens/{}", segment(&self.id))
    }

    fn is(&self, warning: &str) -> bool {
        self.warning.as_deref() == Some(warning)
    }

    /// The organizations that it may see and change, in words.
    fn reach(&self, words: &Rights) -> String {
        rights::reach(&self.scope, words)
    }
}

/// The path of a token in the API.
fn path(id: &str) -> String {
    format!("{API}/{}", segment(id))
}
