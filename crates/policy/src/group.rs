//! The groups of a new installation (R2), from `groups.toml`. Afterwards, groups are records, to
//! which `directory` applies the same rules.

use std::collections::HashMap;

use super::document::{Entry, File};
use super::folding::fold;
use super::permission::{Catalogue, PermissionSet};

/// The ids of the four groups that always exist (R2).
pub mod built_in {
    /// The Admin Portal Group.
    pub const ADMIN: &str = "admin";
    /// The Non-Portal User Group: the permissions of secure links (R3, R11).
    pub const NON_PORTAL: &str = "non-portal";
    /// The Limited Portal Group.
    pub const LIMITED: &str = "limited";
    /// The No Portal Access Group: its members cannot use the portal (R8).
    pub const NO_ACCESS: &str = "no-access";
    /// All four.
    pub const ALL: [&str; 4] = [ADMIN, NON_PORTAL, LIMITED, NO_ACCESS];
}

/// Ids that no group may have: expectations use them for visitors without a user.
const RESERVED_IDS: [&str; 2] = ["anonymous", "link"];
/// The longest group id, in bytes.
const MAX_ID: usize = 64;

/// Why a text is not the id of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadGroupId {
    /// It is not in kebab-case, or too long.
    #[error(
        "is not a valid group id; use up to {MAX_ID} lower-case letters, digits and single dashes \
         between them"
    )]
    Form,
    /// Expectations use it for visitors without a user.
    #[error("is reserved; choose another group id")]
    Reserved,
}

/// Checks the id of a group.
///
/// # Errors
/// Why the text is not a valid id.
pub fn group_id(id: &str) -> Result<(), BadGroupId> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
    };
    if id.len() > MAX_ID || !id.split('-').all(is_word) {
        return Err(BadGroupId::Form);
    }
    if RESERVED_IDS.contains(&id) { Err(BadGroupId::Reserved) } else { Ok(()) }
}

/// A group of a new installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSeed {
    /// The id, in kebab-case.
    pub id: String,
    /// The name that is shown.
    pub name: String,
    /// The permissions of its members.
    pub permissions: PermissionSet,
    /// Whether new portal users are in this group unless another is named (R6).
    pub default: bool,
}

/// Reads `groups.toml`. Problems are added to the file. Without a catalogue, because its file is
/// invalid, the permissions of groups are not checked.
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

        if let Err(why) = group_id(&id.value) {
            file.problem(id.line, format!("`{}` {why}", id.value));
        }
        if seeds.iter().any(|seed| seed.id == id.value) {
            file.problem(id.line, format!("group `{}` is defined twice", id.value));
        }
        if let Err(why) = super::name(&name.value) {
            file.problem(name.line, format!("`name` {why}"));
        } else if let Some(other) = lines_by_name.insert(fold(&name.value), name.line) {
            file.problem(
                name.line,
                format!("the group on line {other} is already named `{}`", name.value),
            );
        }
        if id.value == built_in::NON_PORTAL
            && let Some(catalogue) = catalogue
        {
            for id in catalogue.ids(permissions.difference(catalogue.without_identity())) {
                file.problem(
                    line,
                    format!(
                        "`{}` cannot have `{id}`, which needs a signed-in person",
                        built_in::NON_PORTAL
                    ),
                );
            }
        }
        if default {
            if id.value == built_in::NON_PORTAL {
                file.problem(
                    line,
                    format!("`{}` cannot be the default group", built_in::NON_PORTAL),
                );
            }
            if let Some(other) = default_line.replace(line) {
                file.problem(line, format!("the group on line {other} is already the default"));
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
        file.problem(None, "no group has `default = true`");
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
    } else if let Some(ids) = entry.possibly_empty_strings("permissions") {
        for id in ids.value {
            let Some(catalogue) = catalogue else { continue };
            match catalogue.index(&id.value) {
                Some(index) => set.insert(index),
                None => file.problem(id.line, catalogue.unknown(&id.value).in_file()),
            }
        }
    }
    set
}
