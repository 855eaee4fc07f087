//! `portcullis config show`: the settings that take effect, and where each comes from.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::console::{Console, field, text};
use super::settings::effective;
use crate::config::{EffectiveSetting, EffectiveValue, Origin};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show every setting with its value and where it comes from: the default, a line of the file,
    /// or a variable of the environment. Secrets are not shown
    Show,
}

impl Command {
    pub(super) fn run(self, file: Option<&Path>, console: &mut Console<'_>) -> anyhow::Result<()> {
        let Self::Show = self;
        let items: Vec<Value> = effective(file)?.1.iter().map(item).collect();
        let list = json!({ "items": items, "next": null });
        console.table(&list, ["KEY", "VALUE", "FROM"], |item| {
            [text(item, "key"), value(item), source(field(item, "source"))]
        })
    }
}

fn item(setting: &EffectiveSetting) -> Value {
    let EffectiveSetting { key, value, origin } = setting;
    let source = match origin {
        Origin::Default => json!({ "kind": "default" }),
        Origin::File { file, line } => json!({ "kind": "file", "file": file, "line": line }),
        Origin::Environment { variable } => json!({ "kind": "environment", "variable": variable }),
    };
    match value {
        EffectiveValue::Plain(value) => json!({ "key": key, "value": value, "source": source }),
        EffectiveValue::Secret { is_set } => {
            json!({ "key": key, "secret": true, "is_set": is_set, "source": source })
        }
    }
}

fn value(item: &Value) -> String {
    match (field(item, "value"), field(item, "is_set")) {
        (_, Value::Bool(true)) => "set".to_owned(),
        (Value::Null, _) => "not set".to_owned(),
        (value, _) => as_toml(value),
    }
}

/// The value as it is written in the file.
fn as_toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(as_toml).collect();
            format!("[{}]", items.join(", "))
        }
        value => value.to_string(),
    }
}

fn source(source: &Value) -> String {
    match field(source, "kind").as_str() {
        Some("file") => format!("{}:{}", text(source, "file"), text(source, "line")),
        Some("environment") => text(source, "variable"),
        _ => "default".to_owned(),
    }
}
