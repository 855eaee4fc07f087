//! The command line: one file a command.
//!
//! `serve`, `check` and `demo` work with files. All others ask the running gateway over its admin
//! socket and print what it answers; they judge nothing themselves (I8). What cannot be done is an
//! error that `main` tells on the error output, with exit code 1; wrong usage is clap's, code 2.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

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
    /// The admin socket of the running gateway [default: `admin.socket` of the settings]
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "PORTCULLIS__ADMIN__SOCKET",
        hide_env_values = true
    )]
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
    /// Does what was asked for; what there is to say goes to `out`.
    ///
    /// # Errors
    /// What is wrong, where, and the way out.
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self { config, socket, json, yes, command } = self;
        let local = match &command {
            Command::Serve => Some(serve::run(config.as_deref())),
            Command::Check => Some(check::run(config.as_deref(), out)),
            _ => None,
        };
        if let Some(done) = local {
            return done;
        }
        if let Command::Demo(args) = command {
            return demo::run(args, out);
        }
        let socket = match socket {
            Some(socket) => socket,
            None => settings(config.as_deref())?.admin.socket,
        };
        let mut console = Console::new(socket, json, yes, out)?;
        match command {
            Command::Serve | Command::Check | Command::Demo(_) => Ok(()),
            Command::Explain(args) => args.run(&mut console),
            Command::Groups(command) => command.run(&mut console),
            Command::Organizations(command) => command.run(&mut console),
            Command::Users(command) => command.run(&mut console),
            Command::Preferences(command) => command.run(&mut console),
            Command::Sessions(command) => command.run(&mut console),
            Command::Lockouts(command) => command.run(&mut console),
            Command::Mail(command) => command.run(&mut console),
            Command::Policy(command) => command.run(&mut console),
            Command::Permissions => policy::permissions(&mut console),
            Command::Routes => policy::routes(&mut console),
            Command::Token(command) => command.run(&mut console),
        }
    }
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
    use clap::CommandFactory;

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
            &["portcullis", "sessions", "end"],
            &["portcullis", "lockouts", "release"],
            &["portcullis", "lockouts", "release", "x", "--login", "ann"],
        ] {
            assert_eq!(Cli::try_parse_from(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
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
