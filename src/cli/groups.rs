//! `portcullis groups` (R1–R6).

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use super::console::{Console, array, field, managed_by, text};
use super::edit::{ExpectedVersion, report_edit, trimmed};
use super::impact::{OpenSessions, counted};
use super::lookup;

/// The group of sessions that a secure link starts.
const NON_PORTAL: &str = portcullis_policy::built_in::NON_PORTAL;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List groups
    List,
    /// Show a group and its permissions
    Show {
        /// The group's id or name
        id: String,
    },
    /// Create a group
    Create {
        /// The name of the new group
        name: String,
        /// Its id, which the portal gets and which never changes [default: a new one]
        #[arg(long)]
        id: Option<String>,
        /// Its permissions, separated by commas, or `all`
        #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = trimmed)]
        permissions: Vec<String>,
    },
    /// Change a group
    Edit(Edit),
    /// Create a group with the permissions of another
    Copy {
        /// The id or name of the group to copy
        #[arg(value_name = "ID")]
        original: String,
        /// The id of the new group [default: a new one]
        #[arg(long)]
        id: Option<String>,
        /// The name of the new group [default: Copy of ...]
        #[arg(long)]
        name: Option<String>,
    },
    /// Delete a group
    Delete {
        /// The group's id or name
        id: String,
        /// The id or name of the group to move its portal users to
        #[arg(long, value_name = "ID")]
        move_to: Option<String>,
    },
    /// Make a group the default for new portal users
    Default {
        /// The group's id or name
        id: String,
    },
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct Edit {
    /// The group's id or name
    id: String,
    /// The new name
    #[arg(long, group = "change")]
    name: Option<String>,
    /// The new permissions, separated by commas, or `all`
    #[arg(long, group = "change", value_name = "IDS", value_delimiter = ',', value_parser = trimmed, conflicts_with_all = ["grant", "revoke"])]
    permissions: Option<Vec<String>>,
    /// Permissions to grant, separated by commas
    #[arg(long, group = "change", value_name = "IDS", value_delimiter = ',', value_parser = trimmed)]
    grant: Vec<String>,
    /// Permissions to revoke, separated by commas
    #[arg(long, group = "change", value_name = "IDS", value_delimiter = ',', value_parser = trimmed)]
    revoke: Vec<String>,
    /// Make it the default for new portal users
    #[arg(long, group = "change")]
    default: bool,
    #[command(flatten)]
    expected: ExpectedVersion,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let groups = console.list(&["groups"], &[])?;
                let header = ["ID", "NAME", "PERMISSIONS", "USERS", ""];
                console.table(&groups, header, |group| {
                    let mut notes = Vec::new();
                    if field(group, "default") == true {
                        notes.push("default");
                    }
                    if field(group, "system") == true {
                        notes.push("built in");
                    }
                    let [id, name, users] = ["id", "name", "users"].map(|f| text(group, f));
                    [id, name, count(group), users, notes.join(", ")]
                })
            }
            Self::Show { id } => {
                let group = lookup::group(console, &id)?;
                show(console, &group)
            }
            Self::Create { name, id, permissions } => {
                let body = json!({ "id": id, "name": name, "permissions": chosen(permissions) });
                let group = console.post(&["groups"], Some(&body))?;
                let sentence = format!(
                    "Created the group {} (id {}) with {} permissions.",
                    text(&group, "name"),
                    text(&group, "id"),
                    count(&group)
                );
                console.report(&group, &sentence)
            }
            Self::Edit(edit) => edit.run(console),
            Self::Copy { original, id, name } => {
                let body = json!({ "id": id, "name": name });
                let original = lookup::group_id(console, &original)?;
                let group = console.post(&["groups", &original, "copy"], Some(&body))?;
                let sentence = format!(
                    "Copied {original} to the group {} (id {}).",
                    text(&group, "name"),
                    text(&group, "id")
                );
                console.report(&group, &sentence)
            }
            Self::Delete { id, move_to } => delete(console, &id, move_to.as_deref()),
            Self::Default { id } => {
                let before = lookup::group(console, &id)?;
                let id = text(&before, "id");
                console.confirm(|_| Ok(default_question(&before, None)))?;
                let group = console.patch(&["groups", &id], None, &json!({ "default": true }))?;
                let name = text(&group, "name");
                console.report(
                    &group,
                    &format!(
                        "New portal users are now put in the group {name} ({} permissions).",
                        count(&group)
                    ),
                )?;
                warn_of_default(console, &group)
            }
        }
    }
}

