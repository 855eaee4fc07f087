//! What commands have in common: asking the gateway, asking the person, printing.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::bail;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::{Client, path, path_with};
use super::terminal::{escaped, on_a_line};

/// As many items as the gateway gives at a time.
const PAGE: &str = "1000";
/// The fields of documents that are times.
const TIMES: [&str; 9] =
    ["at", "created", "expires", "last_seen", "next", "since", "until", "valid_until", "written"];

/// A command's two ends: the gateway and the person.
pub(super) struct Console<'a> {
    client: Client,
    json: bool,
    yes: bool,
    out: &'a mut dyn Write,
}

impl<'a> Console<'a> {
    pub(super) fn new(
        socket: PathBuf,
        json: bool,
        yes: bool,
        out: &'a mut dyn Write,
    ) -> anyhow::Result<Self> {
        Ok(Self { client: Client::new(socket)?, json, yes, out })
    }

    pub(super) fn get(&self, segments: &[&str]) -> anyhow::Result<Value> {
        self.client.send(Method::GET, &path(segments), None, None)
    }

    pub(super) fn post(&self, segments: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        self.client.send(Method::POST, &path(segments), None, body)
    }

    pub(super) fn put(&self, segments: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.client.send(Method::PUT, &path(segments), None, Some(body))
    }

    pub(super) fn patch(
        &self,
        segments: &[&str],
        version: Option<u64>,
        body: &Value,
    ) -> anyhow::Result<Value> {
        self.client.send(Method::PATCH, &path(segments), version, Some(body))
    }

    pub(super) fn delete(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
    ) -> anyhow::Result<()> {
        self.client.send(Method::DELETE, &path_with(segments, params), None, None).map(drop)
    }

    /// A list, from its first page to its last.
    pub(super) fn list(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
    ) -> anyhow::Result<Value> {
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let place = [("limit", Some(PAGE)), ("after", next.as_deref())];
            let params = [params, &place].concat();
            let url = path_with(segments, &params);
            let mut page = self.client.send(Method::GET, &url, None, None)?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            next = field(&page, "next").as_str().map(str::to_owned);
            if next.is_none() {
                return Ok(json!({ "items": items, "next": null }));
            }
        }
    }

    /// Tells what was done; the gateway's answer instead where JSON is wanted.
    pub(super) fn told(&mut self, answer: &Value, sentence: &str) -> anyhow::Result<()> {
        if !self.json {
            writeln!(self.out, "{sentence}")?;
        } else if !answer.is_null() {
            self.print_json(answer)?;
        }
        Ok(())
    }

    /// Adds a line for a person.
    pub(super) fn note(&mut self, sentence: &str) -> anyhow::Result<()> {
        if !self.json {
            writeln!(self.out, "{sentence}")?;
        }
        Ok(())
    }

    /// Prints a list, a line an item.
    pub(super) fn table<const N: usize>(
        &mut self,
        list: &Value,
        head: [&str; N],
        row: impl Fn(&Value) -> [String; N],
    ) -> anyhow::Result<()> {
        if self.json {
            return self.print_json(list);
        }
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(
            array(list, "items")
                .iter()
                .map(|item| row(item).map(|cell| on_a_line(&cell).into_owned())),
        );
        self.aligned(&rows)
    }

    /// Prints a record, a line a field.
    pub(super) fn record<const N: usize>(
        &mut self,
        record: &Value,
        fields: [(&str, String); N],
    ) -> anyhow::Result<()> {
        if self.json {
            return self.print_json(record);
        }
        let rows = fields.map(|(name, value)| [name.to_owned(), on_a_line(&value).into_owned()]);
        self.aligned(&rows)
    }

    /// Asks before something is deleted, if somebody sits there.
    pub(super) fn confirm(&self, question: &str) -> anyhow::Result<()> {
        if self.yes || !io::stdin().is_terminal() {
            return Ok(());
        }
        write!(io::stderr(), "{} [y/N] ", escaped(question))?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            bail!("nothing was changed");
        }
        Ok(())
    }

    fn print_json(&mut self, value: &Value) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        writeln!(self.out)?;
        Ok(())
    }

    fn aligned<const N: usize>(&mut self, rows: &[[String; N]]) -> anyhow::Result<()> {
        let mut widths = [0; N];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in rows {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A field of a document; `null` when it has none of that name.
pub(super) fn field<'a>(document: &'a Value, name: &str) -> &'a Value {
    document.get(name).unwrap_or(&Value::Null)
}

/// The items of a list in a field of a document.
pub(super) fn array<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    field(document, name).as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A field of a document as a person reads it.
pub(super) fn text(document: &Value, name: &str) -> String {
    match field(document, name) {
        Value::Null => "-".to_owned(),
        Value::String(text) if TIMES.contains(&name) => time(text),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A time as a person reads it: to the second.
fn time(told: &str) -> String {
    told.parse::<Timestamp>()
        .map_or_else(|_| told.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}
