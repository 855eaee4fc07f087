//! The command line as clap parses it, and its help.

use super::*;

mod commands;

fn read(words: &[&str]) -> Result<Cli, clap::Error> {
    Cli::of(&Cli::command().try_get_matches_from(words)?)
}

#[test]
fn the_definition_of_the_command_line_is_consistent() {
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
        &["portcullis", "preferences", "set"],
        &["portcullis", "organizations", "end-users", "edit", "acme", "anna"],
        &["portcullis", "demo", "--config", "x"],
        &["portcullis", "demo", "--socket", "x"],
        &["portcullis", "--yes", "demo"],
        &["portcullis", "demo", "--dry-run"],
        &["portcullis", "groups", "list", "--dry-run"],
        &["portcullis", "groups", "create", "g", "--detach"],
        &["portcullis", "serve", "--socket", "x"],
        &["portcullis", "check", "--socket", "x"],
        &["portcullis", "store", "init", "--socket", "x"],
        &["portcullis", "store", "rescue"],
        &["portcullis", "sessions", "end"],
        &["portcullis", "lockouts", "release"],
        &["portcullis", "lockouts", "release", "x", "--login", "ann"],
    ] {
        let refused = read(wrong).unwrap_err();
        assert_eq!(refused.exit_code(), 2, "{wrong:?}");
    }
}

#[test]
fn an_edit_without_changes_lists_the_options() {
    let refused = Cli::try_parse_from(["portcullis", "users", "edit", "ann"]).unwrap_err();
    let message = help::in_plain_words(refused).to_string();
    assert!(message.starts_with("error: nothing is given; use `--login`, `--name`"), "{message}");
    assert!(message.ends_with(" or `--require-mfa`\n"), "{message}");
    for option in ["--login", "--group", "--end-user", "--no-end-user", "--require-mfa"] {
        assert!(message.contains(option), "{option}: {message}");
    }
}

#[test]
fn options_with_an_effect_are_accepted() {
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
        &["portcullis", "--dry-run", "policy", "reload"],
        &["portcullis", "groups", "edit", "g", "--name", "n", "--detach"],
    ] {
        assert!(read(right).is_ok(), "{right:?}");
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

/// The help of a command and of all its subcommands.
fn help(command: &clap::Command, names: &str, into: &mut String) {
    // The help of the program has these options; they are not repeated.
    let is_nested = names.contains(' ');
    let mut command = command.clone().bin_name(names).mut_args(|arg| {
        let is_common = ["help", "version"].contains(&arg.get_id().as_str());
        let is_hidden = arg.is_hide_set();
        arg.hide(is_hidden || (is_nested && is_common))
    });
    into.push_str(&format!("$ {names} --help\n{}\n", command.render_long_help()));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        help(inner, &format!("{names} {}", inner.get_name()), into);
    }
}

#[test]
fn the_help_is_that_of_the_snapshot() {
    // The width that clap uses where there is no terminal.
    let mut command = help::completed(Cli::command()).term_width(100);
    command.build();
    let mut text = String::new();
    help(&command, "portcullis", &mut text);
    // clap leaves spaces at the end of lines; editors remove them from the snapshot.
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    insta::assert_snapshot!("help", lines.join("\n"));
}
