//! What the previews of the pages are about.

/// The login.
pub(super) const LOGIN: &str = "anna@example.com";
/// The name of the organization.
pub(super) const ORGANIZATION: &str = "Example Ltd";