impl Edit {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { id, name, permissions, grant, revoke, default, expected } = self;
        let before = lookup::group(console, &id)?;
        let id = text(&before, "id");
        let mut patch = Map::new();
        if let Some(name) = name {
            patch.insert("name".to_owned(), name.into());
        }
        if let Some(permissions) = permissions {
            patch.insert("permissions".to_owned(), chosen(permissions));
        } else if !grant.is_empty() || !revoke.is_empty() {
            patch.insert("permissions".to_owned(), changed(&before, grant, &revoke));
        }
        if default {
            patch.insert("default".to_owned(), true.into());
        }
        if let Some(permissions) = patch.get("permissions") {
            console.confirm(|console| permissions_question(console, &before, permissions))?;
        }
        if default {
            console.confirm(|_| Ok(default_question(&before, patch.get("permissions"))))?;
        }
        let fields = [("name", "name"), ("permissions", "permissions"), ("default", "default")];
        let edit = (&before, &Value::Object(patch));
        let after = expected.write(console, &["groups", &id], edit, &fields)?;
        if default {
            warn_of_default(console, &after)?;
        }
        let (granted, revoked) = difference(&before, &after);
        if granted.is_empty() && revoked.is_empty() {
            let fields = [("name", "name"), ("default", "default")];
            return report_edit(console, &id, (&before, &after), &fields);
        }
        let sentence = format!(
            "Changed permissions of {id}: {}; {} permissions now.",
            listed(["granted", "revoked"], &granted, &revoked),
            count(&after)
        );
        for name in ["name", "default"] {
            if field(&before, name) != field(&after, name) {
                console.note(&format!("Changed {name} of {id}: {}.", text(&after, name)))?;
            }
        }
        console.report(&after, &sentence)
    }
}

/// Asks before new portal users get all permissions. `permissions` are those that the group gets.
fn default_question(group: &Value, permissions: Option<&Value>) -> Option<String> {
    let gets_all = match permissions {
        Some(Value::Array(ids)) => field(group, "of").as_u64() == u64::try_from(ids.len()).ok(),
        Some(_) => true,
        None => has_all(group),
    };
    (field(group, "default") != true && gets_all).then(|| {
        let name = text(group, "name");
        format!("Put new portal users in the group {name}? It has all permissions.")
    })
}

/// Warns that new portal users get all permissions, where it was not asked.
fn warn_of_default(console: &mut Console<'_>, group: &Value) -> anyhow::Result<()> {
    if console.asks() || !has_all(group) {
        return Ok(());
    }
    console.note(
        "warning: the group has all permissions; new portal users get all of them unless another \
         group is named",
    )
}

/// Whether the group has all permissions of the policy.
fn has_all(group: &Value) -> bool {
    field(group, "of").as_u64() == u64::try_from(array(group, "permissions").len()).ok()
}

/// Asks before permissions change that someone has now.
fn permissions_question(
    console: &Console<'_>,
    group: &Value,
    permissions: &Value,
) -> anyhow::Result<Option<String>> {
    let after = match permissions.as_array() {
        Some(_) => json!({ "permissions": permissions }),
        None => json!({ "permissions": all(console, group)? }),
    };
    let (granted, revoked) = difference(group, &after);
    let name = text(group, "name");
    if granted.is_empty() && revoked.is_empty() {
        return Ok(None);
    }
    let affected = if field(group, "id") == NON_PORTAL {
        let links = OpenSessions::count(console, &[], |_| true)?.links;
        let organizations = console.list(&["organizations"], &[])?;
        let enabled =
            array(&organizations, "items").iter().filter(|o| field(o, "link_enabled") == true);
        format!(
            "Anyone with one of {} has this group, without signing in; {} of them {} open.",
            counted(enabled.count(), "enabled secure link"),
            counted(links, "session"),
            if links == 1 { "is" } else { "are" }
        )
    } else {
        let users = match users(group) {
            0 => return Ok(None),
            1 => "1 portal user is".to_owned(),
            users => format!("{} are", counted(users, "portal user")),
        };
        format!("{users} in it; the change applies to the next request.")
    };
    let change = listed(["grant", "revoke"], &granted, &revoked);
    Ok(Some(format!("Change permissions of the group {name}: {change}? {affected}")))
}

