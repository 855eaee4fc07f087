//! What the help of a command has beyond its arguments: two examples, and only those global options
//! that have an effect with it.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, Error};

mod examples;

pub(super) use self::examples::examples;

/// Commands that ask before they change something, so that `--yes` has an effect.
const ASKING: [&str; 25] = [
    "bulk enable",
    "bulk disable",
    "bulk users",
    "groups edit",
    "groups default",
    "groups delete",
    "organizations park",
    "organizations unpark",
    "organizations delete",
    "organizations link rotate",
    "organizations link disable",
    "organizations end-users delete",
    "users create",
    "users disable",
    "users reset-mfa",
    "users tokens revoke",
    "users delete",
    "users erase",
    "users invite",
    "preferences set",
    "sessions end",
    "token revoke",
    "admin delete",
    "admin reset-mfa",
    "apply",
];

/// The commands that `--dry-run` has an effect with.
const WRITING: [&str; 59] = [
    "bulk enable",
    "bulk disable",
    "bulk users",
    "jobs cancel",
    "view",
    "impersonate",
    "secrets rotate",
    "groups create",
    "groups edit",
    "groups copy",
    "groups delete",
    "groups default",
    "organizations create",
    "organizations edit",
    "organizations park",
    "organizations unpark",
    "organizations delete",
    "organizations link rotate",
    "organizations link enable",
    "organizations link disable",
    "organizations end-users create",
    "organizations end-users edit",
    "organizations end-users delete",
    "users create",
    "organizations import",
    "organizations end-users import",
    "users import",
    "import organizations",
    "import end-users",
    "import users",
    "users edit",
    "users disable",
    "users enable",
    "users password",
    "users invite",
    "users withdraw",
    "users reset-mfa",
    "users tokens create",
    "users tokens revoke",
    "users delete",
    "users erase",
    "preferences set",
    "sessions end",
    "lockouts release",
    "portal-servers drain",
    "portal-servers resume",
    "mail retry",
    "mail test",
    "policy reload",
    "policy try",
    "policy trials stop",
    "admin create",
    "admin edit",
    "admin delete",
    "admin reset-password",
    "admin reset-mfa",
    "token create",
    "token revoke",
    "apply",
];

/// The commands that change records that a file may manage, so that `--detach` has an effect.
const DETACHING: [&str; 18] = [
    "groups edit",
    "groups delete",
    "groups default",
    "organizations edit",
    "organizations park",
    "organizations unpark",
    "organizations delete",
    "organizations link enable",
    "organizations link disable",
    "organizations end-users edit",
    "organizations end-users delete",
    "users edit",
    "users disable",
    "users enable",
    "users delete",
    "users erase",
    "preferences set",
    "apply",
];

/// Whether `--detach` has an effect with a command without subcommands.
pub(super) fn detaches(leaf: &str) -> bool {
    DETACHING.contains(&leaf)
}

/// Whether `--dry-run` has an effect with a command without subcommands.
pub(super) fn writes(leaf: &str) -> bool {
    WRITING.contains(&leaf)
}

/// The path of the command that was given.
pub(super) fn leaf(matches: &ArgMatches) -> String {
    match matches.subcommand() {
        Some((name, inner)) => format!("{name} {}", leaf(inner)).trim_end().to_owned(),
        None => String::new(),
    }
}

/// The definition of the command line with its help.
pub(super) fn completed(root: Command) -> Command {
    let globals: Vec<Arg> =
        root.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    with_help(root, "", &globals)
}

/// An error in plain words where clap would list each option of a change twice.
pub(super) fn in_plain_words(error: Error) -> Error {
    let missing = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(missing))
            if error.kind() == ErrorKind::MissingRequiredArgument =>
        {
            missing
        }
        _ => return error,
    };
    // A group that is needed: `<--name <NAME>|--email <EMAIL>|--no-email>`.
    let [group] = &**missing else { return error };
    let options: Vec<_> = group
        .split(['<', '|', ' ', '>'])
        .filter(|word| word.starts_with("--"))
        .map(|option| format!("`{option}`"))
        .collect();
    match &*options {
        [first @ .., last] if group.starts_with("<--") && !first.is_empty() => {
            let message = format!("nothing is given; use {} or {last}\n", first.join(", "));
            Error::raw(ErrorKind::MissingRequiredArgument, message)
        }
        _ => error,
    }
}

/// Adds examples to a command without subcommands, and hides the global options without effect.
fn with_help(mut command: Command, path: &str, globals: &[Arg]) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in &names {
        let path = format!("{path} {name}").trim_start().to_owned();
        command = command.mut_subcommand(name, |inner| with_help(inner, &path, globals));
    }
    if path.is_empty() {
        return command;
    }
    let leaves = leaves(path);
    let hidden = globals.iter().filter(|option| {
        let id = option.get_id().as_str();
        !leaves.iter().any(|leaf| has_effect(id, leaf))
    });
    // A subcommand keeps its own definition of a global option.
    let command = command.args(hidden.map(|option| option.clone().hide(true)));
    match examples().find(|(name, _)| *name == path) {
        Some((_, examples)) if names.is_empty() => {
            command.after_help(format!("Examples:\n  {}", examples.join("\n  ")))
        }
        _ => command,
    }
}

/// The commands without subcommands at and below a path.
fn leaves(path: &str) -> Vec<&'static str> {
    let below = |leaf: &str| {
        leaf.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    examples().map(|(leaf, _)| *leaf).filter(|leaf| below(leaf)).collect()
}

/// Whether a global option has an effect with a command without subcommands.
fn has_effect(option: &str, leaf: &str) -> bool {
    match leaf.split(' ').next() {
        _ if option == "color" => true,
        Some("completions") => false,
        Some("init" | "demo" | "man") => option == "json",
        Some("config" | "store" | "restore") => ["config", "json"].contains(&option),
        Some("check" | "doctor") => ["config", "socket", "json"].contains(&option),
        Some("serve") => option == "config",
        Some("secrets") => ["config", "json", "yes", "dry_run"].contains(&option),
        _ if leaf == "policy suggest" => option == "json",
        _ => match option {
            "yes" => ASKING.contains(&leaf),
            "dry_run" => writes(leaf),
            "detach" => detaches(leaf),
            _ => true,
        },
    }
}
