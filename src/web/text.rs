//! Texts in the reader's language, one file a language.
//!
//! A set of pages has a catalogue: a struct with a field for each of its texts. The languages in
//! the program are complete. A folder of the operator's may add languages or change single texts:
//! its `de.toml` needs only what is to be different, and what a language that is not in the program
//! leaves out is in the first language of the program. A file is named by its language's tag
//! (RFC 5646). A key that is not a text of the catalogue is an error, and so is a value that a text
//! does not take.

pub(crate) mod language;
mod phrase;
mod relative_time;
mod time_words;
mod written_time;

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use http::HeaderMap;
use http::header::{self, HeaderValue};
use serde::de::DeserializeOwned;
use toml::{Table, Value as Toml};

pub(crate) use self::phrase::{
    Advice, AdviceOn, Counted, Filled, ListWords, Moment, Operator, Phrase, Statement, Text, Value,
    Values, texts, values,
};
pub(crate) use self::relative_time::RelativeTime;
pub(crate) use self::time_words::TimeWords;
pub(crate) use self::written_time::written_time;

/// The texts of one set of pages, in all languages there are.
#[derive(Debug)]
pub(crate) struct Translations<T>(Vec<Translation<T>>);

/// The texts of one language.
#[derive(Debug)]
pub(crate) struct Translation<T> {
    /// The language's tag: the name of its file.
    pub(crate) language: String,
    texts: T,
}

/// A text file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextProblem {
    /// The file.
    pub file: PathBuf,
    /// The key or line, and what is wrong with it.
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

impl<T> Deref for Translation<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.texts
    }
}

impl<T: DeserializeOwned> Translations<T> {
    /// The languages in the program, as tag and content, and over them the files of a folder.
    ///
    /// # Errors
    /// All files that cannot be used.
    pub(crate) fn load(
        shipped: &[(&str, &str)],
        folder: Option<&Path>,
    ) -> Result<Self, TextProblems> {
        let files = folder.map(files).transpose().map_err(|problem| TextProblems(vec![problem]))?;
        Self::over(shipped, files.unwrap_or_default())
    }

    /// The same, with the folder's files as tag, path and content.
    pub(crate) fn over(
        shipped: &[(&str, &str)],
        files: Vec<(String, PathBuf, String)>,
    ) -> Result<Self, TextProblems> {
        let mut problems = Vec::new();
        let mut languages: Vec<(String, PathBuf, Table)> = Vec::new();
        let in_program = shipped.iter().map(|(tag, text)| {
            ((*tag).to_owned(), PathBuf::from(format!("{tag}.toml")), (*text).to_owned())
        });
        for (tag, file, text) in in_program.chain(files) {
            let table: Table = match text.parse() {
                Ok(table) => table,
                Err(error) => {
                    let error: toml::de::Error = error;
                    problems.push(TextProblem { file, message: error.to_string() });
                    continue;
                }
            };
            let is_shipped = languages.len() < shipped.len();
            let known = languages.iter_mut().find(|(known, ..)| known.eq_ignore_ascii_case(&tag));
            match known {
                Some((_, path, known)) => {
                    merge(known, table);
                    *path = file;
                }
                None if is_shipped => languages.push((tag, file, table)),
                None => {
                    let mut complete =
                        languages.first().map(|(.., first)| first.clone()).unwrap_or_default();
                    merge(&mut complete, table);
                    languages.push((tag, file, complete));
                }
            }
        }
        let mut translations = Vec::with_capacity(languages.len());
        for (language, file, table) in languages {
            match serde_path_to_error::deserialize::<_, T>(Toml::Table(table)) {
                Ok(texts) => translations.push(Translation { language, texts }),
                Err(error) => {
                    let message = format!("{}: {}", error.path(), error.inner().message());
                    problems.push(TextProblem { file, message });
                }
            }
        }
        if problems.is_empty() { Ok(Self(translations)) } else { Err(TextProblems(problems)) }
    }
}

impl<T> Translations<T> {
    /// The texts in the language that suits a request best.
    pub(crate) fn of(&self, headers: &HeaderMap) -> &Translation<T> {
        self.accepted(headers.get(header::ACCEPT_LANGUAGE))
    }

    /// The texts in the language that suits an `Accept-Language` best; without one, the first.
    pub(crate) fn accepted(&self, languages: Option<&HeaderValue>) -> &Translation<T> {
        let index = language::choose(language::text(languages), &self.languages());
        #[expect(
            clippy::indexing_slicing,
            reason = "a chosen index is that of a language, and there is at least the first"
        )]
        &self.0[index]
    }

    /// The tags of the languages there are.
    pub(crate) fn languages(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|translation| translation.language.as_str())
    }
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
        if !language::is_tag(tag) {
            return Err(TextProblem {
                message: "is not named by a language, such as `fr.toml` or `pt-BR.toml`".to_owned(),
                file: path,
            });
        }
        let text = std::fs::read_to_string(&path).map_err(|error| problem(&path, error))?;
        files.push((tag.to_owned(), path, text));
    }
    files.sort();
    Ok(files)
}

/// Puts the keys of one table over those of another.
fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Toml::Table(below)), Toml::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}
