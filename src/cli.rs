//! The command line: one file for each command.
//!
//! `init`, `serve`, `check`, `config`, `demo`, `store`, `secrets`, `completions`, `man` and `policy
//! suggest` work with files, and `doctor` with files, the network and, if it runs, the gateway. All
//! other commands call the running gateway over its admin socket and
//! print its responses; they check no rule themselves (I8). A command that fails returns an error, which `main` prints on standard error with exit code 1. Wrong usage is
//! reported by clap, with exit code 2.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::console::{Console, Options, WouldChange};
use self::screen::{Screen, choose_colour};
use self::settings::settings;

mod admin;
mod audit;
mod audit_entry;
mod backup;
mod bulk;
pub mod check;
mod client;
mod completions;
mod config_show;
mod console;
mod csv_export;
pub mod demo;
pub mod doctor;
mod edit;
mod end_users;
mod explain;
mod files;
mod groups;
mod help;
mod impact;
mod import;
mod init;
mod invitations;
mod jobs;
mod links;
mod lockouts;
mod lookup;
mod mail;
mod manual;
mod organizations;
mod password;
mod personal_data;
mod policy;
mod portal_servers;
mod preferences;
mod progress;
mod question;
pub mod screen;
mod secrets;
pub mod serve;
mod sessions;
mod settings;
mod status;
mod store;
mod suggest;
mod table;
pub mod terminal;
mod tokens;
mod top;
mod trials;
pub mod usage;
mod user;
mod user_create;
mod user_edit;
mod user_list;
mod user_tokens;
mod users;
mod view;

/// The heading of options that many commands have.
const GLOBAL: &str = "Global options";

/// An authorization gateway for a portal that cannot be changed.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, propagate_version = true)]
pub struct Cli {
    /// Settings file [default: config/portcullis.toml if it exists, else only the environment]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    config: Option<PathBuf>,
    /// Admin socket of the running gateway [default: PORTCULLIS__ADMIN__SOCKET, or `admin.socket`
    /// of the settings]
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    socket: Option<PathBuf>,
    /// Output JSON
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,
    /// Skip confirmation prompts
    #[arg(long, global = true, help_heading = GLOBAL)]
    yes: bool,
    /// Print what the command would change, and change nothing
    #[arg(long, global = true, help_heading = GLOBAL)]
    dry_run: bool,
    /// When to use colours and bold: `auto`, `always` or `never`
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = GLOBAL
    )]
    color: ColorChoice,
    /// Change a record although a file manages it; the file then no longer does
    #[arg(long, global = true, help_heading = GLOBAL)]
    detach: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create settings and a starter policy in a folder
    Init(init::InitArgs),
    /// Run the gateway
    Serve,
    /// Check the settings, the policy and all files that they refer to
    Check(check::CheckArgs),
    /// Find out whether the deployment protects the portal: gateway, proxy, portal, mail
    Doctor(doctor::DoctorArgs),
    /// Run the gateway in front of a sample portal with sample users
    Demo(demo::DemoArgs),
    /// Show the settings that take effect
    #[command(subcommand)]
    Config(config_show::Command),
    /// Create, accept or rescue the store of a stopped gateway
    #[command(subcommand)]
    Store(store::Command),
    /// Write all records of the running gateway to a file, or verify such a file
    Backup(backup::BackupArgs),
    /// Create the store of a stopped gateway from a backup
    Restore(backup::RestoreArgs),
    /// Replace the secret key, while the gateway is stopped
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Print the script with which a shell completes commands and options
    Completions(completions::CompletionsArgs),
    /// Write the manual pages to a folder
    Man(manual::ManArgs),
    #[command(flatten)]
    Client(ClientCommand),
}

