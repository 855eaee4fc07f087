//! `portcullis organizations end-users`.

use clap::{ArgGroup, Subcommand};
use serde_json::{Value, json};

use super::console::{Console, text};
use super::edit::name_and_email;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the end users of an organization
    List {
        /// The organization's id
        organization: String,
    },
    /// Show an end user
    Show {
        /// The organization's id
        organization: String,
        /// The end user's id
        id: String,
    },
    /// Create an end user
    Create {
        /// The organization's id
        organization: String,
        /// The end user's name
        name: String,
        /// The end user's email address
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
        /// The new name
        #[arg(long, group = "change")]
        name: Option<String>,
        /// The new email address
        #[arg(long, group = "change")]
        email: Option<String>,
        /// Remove the email address
        #[arg(long, group = "change", conflicts_with = "email")]
        no_email: bool,
    },
    /// Delete an end user that has no portal user
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
                    "Created the end user `{}` (id {}) of {organization}.",
                    text(&end_user, "name"),
                    text(&end_user, "id")
                );
                console.report(&end_user, &sentence)
            }
            Self::Edit { organization, id, name, email, no_email } => {
                let patch = name_and_email(name, email, no_email);
                let path = ["organizations", &organization, "end-users", &id];
                let end_user = console.patch(&path, None, &patch)?;
                show(console, &end_user)
            }
            Self::Delete { organization, id } => {
                console.confirm(&format!("Delete the end user {id} of {organization}?"))?;
                console.delete(&["organizations", &organization, "end-users", &id], &[])?;
                console.report(&Value::Null, &format!("Deleted the end user {id}."))
            }
        }
    }
}

fn show(console: &mut Console<'_>, end_user: &Value) -> anyhow::Result<()> {
    let fields = ["id", "organization", "name", "email"];
    console.record(end_user, fields.map(|field| (field, text(end_user, field))))
}
