//! End users: the contacts of an organization.

pub(super) mod deletion;
pub(super) mod editor;
pub(super) mod list;
pub(super) mod new;

use serde::Deserialize;

use super::field::Field;
use super::fields::segment;
use super::groups::ManagedBy;
use super::organizations::{self, Organization};
use super::refusal::Answer;
use super::texts::EndUsers;
use super::visit::Visit;

/// An end user, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EndUser {
    pub(super) id: String,
    pub(super) organization: String,
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) managed_by: Option<ManagedBy>,
}

impl EndUser {
    /// The address of its page.
    pub(super) fn page(&self) -> String {
        format!("{}/{}", list_of(&self.organization), segment(&self.id))
    }

    /// Its id as a segment of a path.
    pub(super) fn segment(&self) -> String {
        segment(&self.id)
    }
}

/// The address of the list of the end users of an organization.
pub(super) fn list_of(organization: &str) -> String {
    format!("{}/end-users", organizations::page_of(organization))
}

/// The path of an end user in the API.
pub(super) fn api(organization: &str, id: &str) -> String {
    format!("{}/end-users/{}", organizations::api(organization), segment(id))
}

/// The organization of a page's address.
pub(super) async fn organization_of(visit: &Visit) -> Answer<Organization> {
    visit.client.get(&organizations::api(visit.id(0))).await
}

/// The fields of an end user.
fn fields(text: &EndUsers) -> [Field<'_>; 2] {
    [
        Field::new("name", &text.name).required().most(100),
        Field::email("email", &text.email).hint(&text.email_hint),
    ]
}
