//! The command line: one file a command.
//!
//! `serve`, `check`, `demo` and `store` work with files. All others ask the running gateway over its admin
//! socket and print what it answers; they judge nothing themselves (I8). What cannot be done is an
//! error that `main` tells on the error output, with exit code 1; wrong usage is clap's, code 2.

use std::convert::Infallible;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{CommandFactory, Parser, Subcommand};

use self::console::Console;
use crate::config::{Named, Reading, Settings};

pub mod check;
mod client;
mod console;
pub mod demo;
mod end_users;
mod explain;
mod groups;
mod links;
mod lockouts;
mod mail;
mod organizations;
mod password;
mod policy;
mod preferences;
pub mod serve;
mod sessions;
mod store;
pub mod terminal;
mod tokens;
mod users;

/// Where the settings are unless `--config` says otherwise.
const SETTINGS: &str = "config/portcullis.toml";
/// What they are called when no file has any.
const THE_ENVIRONMENT: &str = "the environment";

/// An authorization gateway for a portal that cannot be changed.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, propagate_version = true)]
pub struct Cli {
    /// The settings file [default: config/portcullis.toml, or the environment alone when there is none]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The admin socket of the running gateway [default: PORTCULLIS__ADMIN__SOCKET, or
    /// `admin.socket` of the settings]
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print the gateway's answers as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Do not ask before something is deleted
    #[arg(long, global = true)]
    yes: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve,
    /// Check settings and policy without running anything
    Check,
    /// Run the gateway before a sample portal with sample people
    Demo(demo::DemoArgs),
    /// The store of a gateway that is stopped: begin with an empty one, accept an older copy, rescue
    /// what is left of a damaged one
    #[command(subcommand)]
    Store(store::Command),
    #[command(flatten)]
    Ask(Ask),
}

/// What the running gateway is asked for.
#[derive(Debug, Subcommand)]
enum Ask {
    /// What would be decided about a request, and why
    Explain(explain::ExplainArgs),
    /// Groups and what they may do
    #[command(subcommand)]
    Groups(groups::Command),
    /// Organizations, their end users and their secure links
    #[command(subcommand)]
    Organizations(organizations::Command),
    /// Portal users
    #[command(subcommand)]
    Users(users::Command),
    /// What holds for the whole portal
    #[command(subcommand)]
    Preferences(preferences::Command),
    /// Who is signed in
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// Who may not try to sign in now
    #[command(subcommand)]
    Lockouts(lockouts::Command),
    /// Mails to portal users, waiting and done with
    #[command(subcommand)]
    Mail(mail::Command),
    /// The policy in force
    #[command(subcommand)]
    Policy(policy::Command),
    /// The permissions that the policy knows
    Permissions,
    /// The routes of the policy
    Routes,
    /// Tokens for the admin API over TCP
    #[command(subcommand)]
    Token(tokens::Command),
}

impl Cli {
    /// Reads the command line; wrong usage ends the program here, with what would be right.
    #[must_use]
    pub fn read() -> Self {
        Self::parse().checked().unwrap_or_else(|wrong| wrong.exit())
    }

    /// Refuses options that mean nothing to the command: who gives one expects something of it.
    fn checked(self) -> Result<Self, clap::Error> {
        let (config, asking) = match &self.command {
            Command::Serve | Command::Check | Command::Store(_) => (true, false),
            Command::Demo(_) => (false, false),
            Command::Ask(_) => (true, true),
        };
        let given = [
            ("--config", self.config.is_some() && !config),
            ("--socket", self.socket.is_some() && !asking),
            ("--json", self.json && !asking),
            ("--yes", self.yes && !asking),
        ];
        match given.into_iter().find(|(_, useless)| *useless) {
            None => Ok(self),
            Some((option, _)) => Err(Self::command().error(
                clap::error::ErrorKind::ArgumentConflict,
                format!("`{option}` means nothing to this command; leave it out"),
            )),
        }
    }

    /// Does what was asked for; what there is to say goes to `out`.
    ///
    /// # Errors
    /// What is wrong, where, and the way out.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self { config, socket, json, yes, command } = self;
        let ask = match command {
            Command::Serve => return serve::run(config.as_deref()),
            Command::Check => return check::run(config.as_deref(), out),
            Command::Demo(args) => return demo::run(args, out),
            Command::Store(command) => return command.run(&settings(config.as_deref())?, out),
            Command::Ask(ask) => ask,
        };
        let socket = match socket.or_else(socket_of_the_environment) {
            Some(socket) => socket,
            None => settings(config.as_deref())?.admin.socket,
        };
        ask.run(&mut Console::new(socket, json, yes, out)?)
    }
}

impl Ask {
    fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        match self {
            Self::Explain(args) => args.run(console),
            Self::Groups(command) => command.run(console),
            Self::Organizations(command) => command.run(console),
            Self::Users(command) => command.run(console),
            Self::Preferences(command) => command.run(console),
            Self::Sessions(command) => command.run(console),
            Self::Lockouts(command) => command.run(console),
            Self::Mail(command) => command.run(console),
            Self::Policy(command) => command.run(console),
            Self::Permissions => policy::permissions(console),
            Self::Routes => policy::routes(console),
            Self::Token(command) => command.run(console),
        }
    }
}

