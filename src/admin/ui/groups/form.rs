//! The fields of a group: its name, and its permissions by section.

use std::collections::BTreeSet;

use super::{Group, Permission};
use crate::admin::ui::refusal::Refusal;

/// The permission that every other one needs.
const PORTAL_ACCESS: &str = "portal.access";

/// The fields of a group, as a page shows them.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) sections: Vec<Section>,
    /// How many permissions are granted, of how many.
    pub(super) granted: usize,
    pub(super) of: usize,
    /// Whether the group cannot be renamed (R4).
    pub(super) is_named_for_good: bool,
    /// Whether members cannot use the portal, although they have other permissions.
    pub(super) lacks_access: bool,
    /// Whether the visitor may not change groups.
    pub(super) is_read_only: bool,
    pub(super) name_problem: Option<String>,
    pub(super) permissions_problem: Option<String>,
}

/// Permissions whose names begin with the same words.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) permissions: Vec<Choice>,
}

/// A permission that a group may have.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_granted: bool,
    /// Whether this group cannot have it.
    pub(super) is_impossible: bool,
}

impl Section {
    pub(super) fn granted(&self) -> usize {
        self.permissions.iter().filter(|permission| permission.is_granted).count()
    }

    pub(super) fn of(&self) -> usize {
        self.permissions.iter().filter(|permission| !permission.is_impossible).count()
    }
}

impl Form {
    /// The fields of a group with this name and these permissions; `group` is the stored one.
    pub(super) fn new(
        group: Option<&Group>,
        name: &str,
        granted: &BTreeSet<&str>,
        catalogue: &[Permission],
    ) -> Self {
        let without_sign_in = group.is_some_and(|group| group.of < catalogue.len());
        let mut sections: Vec<Section> = Vec::new();
        for permission in catalogue {
            let (section, name) =
                permission.name.split_once(" – ").unwrap_or(("", &permission.name));
            let choice = Choice {
                id: permission.id.clone(),
                name: name.to_owned(),
                is_granted: granted.contains(&*permission.id),
                is_impossible: without_sign_in && permission.identity,
            };
            match sections.iter_mut().find(|known| known.name == section) {
                Some(known) => known.permissions.push(choice),
                None => {
                    let (name, permissions) = (section.to_owned(), vec![choice]);
                    sections.push(Section { name, permissions });
                }
            }
        }
        Self {
            name: name.to_owned(),
            granted: sections.iter().map(Section::granted).sum(),
            of: sections.iter().map(Section::of).sum(),
            sections,
            is_named_for_good: group.is_some_and(|group| group.system),
            lacks_access: !granted.is_empty() && !granted.contains(PORTAL_ACCESS),
            is_read_only: false,
            name_problem: None,
            permissions_problem: None,
        }
    }

    /// The same with what the API says about its fields.
    pub(super) fn with_problems(mut self, refusal: &Refusal) -> Self {
        self.name_problem = refusal.field("name").map(str::to_owned);
        let problems = refusal.errors.iter();
        let of_permissions = problems.filter(|error| error.field.starts_with("permissions"));
        self.permissions_problem = of_permissions.map(|error| error.message.clone()).next();
        self
    }

    /// What the API says that stands beside no field.
    pub(super) fn general(&self, refusal: &Refusal) -> Option<String> {
        let is_shown = self.name_problem.is_some() || self.permissions_problem.is_some();
        (!is_shown).then(|| refusal.detail.clone()).filter(|detail| !detail.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(id: &str, name: &str, identity: bool) -> Permission {
        Permission { id: id.to_owned(), name: name.to_owned(), identity }
    }

    #[test]
    fn r3_visitors_are_not_offered_what_needs_identity() {
        let catalogue = [
            permission("a", "Assets – View All", false),
            permission("b", "Assets – View Mine", true),
            permission("c", "Invoices – View", false),
        ];
        let group = |of: usize| Group {
            id: "g".to_owned(),
            name: String::new(),
            permissions: Vec::new(),
            of,
            default: false,
            system: true,
            users: 0,
            managed_by: None,
        };
        let of = |group: &Group| {
            let form = Form::new(Some(group), "x", &BTreeSet::from(["a"]), &catalogue);
            (form.granted, form.of, form.sections.len())
        };
        assert_eq!(of(&group(3)), (1, 3, 2));
        assert_eq!(of(&group(2)), (1, 2, 2));
    }
}
