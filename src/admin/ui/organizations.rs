//! Organizations: their list, and a page each.

pub(super) mod choices;
pub(super) mod deletion;
pub(super) mod editor;
pub(super) mod filter;
pub(super) mod link;
pub(super) mod list;
pub(super) mod names;
pub(super) mod new;
pub(super) mod page;
pub(super) mod parking;
pub(super) mod suggestions;
pub(super) mod view;

use jiff::Timestamp;
use serde::Deserialize;

use super::client::Versioned;
use super::fields::segment;
use super::groups::ManagedBy;
use super::people::below;
use super::refusal::Answer;
use super::visit::Visit;

/// An organization, as the API shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Organization {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) portal_users: u64,
    pub(super) link_enabled: bool,
    pub(super) default_group: Option<String>,
    pub(super) parked: Option<Parked>,
    pub(super) managed_by: Option<ManagedBy>,
}

/// Why the portal is closed for an organization, and since when.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Parked {
    pub(super) reason: String,
    pub(super) since: Timestamp,
}

impl Organization {
    /// The address of its page.
    pub(super) fn page(&self) -> String {
        page_of(&self.id)
    }

    /// Its id as a segment of a path.
    pub(super) fn segment(&self) -> String {
        segment(&self.id)
    }
}

/// The address of the page of an organization.
pub(super) fn page_of(id: &str) -> String {
    below("organizations", id, "")
}

/// The path of an organization in the API.
pub(super) fn api(id: &str) -> String {
    format!("/api/v1/organizations/{}", segment(id))
}

/// The organization of a page's address, and its version.
pub(super) async fn of(visit: &Visit) -> Answer<Versioned<Organization>> {
    visit.client.record(&api(visit.id(0))).await
}