/// The socket, where no settings are needed to find it; an empty name is left to them to refuse.
fn socket_of_the_environment() -> Option<PathBuf> {
    std::env::var_os("PORTCULLIS__ADMIN__SOCKET").filter(|name| !name.is_empty()).map(Into::into)
}

/// A list's item as it was meant: `a, b` has two.
fn trimmed(item: &str) -> Result<String, Infallible> {
    Ok(item.trim().to_owned())
}

/// The settings in a file that was named or in the default one, with the environment over them.
fn settings(named: Option<&Path>) -> anyhow::Result<Settings> {
    read(named)?.0
}

/// The same, with what they name if they are wrong.
fn read(named: Option<&Path>) -> anyhow::Result<(anyhow::Result<Settings>, Named)> {
    // A variable that is no text is none of ours; it must not keep the gateway from starting.
    let environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    match settings_file(named) {
        Some(file) => {
            let Reading { settings, named } = Reading::load(file, &environment)?;
            Ok((settings.map_err(Into::into), named))
        }
        None => {
            let file = Path::new(THE_ENVIRONMENT);
            let Reading { settings, named } = Reading::parse("", file, &environment)?;
            let settings = settings.with_context(|| {
                format!("there is no {SETTINGS}, and the environment alone is not enough")
            });
            Ok((settings, named))
        }
    }
}

/// The file that the settings come from; none when they come from the environment alone. One that
/// was named must be there, and the default one must be readable if it is there.
fn settings_file(named: Option<&Path>) -> Option<&Path> {
    named.or_else(|| {
        let file = Path::new(SETTINGS);
        let missing = file.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound);
        (!missing).then_some(file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_exit_code_2() {
        for wrong in [
            &["portcullis"][..],
            &["portcullis", "nonsense"],
            &["portcullis", "groups", "delete"],
            &["portcullis", "groups", "edit", "g", "--permissions", "all", "--grant", "x"],
            &["portcullis", "explain", "GET", "/"],
            &["portcullis", "explain", "--anonymous", "--user", "a", "GET", "/"],
            &["portcullis", "users", "create", "acme", "--invite", "--password-stdin"],
            &["portcullis", "explain", "--link", "acme", "--organization", "acme", "GET", "/"],
            &["portcullis", "explain", "--anonymous", "--organization", "acme", "GET", "/"],
            &["portcullis", "groups", "edit", "g"],
            &["portcullis", "users", "edit", "ann"],
            &["portcullis", "organizations", "edit", "acme"],
            &["portcullis", "organizations", "end-users", "edit", "acme", "anna"],
            &["portcullis", "demo", "--config", "x"],
            &["portcullis", "demo", "--socket", "x"],
            &["portcullis", "demo", "--json"],
            &["portcullis", "--yes", "demo"],
            &["portcullis", "serve", "--socket", "x"],
            &["portcullis", "check", "--json"],
            &["portcullis", "store", "init", "--socket", "x"],
            &["portcullis", "store", "rescue"],
            &["portcullis", "sessions", "end"],
            &["portcullis", "lockouts", "release"],
            &["portcullis", "lockouts", "release", "x", "--login", "ann"],
        ] {
            let refused = Cli::try_parse_from(wrong).and_then(Cli::checked).unwrap_err();
            assert_eq!(refused.exit_code(), 2, "{wrong:?}");
        }
    }

    #[test]
    fn what_can_be_edited_is_said_when_nothing_is() {
        let refused = Cli::try_parse_from(["portcullis", "users", "edit", "ann"]).unwrap_err();
        let said = refused.to_string();
        for option in ["--login", "--group", "--end-user", "--no-end-user", "--require-mfa"] {
            assert!(said.contains(option), "{option}: {said}");
        }
    }

    #[test]
    fn options_that_mean_something_are_taken() {
        for right in [
            &["portcullis", "serve", "--config", "x"][..],
            &["portcullis", "--config", "x", "check"],
            &["portcullis", "demo", "--port", "0"],
            &["portcullis", "store", "rescue", "new", "--config", "x"],
            &["portcullis", "--config", "x", "--socket", "y", "--json", "--yes", "routes"],
            &["portcullis", "explain", "--group", "g", "--organization", "acme", "GET", "/"],
            &["portcullis", "groups", "edit", "g", "--grant", "x", "--name", "n"],
            &["portcullis", "organizations", "edit", "acme", "--no-email"],
            &["portcullis", "users", "edit", "ann", "--require-mfa", "false"],
        ] {
            assert!(Cli::try_parse_from(right).and_then(Cli::checked).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn global_options_go_before_and_after_the_command() {
        for right in [
            &["portcullis", "--json", "--config", "x", "groups", "list"][..],
            &["portcullis", "groups", "list", "--json", "--socket", "x"],
            &["portcullis", "explain", "--anonymous", "GET", "/", "--json"],
        ] {
            assert!(Cli::try_parse_from(right).unwrap().json, "{right:?}");
        }
    }
}
