//! The pages in the navigation, and what each page requires.

use super::refusal::Refusal;
use super::texts::AdminTexts;
use super::who::Who;
use crate::admin::authority::{Authority, Reach};
use crate::web::text::Text;

/// A group of pages in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Gateway,
    People,
    Access,
    Activity,
    Setup,
}

/// A page's place in the navigation.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) section: Section,
    pub(super) path: &'static str,
    pub(super) label: fn(&AdminTexts) -> &Text,
    pub(super) declared: Declared,
}

impl Entry {
    /// Its label, in the visitor's language.
    pub(super) fn label<'a>(&self, text: &'a AdminTexts) -> &'a Text {
        (self.label)(text)
    }

    /// Whether someone with this role and scope may open the page.
    pub(super) fn is_open_to(&self, who: &Who) -> bool {
        self.declared.refusal(who).is_none()
    }
}

/// What a page requires.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    pub(super) authority: Authority,
    pub(super) reach: Reach,
    pub(super) path: &'static str,
    /// Whether its form has a file.
    pub(super) takes_file: bool,
}

impl Declared {
    /// Why someone may not open the page.
    pub(super) fn refusal(self, who: &Who) -> Option<Refusal> {
        let least = self.authority.least().name();
        let is_outside = self.reach == Reach::Gateway && who.scope.is_limited();
        let kind = match (self.authority.includes(who.role), is_outside) {
            (false, _) => "role-required",
            (true, true) => "out-of-scope",
            (true, false) => return None,
        };
        Some(Refusal::forbidden(kind, least))
    }
}
