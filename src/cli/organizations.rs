//! `portcullis organizations`.

use std::io::{self, Write};

use clap::{ArgGroup, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::console::{Console, Request, field, managed_by, text};
use super::edit::{ExpectedVersion, name_and_email, report_edit};
use super::impact::warnings;
use super::question::When;
use super::terminal::escaped_line;
use super::{csv_export, end_users, import, links, lookup};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List organizations
    List {
        /// Only organizations whose id, name or email address begins with this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only organizations that are parked
        #[arg(long)]
        parked: bool,
    },
    /// Show an organization
    Show {
        /// The organization's id or name
        id: String,
    },
    /// Create an organization
    Create {
        /// The name
        name: String,
        /// The id [default: random]
        #[arg(long)]
        id: Option<String>,
        /// The email address
        #[arg(long)]
        email: Option<String>,
    },
    /// Create or change organizations from a CSV file
    Import(import::Organizations),
    /// Write organizations to a CSV file
    Export {
        /// Only organizations whose id, name or email address begins with this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        target: csv_export::Target,
    },
    /// Change an organization
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        /// The organization's id or name
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
        /// The group of portal users who are created without one: its id or name
        #[arg(long, group = "change", value_name = "GROUP")]
        default_group: Option<String>,
        /// Use the default group of the gateway again
        #[arg(long, group = "change", conflicts_with = "default_group")]
        no_default_group: bool,
        #[command(flatten)]
        expected: ExpectedVersion,
    },
    /// Close the portal for everyone in an organization, with a reason that they see
    Park {
        /// The organization's id or name
        id: String,
        /// Why, for the people of the organization: one line of plain text
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        expected: ExpectedVersion,
    },
    /// Open the portal for a parked organization again
    Unpark {
        /// The organization's id or name
        id: String,
        #[command(flatten)]
        expected: ExpectedVersion,
    },
    /// Delete an organization that has neither portal users nor end users
    Delete {
        /// The organization's id or name
        id: String,
    },
    /// Show, replace, enable or disable the secure link
    #[command(subcommand)]
    Link(links::Command),
    /// Manage end users
    #[command(subcommand)]
    EndUsers(end_users::Command),
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::Import(import) => import.run(console),
            Self::Export { search, target } => {
                target.write(console, &["organizations"], &[("search", search.as_deref())])
            }
            Self::List { search, parked } => {
                let params = [("search", search.as_deref()), ("parked", parked.then_some("true"))];
                let organizations = console.list(&["organizations"], &params)?;
                let header = ["ID", "NAME", "EMAIL", "PORTAL USERS", "LINK"];
                console.table(&organizations, header, |organization| {
                    let [id, name, email, users] = ["id", "name", "email", "portal_users"]
                        .map(|field| text(organization, field));
                    [id, name, email, users, link(organization)]
                })
            }
            Self::Show { id } => {
                let organization = lookup::organization(console, &id)?;
                show(console, &organization)
            }
            Self::Create { name, id, email } => {
                let body = json!({ "name": name, "id": id, "email": email });
                console.intends(&format!("create the organization {name}"));
                let organization = console.post(&["organizations"], Some(&body))?;
                let sentence = format!(
                    "Created the organization {} (id {}).",
                    text(&organization, "name"),
                    text(&organization, "id")
                );
                console.report(&organization, &sentence)?;
                warn(&organization)
            }
            Self::Edit { id, name, email, no_email, default_group, no_default_group, expected } => {
                let default_group = default_group.map(|given| lookup::group_id(console, &given));
                let default_group = default_group.transpose()?;
                let mut patch = name_and_email(name, email, no_email);
                if let Some(fields) = patch.as_object_mut()
                    && (default_group.is_some() || no_default_group)
                {
                    fields.insert("default_group".to_owned(), default_group.into());
                }
                let before = lookup::organization(console, &id)?;
                let [id, name] = ["id", "name"].map(|field| text(&before, field));
                let fields = [
                    ("name", "name"),
                    ("email address", "email"),
                    ("default group", "default_group"),
                ];
                let path = ["organizations", &id];
                let after = expected.write(console, (&name, &path), (&before, &patch), &fields)?;
                report_edit(console, &name, (&before, &after), &fields)?;
                warn(&after)
            }
            Self::Park { id, reason, expected } => {
                let patch = json!({ "parked": { "reason": reason } });
                park(console, &id, &expected, &patch)
            }
            Self::Unpark { id, expected } => {
                park(console, &id, &expected, &json!({ "parked": null }))
            }
            Self::Delete { id } => {
                let organization = lookup::organization(console, &id)?;
                let [id, name] = ["id", "name"].map(|field| text(&organization, field));
                let path = ["organizations", &*id];
                let request = Request::new(Method::DELETE, &path);
                let intent = format!("delete the organization {name} (id {id})");
                console.carry_out(&request, &intent, When::Always)?;
                console.report(&Value::Null, &format!("Deleted the organization {name} (id {id})."))
            }
            Self::Link(command) => command.run(console),
            Self::EndUsers(command) => command.run(console),
        }
    }
}

/// Parks an organization, or opens its portal again.
fn park(
    console: &mut Console<'_>,
    id: &str,
    expected: &ExpectedVersion,
    patch: &Value,
) -> anyhow::Result<()> {
    let before = lookup::organization(console, id)?;
    let [id, name] = ["id", "name"].map(|field| text(&before, field));
    let [verb, done] = match field(patch, "parked").is_null() {
        true => ["unpark", "Unparked"],
        false => ["park", "Parked"],
    };
    let intent = format!("{verb} the organization {name} (id {id})");
    let path = ["organizations", &*id];
    let asked = (&*intent, When::Always);
    let fields = [("parked", "parked")];
    let after = expected.carry_out(console, asked, &path, (&before, patch), &fields)?;
    console.report(&after, &format!("{done} the organization {name} (id {id})."))
}

/// Prints the warnings in a response on standard error.
fn warn(organization: &Value) -> anyhow::Result<()> {
    for [name, detail] in warnings(organization) {
        let warning = format!("warning: {detail} ({name})");
        writeln!(io::stderr(), "{}", escaped_line(&warning))?;
    }
    Ok(())
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
            ("default group", text(organization, "default_group")),
            ("parked", parked(organization)),
            ("managed by", managed_by(organization)),
        ],
    )
}

/// The reason and the time, if the organization is parked.
fn parked(organization: &Value) -> String {
    let parked = field(organization, "parked");
    match parked.is_null() {
        true => "-".to_owned(),
        false => format!("{} (since {})", text(parked, "reason"), text(parked, "since")),
    }
}

/// What the secure link does.
fn link(organization: &Value) -> String {
    if !field(organization, "parked").is_null() {
        return "parked".to_owned();
    }
    if field(organization, "link_enabled") == true { "on" } else { "off" }.to_owned()
}
