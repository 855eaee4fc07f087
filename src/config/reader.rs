//! Reads single keys of the merged sources, and collects the problems of all of them.
//!
//! Values from the environment are text, and are parsed as the type that the key requires. A key that
//! is set and never read is a problem too. Each method that reads a key also notes the value that
//! takes effect, for `portcullis config show`; so every key is there, and no list of keys is needed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use config::{Value, ValueKind};
use serde_json::Value as Json;

use super::effective::{EffectiveSetting, EffectiveValue};
use super::ignored_variable::IgnoredVariable;
use super::problem::{Problem, Problems};
use super::source::{self, Origins, Values};
use super::value::written;
use super::{ignored_variable, suggestion};
use crate::credential::secret::Secret;

/// The problem of a value of another type.
const MUST_BE_A_STRING: &str = "must be a string";

/// The merged settings by dotted key.
#[derive(Debug)]
pub(super) struct Reader {
    values: Values,
    origins: Origins,
    /// The keys that have been read, whether they are set or not.
    known: BTreeSet<String>,
    /// The values that take effect.
    effective: BTreeMap<String, EffectiveValue>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Merges a TOML text with `PORTCULLIS__…` variables, which take precedence.
    pub(super) fn new(
        text: &str,
        file: &Path,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Problems> {
        let values = source::merged(text, environment).map_err(|message| {
            Problems(vec![Problem { key: file.display().to_string(), message }])
        })?;
        Ok(Self {
            values,
            origins: Origins::new(text, file, environment),
            known: BTreeSet::new(),
            effective: BTreeMap::new(),
            problems: Vec::new(),
        })
    }

    /// A value parsed by `T`, whose error completes the sentence "`value` …". `None` if the key is
    /// not set or invalid.
    pub(super) fn parsed<T>(&mut self, key: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.scalar(key)?;
        match text.trim().parse() {
            Ok(value) => {
                self.show(key, text.trim());
                Some(value)
            }
            Err(error) => {
                self.problem(key, format!("{} {error}", quoted(&text)));
                None
            }
        }
    }

    /// Text, unchanged.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let text = self.unshown_text(key)?;
        self.show(key, text.as_str());
        Some(text)
    }

    /// The same with a default.
    pub(super) fn text_or(&mut self, key: &str, default: &str) -> String {
        self.text(key).unwrap_or_else(|| {
            self.show(key, default);
            default.to_owned()
        })
    }

    fn unshown_text(&mut self, key: &str) -> Option<String> {
        let text = into_string(self.take(key)?);
        if text.is_none() {
            self.problem(key, MUST_BE_A_STRING.to_owned());
        }
        text
    }

