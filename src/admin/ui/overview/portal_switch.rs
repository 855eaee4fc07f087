//! The form that disables the portal, on the first page (R60).

use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::visit::Visit;

/// The preference, and the field of the form.
pub(super) const URL: &str = "disabled_redirect_url";

/// The form as it was typed, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct PortalSwitch {
    pub(super) url: String,
    pub(super) url_problem: Option<String>,
    pub(super) problem: Option<String>,
}

impl PortalSwitch {
    pub(super) fn again(visit: &Visit, refusal: &Refusal) -> Self {
        Self {
            url: visit.form.get(URL).to_owned(),
            url_problem: refusal.field(URL).map(str::to_owned),
            problem: refusal.apart_from(&[URL]).map(str::to_owned),
        }
    }

    /// Whether the form is shown again.
    pub(super) fn is_open(&self) -> bool {
        !self.url.is_empty() || self.url_problem.is_some()
    }
}