/// The ids of all permissions that a group can have.
fn all(console: &Console<'_>, group: &Value) -> anyhow::Result<Vec<String>> {
    let permissions = console.get(&["permissions"])?;
    let can_have = |permission: &&Value| {
        field(group, "id") != NON_PORTAL || field(permission, "identity") == false
    };
    let items = array(&permissions, "items").iter().filter(can_have);
    Ok(items.map(|permission| text(permission, "id")).collect())
}

/// The permissions that a group gains and those that it loses.
fn difference<'a>(before: &'a Value, after: &'a Value) -> (Vec<&'a str>, Vec<&'a str>) {
    let [before, after] = [before, after].map(|group| array(group, "permissions"));
    let only = |one: &'a [Value], other: &[Value]| {
        one.iter().filter(|id| !other.contains(id)).filter_map(Value::as_str).collect()
    };
    (only(after, before), only(before, after))
}

/// Both lists, each with its verb in front.
fn listed([grant, revoke]: [&str; 2], granted: &[&str], revoked: &[&str]) -> String {
    let part =
        |verb: &str, ids: &[&str]| (!ids.is_empty()).then(|| format!("{verb} {}", ids.join(", ")));
    let parts = [part(grant, granted), part(revoke, revoked)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn delete(console: &mut Console<'_>, id: &str, move_to: Option<&str>) -> anyhow::Result<()> {
    let group = lookup::group(console, id)?;
    let move_to = move_to.map(|to| lookup::group(console, to)).transpose()?;
    let [id, name] = ["id", "name"].map(|field| text(&group, field));
    console.confirm(|_| {
        let users = users(&group);
        Ok(match &move_to {
            _ if users == 0 => Some(format!("Delete the group {name}? No portal user is in it.")),
            Some(to) => Some(format!(
                "Delete the group {name}, and move {} to the group {} ({} permissions)?",
                counted(users, "portal user"),
                text(to, "name"),
                count(to)
            )),
            // The gateway refuses it.
            None => None,
        })
    })?;
    let target = move_to.as_ref().map(|to| text(to, "id"));
    console.delete(&["groups", &id], &[("move_to", target.as_deref())])?;
    let sentence = match target {
        Some(to) => format!("Deleted the group {name}; its portal users are now in {to}."),
        None => format!("Deleted the group {name}."),
    };
    console.report(&Value::Null, &sentence)
}

fn users(group: &Value) -> usize {
    field(group, "users").as_u64().and_then(|users| users.try_into().ok()).unwrap_or(0)
}

fn show(console: &mut Console<'_>, group: &Value) -> anyhow::Result<()> {
    let [id, name, users, default, system, permissions] =
        ["id", "name", "users", "default", "system", "permissions"].map(|f| text(group, f));
    console.record(
        group,
        [
            ("id", id),
            ("name", name),
            ("default", default),
            ("built in", system),
            ("portal users", users),
            ("managed by", managed_by(group)),
            ("permissions", count(group)),
            ("", permissions),
        ],
    )?;
    if field(group, "id") == NON_PORTAL {
        console.note("Anyone with a secure link has these permissions without signing in.")?;
    }
    Ok(())
}

/// "8 of 24" (R1).
fn count(group: &Value) -> String {
    let granted = array(group, "permissions").len();
    format!("{granted} of {}", text(group, "of"))
}

fn chosen(mut ids: Vec<String>) -> Value {
    ids.retain(|id| !id.is_empty());
    if ids == ["all"] { "all".into() } else { ids.into() }
}

fn changed(group: &Value, grant: Vec<String>, revoke: &[String]) -> Value {
    let held = array(group, "permissions").iter().filter_map(Value::as_str).map(str::to_owned);
    held.chain(grant).filter(|id| !revoke.contains(id)).collect()
}