    /// The text of a value that is parsed. Numbers and booleans have one too, so that the problem
    /// shows what was given.
    fn scalar(&mut self, key: &str) -> Option<String> {
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
                self.problem(key, MUST_BE_A_STRING.to_owned());
                None
            }
        }
    }

    /// One of a fixed set of words.
    pub(super) fn choice<T: Copy + PartialEq>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(text) = self.scalar(key) else {
            if let Some((word, _)) = words.iter().find(|(_, value)| *value == default) {
                self.show(key, *word);
            }
            return default;
        };
        if let Some((word, value)) = words.iter().find(|(word, _)| *word == text) {
            self.show(key, *word);
            return *value;
        }
        let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let expected = match &*known {
            [word] => word.clone(),
            known => format!("one of {}", known.join(", ")),
        };
        self.problem(key, format!("{} is not a known value, expected {expected}", quoted(&text)));
        default
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &str, default: bool) -> bool {
        let value = self.choice(key, &[("true", true), ("false", false)], default);
        self.show(key, value);
        value
    }

    /// A list, each item parsed as by [`parsed`](Self::parsed). In the environment the items are
    /// separated by commas. `None` if the key is not set or any item is invalid.
    pub(super) fn list<T>(&mut self, key: &str) -> Option<Vec<T>>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let Some(value) = self.take(key) else {
            self.show(key, Json::Array(Vec::new()));
            return None;
        };
        let items: Vec<Option<String>> = match value.kind {
            ValueKind::Array(items) => items.into_iter().map(into_string).collect(),
            // From the environment: with brackets and quotes as in the file, or without.
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
                self.problem(key, "must be a list of strings".to_owned());
                return None;
            }
        };
        let count = items.len();
        self.show(key, items.iter().flatten().cloned().collect::<Vec<_>>());
        let mut parsed = Vec::with_capacity(count);
        for (index, item) in items.into_iter().enumerate() {
            let Some(item) = item else {
                self.problem(&format!("{key}[{index}]"), MUST_BE_A_STRING.to_owned());
                continue;
            };
            match item.parse() {
                Ok(value) => parsed.push(value),
                Err(error) => self.problem(key, format!("{} {error}", quoted(&item))),
            }
        }
        (parsed.len() == count).then_some(parsed)
    }

    /// A duration with its unit, such as `500ms`, `30m` or `12h`; never zero.
    pub(super) fn duration(&mut self, key: &str, default: Duration) -> Duration {
        let Some(text) = self.scalar(key) else {
            self.show(key, written(default));
            return default;
        };
        match humantime::parse_duration(text.trim()) {
            Ok(value) if !value.is_zero() => {
                self.show(key, text.trim());
                value
            }
            Ok(_) => {
                self.problem(key, "must be longer than zero".to_owned());
                default
            }
            Err(_) => {
                let value = quoted(&text);
                self.problem(key, format!("{value} is not a duration (e.g. `30m` or `500ms`)"));
                default
            }
        }
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number<T>(&mut self, key: &str, default: T, least: T, most: T) -> T
    where
        T: FromStr + PartialOrd + Copy + std::fmt::Display + serde::Serialize,
    {
        let Some(value) = self.take(key) else {
            self.show(key, serde_json::json!(default));
            return default;
        };
        let range = format!("a whole number from {least} to {most}");
        let text = match value.kind {
            // `{:?}` keeps the point of 1.0, which is not accepted as 1.
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
            Ok(value) if value >= least && value <= most => {
                self.show(key, serde_json::json!(value));
                value
            }
            Ok(_) | Err(_) => {
                self.problem(key, format!("{} is not {range}", quoted(&text)));
                default
            }
        }
    }

    /// A path. Relative paths are relative to the working directory.
    pub(super) fn path(&mut self, key: &str, default: &str) -> PathBuf {
        self.optional_path(key).unwrap_or_else(|| {
            self.show(key, default);
            PathBuf::from(default)
        })
    }

    /// A path without a default. An empty path would be the working directory.
    pub(super) fn optional_path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.problem(key, "must not be empty: a path is required".to_owned());
        }
        Some(PathBuf::from(text))
    }

    /// Adds a problem if something other than a folder is at this path, the value of a key. A folder
    /// that does not exist is created later.
    pub(super) fn require_folder(&mut self, key: &str, path: &Path) {
        if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir()) {
            let path = quoted(&path.display().to_string());
            self.problem(key, format!("{path} is a file; a folder is required"));
        }
    }

    /// A secret: the value itself, or the content of the file that `<key>_file` names, without its
    /// last line ending. Problems never contain it.
    pub(super) fn secret(&mut self, key: &str) -> Option<Secret<String>> {
        let file_key = format!("{key}_file");
        let (given, file) = (self.unshown_text(key).map(Secret::new), self.text(&file_key));
        self.effective.insert(key.to_owned(), EffectiveValue::Secret { is_set: given.is_some() });
        let secret = match (given, file) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.problem(key, format!("conflicts with `{file_key}`; set one of the two"));
                return None;
            }
            (Some(given), None) => given,
            (None, Some(file)) => match std::fs::read_to_string(&file) {
                Ok(text) => {
                    let content = Secret::new(text);
                    // A byte order mark is part of the file's encoding, not of the secret.
                    let line = content.expose().trim_start_matches('\u{feff}');
                    let line = line.strip_suffix('\n').unwrap_or(line);
                    Secret::from(line.strip_suffix('\r').unwrap_or(line))
                }
                Err(error) => {
                    self.problem(&file_key, format!("{} cannot be read: {error}", quoted(&file)));
                    return None;
                }
            },
        };
        if secret.expose().is_empty() {
            self.problem(key, "must not be empty".to_owned());
            return None;
        }
        Some(secret)
    }

    /// The names directly below a section that settings may name freely.
    pub(super) fn labels(&mut self, section: &str) -> BTreeSet<String> {
        match self.values.get(section).map(|value| &value.kind) {
            // Every line in it is commented out.
            Some(ValueKind::Table(_)) => {
                self.known.insert(section.to_owned());
            }
            Some(_) => {
                self.known.insert(section.to_owned());
                self.problem(section, "must be a table".to_owned());
            }
            None => {}
        }
        let below = format!("{section}.");
        let names = self.values.keys().filter_map(|key| key.strip_prefix(&below));
        names.filter_map(|key| key.split('.').next()).map(str::to_owned).collect()
    }

    /// A list of tables: the prefix of the keys of each, such as `branding.links[0]`. In the
    /// environment it is written as in the file. Empty if the key is not set. Problems show `example`,
    /// one of the tables.
    pub(super) fn tables(&mut self, key: &str, example: &str) -> Vec<String> {
        let Some(value) = self.take(key) else {
            self.show(key, Json::Array(Vec::new()));
            return Vec::new();
        };
        // The keys below it are shown instead.
        self.effective.remove(key);
        let value = match value.kind {
            ValueKind::String(text) => source::inline(&text),
            _ => Some(value),
        };
        let Some(ValueKind::Array(items)) = value.map(|value| value.kind) else {
            self.problem(key, format!("must be a list of tables; write `[{example}]`"));
            return Vec::new();
        };
        let mut prefixes = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let prefix = format!("{key}[{index}]");
            if matches!(item.kind, ValueKind::Table(_)) {
                source::flatten(prefix.clone(), item, &mut self.values);
                prefixes.push(prefix);
            } else {
                self.problem(&prefix, format!("must be a table; write `{example}`"));
            }
        }
        prefixes
    }

    /// Whether the key itself is set, rather than keys below it.
    pub(super) fn is_value(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !matches!(value.kind, ValueKind::Table(_)))
    }

    /// Whether any source sets the key or one below it.
    pub(super) fn has(&self, key: &str) -> bool {
        let below = format!("{key}.");
        self.values.keys().any(|set| set == key || set.starts_with(&below))
    }

    /// Whether no problem has been found yet with the key and those below it.
    pub(super) fn is_valid(&self, key: &str) -> bool {
        let below = format!("{key}.");
        !self.problems.iter().any(|found| found.key == key || found.key.starts_with(&below))
    }

    /// The variables that look like a setting that has been read, and are not. Call it after every
    /// key has been read.
    pub(super) fn ignored_variables(
        &self,
        environment: &HashMap<String, String>,
    ) -> Vec<IgnoredVariable> {
        ignored_variable::find(environment, &self.known)
    }

    /// Adds a problem with a key.
    pub(super) fn problem(&mut self, key: &str, message: String) {
        self.problems.push(Problem { key: key.to_owned(), message });
    }

    /// Notes the value that takes effect for a key, where it is the caller's default.
    pub(super) fn show(&mut self, key: &str, value: impl Into<Json>) {
        self.effective.insert(key.to_owned(), EffectiveValue::Plain(value.into()));
    }

    /// All keys that have been read, in alphabetical order, with the values that take effect.
    pub(super) fn effective(&self) -> Vec<EffectiveSetting> {
        let shown = self.effective.iter();
        shown
            .map(|(key, value)| EffectiveSetting {
                key: key.clone(),
                value: value.clone(),
                origin: self.origins.of(key),
            })
            .collect()
    }

    /// All problems, those of unknown keys included. Call it after every key has been read.
    pub(super) fn finish(mut self) -> Result<(), Problems> {
        for (key, value) in &self.values {
            // The header of a section in which every line is commented out.
            let empty_section = matches!(value.kind, ValueKind::Table(_)) && self.is_section(key);
            if !empty_section && !self.known.contains(key) {
                let message = suggestion::unknown(key, &self.known);
                self.problems.push(Problem { key: key.clone(), message });
            }
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Problems(self.problems)) }
    }

    fn is_section(&self, key: &str) -> bool {
        let below = format!("{key}.");
        self.known.range(below.clone()..).next().is_some_and(|known| known.starts_with(&below))
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        if self.known.insert(key.to_owned()) {
            self.show(key, Json::Null);
        }
        self.values.get(key).cloned()
    }
}

/// The value as it appears in a problem, on one line.
fn quoted(text: &str) -> String {
    let text = text.replace(char::is_control, "\u{fffd}");
    // A URL may contain a password.
    let masked = text.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split(['/', '?', '#']).next()?;
        let (_, after) = rest.split_at_checked(authority.rfind('@')?)?;
        Some(format!("`{scheme}://…{after}`"))
    });
    masked.unwrap_or_else(|| format!("`{text}`"))
}

fn into_string(item: Value) -> Option<String> {
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

/// The inside of a list that is written as in the file; other text, such as `[::1]`, unchanged.
fn inside_brackets(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .map(str::trim)
        .filter(|inside| inside.is_empty() || inside.starts_with(['"', '\'']))
        .unwrap_or(text)
}
