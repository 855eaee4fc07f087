//! Reads single settings out of the merged sources, collecting every problem by its key.
//!
//! Sources are laid over one another by the crate `config`: the file first, the environment over
//! it. Values from the environment are text and are read as what the key calls for. A key that
//! nothing asked for is a problem too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use config::{Config, Environment, File, FileFormat, Value, ValueKind};

use super::{Problem, Problems};
use crate::credential::secret::Secret;

/// The merged settings by dotted key, and what has been found wrong with them so far.
#[derive(Debug)]
pub(super) struct Reader {
    values: BTreeMap<String, Value>,
    asked: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Merges a TOML text with `PORTCULLIS__…` variables, which win.
    pub(super) fn new(
        text: &str,
        file: &Path,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Problems> {
        let environment = Environment::with_prefix("PORTCULLIS")
            .prefix_separator("__")
            .separator("__")
            .source(Some(environment.clone()));
        let merged = Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(environment)
            .build()
            .and_then(Config::try_deserialize::<HashMap<String, Value>>)
            .map_err(|error| {
                Problems(vec![Problem {
                    key: file.display().to_string(),
                    message: syntax_message(&error.to_string()),
                }])
            })?;
        let mut values = BTreeMap::new();
        for (key, value) in merged {
            flatten(key, value, &mut values);
        }
        Ok(Self { values, asked: BTreeSet::new(), problems: Vec::new() })
    }

    /// Text, parsed by `T`'s own rules; `None` when the key is absent or wrong.
    pub(super) fn parsed<T>(&mut self, key: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(key)?;
        match text.trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(key, format!("`{text}`: {error}"));
                None
            }
        }
    }

    /// Text as it stands.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        match value.kind {
            ValueKind::String(_)
            | ValueKind::I64(_)
            | ValueKind::U64(_)
            | ValueKind::Boolean(_) => value.into_string().ok(),
            ValueKind::Nil
            | ValueKind::I128(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::Table(_)
            | ValueKind::Array(_) => {
                self.problem(key, "must be text".to_owned());
                None
            }
        }
    }

    /// One of a closed set of words.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.problem(key, format!("`{text}` is not one of {}", known.join(", ")));
        default
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &str, default: bool) -> bool {
        self.word(key, &[("true", true), ("false", false)], default)
    }

    /// A list, each item parsed; from the environment, items stand between commas. `None` when the
    /// key is absent or any item is wrong.
    pub(super) fn list<T>(&mut self, key: &str) -> Option<Vec<T>>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let value = self.take(key)?;
        let items: Vec<Option<String>> = match value.kind {
            ValueKind::Array(items) => items.into_iter().map(as_text).collect(),
            // From the environment: as in the file, or simply with commas between.
            ValueKind::String(text) => inside_brackets(&text)
                .split(',')
                .map(|item| item.trim().trim_matches(['"', '\'']))
                .map(|item| item.trim().to_owned())
                .filter(|item| !item.is_empty())
                .map(Some)
                .collect(),
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::Table(_) => {
                self.problem(key, "must be a list".to_owned());
                return None;
            }
        };
        let count = items.len();
        let mut parsed = Vec::with_capacity(count);
        for (place, item) in items.into_iter().enumerate() {
            let Some(item) = item else {
                self.problem(&format!("{key}[{place}]"), "must be text".to_owned());
                continue;
            };
            match item.parse() {
                Ok(value) => parsed.push(value),
                Err(error) => self.problem(key, format!("`{item}`: {error}")),
            }
        }
        (parsed.len() == count).then_some(parsed)
    }

    /// A duration with its unit, as `500ms`, `30m` or `12h`; never zero.
    pub(super) fn duration(&mut self, key: &str, default: Duration) -> Duration {
        let Some(text) = self.text(key) else { return default };
        match humantime::parse_duration(text.trim()) {
            Ok(value) if !value.is_zero() => value,
            Ok(_) => {
                self.problem(key, "must be longer than nothing".to_owned());
                default
            }
            Err(error) => {
                self.problem(key, format!("`{text}` is no duration such as `30m`: {error}"));
                default
            }
        }
    }

    /// A whole number within bounds, both included.
    pub(super) fn number<T>(&mut self, key: &str, default: T, least: T, most: T) -> T
    where
        T: FromStr + PartialOrd + Copy + std::fmt::Display,
    {
        let Some(value) = self.take(key) else { return default };
        let range = format!("a whole number from {least} to {most}");
        let text = match value.kind {
            // With its point: 1.0 is not how a number is counted.
            ValueKind::Float(given) => format!("{given:?}"),
            ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => {
                self.problem(key, format!("must be {range}"));
                return default;
            }
            ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::String(_) => value.into_string().unwrap_or_default(),
        };
        match text.parse() {
            Ok(value) if value >= least && value <= most => value,
            Ok(_) | Err(_) => {
                self.problem(key, format!("`{text}` is not {range}"));
                default
            }
        }
    }

    /// A path; relative ones are taken from the working directory.
    pub(super) fn path(&mut self, key: &str, default: &str) -> PathBuf {
        self.named_path(key).unwrap_or_else(|| PathBuf::from(default))
    }

    /// A path that has no default. An empty one would be the working directory or nothing at all.
    pub(super) fn named_path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.problem(key, "is empty: a path is needed".to_owned());
        }
        Some(PathBuf::from(text))
    }

    /// A secret: given as it is, or in a file that `<key>_file` names, whose last line end is cut.
    /// It is never part of a problem.
    pub(super) fn secret(&mut self, key: &str) -> Option<Secret<String>> {
        let file_key = format!("{key}_file");
        let (given, file) = (self.text(key).map(Secret::new), self.text(&file_key));
        let secret = match (given, file) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.problem(key, format!("is given twice: here and by `{file_key}`"));
                return None;
            }
            (Some(given), None) => given,
            (None, Some(file)) => match std::fs::read_to_string(&file) {
                Ok(text) => {
                    let whole = Secret::new(text);
                    // A byte order mark is of the file, and not of the secret in it.
                    let line = whole.expose().trim_start_matches('\u{feff}');
                    let line = line.strip_suffix('\n').unwrap_or(line);
                    Secret::from(line.strip_suffix('\r').unwrap_or(line))
                }
                Err(error) => {
                    self.problem(&file_key, format!("`{file}` cannot be read: {error}"));
                    return None;
                }
            },
        };
        if secret.expose().is_empty() {
            self.problem(key, "is empty".to_owned());
            return None;
        }
        Some(secret)
    }

    /// Whether any source sets the key or one below it.
    pub(super) fn has(&self, key: &str) -> bool {
        let below = format!("{key}.");
        self.values.keys().any(|known| known == key || known.starts_with(&below))
    }

    /// Whether nothing is wrong so far with the key and those below it.
    pub(super) fn sound(&self, key: &str) -> bool {
        let below = format!("{key}.");
        !self.problems.iter().any(|found| found.key == key || found.key.starts_with(&below))
    }

    /// Notes a problem with a key.
    pub(super) fn problem(&mut self, key: &str, message: String) {
        self.problems.push(Problem { key: key.to_owned(), message });
    }

    /// All problems, those of keys that nothing asked for included.
    pub(super) fn finish(mut self) -> Result<(), Problems> {
        for (key, value) in &self.values {
            let section = matches!(value.kind, ValueKind::Table(_)) && self.is_section(key);
            if !section && !self.asked.contains(key) {
                self.problems
                    .push(Problem { key: key.clone(), message: "is not a setting".to_owned() });
            }
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Problems(self.problems)) }
    }

    /// Whether settings below this key have been asked for.
    fn is_section(&self, key: &str) -> bool {
        let below = format!("{key}.");
        self.asked.range(below.clone()..).next().is_some_and(|asked| asked.starts_with(&below))
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.asked.insert(key.to_owned());
        self.values.get(key).cloned()
    }
}

/// An item of a list that is text as it stands.
fn as_text(item: Value) -> Option<String> {
    match item.kind {
        ValueKind::String(text) => Some(text),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => None,
    }
}

/// What a list written as in the file holds; `[::1]` is none.
fn inside_brackets(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .map(str::trim)
        .filter(|inside| inside.is_empty() || inside.starts_with(['"', '\'']))
        .unwrap_or(text)
}

/// Tables become dotted keys, so that an inline table and a section are the same thing. An empty
/// one keeps its own key: whoever wrote it meant something.
fn flatten(key: String, value: Value, into: &mut BTreeMap<String, Value>) {
    match value.kind {
        ValueKind::Table(table) if !table.is_empty() => {
            for (name, inner) in table {
                flatten(format!("{key}.{name}"), inner, into);
            }
        }
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => {
            into.insert(key, value);
        }
    }
}

/// The parser's message without the source excerpt, which may hold a secret.
fn syntax_message(error: &str) -> String {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("cannot be read");
    let cause = lines.rfind(|line| !line.contains('|') && !line.starts_with("in "));
    cause.map_or_else(|| first.to_owned(), |cause| format!("{first}: {cause}"))
}
