//! `portcullis organizations`.

use clap::{ArgGroup, Subcommand};
use serde_json::{Map, Value, json};

use super::console::{Console, field, text};
use super::{end_users, links};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// All organizations
    List,
    /// One organization
    Show {
        /// The organization's id
        id: String,
    },
    /// Make an organization
    Create {
        /// Its name
        name: String,
        /// Its id [default: a random one]
        #[arg(long)]
        id: Option<String>,
        /// Where mail to it goes
        #[arg(long)]
        email: Option<String>,
    },
    /// Change an organization
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The organization's id
        id: String,
        /// Another name
        #[arg(long, group = "change")]
        name: Option<String>,
        /// Another address
        #[arg(long, group = "change")]
        email: Option<String>,
        /// Take the address away
        #[arg(long, group = "change", conflicts_with = "email")]
        no_email: bool,
    },
    /// Delete an organization that has neither portal users nor end users
    Delete {
        /// The organization's id
        id: String,
    },
    /// Its secure link
    #[command(subcommand)]
    Link(links::Command),
    /// Its end users
    #[command(subcommand)]
    EndUsers(end_users::Command),
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let organizations = console.list(&["organizations"], &[])?;
                let head = ["ID", "NAME", "EMAIL", "PORTAL USERS", "LINK"];
                console.table(&organizations, head, |organization| {
                    let [id, name, email, users] = ["id", "name", "email", "portal_users"]
                        .map(|field| text(organization, field));
                    [id, name, email, users, link(organization)]
                })
            }
            Self::Show { id } => {
                let organization = console.get(&["organizations", &id])?;
                show(console, &organization)
            }
            Self::Create { name, id, email } => {
                let body = json!({ "name": name, "id": id, "email": email });
                let organization = console.post(&["organizations"], Some(&body))?;
                let sentence = format!(
                    "Made the organization `{}` with the id {}.",
                    text(&organization, "name"),
                    text(&organization, "id")
                );
                console.told(&organization, &sentence)
            }
            Self::Edit { id, name, email, no_email } => {
                let patch = edited(name, email, no_email);
                let organization = console.patch(&["organizations", &id], None, &patch)?;
                show(console, &organization)
            }
            Self::Delete { id } => {
                console.confirm(&format!("Delete the organization {id}?"))?;
                console.delete(&["organizations", &id], &[])?;
                console.told(&Value::Null, &format!("Deleted the organization {id}."))
            }
            Self::Link(command) => command.run(console),
            Self::EndUsers(command) => command.run(console),
        }
    }
}

/// The patch of a record that has a name and perhaps an address.
pub(super) fn edited(name: Option<String>, email: Option<String>, no_email: bool) -> Value {
    let mut patch = Map::new();
    if let Some(name) = name {
        patch.insert("name".to_owned(), name.into());
    }
    if email.is_some() || no_email {
        patch.insert("email".to_owned(), email.into());
    }
    Value::Object(patch)
}

fn show(console: &mut Console<'_>, organization: &Value) -> anyhow::Result<()> {
    let [id, name, email, users] =
        ["id", "name", "email", "portal_users"].map(|field| text(organization, field));
    console.record(
        organization,
        [
            ("id", id),
            ("name", name),
            ("email", email),
            ("portal users", users),
            ("secure link", link(organization)),
        ],
    )
}

fn link(organization: &Value) -> String {
    if field(organization, "link_enabled") == true { "on" } else { "off" }.to_owned()
}
