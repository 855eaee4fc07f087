//! Every command has examples that parse, and a row in docs/cli.md.

use std::collections::BTreeSet;

use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;
use crate::cli::help::{completed, examples, leaf};

fn definition() -> Command {
    completed(Cli::command())
}

/// The commands without subcommands, with their paths.
fn all_leaves() -> Vec<(String, Command)> {
    fn collect(command: &Command, path: &str, into: &mut Vec<(String, Command)>) {
        let mut inner =
            command.get_subcommands().filter(|inner| inner.get_name() != "help").peekable();
        if inner.peek().is_none() {
            into.push((path.to_owned(), command.clone()));
        }
        for inner in inner {
            collect(inner, format!("{path} {}", inner.get_name()).trim_start(), into);
        }
    }
    let mut command = definition();
    command.build();
    let mut leaves = Vec::new();
    collect(&command, "", &mut leaves);
    leaves
}

/// The words of a command line as a shell splits it, from the name of the program to a
/// redirection.
fn words(line: &str) -> Vec<String> {
    let line = line.rsplit("| ").next().unwrap();
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            '>' | '<' if !is_quoted => break,
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn parsed(words: &[String]) -> Result<Cli, clap::Error> {
    let matches = definition().try_get_matches_from(words)?;
    Cli::of(&matches)
}

#[test]
fn every_command_has_two_examples_that_parse() {
    let leaves: BTreeSet<String> = all_leaves().into_iter().map(|(path, _)| path).collect();
    let with_examples: BTreeSet<String> = examples().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(leaves, with_examples, "list the examples of each command in help/examples.rs");
    for (path, examples) in examples() {
        for example in examples {
            let words = words(example);
            match definition().try_get_matches_from(&words) {
                Ok(matches) => assert_eq!(leaf(&matches), *path, "{example}"),
                Err(error) => panic!("{example}: {error}"),
            }
            assert!(parsed(&words).is_ok(), "{example}");
        }
        assert_ne!(examples[0], examples[1], "{path}");
    }
}

#[test]
fn global_options_without_effect_are_hidden_and_refused() {
    for (path, command) in all_leaves() {
        let (_, examples) = examples().find(|(name, _)| *name == path).unwrap();
        for (id, given) in [
            ("config", &["--config", "x"][..]),
            ("socket", &["--socket", "x"]),
            ("json", &["--json"]),
            ("dry_run", &["--dry-run"]),
        ] {
            let shown = command.get_arguments().any(|arg| arg.get_id() == id && !arg.is_hide_set());
            let words: Vec<_> = words(examples[0])
                .into_iter()
                .filter(|word| !["--json", "--dry-run"].contains(&&**word))
                .chain(given.iter().map(|word| (*word).to_owned()))
                .collect();
            let accepted = match parsed(&words) {
                Ok(_) => true,
                // The example has the option already.
                Err(error) => {
                    error.kind() == ErrorKind::ArgumentConflict
                        && error.to_string().contains("multiple times")
                }
            };
            assert_eq!(shown, accepted, "{path} --{id}");
        }
    }
}

/// The exit code with which clap would end the program; 0 if the words parse.
fn exit_code(words: &[String]) -> i32 {
    parsed(words).map_or_else(|error| error.exit_code(), |_| 0)
}

#[test]
fn wrong_usage_of_every_command_is_exit_code_2() {
    for (path, command) in all_leaves() {
        let (_, examples) = examples().find(|(name, _)| *name == path).unwrap();
        let example = words(examples[0]);
        let bare: Vec<_> = words(&format!("portcullis {path}"));
        let code = |words: &[String], more: &[&str]| {
            let more: Vec<_> = more.iter().map(|word| (*word).to_owned()).collect();
            exit_code(&[words, &more].concat())
        };
        assert_eq!(code(&bare, &["--help"]), 0, "{path}");
        assert_eq!(code(&example, &["--no-such-option"]), 2, "{path}");
        let is_own = |arg: &&Arg| !arg.is_global_set() && arg.get_id() != "help";
        for arg in command.get_arguments().filter(is_own) {
            let values = arg.get_num_args().unwrap_or_default();
            match arg.get_long().map(|name| format!("--{name}")) {
                Some(name) if values.takes_values() => {
                    assert_eq!(code(&example, &[&name]), 2, "{path} {name} without a value");
                    if !arg.get_possible_values().is_empty() {
                        assert_eq!(code(&example, &[&name, "nonsense"]), 2, "{path} {name}");
                    }
                }
                Some(name) => {
                    let given = format!("{name}=x");
                    assert_eq!(code(&example, &[&given]), 2, "{path} {given}");
                }
                None => {}
            }
            if arg.is_required_set() {
                assert_eq!(code(&bare, &[]), 2, "{path} without {}", arg.get_id());
            }
        }
        let takes_any = command.get_positionals().any(|arg| {
            arg.get_num_args().is_some_and(|values| values.max_values() == usize::MAX)
                || matches!(arg.get_action(), clap::ArgAction::Append)
        });
        if !takes_any {
            assert_eq!(code(&example, &["x"; 9]), 2, "{path} with nine more arguments");
        }
    }
}

/// The rows of the tables in docs/cli.md: the command without its arguments, and the row.
fn documented() -> Vec<(String, &'static str)> {
    let text = include_str!("../../../docs/cli.md");
    let rows = text.lines().filter_map(|line| {
        let span = line.strip_prefix("| `")?.split_once('`')?.0;
        let is_command = |word: &&str| !word.starts_with(|c: char| c.is_uppercase());
        let path: Vec<_> = span.split(' ').filter(is_command).collect();
        Some((path.join(" "), line))
    });
    rows.collect()
}

#[test]
fn every_command_and_option_is_documented() {
    let rows = documented();
    let mut missing = Vec::new();
    for (path, command) in all_leaves() {
        let Some((_, row)) = rows.iter().rev().find(|(name, _)| *name == path) else {
            missing.push(path);
            continue;
        };
        let own = command.get_arguments().filter(|arg| {
            !arg.is_global_set() && !["help", "version"].contains(&arg.get_id().as_str())
        });
        for option in own.filter_map(Arg::get_long) {
            if !row.contains(&format!("`--{option}")) {
                missing.push(format!("{path} --{option}"));
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/cli.md:\n{}", missing.join("\n"));
}
