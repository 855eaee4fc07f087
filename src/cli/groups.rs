//! `portcullis groups` (R1–R6).

use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::client::with_option;
use super::console::{Console, Request, array, field, managed_by, text};
use super::edit::{ExpectedVersion, intent, report_edit, trimmed};
use super::impact::counted;
use super::lookup;
use super::question::When;

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
                console.intends(&format!("create the group {name}"));
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
                let original = lookup::group(console, &original)?;
                let [original, copied] = ["id", "name"].map(|field| text(&original, field));
                console.intends(&format!("copy the group {copied}"));
                let group = console.post(&["groups", &original, "copy"], Some(&body))?;
                let sentence = format!(
                    "Copied the group {copied} to the group {} (id {}).",
                    text(&group, "name"),
                    text(&group, "id")
                );
                console.report(&group, &sentence)
            }
            Self::Delete { id, move_to } => delete(console, &id, move_to.as_deref()),
            Self::Default { id } => {
                let before = lookup::group(console, &id)?;
                let [id, name] = ["id", "name"].map(|field| text(&before, field));
                let (path, body) = (["groups", &*id], json!({ "default": true }));
                let request = Request::new(Method::PATCH, &path);
                let request = Request { body: Some(&body), ..request };
                let intent = default_intent(&before, &name);
                let (group, _) = console.carry_out(&request, &intent, When::IfAffected)?;
                console.report(
                    &group,
                    &format!(
                        "New portal users are now put in the group {name} ({} permissions).",
                        count(&group)
                    ),
                )
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
        let name = text(&before, "name");
        let patch = Value::Object(patch);
        let intent = edit_intent(&before, &name, &patch);
        let fields = [("name", "name"), ("permissions", "permissions"), ("default", "default")];
        let (asked, edit) = ((&*intent, When::IfAffected), (&before, &patch));
        let after = expected.carry_out(console, asked, &["groups", &id], edit, &fields)?;
        let (granted, revoked) = difference(&before, &after);
        if granted.is_empty() && revoked.is_empty() {
            let fields = [("name", "name"), ("default", "default")];
            return report_edit(console, &name, (&before, &after), &fields);
        }
        let sentence = format!(
            "Changed permissions of {name}: {}; {} permissions now.",
            listed(["granted", "revoked"], &granted, &revoked),
            count(&after)
        );
        for changed in ["name", "default"] {
            if field(&before, changed) != field(&after, changed) {
                console
                    .note(&format!("Changed {changed} of {name}: {}.", text(&after, changed)))?;
            }
        }
        console.report(&after, &sentence)
    }
}

/// What making a group the default does.
fn default_intent(group: &Value, name: &str) -> String {
    let all = if has_all(group) { ", which has all permissions" } else { "" };
    format!("put new portal users in the group {name}{all}")
}

/// What an edit does.
fn edit_intent(before: &Value, name: &str, patch: &Value) -> String {
    let mut parts = Vec::new();
    match field(patch, "permissions") {
        Value::Array(_) => {
            let (granted, revoked) = difference(before, patch);
            parts.extend(Some(listed(["grant", "revoke"], &granted, &revoked)));
            parts.retain(|part| !part.is_empty());
        }
        Value::Null => {}
        _ => parts.push("grant all permissions".to_owned()),
    }
    if field(patch, "default") == true && field(before, "default") != true {
        parts.push(default_intent(&json!({}), name));
    }
    let fields = [("name", "name")];
    match parts.is_empty() {
        true => intent(name, (before, patch), &fields),
        false => format!("change the group {name}: {}", parts.join("; ")),
    }
}

/// Whether the group has all permissions of the policy.
fn has_all(group: &Value) -> bool {
    field(group, "of").as_u64() == u64::try_from(array(group, "permissions").len()).ok()
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
    let to = move_to.as_ref().map(|to| ["id", "name"].map(|field| text(to, field)));
    let users = match users(&group) {
        0 => ", which has no portal users".to_owned(),
        users => match (&to, &move_to) {
            (Some([_, to]), Some(group)) => format!(
                ", and move {} to the group {to} ({} permissions)",
                counted(users, "portal user"),
                count(group)
            ),
            // The gateway refuses it.
            _ => String::new(),
        },
    };
    let path = ["groups", &*id];
    let params = [("move_to", to.as_ref().map(|[id, _]| &**id))];
    let request = Request { params: &params, ..Request::new(Method::DELETE, &path) };
    console
        .carry_out(&request, &format!("delete the group {name}{users}"), When::Always)
        .map_err(|error| with_option(error, "move_to", "--move-to"))?;
    let sentence = match to {
        Some([_, to]) => format!("Deleted the group {name}; its portal users are now in {to}."),
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
