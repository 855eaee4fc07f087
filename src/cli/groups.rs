//! `portcullis groups` (R1–R6).

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use super::console::{Console, array, field, text};
use super::edit::trimmed;

/// The group of sessions that a secure link starts.
const NON_PORTAL: &str = portcullis_policy::built_in::NON_PORTAL;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List groups
    List,
    /// Show a group and its permissions
    Show {
        /// The group's id
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
        /// The id of the group to copy
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
        /// The group's id
        id: String,
        /// The id of the group to move its portal users to
        #[arg(long, value_name = "ID")]
        move_to: Option<String>,
    },
    /// Make a group the default for new portal users
    Default {
        /// The group's id
        id: String,
    },
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct Edit {
    /// The group's id
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
                let group = console.get(&["groups", &id])?;
                show(console, &group)
            }
            Self::Create { name, id, permissions } => {
                let body = json!({ "id": id, "name": name, "permissions": chosen(permissions) });
                let group = console.post(&["groups"], Some(&body))?;
                let sentence = format!(
                    "Created the group `{}` (id {}) with {} permissions.",
                    text(&group, "name"),
                    text(&group, "id"),
                    count(&group)
                );
                console.report(&group, &sentence)
            }
            Self::Edit(edit) => edit.run(console),
            Self::Copy { original, id, name } => {
                let body = json!({ "id": id, "name": name });
                let group = console.post(&["groups", &original, "copy"], Some(&body))?;
                let sentence = format!(
                    "Copied {original} to the group `{}` (id {}).",
                    text(&group, "name"),
                    text(&group, "id")
                );
                console.report(&group, &sentence)
            }
            Self::Delete { id, move_to } => {
                console.confirm(&format!("Delete the group {id}?"))?;
                console.delete(&["groups", &id], &[("move_to", move_to.as_deref())])?;
                let sentence = match move_to {
                    Some(to) => {
                        format!("Deleted the group {id}; its portal users are now in {to}.")
                    }
                    None => format!("Deleted the group {id}."),
                };
                console.report(&Value::Null, &sentence)
            }
            Self::Default { id } => {
                let group = console.patch(&["groups", &id], None, &json!({ "default": true }))?;
                let name = text(&group, "name");
                console
                    .report(&group, &format!("New portal users are now put in the group `{name}`."))
            }
        }
    }
}

impl Edit {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { id, name, permissions, grant, revoke, default } = self;
        let mut patch = Map::new();
        let mut version = None;
        if let Some(name) = name {
            patch.insert("name".to_owned(), name.into());
        }
        if let Some(permissions) = permissions {
            patch.insert("permissions".to_owned(), chosen(permissions));
        } else if !grant.is_empty() || !revoke.is_empty() {
            // The result depends on the permissions read here: write only if they are unchanged.
            let group = console.get(&["groups", &id])?;
            version = field(&group, "version").as_u64();
            patch.insert("permissions".to_owned(), changed(&group, grant, &revoke));
        }
        if default {
            patch.insert("default".to_owned(), true.into());
        }
        let group = console.patch(&["groups", &id], version, &Value::Object(patch))?;
        show(console, &group)
    }
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
