//! What the documents name exists: tests, files, `make` targets, and the targets of links.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{Functions, files, normalized, read, root, rust_files, tokens};

/// Documents, by their path from the root.
fn documents() -> Vec<String> {
    let mut found = files("docs");
    found.extend(
        ["README", "CONTRIBUTING", "SECURITY", "CHANGELOG"].map(|name| format!("{name}.md")),
    );
    found.retain(|path| path.ends_with(".md"));
    found
}

/// A document's text without its fenced code blocks.
fn prose(document: &str) -> String {
    let mut fenced = false;
    let text = read(document);
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The code spans of a text: what stands between backquotes.
fn spans(prose: &str) -> impl Iterator<Item = &str> {
    prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn is_identifier(span: &str) -> bool {
    span.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn functions() -> Functions {
    let mut functions = Functions::default();
    // The functions of the conformance suite are its cases: each backend's tests call them all.
    for path in rust_files().iter().filter(|path| path.contains("/conformance")) {
        functions.collect(tokens(path));
    }
    functions.tests.append(&mut functions.all.clone());
    for path in rust_files() {
        functions.collect(tokens(&path));
    }
    functions
}

/// Names in the last column of a table that is headed `shown by`.
fn shown_by(prose: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_table = false;
    for line in prose.lines() {
        let Some(row) = line.strip_prefix('|') else {
            in_table = false;
            continue;
        };
        let last = row.trim_end().trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        in_table |= last.trim() == "shown by";
        if in_table {
            found.extend(spans(last).filter(|span| is_identifier(span) && span.contains('_')));
        }
    }
    found
}

#[test]
fn every_test_that_a_document_names_exists() {
    let functions = functions();
    let mut missing = Vec::new();
    let mut named = 0;
    for document in documents() {
        let prose = prose(&document);
        for name in shown_by(&prose) {
            named += 1;
            if !functions.tests.contains(name) {
                missing.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(named > 300, "only {named} tests are named: are the tables still read?");
    assert!(missing.is_empty(), "no such tests:\n{}", missing.join("\n"));
}

/// Settings of other programs.
const FOREIGN: [&str; 2] = ["large_client_header_buffers", "sched_autogroup_enabled"];

/// Long names anywhere in the text are functions, settings or fields.
#[test]
fn every_long_name_in_a_document_exists() {
    let mut known = functions().all;
    for path in rust_files().into_iter().chain(files("config")).chain(files("policies")) {
        let text = read(&path);
        let words = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        known.extend(words.filter(|word| word.contains('_')).map(str::to_owned));
    }
    let mut missing = Vec::new();
    for document in documents() {
        for name in spans(&prose(&document)) {
            let long = name.matches('_').count() >= 2 && is_identifier(name);
            if long && !known.contains(name) && !FOREIGN.contains(&name) {
                missing.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "named, but nowhere in the sources:\n{}", missing.join("\n"));
}

/// Folders whose files are in the repository; others (`data/`, `secrets/`) are made at run time.
const FOLDERS: [&str; 10] = [
    "src/",
    "crates/",
    "tests/",
    "scripts/",
    "docs/",
    "config/",
    "policies/",
    "templates/",
    ".cargo/",
    ".ci/",
];

/// Whether a code span is the path of a file of the repository.
fn is_path(span: &str) -> bool {
    let plain = span.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    let source = [".rs", ".sh", ".py"].iter().any(|ending| span.ends_with(ending));
    plain && (source || FOLDERS.iter().any(|folder| span.starts_with(folder)))
}

#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in documents() {
        for path in spans(&prose(&document)).filter(|span| is_path(span)) {
            // The application's own modules are named from `src/`.
            if !["", "src/"].iter().any(|from| root().join(from).join(path).exists()) {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such files:\n{}", missing.join("\n"));
}

#[test]
fn every_document_that_the_code_names_exists() {
    let mut missing = Vec::new();
    for path in rust_files() {
        let text = read(&path);
        for (at, _) in text.match_indices("docs/") {
            let name = text[at..]
                .split(|c: char| c != '/' && c != '.' && c != '_' && !c.is_ascii_alphanumeric());
            let name = name.take(1).collect::<String>();
            let name = name.trim_end_matches('.');
            if name.ends_with(".md") && !root().join(name).exists() {
                missing.push(format!("{path}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such documents:\n{}", missing.join("\n"));
}

#[test]
fn every_make_target_in_a_document_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with([' ', '\t', '#', '.']))
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(names, _)| names.split(' '))
        .collect();
    let mut missing = Vec::new();
    for document in documents() {
        for command in spans(&prose(&document)).filter_map(|span| span.strip_prefix("make ")) {
            let target = command.split(' ').find(|word| !word.contains('=')).unwrap_or_default();
            if !targets.contains(target) {
                missing.push(format!("{document}: make {command}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such targets:\n{}", missing.join("\n"));
}

/// The targets of a text's links and images.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The anchors of a document: its headings as GitHub makes ids of them.
fn anchors(document: &str) -> BTreeSet<String> {
    let prose = prose(document);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_of_a_document_resolves() {
    let mut broken = Vec::new();
    for document in documents() {
        let folder = Path::new(&document).parent().unwrap();
        for link in links(&prose(&document)).filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => Path::new(&document).to_owned(),
                path => normalized(&folder.join(path)),
            };
            let found = root().join(&target).exists()
                && (anchor.is_empty() || anchors(target.to_str().unwrap()).contains(anchor));
            if !found {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// The first text between two others.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[test]
fn every_file_names_the_same_version_of_rust() {
    let version = read("Cargo.toml");
    let version = between(&version, "rust-version = \"", "\"");
    assert_eq!(between(&read("Dockerfile"), "FROM rust:", "-"), version, "Dockerfile");
    assert_eq!(
        between(&read("README.md"), "[Rust](https://rustup.rs) (", " or"),
        version,
        "README"
    );
}