/// Commands that call the running gateway.
#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Show the state of the running gateway: policy, portal, users, sessions, email, warnings
    Status(status::StatusArgs),
    /// Watch the running gateway: requests, refusals, slow routes, sign-ins, portal servers
    Top(top::TopArgs),
    /// Explain the decision on a request
    Explain(explain::ExplainArgs),
    /// Manage groups and their permissions
    #[command(subcommand, alias = "group")]
    Groups(groups::Command),
    /// Manage organizations, their end users and their secure links
    #[command(subcommand, aliases = ["orgs", "organization"])]
    Organizations(organizations::Command),
    /// Manage portal users
    #[command(subcommand, alias = "user")]
    Users(users::Command),
    /// Create or change organizations, end users or portal users from a file
    #[command(subcommand)]
    Import(import::Command),
    /// Change many portal users at once, with a report
    #[command(subcommand)]
    Bulk(bulk::Command),
    /// List, show or cancel jobs, and read their reports
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Show or change portal-wide settings: secure links, and disabling the portal
    #[command(subcommand)]
    Preferences(preferences::Command),
    /// List or end sessions
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// Print a one-time link to view an organization's portal as staff
    View(view::ViewArgs),
    /// Print a one-time link to see the portal as a portal user does
    Impersonate(view::ImpersonateArgs),
    /// List or release sign-ins locked after failed attempts
    #[command(subcommand)]
    Lockouts(lockouts::Command),
    /// List the portal's servers, or take one out of service
    #[command(subcommand)]
    PortalServers(portal_servers::Command),
    /// List, show or retry emails to portal users
    #[command(subcommand)]
    Mail(mail::Command),
    /// Reload the policy files, or suggest routes from a log
    #[command(subcommand)]
    Policy(policy::Command),
    /// List the permissions that the policy defines
    Permissions,
    /// List the routes of the policy, and how many requests each has decided
    Routes {
        /// Only routes that have decided no request since the gateway was started
        #[arg(long)]
        unused: bool,
    },
    /// Manage administrators
    #[command(subcommand)]
    Admin(admin::Command),
    /// Write groups, organizations, portal users and preferences as a file
    Export(files::Export),
    /// Change groups, organizations, portal users and preferences as a file describes them
    Apply(files::Apply),
    /// List, export and verify the audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Manage tokens for the admin API over TCP
    #[command(subcommand)]
    Token(tokens::Command),
}

impl Cli {
    /// Parses the command line. On wrong usage, prints what is wrong and exits.
    #[must_use]
    pub fn read() -> Self {
        if let Some(choice) = color(std::env::args().skip(1)) {
            choose_colour(choice);
        }
        help::completed(Self::command())
            .try_get_matches()
            .and_then(|matches| Self::of(&matches))
            .map_err(help::in_plain_words)
            .unwrap_or_else(|error| error.exit())
    }

    fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches(matches)?.checked(&help::leaf(matches))
    }

    /// Rejects global options that have no effect with the command: who gives one expects an effect.
    fn checked(self, leaf: &str) -> Result<Self, clap::Error> {
        let (reads_settings, is_client) = match &self.command {
            Command::Serve
            | Command::Check(_)
            | Command::Doctor(_)
            | Command::Config(_)
            | Command::Store(_)
            | Command::Restore(_)
            | Command::Secrets(_) => (true, false),
            Command::Backup(args) => (true, !args.verify),
            Command::Init(_) | Command::Demo(_) | Command::Completions(_) | Command::Man(_) => {
                (false, false)
            }
            Command::Client(command) => (command.is_call(), command.is_call()),
        };
        let calls = match &self.command {
            Command::Check(args) => args.calls(),
            command => is_client || matches!(command, Command::Doctor(_)),
        };
        let asks = is_client || matches!(self.command, Command::Secrets(_));
        let prints_json = !matches!(self.command, Command::Serve | Command::Completions(_));
        let without_effect = [
            ("--config", self.config.is_some() && !reads_settings),
            ("--socket", self.socket.is_some() && !calls),
            ("--json", self.json && !prints_json),
            ("--yes", self.yes && !asks),
            ("--dry-run", self.dry_run && !help::writes(leaf)),
            ("--detach", self.detach && !help::detaches(leaf)),
        ];
        match without_effect.into_iter().find(|(_, given)| *given) {
            None => Ok(self),
            Some((option, _)) => Err(Self::command().error(
                clap::error::ErrorKind::ArgumentConflict,
                format!("`{option}` has no effect with this command"),
            )),
        }
    }

    /// Runs the command. Its output goes to `out`.
    ///
    /// # Errors
    /// What is wrong, where, and how to fix it.
    pub fn run(self, out: &mut dyn Screen) -> anyhow::Result<()> {
        let Self { config, socket, json, yes, dry_run, color: _, detach, command } = self;
        let options = Options { json, yes, dry_run, detach };
        let command = match command {
            Command::Init(args) => return args.run(json, out),
            Command::Serve => return serve::run(config.as_deref()),
            Command::Check(args) => {
                let socket = socket.or_else(socket_from_environment);
                return args.run(config.as_deref(), socket, json, out);
            }
            Command::Doctor(args) => {
                let socket = socket.or_else(socket_from_environment);
                return args.run(config.as_deref(), socket, json, out);
            }
            Command::Demo(args) => return demo::run(args, json, out),
            Command::Config(command) => {
                let mut console = Console::new(PathBuf::new(), options, out)?;
                return command.run(config.as_deref(), &mut console);
            }
            Command::Store(command) => {
                let mut console = Console::new(PathBuf::new(), options, out)?;
                return command.run(&settings(config.as_deref())?, &mut console);
            }
            Command::Backup(args) if args.verify => {
                let mut console = Console::new(PathBuf::new(), options, out)?;
                return args.verify(&settings(config.as_deref())?, &mut console);
            }
            Command::Backup(args) => {
                let socket = admin_socket(socket, config.as_deref())?;
                return args.run(&mut Console::new(socket, options, out)?);
            }
            Command::Restore(args) => {
                let mut console = Console::new(PathBuf::new(), options, out)?;
                return args.run(config.as_deref(), &mut console);
            }
            Command::Secrets(command) => {
                let mut console = Console::new(PathBuf::new(), options, out)?;
                return command.run(&settings(config.as_deref())?, &mut console);
            }
            Command::Completions(args) => return args.run(help::completed(Self::command()), out),
            Command::Man(args) => {
                return args.run(help::completed(Self::command()), json, out);
            }
            Command::Client(command) => command,
        };
        let socket = match command.is_call() {
            true => admin_socket(socket, config.as_deref())?,
            false => PathBuf::new(),
        };
        let mut console = Console::new(socket, options, out)?;
        match command.run(&mut console) {
            Err(error) => match error.downcast::<WouldChange>() {
                Ok(WouldChange { intent, changes }) => {
                    impact::print(&mut console, &intent, &changes)
                }
                Err(error) => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }
}

impl ClientCommand {
    /// Whether it calls the running gateway.
    fn is_call(&self) -> bool {
        match self {
            Self::Policy(command) => command.is_call(),
            Self::Audit(command) => command.is_call(),
            _ => true,
        }
    }

    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::Status(args) => args.run(console),
            Self::Top(args) => args.run(console),
            Self::Explain(args) => args.run(console),
            Self::Groups(command) => command.run(console),
            Self::Organizations(command) => command.run(console),
            Self::Users(command) => command.run(console),
            Self::Import(command) => command.run(console),
            Self::Bulk(command) => command.run(console),
            Self::Jobs(command) => command.run(console),
            Self::Preferences(command) => command.run(console),
            Self::Sessions(command) => command.run(console),
            Self::View(args) => args.run(console),
            Self::Impersonate(args) => args.run(console),
            Self::Lockouts(command) => command.run(console),
            Self::PortalServers(command) => command.run(console),
            Self::Mail(command) => command.run(console),
            Self::Policy(command) => command.run(console),
            Self::Permissions => policy::permissions(console),
            Self::Routes { unused } => policy::routes(console, unused),
            Self::Admin(command) => command.run(console),
            Self::Export(command) => command.run(console),
            Self::Apply(command) => command.run(console),
            Self::Audit(command) => command.run(console),
            Self::Token(command) => command.run(console),
        }
    }
}

/// The value of `--color`, which the help and the errors of clap follow too. What is wrong with it is
/// left to clap.
fn color(mut words: impl Iterator<Item = String>) -> Option<ColorChoice> {
    let mut choice = None;
    while let Some(word) = words.next() {
        let value = match word.split_once('=') {
            Some(("--color", value)) => value.to_owned(),
            None if word == "--color" => words.next()?,
            _ => continue,
        };
        choice = value.parse().ok();
    }
    choice
}

/// The socket of the running gateway.
fn admin_socket(given: Option<PathBuf>, config: Option<&Path>) -> anyhow::Result<PathBuf> {
    match given.or_else(socket_from_environment) {
        Some(socket) => Ok(socket),
        None => Ok(settings(config)?.admin.socket),
    }
}

/// The socket, where no other setting is needed to find it. An empty value is left to the settings,
/// which report it.
fn socket_from_environment() -> Option<PathBuf> {
    std::env::var_os("PORTCULLIS__ADMIN__SOCKET").filter(|name| !name.is_empty()).map(Into::into)
}

#[cfg(test)]
mod tests;
