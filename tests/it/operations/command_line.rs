//! Completion scripts and manual pages, as shells and `man` read them; exit codes; what a terminal
//! shows.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory as _;
use portcullis::cli::Cli;

use crate::support::program::{portcullis, run, shown_at_terminal};

/// The commands without subcommands, as the words of their paths.
fn commands() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, path: &[String], into: &mut Vec<Vec<String>>) {
        let inner: Vec<_> =
            command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
        if inner.is_empty() {
            into.push(path.to_vec());
        }
        for inner in inner {
            collect(inner, &[path, &[inner.get_name().to_owned()]].concat(), into);
        }
    }
    let mut commands = Vec::new();
    collect(&Cli::command(), &[], &mut commands);
    commands
}

/// What a shell prints for a script, or `None` if it is not installed.
fn asked(folder: &Path, shell: &str, script: &str) -> Option<String> {
    let output = Command::new(shell).args(["-c", script]).current_dir(folder).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn every_command_fails_with_exit_code_1_without_a_gateway() {
    let folder = tempfile::tempdir().unwrap();
    for path in commands() {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let help = run(folder.path(), &[&words[..], &["--help"]].concat(), "").await.done();
        let example = help.split("Examples:\n").nth(1).unwrap().lines().next().unwrap().trim();
        // `doctor` reports a gateway that does not run as one of its findings, and `check` asks one
        // only before an upgrade.
        if !help.contains("--socket") || path == ["doctor"] || path == ["check"] {
            continue;
        }
        let program = env!("CARGO_BIN_EXE_portcullis");
        let line = example.replace("portcullis ", &format!("{program} --socket missing "));
        let ran = Command::new("sh").args(["-c", &line]).current_dir(folder.path()).output();
        let ran = ran.unwrap();
        let err = String::from_utf8_lossy(&ran.stderr);
        // Without a terminal, a password must come from standard input.
        let asks = err.contains("use --password-stdin");
        assert_eq!(ran.status.code(), Some(if asks { 2 } else { 1 }), "{example}: {err}");
        assert!(err.starts_with("portcullis: "), "{example}: {err}");
        assert!(
            asks || err.contains("no gateway is running") || err.contains("cannot open"),
            "{example}: {err}"
        );
    }
}

#[tokio::test]
async fn a_terminal_gets_colour_and_lines_that_fit() {
    let folder = tempfile::tempdir().unwrap();
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let init =
        ["init", ".", "--name", "\u{6771}\u{4eac} IT", "--public-url", "http://localhost:8080"];
    run(folder.path(), &[&init[..], &["--upstream", "http://127.0.0.1:1"]].concat(), "")
        .await
        .done();
    let command = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = portcullis(folder.path(), args);
        command.envs(variables.iter().copied());
        command.env("PORTCULLIS__POLICY__DIRECTORY", policies);
        command
    };
    let show = ["config", "show"];
    let shown = shown_at_terminal(command(&show, &[]), 60).await;
    assert!(shown.starts_with("\x1b[1mKEY "), "{shown}");
    assert!(shown.contains('\u{2026}'), "{shown}");
    let plain = shown_at_terminal(command(&show, &[("NO_COLOR", "1")]), 60).await;
    assert!(plain.lines().all(|line| line.chars().count() <= 60), "{plain}");
    assert_eq!(shown.replace("\x1b[1m", "").replace("\x1b[0m", ""), plain);
    let never = command(&[&show[..], &["--color", "never"]].concat(), &[("CLICOLOR_FORCE", "1")]);
    assert_eq!(shown_at_terminal(never, 60).await, plain);
    // In a pipe, nothing is shortened or coloured unless that is asked for.
    let piped = async |mut command: tokio::process::Command| {
        String::from_utf8(command.output().await.unwrap().stdout).unwrap()
    };
    let whole = piped(command(&show, &[])).await;
    assert!(whole.starts_with("KEY ") && !whole.contains('\u{2026}'), "{whole}");
    for (args, variables) in
        [(&["--color", "always"][..], &[][..]), (&[], &[("CLICOLOR_FORCE", "1")])]
    {
        let coloured = piped(command(&[&show[..], args].concat(), variables)).await;
        assert!(coloured.starts_with("\x1b[1mKEY "), "{coloured}");
    }
    let json = piped(command(&["config", "show", "--json", "--color", "always"], &[])).await;
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
    // The help follows the option too.
    let help = async |choice| piped(command(&["--color", choice, "config", "--help"], &[])).await;
    assert!(help("always").await.contains('\x1b') && !help("never").await.contains('\x1b'));
}

