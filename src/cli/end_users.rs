//! `portcullis organizations end-users`.

use clap::{ArgGroup, Subcommand};
use serde_json::{Value, json};

use super::console::{Console, text};
use super::organizations::edited;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// All end users of an organization
    List {
        /// The organization's id
        organization: String,
    },
    /// One end user
    Show {
        /// The organization's id
        organization: String,
        /// The end user's id
        id: String,
    },
    /// Make an end user
    Create {
        /// The organization's id
        organization: String,
        /// The person's name
        name: String,
        /// The person's address
        #[arg(long)]
        email: Option<String>,
    },
    /// Change an end user
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The organization's id
        organization: String,
        /// The end user's id
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
    /// Delete an end user who has no portal user
    Delete {
        /// The organization's id
        organization: String,
        /// The end user's id
        id: String,
    },
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { organization } => {
                let path = ["organizations", &organization, "end-users"];
                let end_users = console.list(&path, &[])?;
                console.table(&end_users, ["ID", "NAME", "EMAIL"], |end_user| {
                    ["id", "name", "email"].map(|field| text(end_user, field))
                })
            }
            Self::Show { organization, id } => {
                let end_user = console.get(&["organizations", &organization, "end-users", &id])?;
                show(console, &end_user)
            }
            Self::Create { organization, name, email } => {
                let body = json!({ "name": name, "email": email });
                let path = ["organizations", &organization, "end-users"];
                let end_user = console.post(&path, Some(&body))?;
                let sentence = format!(
                    "Made the end user `{}` of {organization} with the id {}.",
                    text(&end_user, "name"),
                    text(&end_user, "id")
                );
                console.told(&end_user, &sentence)
            }
            Self::Edit { organization, id, name, email, no_email } => {
                let patch = edited(name, email, no_email);
                let path = ["organizations", &organization, "end-users", &id];
                let end_user = console.patch(&path, None, &patch)?;
                show(console, &end_user)
            }
            Self::Delete { organization, id } => {
                console.confirm(&format!("Delete the end user {id} of {organization}?"))?;
                console.delete(&["organizations", &organization, "end-users", &id], &[])?;
                console.told(&Value::Null, &format!("Deleted the end user {id}."))
            }
        }
    }
}

fn show(console: &mut Console<'_>, end_user: &Value) -> anyhow::Result<()> {
    let fields = ["id", "organization", "name", "email"];
    console.record(end_user, fields.map(|field| (field, text(end_user, field))))
}
