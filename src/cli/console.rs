//! What commands use: calls of the API, confirmation, and output.

use std::cell::RefCell;
use std::io::{self, BufRead, IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::{Client, path, path_with};
use super::screen::{Screen, Style};
use super::table;
use super::terminal::{escaped, escaped_line};
use crate::directory::PageRequest;

/// Names of fields that hold times.
const TIME_FIELDS: [&str; 14] = [
    "at",
    "created",
    "ended",
    "expires",
    "last_seen",
    "last_sign_in",
    "last_used",
    "next",
    "since",
    "started",
    "time",
    "until",
    "valid_until",
    "written",
];

/// The API that a command calls, and the output that it writes.
pub(super) struct Console<'a> {
    client: Client,
    options: Options,
    out: &'a mut dyn Screen,
    /// What the next write is for.
    intent: RefCell<Option<String>>,
}

/// Options that all commands have.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Options {
    /// Print documents instead of tables and sentences.
    pub(super) json: bool,
    /// Ask nothing.
    pub(super) yes: bool,
    /// Try writes out.
    pub(super) dry_run: bool,
    /// Change records although a file manages them.
    pub(super) detach: bool,
}

impl<'a> Console<'a> {
    pub(super) fn new(
        socket: PathBuf,
        options: Options,
        out: &'a mut dyn Screen,
    ) -> anyhow::Result<Self> {
        Ok(Self { client: Client::new(socket)?, options, out, intent: RefCell::default() })
    }

    /// Waits before the gateway is asked again.
    pub(super) fn pause(&self, duration: Duration) {
        self.client.pause(duration);
    }

    /// The metrics of the gateway, as Prometheus reads them.
    pub(super) fn metrics(&self) -> anyhow::Result<String> {
        let mut text = Vec::new();
        self.client.read("/metrics", &mut |part| {
            text.extend_from_slice(part);
            Ok(())
        })?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Clears the terminal, if this is one and no documents are printed.
    pub(super) fn clear(&mut self) -> anyhow::Result<()> {
        if !self.options.json {
            self.out.clear()?;
        }
        Ok(())
    }

    /// Whether writes are tried out only.
    pub(super) fn is_dry_run(&self) -> bool {
        self.options.dry_run
    }

    /// Whether documents are printed instead of tables and sentences.
    pub(super) fn is_json(&self) -> bool {
        self.options.json
    }

    pub(super) fn get(&self, segments: &[&str]) -> anyhow::Result<Value> {
        self.client.send(Method::GET, &path(segments), None, None)
    }

    /// Whether requests can be answered; an error if not.
    pub(super) fn probe(&self) -> anyhow::Result<Value> {
        self.client.send(Method::GET, "/readyz", None, None)
    }

    /// A question whose parameters are in a body: it changes nothing.
    pub(super) fn query(&self, segments: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.client.send(Method::POST, &path(segments), None, Some(body))
    }

    pub(super) fn post(&self, segments: &[&str], body: Option<&Value>) -> anyhow::Result<Value> {
        self.write(&Request { body, ..Request::new(Method::POST, segments) })
    }

    pub(super) fn put(&self, segments: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.write(&Request { body: Some(body), ..Request::new(Method::PUT, segments) })
    }

    pub(super) fn delete(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
    ) -> anyhow::Result<()> {
        self.write(&Request { params, ..Request::new(Method::DELETE, segments) }).map(drop)
    }

    /// Keeps what the next write is for, such as `delete the group Limited`: `--dry-run` prints it.
    pub(super) fn intends(&self, intent: &str) {
        *self.intent.borrow_mut() = Some(intent.to_owned());
    }

    /// Sends a write. With `--dry-run`, only tries it out, and ends the command with the error
    /// [`WouldChange`].
    pub(super) fn write(&self, request: &Request<'_>) -> anyhow::Result<Value> {
        if self.options.dry_run {
            let intent = self.intent.take().unwrap_or_else(|| request.described());
            return Err(WouldChange { intent, changes: self.tried(request)? }.into());
        }
        let Request { method, segments, params, version, body } = request;
        let params = [params, self.detaching()].concat();
        self.client.send(method.clone(), &path_with(segments, &params), *version, *body)
    }

    /// Posts a file of this media type.
    pub(super) fn upload(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
        media_type: &str,
        file: &str,
    ) -> anyhow::Result<Value> {
        let path = path_with(segments, &[params, self.detaching()].concat());
        self.client.post_file(&path, media_type, file.to_owned().into())
    }

    /// The parameter of writes to records that a file manages.
    fn detaching(&self) -> &'static [(&'static str, Option<&'static str>)] {
        if self.options.detach { &[("detach", Some("true"))] } else { &[] }
    }

