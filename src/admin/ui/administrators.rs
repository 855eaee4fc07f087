//! Administrators: the accounts of the operator's staff.

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

const API: &str = "/api/v1/administrators";

/// An administrator, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
struct Administrator {
    id: String,
    login: String,
    email: Option<String>,
    role: Role,
    scope: Scope,
    impersonate: bool,
    mfa_enrolled: bool,
    last_sign_in: Option<Timestamp>,
    created: Timestamp,
}

impl Administrator {
    /// Its page.
    fn page(&self) -> String {
        format!("/administrators/{}", segment(&self.id))
    }

    /// The organizations that it may see and change, in words.
    fn reach(&self, words: &Rights) -> String {
        rights::reach(&self.scope, words)
    }
}

/// The path of an administrator in the API.
fn path(id: &str) -> String {
    format!("{API}/{}", segment(id))
}
