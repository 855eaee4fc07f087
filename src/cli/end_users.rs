//! `portcullis organizations end-users`.

use clap::{ArgGroup, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::console::{Console, Request, managed_by, text};
use super::edit::{ExpectedVersion, name_and_email, report_edit};
use super::question::When;
use super::{csv_export, import, lookup};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the end users of an organization
    List {
        /// The organization's id or name
        organization: String,
        /// Only end users whose name or email address begins with this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show an end user
    Show {
        /// The organization's id or name
        organization: String,
        /// The end user's id, name or email address
        id: String,
    },
    /// Create an end user
    Create {
        /// The organization's id or name
        organization: String,
        /// The end user's name
        name: String,
        /// The end user's email address
        #[arg(long)]
        email: Option<String>,
    },
    /// Create or change end users from a CSV file
    Import(import::EndUsers),
    /// Write the end users of an organization to a CSV file
    Export {
        /// The organization's id or name
        organization: String,
        /// Only end users whose name or email address begins with this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        target: csv_export::Target,
    },
    /// Change an end user
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The organization's id or name
        organization: String,
        /// The end user's id, name or email address
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
        #[command(flatten)]
        expected: ExpectedVersion,
    },
    /// Delete an end user that has no portal user
    Delete {
        /// The organization's id or name
        organization: String,
        /// The end user's id, name or email address
        id: String,
    },
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::List { organization, search } => {
                let organization = lookup::organization_id(console, &organization)?;
                let path = ["organizations", &organization, "end-users"];
                let end_users = console.list(&path, &[("search", search.as_deref())])?;
                console.table(&end_users, ["ID", "NAME", "EMAIL"], |end_user| {
                    ["id", "name", "email"].map(|field| text(end_user, field))
                })
            }
            Self::Import(import) => import.run(console),
            Self::Export { organization, search, target } => {
                let organization = lookup::organization_id(console, &organization)?;
                let path = ["organizations", &organization, "end-users"];
                target.write(console, &path, &[("search", search.as_deref())])
            }
            Self::Show { organization, id } => {
                let organization = lookup::organization_id(console, &organization)?;
                let end_user = lookup::end_user(console, &organization, &id)?;
                show(console, &end_user)
            }
            Self::Create { organization, name, email } => {
                let body = json!({ "name": name, "email": email });
                let (organization, of) = named(console, &organization)?;
                let path = ["organizations", &organization, "end-users"];
                console.intends(&format!("create the end user {name} of {of}"));
                let end_user = console.post(&path, Some(&body))?;
                let sentence = format!(
                    "Created the end user {} (id {}) of {of}.",
                    text(&end_user, "name"),
                    text(&end_user, "id")
                );
                console.report(&end_user, &sentence)
            }
            Self::Edit { organization, id, name, email, no_email, expected } => {
                let patch = name_and_email(name, email, no_email);
                let organization = lookup::organization_id(console, &organization)?;
                let before = lookup::end_user(console, &organization, &id)?;
                let [id, name] = ["id", "name"].map(|field| text(&before, field));
                let path = ["organizations", &organization, "end-users", &id];
                let fields = [("name", "name"), ("email address", "email")];
                let after = expected.write(console, (&name, &path), (&before, &patch), &fields)?;
                report_edit(console, &name, (&before, &after), &fields)
            }
            Self::Delete { organization, id } => {
                let (organization, of) = named(console, &organization)?;
                let end_user = lookup::end_user(console, &organization, &id)?;
                let [id, name] = ["id", "name"].map(|field| text(&end_user, field));
                let path = ["organizations", &*organization, "end-users", &*id];
                let intent = format!("delete the end user {name} (id {id}) of {of}");
                console.carry_out(&Request::new(Method::DELETE, &path), &intent, When::Always)?;
                let sentence = format!("Deleted the end user {name} (id {id}) of {of}.");
                console.report(&Value::Null, &sentence)
            }
        }
    }
}

/// The id and the name of an organization.
fn named(console: &Console<'_>, given: &str) -> anyhow::Result<(String, String)> {
    let organization = lookup::organization(console, given)?;
    Ok((text(&organization, "id"), text(&organization, "name")))
}

fn show(console: &mut Console<'_>, end_user: &Value) -> anyhow::Result<()> {
    let mut rows = ["id", "organization", "name", "email"]
        .map(|field| (field, text(end_user, field)))
        .to_vec();
    rows.push(("managed by", managed_by(end_user)));
    console.rows(end_user, &rows)
}
