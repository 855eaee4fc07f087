//! The repository's files, and Rust source as tokens.
//!
//! Tokens and not a syntax tree: names and paths are all that the checks need, and inside a macro
//! call there is no tree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder, by their path from the root, in order.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(from_root(&path));
            }
        }
    }
    found.sort();
    found
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

/// All Rust files of the repository.
pub(crate) fn rust_files() -> Vec<String> {
    let mut found: Vec<String> = ["src", "crates", "tests"].into_iter().flat_map(files).collect();
    found.retain(|path| path.ends_with(".rs"));
    found
}

/// A path without `.` and `..`, which need not exist.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            std::path::Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The tokens of a Rust file.
pub(crate) fn tokens(path: &str) -> TokenStream {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all functions, and of those that are tests: an attribute before them ends in
/// `test`. Functions inside macro calls (`proptest!`) are among them.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    pub(crate) all: BTreeSet<String>,
    pub(crate) tests: BTreeSet<String>,
}

impl Functions {
    pub(crate) fn collect(&mut self, tokens: TokenStream) {
        let mut test = false;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(group)) = tokens.peek() {
                        test |= is_test(group.stream());
                        tokens.next();
                    }
                }
                TokenTree::Ident(ident) if ident == "fn" => {
                    if let Some(TokenTree::Ident(name)) = tokens.next() {
                        if test {
                            self.tests.insert(name.to_string());
                        }
                        self.all.insert(name.to_string());
                    }
                    test = false;
                }
                TokenTree::Group(group) => self.collect(group.stream()),
                _ => {}
            }
        }
    }
}

/// Whether an attribute is `test`, `tokio::test` or `tokio::test(…)`.
fn is_test(attribute: TokenStream) -> bool {
    let words = attribute.into_iter().take_while(
        |token| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis),
    );
    words.last().is_some_and(|token| matches!(token, TokenTree::Ident(ident) if ident == "test"))
}
