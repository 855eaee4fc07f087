//! Completion scripts and manual pages, as a shell and `man` read them.

use std::fs;
use std::process::Command;

use crate::support::program::run;

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
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = run(folder.path(), &["man", "file"], "").await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("could not create `file`"), "{}", refused.err);
}
