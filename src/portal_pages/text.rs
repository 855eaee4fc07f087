//! The words of the pages, a file a language.
//!
//! English and German are in the program; a folder of the operator's (`branding.texts`) may add
//! languages, or change single texts of those. The folder's `de.toml` needs only what is to be
//! different; a language that is not in the program is in English where its file says nothing.
//! A file is named by its language's tag (RFC 5646). A key that is no text of ours is an error, and
//! so is a value that a text does not have.

mod catalogue;
mod language;
mod phrase;

use std::fmt;
use std::path::{Path, PathBuf};

use http::HeaderMap;
use http::header::{self, HeaderValue};
use toml::{Table, Value as Toml};

pub(super) use self::catalogue::{Advised, Catalogue, Moments, Occasion, Past, Spans, Statement};
pub(super) use self::phrase::{Filled, Text, Value};

/// In the program; the first is what everybody else gets.
const SHIPPED: [(&str, &str); 2] = [
    ("en", include_str!("../../templates/text/en.toml")),
    ("de", include_str!("../../templates/text/de.toml")),
];

/// The languages there are.
#[derive(Debug)]
pub(super) struct Texts(Vec<Catalogue>);

/// A text file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextProblem {
    /// Which.
    pub file: PathBuf,
    /// What is wrong with it, and where.
    pub message: String,
}

/// All text files that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TextProblems(pub Vec<TextProblem>);

impl fmt::Display for TextProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {}", problem.file.display(), problem.message)?;
        }
        Ok(())
    }
}

impl Texts {
    /// The languages in the program, and over them those in a folder.
    ///
    /// # Errors
    /// All files that cannot be used.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self, TextProblems> {
        let files = folder.map(files).transpose().map_err(|problem| TextProblems(vec![problem]))?;
        Self::over(files.unwrap_or_default())
    }

    /// The same, with the folder's files as tag, path and content.
    fn over(files: Vec<(String, PathBuf, String)>) -> Result<Self, TextProblems> {
        let mut problems = Vec::new();
        let mut languages: Vec<(String, PathBuf, Table)> = Vec::new();
        let shipped = SHIPPED.map(|(tag, text)| {
            (tag.to_owned(), PathBuf::from(format!("{tag}.toml")), text.to_owned())
        });
        for (tag, file, text) in shipped.into_iter().chain(files) {
            let table: Table = match text.parse() {
                Ok(table) => table,
                Err(error) => {
                    let error: toml::de::Error = error;
                    problems.push(TextProblem { file, message: error.to_string() });
                    continue;
                }
            };
            let shipping = languages.len() < SHIPPED.len();
            let known = languages.iter_mut().find(|(known, ..)| known.eq_ignore_ascii_case(&tag));
            match known {
                Some((_, named, known)) => {
                    lay_over(known, table);
                    *named = file;
                }
                // What ships is whole; of others, English fills the gaps.
                None if shipping => languages.push((tag, file, table)),
                None => {
                    let mut whole = languages.first().map(|(.., e)| e.clone()).unwrap_or_default();
                    lay_over(&mut whole, table);
                    languages.push((tag, file, whole));
                }
            }
        }
        let mut texts = Vec::with_capacity(languages.len());
        for (tag, file, table) in languages {
            match serde_path_to_error::deserialize::<_, Catalogue>(Toml::Table(table)) {
                Ok(catalogue) => texts.push(Catalogue { language: tag, ..catalogue }),
                Err(error) => {
                    let message = format!("{}: {}", error.path(), error.inner().message());
                    problems.push(TextProblem { file, message });
                }
            }
        }
        if problems.is_empty() { Ok(Self(texts)) } else { Err(TextProblems(problems)) }
    }

    /// The texts in the language that a request asks for.
    pub(super) fn of(&self, headers: &HeaderMap) -> &Catalogue {
        self.accepted(headers.get(header::ACCEPT_LANGUAGE))
    }

    /// The texts in the language that an `Accept-Language` asks for.
    pub(super) fn accepted(&self, languages: Option<&HeaderValue>) -> &Catalogue {
        let tags = self.0.iter().map(|catalogue| catalogue.language.as_str());
        let place = language::choose(languages, &tags);
        #[expect(
            clippy::indexing_slicing,
            reason = "a chosen place is one of the languages, and \
            English is always there"
        )]
        &self.0[place]
    }

    /// The tags of the languages there are.
    pub(super) fn languages(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|catalogue| catalogue.language.as_str())
    }
}

/// The language that a request asks for before all others, whether it is one of ours or not.
pub(super) fn wanted(headers: &HeaderMap) -> Option<&str> {
    language::wanted(headers.get(header::ACCEPT_LANGUAGE)).filter(|tag| is_tag(tag))
}

/// The text files of a folder: tag, path and content.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf, String)>, TextProblem> {
    let problem = |file: &Path, error: std::io::Error| TextProblem {
        file: file.to_owned(),
        message: format!("cannot be read: {error}"),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| problem(folder, error))? {
        let path = entry.map_err(|error| problem(folder, error))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let tag = path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        if !is_tag(tag) {
            return Err(TextProblem {
                message: "is not named by a language, as `fr.toml` or `pt-BR.toml`".to_owned(),
                file: path,
            });
        }
        let text = std::fs::read_to_string(&path).map_err(|error| problem(&path, error))?;
        files.push((tag.to_owned(), path, text));
    }
    files.sort();
    Ok(files)
}

fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Toml::Table(below)), Toml::Table(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
