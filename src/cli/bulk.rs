//! `portcullis bulk`: changes to many portal users, made by a job.

use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::console::{Console, Request, array, field, text};
use super::impact::counted;
use super::lookup;
use super::progress;
use super::question::When;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Enable the portal users of organizations; create and invite those that are missing
    Enable(People),
    /// Disable the portal users of organizations, without deleting anything
    Disable(People),
    /// Change portal users of a list or of a group
    Users(Users),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct People {
    /// The organizations, by id or name, separated by commas
    #[arg(long, group = "which", value_delimiter = ',', value_name = "ORGANIZATIONS")]
    organizations: Vec<String>,
    /// All organizations
    #[arg(long, group = "which")]
    all: bool,
    /// Their end users too
    #[arg(long)]
    end_users: bool,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").required(true),
    group = ArgGroup::new("change").required(true).multiple(true)
)]
pub(super) struct Users {
    /// The portal users, by login or id
    #[arg(group = "which", value_name = "LOGIN")]
    users: Vec<String>,
    /// All portal users who are in this group now, by id or name
    #[arg(long, group = "which", value_name = "GROUP")]
    from_group: Option<String>,
    /// Enable them
    #[arg(long, group = "change")]
    enable: bool,
    /// Disable them
    #[arg(long, group = "change", conflicts_with = "enable")]
    disable: bool,
    /// The group that they get, by id or name
    #[arg(long, group = "change")]
    group: Option<String>,
    /// Whether a second factor is required
    #[arg(long, group = "change", value_name = "true|false")]
    require_mfa: Option<bool>,
    /// Return when the job is queued
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Args)]
pub(super) struct Changes {
    /// The group that they get, by id or name [default: theirs; for new ones, the default group]
    #[arg(long)]
    group: Option<String>,
    /// Whether a second factor is required [default: as it is; for new ones, false]
    #[arg(long, value_name = "true|false")]
    require_mfa: Option<bool>,
    /// Return when the job is queued
    #[arg(long)]
    no_wait: bool,
}

impl Command {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::Enable(people) => people.run("enable", console),
            Self::Disable(people) => people.run("disable", console),
            Self::Users(users) => users.run(console),
        }
    }
}

impl People {
    fn run(self, action: &str, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { organizations, all, end_users, changes } = self;
        let apply_to = match end_users {
            true => "organizations-and-end-users",
            false => "organizations",
        };
        let organizations = match all {
            true => json!("all"),
            false => {
                let ids = organizations.iter().map(|given| lookup::organization_id(console, given));
                ids.collect::<Result<Vec<_>, _>>()?.into()
            }
        };
        let Changes { group, require_mfa, no_wait } = changes;
        let mut body = with_changes(console, group, require_mfa)?;
        body.insert("apply_to".to_owned(), apply_to.into());
        body.insert("organizations".to_owned(), organizations);
        body.insert("action".to_owned(), action.into());
        queue(console, &["bulk"], &body.into(), no_wait)
    }
}

impl Users {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self { users, from_group, enable, disable, group, require_mfa, no_wait } = self;
        let ids: Vec<String> = match from_group {
            Some(group) => {
                let group = lookup::group_id(console, &group)?;
                let members = console.list(&["users"], &[("group", Some(&group))])?;
                array(&members, "items").iter().map(|user| text(user, "id")).collect()
            }
            None => {
                let ids = users.iter().map(|given| lookup::user_id(console, given));
                ids.collect::<Result<_, _>>()?
            }
        };
        if ids.is_empty() {
            return console.note("Nothing to do: no portal user is in the group.");
        }
        let mut body = with_changes(console, group, require_mfa)?;
        body.insert("users".to_owned(), ids.into());
        if enable || disable {
            body.insert("action".to_owned(), if enable { "enable" } else { "disable" }.into());
        }
        queue(console, &["users", "bulk"], &body.into(), no_wait)
    }
}

fn with_changes(
    console: &Console<'_>,
    group: Option<String>,
    require_mfa: Option<bool>,
) -> anyhow::Result<Map<String, Value>> {
    let mut body = Map::new();
    if let Some(group) = group {
        body.insert("group".to_owned(), lookup::group_id(console, &group)?.into());
    }
    if let Some(require_mfa) = require_mfa {
        body.insert("require_mfa".to_owned(), require_mfa.into());
    }
    Ok(body)
}

/// Asks, queues a job, and waits for its end unless told otherwise.
fn queue(
    console: &mut Console<'_>,
    path: &[&str],
    body: &Value,
    no_wait: bool,
) -> anyhow::Result<()> {
    let request = Request { body: Some(body), ..Request::new(Method::POST, path) };
    let (job, _) = console.carry_out(&request, "queue the job", When::Always)?;
    let id = text(&job, "id");
    if no_wait {
        let people = counted(number(&job, "total"), "item");
        let sentence = format!("Queued the job {id} with {people}; `portcullis jobs wait {id}`.");
        return console.report(&job, &sentence);
    }
    progress::wait(console, &id)
}

fn number(document: &Value, name: &str) -> usize {
    field(document, name).as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(0)
}