    /// Posts a CSV file, or with `--dry-run` tries it out, as [`Self::write`] does.
    pub(super) fn post_csv(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
        file: Bytes,
    ) -> anyhow::Result<Value> {
        let dry_run = self.options.dry_run;
        let params = [params, &[("dry_run", dry_run.then_some("true"))]].concat();
        let answer = self.client.post_file(&path_with(segments, &params), "text/csv", file)?;
        match dry_run {
            true => {
                let changes = field(&answer, "changes").clone();
                Err(WouldChange { intent: "import the file".to_owned(), changes }.into())
            }
            false => Ok(answer),
        }
    }

    /// What a write would change.
    pub(super) fn tried(&self, request: &Request<'_>) -> anyhow::Result<Value> {
        let Request { method, segments, params, version, body } = request;
        let params = [params, self.detaching(), &[("dry_run", Some("true"))]].concat();
        let answer =
            self.client.send(method.clone(), &path_with(segments, &params), *version, *body)?;
        Ok(field(&answer, "changes").clone())
    }

    /// Passes a response that is not a JSON document to `take`, part by part.
    pub(super) fn read(
        &self,
        segments: &[&str],
        take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.read_with(segments, &[], take)
    }

    /// The same with parameters.
    pub(super) fn read_with(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
        take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.client.read(&path_with(segments, params), take)
    }

    /// Writes a response that is not a JSON document to the output.
    pub(super) fn copy(&mut self, segments: &[&str]) -> anyhow::Result<()> {
        self.copy_with(segments, &[])
    }

    /// The same with parameters. Lines end as on a terminal, without a carriage return.
    pub(super) fn copy_with(
        &mut self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
    ) -> anyhow::Result<()> {
        let Self { client, out, .. } = self;
        client.read(&path_with(segments, params), &mut |part| {
            let text: Vec<u8> = part.iter().copied().filter(|byte| *byte != b'\r').collect();
            Ok(out.write_all(&text)?)
        })
    }

    /// Writes a response that is a file to the output: unchanged, unless that is a terminal.
    pub(super) fn copy_file(
        &mut self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
    ) -> anyhow::Result<()> {
        let Self { client, out, .. } = self;
        client.read(&path_with(segments, params), &mut |part| Ok(out.write_file(part)?))
    }

    /// The first page of a list, of at most `limit` items.
    pub(super) fn first(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
        limit: usize,
    ) -> anyhow::Result<Value> {
        let limit = limit.to_string();
        let params = [params, &[("limit", Some(&*limit))]].concat();
        self.client.send(Method::GET, &path_with(segments, &params), None, None)
    }

