//! The merged sources of the settings, and which of them each key comes from.
//!
//! The crate `config` merges: the file, and over it the environment. It does not keep the lines of
//! the file, so these are read from its text once more.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Value, ValueKind};
use toml::de::{DeTable, DeValue};

/// What the names of variables begin with, in the spelling in which they are compared.
const PREFIX: &str = "portcullis";
const SEPARATOR: &str = "__";

/// Values by dotted key.
pub(super) type Values = BTreeMap<String, Value>;

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// No source sets it.
    Default,
    /// The settings file.
    File {
        /// The name of the file.
        file: PathBuf,
        /// The line of the key, counted from 1.
        line: usize,
    },
    /// The environment.
    Environment {
        /// The name of the variable.
        variable: String,
    },
}

/// Which source sets each key.
#[derive(Debug)]
pub(super) struct Origins {
    file: PathBuf,
    lines: BTreeMap<String, usize>,
    /// The names of variables by the key that they set.
    variables: BTreeMap<String, String>,
}

/// Merges a TOML text with `PORTCULLIS__…` variables, which take precedence.
///
/// # Errors
/// Why the text is not TOML.
pub(super) fn merged(text: &str, environment: &HashMap<String, String>) -> Result<Values, String> {
    let environment = Environment::with_prefix("PORTCULLIS")
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .source(Some(environment.clone()));
    let merged = Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(environment)
        .build()
        .and_then(Config::try_deserialize::<HashMap<String, Value>>)
        .map_err(|error| syntax_error(&error.to_string()) + &duplicate(text))?;
    let mut values = Values::new();
    for (key, value) in merged {
        flatten(key, value, &mut values);
    }
    Ok(values)
}

/// Turns nested tables into dotted keys, so that inline tables and sections are equivalent. An empty
/// table keeps its own key, so that a misspelt one is reported.
pub(super) fn flatten(key: String, value: Value, into: &mut Values) {
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

/// A value that is written as in the file. `None` if it is not TOML.
pub(super) fn inline(text: &str) -> Option<Value> {
    let file = File::from_str(&format!("value = {text}"), FileFormat::Toml);
    Config::builder().add_source(file).build().ok()?.get("value").ok()
}

impl Origins {
    pub(super) fn new(text: &str, file: &Path, environment: &HashMap<String, String>) -> Self {
        let mut lines = BTreeMap::new();
        if let Ok(table) = DeTable::parse(text) {
            for (name, value) in table.get_ref() {
                note_lines(text, name.get_ref(), name.span().start, value.get_ref(), &mut lines);
            }
        }
        let variables = environment.keys().filter_map(|name| {
            let rest = name.to_lowercase();
            let rest = rest.strip_prefix(PREFIX)?.strip_prefix(SEPARATOR)?;
            Some((rest.replace(SEPARATOR, "."), name.clone()))
        });
        Self { file: file.to_owned(), lines, variables: variables.collect() }
    }

    pub(super) fn of(&self, key: &str) -> Origin {
        // A variable sets a list of tables as a whole.
        let list = key.split('[').next().unwrap_or(key);
        if let Some(variable) = self.variables.get(key).or_else(|| self.variables.get(list)) {
            return Origin::Environment { variable: variable.clone() };
        }
        match self.lines.get(key) {
            Some(line) => Origin::File { file: self.file.clone(), line: *line },
            None => Origin::Default,
        }
    }
}

/// Notes the line of a key, which is at this byte of the text, and of all keys below it.
fn note_lines(
    text: &str,
    key: &str,
    start: usize,
    value: &DeValue<'_>,
    into: &mut BTreeMap<String, usize>,
) {
    let before = text.as_bytes().get(..start).unwrap_or_default();
    into.insert(key.to_owned(), 1 + memchr::memchr_iter(b'\n', before).count());
    let tables = |table: &DeTable<'_>, key: &str, into: &mut BTreeMap<String, usize>| {
        for (name, value) in table {
            let key = format!("{key}.{}", name.get_ref());
            note_lines(text, &key, name.span().start, value.get_ref(), into);
        }
    };
    match value {
        DeValue::Table(table) => tables(table, key, into),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if let DeValue::Table(table) = item.get_ref() {
                    tables(table, &format!("{key}[{index}]"), into);
                }
            }
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

/// The parser's message without its excerpt of the file, which may contain a secret.
fn syntax_error(error: &str) -> String {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("cannot be parsed");
    let cause = lines.rfind(|line| !line.contains('|') && !line.starts_with("in "));
    cause.map_or_else(|| first.to_owned(), |cause| format!("{first}: {cause}"))
}

/// The name of a key that is set twice, in backquotes after a space; empty if the mistake is another.
fn duplicate(text: &str) -> String {
    let (_, errors) = DeTable::parse_recoverable(text);
    let first = errors.first().filter(|error| error.message() == "duplicate key");
    let key = first.and_then(|error| text.get(error.span()?));
    key.map(|key| format!(" `{key}`")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_the_line_or_the_variable_that_sets_it() {
        let text = "server.listen = [\n\"127.0.0.1:1\"]\n[branding]\nname = \"x\"\n\
                    links = [\n{ name.de = \"a\", url = \"b\" },\n{ url = \"c\" }]\n";
        let names = ["PORTCULLIS__SERVER__HSTS", "Portcullis__Branding__Name", "PORTCULLIS_X"];
        let environment = names.map(|name| (name.to_owned(), String::new())).into();
        let origins = Origins::new(text, Path::new("p.toml"), &environment);
        let line = |line| Origin::File { file: PathBuf::from("p.toml"), line };
        for (key, origin) in [
            ("server.listen", line(1)),
            ("branding.links[0].name.de", line(6)),
            ("branding.links[1].url", line(7)),
            (
                "branding.name",
                Origin::Environment { variable: "Portcullis__Branding__Name".into() },
            ),
            ("server.hsts", Origin::Environment { variable: "PORTCULLIS__SERVER__HSTS".into() }),
            ("server.backlog", Origin::Default),
        ] {
            assert_eq!(origins.of(key), origin, "{key}");
        }
        let environment = [("PORTCULLIS__BRANDING__LINKS".to_owned(), String::new())].into();
        let origins = Origins::new(text, Path::new("p.toml"), &environment);
        let variable = "PORTCULLIS__BRANDING__LINKS".to_owned();
        assert_eq!(origins.of("branding.links[0].url"), Origin::Environment { variable });
    }
}
