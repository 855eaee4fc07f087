//! Pages: a title and blocks, rendered by one template.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::visitor::Visitor;

/// The name of the company that runs the portal, as its pages show it.
pub const OPERATOR: &str = "Example IT";

/// The sections of the navigation. Everyone sees all of them: the portal knows no permissions.
const SECTIONS: [(&str, &str); 15] = [
    ("/", "Home"),
    ("/account", "Account"),
    ("/tickets", "Tickets"),
    ("/invoices", "Invoices"),
    ("/estimates", "Estimates"),
    ("/payments", "Payments"),
    ("/payment-methods", "Payment methods"),
    ("/contracts", "Contracts"),
    ("/assets", "Assets"),
    ("/documentation", "Documentation"),
    ("/attachments", "Attachments"),
    ("/appointments", "Appointments"),
    ("/contacts", "Contacts"),
    ("/chat", "Chat"),
    ("/profile", "Profile"),
];

/// A page that is being built.
#[derive(Debug)]
pub(super) struct Page {
    title: String,
    lead: String,
    blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug)]
pub(super) enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Links: addresses and labels.
    Ways(Vec<(&'static str, &'static str)>),
    /// Names and values.
    Facts(Vec<(&'static str, String)>),
    /// A table.
    Table { heads: &'static [&'static str], rows: Vec<Vec<Cell>> },
    /// A form, with or without fields.
    Form(Form),
    /// The chat.
    Chat,
}

/// A cell of a table.
#[derive(Debug)]
pub(super) enum Cell {
    /// Text.
    Text(String),
    /// An amount or a count, aligned to the right.
    Number(String),
    /// A link.
    Link { href: String, text: String },
    /// A button that sends a POST.
    Button { action: String, text: &'static str },
}

/// A form that posts to `action`.
#[derive(Debug)]
pub(super) struct Form {
    action: String,
    submit: &'static str,
    fields: Vec<Field>,
}

/// A field of a form.
#[derive(Debug)]
struct Field {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct View<'a> {
    page: &'a Page,
    visitor: &'a Visitor,
    sections: &'a [(&'a str, &'a str)],
    operator: &'static str,
}

impl Page {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lead: String::new(), blocks: Vec::new() }
    }

    /// The line below the title.
    pub(super) fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = lead.into();
        self
    }

    pub(super) fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    pub(super) fn text(self, text: impl Into<String>) -> Self {
        self.with(Block::Text(text.into()))
    }

    pub(super) fn table(self, heads: &'static [&'static str], rows: Vec<Vec<Cell>>) -> Self {
        self.with(Block::Table { heads, rows })
    }

    /// Renders the page for a visitor, whose identity is shown in the footer.
    pub(super) fn show(&self, visitor: &Visitor) -> Response {
        match (View { page: self, visitor, sections: &SECTIONS, operator: OPERATOR }).render() {
            Ok(html) => Html(html).into_response(),
            Err(error) => {
                tracing::error!(%error, "cannot render a page of the sample portal");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl Form {
    pub(super) fn new(action: impl Into<String>, submit: &'static str) -> Self {
        Self { action: action.into(), submit, fields: Vec::new() }
    }

    /// Adds a field; `kind` is the type of an `input`, or `textarea`.
    pub(super) fn field(
        mut self,
        kind: &'static str,
        name: &'static str,
        label: &'static str,
        value: &str,
    ) -> Self {
        self.fields.push(Field { name, label, kind, value: value.to_owned() });
        self
    }

    fn uploads(&self) -> bool {
        self.fields.iter().any(|field| field.kind == "file")
    }
}

impl View<'_> {
    /// Whether the page belongs to a section: the one with the longest name with which the title
    /// begins.
    fn is_here(&self, label: &str) -> bool {
        let begins = |label: &&str| self.page.title.starts_with(label.trim_end_matches('s'));
        let labels = self.sections.iter().map(|(_, label)| *label).filter(begins);
        labels.max_by_key(|label| label.len()) == Some(label)
    }

    /// The heading of a column. Narrow screens show it in each cell.
    fn head(heads: &[&'static str], column: &usize) -> &'static str {
        heads.get(*column).copied().unwrap_or_default()
    }

    /// Whether a column contains numbers, so that its heading is aligned with them.
    fn is_number(rows: &[Vec<Cell>], column: &usize) -> bool {
        let cell = rows.first().and_then(|row| row.get(*column));
        matches!(cell, Some(Cell::Number(_)))
    }
}

/// A cell with text.
pub(super) fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// A cell with a link to `name` in `folder`. The name is escaped.
pub(super) fn link(folder: &str, name: &str, text: impl Into<String>) -> Cell {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    Cell::Link { href: format!("{folder}/{name}"), text: text.into() }
}

/// An amount of cents, formatted as `1,240.50`.
pub(super) fn money(cents: u64) -> String {
    format!("{}.{:02}", grouped(cents / 100), cents % 100)
}

/// A number with separators: `10,485,760`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The page for an unknown record.
pub(super) fn missing(what: &str, visitor: &Visitor) -> Response {
    let page = Page::new("Not found").lead(format!("{what} does not exist."));
    (StatusCode::NOT_FOUND, page.show(visitor)).into_response()
}