    /// All pages of a list as one.
    pub(super) fn list(
        &self,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
    ) -> anyhow::Result<Value> {
        let mut items = Vec::new();
        let limit = PageRequest::MAX_LIMIT.to_string();
        let mut next: Option<String> = None;
        loop {
            let page = [("limit", Some(&*limit)), ("after", next.as_deref())];
            let params = [params, &page].concat();
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

    /// Prints the result of a change: the sentence, or with `--json` the response.
    pub(super) fn report(&mut self, response: &Value, sentence: &str) -> anyhow::Result<()> {
        if !self.options.json {
            writeln!(self.out, "{sentence}")?;
        } else if !response.is_null() {
            self.print_json(response)?;
        }
        Ok(())
    }

    /// Prints a document, with and without `--json`.
    pub(super) fn document(&mut self, document: &Value) -> anyhow::Result<()> {
        self.print_json(document)
    }

    /// Prints a document on one line.
    pub(super) fn line(&mut self, document: &Value) -> anyhow::Result<()> {
        serde_json::to_writer(&mut *self.out, document)?;
        Ok(writeln!(self.out)?)
    }

    /// Prints a line, except with `--json`.
    pub(super) fn note(&mut self, sentence: &str) -> anyhow::Result<()> {
        if !self.options.json {
            writeln!(self.out, "{sentence}")?;
        }
        Ok(())
    }

    /// Prints a warning, except with `--json`.
    pub(super) fn warning(&mut self, detail: &str) -> anyhow::Result<()> {
        if !self.options.json {
            self.out.styled(Style::Warning, "warning:")?;
            writeln!(self.out, " {}", escaped_line(detail))?;
        }
        Ok(())
    }

    /// Prints a list with a line for each item.
    pub(super) fn table<const N: usize>(
        &mut self,
        list: &Value,
        header: [&str; N],
        row: impl Fn(&Value) -> [String; N],
    ) -> anyhow::Result<()> {
        if self.options.json {
            return self.print_json(list);
        }
        let rows: Vec<_> = array(list, "items").iter().map(row).collect();
        table::print(self.out, header, &rows)?;
        if rows.is_empty() {
            writeln!(self.out, "(none)")?;
        }
        Ok(())
    }

    /// Prints a record with a line for each field.
    pub(super) fn record<const N: usize>(
        &mut self,
        record: &Value,
        fields: [(&str, String); N],
    ) -> anyhow::Result<()> {
        self.rows(record, &Vec::from(fields))
    }

    /// Prints rows of a label and a value, with `--json` the document instead.
    pub(super) fn rows(&mut self, document: &Value, rows: &[(&str, String)]) -> anyhow::Result<()> {
        if self.options.json {
            return self.print_json(document);
        }
        Ok(table::record(self.out, rows)?)
    }

    /// Asks before a change, if standard input is a terminal and `--yes` was not given. The question
    /// names what the change affects, and is `None` if it affects no one; it is composed only if it is
    /// asked, because it takes calls of the API.
    ///
    /// # Errors
    /// If the answer is not yes, or the question cannot be composed.
    pub(super) fn confirm(
        &self,
        question: impl FnOnce(&Self) -> anyhow::Result<Option<String>>,
    ) -> anyhow::Result<()> {
        if !self.asks() {
            return Ok(());
        }
        let Some(question) = question(self)? else { return Ok(()) };
        write!(io::stderr(), "{} [y/N] ", escaped(&question))?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            bail!("aborted; nothing was changed");
        }
        Ok(())
    }

    /// Whether questions are asked.
    pub(super) fn asks(&self) -> bool {
        !self.options.yes && !self.options.dry_run && io::stdin().is_terminal()
    }

    fn print_json(&mut self, value: &Value) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        writeln!(self.out)?;
        Ok(())
    }
}

/// A write of the API.
#[derive(Debug, Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) segments: &'a [&'a str],
    pub(super) params: &'a [(&'a str, Option<&'a str>)],
    /// The version that the record must have.
    pub(super) version: Option<u64>,
    pub(super) body: Option<&'a Value>,
}

impl<'a> Request<'a> {
    pub(super) const fn new(method: Method, segments: &'a [&'a str]) -> Self {
        Self { method, segments, params: &[], version: None, body: None }
    }

    /// The write, of a command that does not say what it intends.
    fn described(&self) -> String {
        format!("send {} {}", self.method, path(self.segments))
    }
}

/// A write was tried out; what it would change. Not a failure: it ends the command early.
#[derive(Debug, thiserror::Error)]
#[error("nothing was changed")]
pub(super) struct WouldChange {
    /// What the command does.
    pub(super) intent: String,
    /// The consequences.
    pub(super) changes: Value,
}

/// A field of a document; `null` if it is missing.
pub(super) fn field<'a>(document: &'a Value, name: &str) -> &'a Value {
    document.get(name).unwrap_or(&Value::Null)
}

/// The items of a list in a document; none if the field is not a list.
pub(super) fn array<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    field(document, name).as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The file that manages a record, with the commit if it is known.
pub(super) fn managed_by(record: &Value) -> String {
    let mark = field(record, "managed_by");
    match field(mark, "commit").as_str() {
        Some(commit) => format!("{}@{commit}", text(mark, "name")),
        None => text(mark, "name"),
    }
}

/// A field of a document, formatted for a person.
pub(super) fn text(document: &Value, name: &str) -> String {
    match field(document, name) {
        Value::Null => "-".to_owned(),
        Value::String(text) if TIME_FIELDS.contains(&name) => time(text),
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

/// A time to the second.
fn time(text: &str) -> String {
    text.parse::<Timestamp>()
        .map_or_else(|_| text.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}