#[tokio::test]
async fn zsh_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let script = run(folder.path(), &["completions", "zsh"], "").await.done();
    fs::write(folder.path().join("_portcullis"), script).unwrap();
    // A shell in a terminal of its own, since zsh completes only what is typed.
    let completed = |typed: &str| {
        let ask = format!(
            "zmodload zsh/zpty; zpty z zsh -f -i; \
             zpty -w z \"PS1=; fpath=($PWD \\$fpath); autoload -Uz compinit; compinit -u -D; echo re''ady\"; \
             zpty -r z start '*ready*'; \
             zpty -w -n z $'{typed}\\t'; zpty -r z -t done '*{typed}*' ; sleep 1; \
             while zpty -r -t z part; do print -rn -- $part; done; zpty -d z"
        );
        asked(folder.path(), "zsh", &ask)
    };
    let Some(groups) = completed("portcullis gro") else { return };
    assert!(groups.contains("ups"), "{groups:?}");
    let options = completed("portcullis users create --inv").unwrap();
    assert!(options.contains("ite"), "{options:?}");
}

#[tokio::test]
async fn fish_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let script = run(folder.path(), &["completions", "fish"], "").await.done();
    fs::write(folder.path().join("portcullis.fish"), script).unwrap();
    let completed = |typed: &str| {
        asked(folder.path(), "fish", &format!("source portcullis.fish; complete -C '{typed}'"))
    };
    let Some(groups) = completed("portcullis gro") else { return };
    assert!(groups.starts_with("groups\t"), "{groups}");
    assert!(completed("portcullis users creat").unwrap().starts_with("create\t"));
    let options = completed("portcullis users create --").unwrap();
    assert!(options.contains("--invite\t") && !options.contains("--port"), "{options}");
}

#[tokio::test]
async fn bash_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let script = run(folder.path(), &["completions", "bash"], "").await;
    assert_eq!(script.code, 0, "{}", script.err);
    fs::write(folder.path().join("script"), &script.out).unwrap();
    // As bash calls it: with the command, the word to complete and the word before it.
    let completed = |words: &str| {
        let ask = format!(
            "source ./script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _portcullis portcullis \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let asked = Command::new("bash").args(["-c", &ask]).current_dir(folder.path()).output();
        String::from_utf8(asked.unwrap().stdout).unwrap()
    };
    assert_eq!(completed("portcullis gro").trim(), "groups");
    assert_eq!(completed("portcullis users creat").trim(), "create");
    assert_eq!(completed("portcullis users create --port").trim(), "");
    let options = completed("portcullis users create --");
    assert!(options.contains("--invite") && !options.contains("--port"), "{options}");
}

#[tokio::test]
async fn an_unknown_shell_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), &["completions", "tcsh"], "").await;
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("bash, elvish, fish, powershell, zsh"), "{}", refused.err);
}

#[tokio::test]
async fn manual_pages_are_written_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let written = run(folder.path(), &["man", "pages"], "").await;
    assert_eq!(written.code, 0, "{}", written.err);
    assert!(written.out.contains("man -l pages/portcullis.1"), "{}", written.out);
    for page in ["portcullis", "portcullis-serve", "portcullis-organizations-link-rotate"] {
        let text = fs::read_to_string(folder.path().join(format!("pages/{page}.1"))).unwrap();
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(text.contains(section), "{page}: {text}");
        }
    }
    let format = "MANWIDTH=80 man --warnings -l pages/*.1 2>&1 >/dev/null";
    if let Some(warnings) =
        asked(folder.path(), "sh", &format!("command -v man >/dev/null || exit 0; {format}"))
    {
        // Lines that are too short to be justified are no fault.
        let mut faults = warnings.lines().filter(|line| !line.ends_with("cannot adjust line"));
        assert_eq!(faults.next(), None);
    }
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = run(folder.path(), &["man", "file"], "").await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("could not create `file`"), "{}", refused.err);
}
