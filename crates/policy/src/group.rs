//! The groups a new installation starts with (R2), as `groups.toml` gives them.
//!
//! Only a start: from then on groups are records, and `directory` keeps the same rules about them.

use std::collections::HashMap;

use super::document::{Entry, File};
use super::folding::fold;
use super::permission::{Catalogue, PermissionSet};

/// The ids of the four groups that are always there (R2).
pub mod built_in {
    /// The Admin Portal Group.
    pub const ADMIN: &str = "admin";
    /// The Non-Portal User Group: what a secure link gives without sign-in (R3, R11).
    pub const NON_PORTAL: &str = "non-portal";
    /// The Limited Portal Group.
    pub const LIMITED: &str = "limited";
    /// The No Portal Access Group: on file, but kept out (R8).
    pub const NO_ACCESS: &str = "no-access";
    /// All four.
    pub const ALL: [&str; 4] = [ADMIN, NON_PORTAL, LIMITED, NO_ACCESS];
}

/// Ids no group may have: in an expectation they mean something else.
pub const RESERVED_IDS: [&str; 2] = ["anonymous", "link"];

/// A group as a new installation starts with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSeed {
    /// The id, in kebab-case.
    pub id: String,
    /// The name people read.
    pub name: String,
    /// What its members may do.
    pub permissions: PermissionSet,
    /// Whether a portal user for whom no group is named gets this one (R6).
    pub default: bool,
}

/// Reads `groups.toml`; what is wrong goes to the file's problems. Without a catalogue (its own
/// file is broken) the permissions that groups name are not judged.
pub(super) fn compile(file: &File<'_>, catalogue: Option<&Catalogue>) -> Vec<GroupSeed> {
    let mut seeds: Vec<GroupSeed> = Vec::new();
    let mut lines_by_name: HashMap<String, usize> = HashMap::new();
    let mut default_line = None;
    let entries = file.entries("group");
    if file.has_problems() {
        return seeds;
    }
    for mut entry in entries {
        let id = entry.required_string("id");
        let name = entry.required_string("name");
        let permissions = permissions(file, &mut entry, catalogue);
        let default = entry.boolean("default").unwrap_or(false);
        let line = entry.line();
        entry.finish();
        let (Some(id), Some(name)) = (id, name) else { continue };

        if !is_group_id(&id.value) {
            file.problem(
                id.line,
                format!(
                    "`{}` is no group id: lower-case letters and digits with single dashes \
                     between, 64 at most",
                    id.value
                ),
            );
        }
        if RESERVED_IDS.contains(&id.value.as_str()) {
            file.problem(id.line, format!("no group may be called `{}`", id.value));
        }
        if seeds.iter().any(|seed| seed.id == id.value) {
            file.problem(id.line, format!("group `{}` is there twice", id.value));
        }
        if let Err(why) = super::name(&name.value) {
            file.problem(name.line, format!("`name` {why}"));
        } else if let Some(other) = lines_by_name.insert(fold(&name.value), name.line) {
            file.problem(
                name.line,
                format!("the name `{}` is taken by the group on line {other}", name.value),
            );
        }
        if id.value == built_in::NON_PORTAL
            && let Some(catalogue) = catalogue
        {
            for id in catalogue.ids(permissions.difference(catalogue.without_identity())) {
                file.problem(
                    line,
                    format!(
                        "`{id}` needs to know which person asks, so `{}` cannot have it",
                        built_in::NON_PORTAL
                    ),
                );
            }
        }
        if default {
            if id.value == built_in::NON_PORTAL {
                file.problem(line, format!("`{}` cannot be the default", built_in::NON_PORTAL));
            }
            if let Some(other) = default_line.replace(line) {
                file.problem(line, format!("the group on line {other} is the default already"));
            }
        }
        seeds.push(GroupSeed {
            id: id.value,
            name: name.value.trim().to_owned(),
            permissions,
            default,
        });
    }
    for id in built_in::ALL {
        if !seeds.iter().any(|seed| seed.id == id) {
            file.problem(None, format!("group `{id}` is missing"));
        }
    }
    if default_line.is_none() {
        file.problem(None, "no group is the default");
    }
    seeds
}

/// `permissions = [..]` or `permissions = "all"`.
fn permissions(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    catalogue: Option<&Catalogue>,
) -> PermissionSet {
    let mut set = PermissionSet::EMPTY;
    if entry.is_string("permissions") {
        match entry.string("permissions") {
            Some(all) if all.value == "all" => {
                return catalogue.map_or(PermissionSet::EMPTY, Catalogue::all);
            }
            Some(other) => {
                file.problem(other.line, "`permissions` must be a list of strings or \"all\"");
            }
            None => {}
        }
    } else if !entry.has("permissions") {
        file.problem(entry.line(), "`permissions` is missing");
    } else if let Some(ids) = entry.strings_or_none("permissions") {
        for id in ids.value {
            match catalogue.map(|catalogue| catalogue.index(&id.value)) {
                Some(Some(index)) => set.insert(index),
                Some(None) => {
                    file.problem(id.line, format!("there is no permission `{}`", id.value));
                }
                None => {}
            }
        }
    }
    set
}

fn is_group_id(id: &str) -> bool {
    id.len() <= 64
        && id.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
        })
}
