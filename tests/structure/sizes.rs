//! Files and the names of tests stay short enough to be read at a glance.

use crate::source::{Functions, read, rust_files, tokens};

/// Lines that a file may have. Tests may be longer: a table of cases is read a row at a time.
const LINES: usize = 500;

/// Characters that the name of a test may have.
const NAME: usize = 60;

fn is_test(file: &str) -> bool {
    file.starts_with("tests/") || file.contains("/tests/") || file.ends_with("/tests.rs")
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for file in rust_files().into_iter().filter(|file| !is_test(file)) {
        let lines = read(&file).lines().count();
        if lines > LINES {
            long.push(format!("{file}: {lines}"));
        }
    }
    assert!(long.is_empty(), "more than {LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn no_name_of_a_test_is_too_long() {
    let mut functions = Functions::default();
    for file in rust_files() {
        functions.collect(tokens(&file));
    }
    let long: Vec<&str> = functions.tests.iter().map(String::as_str).collect();
    let long: Vec<&str> = long.into_iter().filter(|name| name.len() > NAME).collect();
    assert!(long.is_empty(), "more than {NAME} characters:\n{}", long.join("\n"));
}
