//! A field of a form, with its label, its hint, and what is wrong with it beside it.

use std::borrow::Cow;

use askama::Template;

use super::editing::Editing;
use super::refusal::Refusal;
use super::visit::Visit;
use crate::web::text::Text;

/// A field of a form. Rendered as HTML.
#[derive(Debug, Template)]
#[template(path = "admin/field.html")]
pub(super) struct Field<'a> {
    name: &'static str,
    label: &'a Text,
    kind: &'static str,
    value: String,
    hint: Option<Cow<'a, str>>,
    /// What the API says about it, in English.
    problem: Option<String>,
    most: usize,
    is_required: bool,
    /// What can be chosen. Without, a text is typed.
    options: Vec<Choice>,
    /// A page with suggestions for what is typed.
    suggestions: Option<String>,
}

/// Something that can be chosen.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
}

/// Its parts are escaped when it is rendered.
impl askama::filters::HtmlSafe for Field<'_> {}

impl<'a> Field<'a> {
    /// A line of text.
    pub(super) const fn new(name: &'static str, label: &'a Text) -> Self {
        Self {
            name,
            label,
            kind: "text",
            value: String::new(),
            hint: None,
            problem: None,
            most: 0,
            is_required: false,
            options: Vec::new(),
            suggestions: None,
        }
    }

    /// An email address.
    pub(super) fn email(name: &'static str, label: &'a Text) -> Self {
        Self { kind: "email", ..Self::new(name, label) }
    }

    /// A date.
    pub(super) fn date(name: &'static str, label: &'a Text) -> Self {
        Self { kind: "date", ..Self::new(name, label) }
    }

    /// One of these.
    pub(super) fn choice(name: &'static str, label: &'a Text, options: Vec<Choice>) -> Self {
        Self { options, ..Self::new(name, label) }
    }

    pub(super) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    pub(super) fn hint(self, hint: &'a Text) -> Self {
        Self { hint: Some(hint.as_str().into()), ..self }
    }

    /// It must be filled in.
    pub(super) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// At most this many characters.
    pub(super) fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// With script, what is typed is sent to this page, which answers with options.
    pub(super) fn suggestions(self, page: impl Into<String>) -> Self {
        Self { suggestions: Some(page.into()), ..self }
    }

    /// What is wrong with it.
    pub(super) fn problem(self, problem: impl Into<String>) -> Self {
        Self { problem: Some(problem.into()), ..self }
    }

    /// What is wrong with it, if something is.
    pub(super) fn with_problem(self, problem: Option<String>) -> Self {
        Self { problem, ..self }
    }

    /// The same with what was typed in the form that was sent, and what is wrong with it.
    pub(super) fn again(self, visit: &Visit, refusal: &Refusal) -> Self {
        let problem = refusal.field(self.name).map(str::to_owned);
        Self { value: visit.form.get(self.name).to_owned(), problem, ..self }
    }

    /// The same as it stands in the form that was sent, if one was sent and refused.
    pub(super) fn after(self, visit: &Visit, refusal: Option<&Refusal>) -> Self {
        match refusal {
            Some(refusal) => self.again(visit, refusal),
            None => self,
        }
    }

    /// The same as the form of a record shows it, and what is wrong with it.
    pub(super) fn of(self, editing: &Editing, refusal: Option<&Refusal>) -> Self {
        let problem = refusal.and_then(|refusal| refusal.field(self.name)).map(str::to_owned);
        Self { value: editing.shown().get(self.name).to_owned(), problem, ..self }
    }

    /// The ids of what describes it, for screen readers.
    fn described_by(&self) -> Option<String> {
        let problem = self.problem.is_some().then(|| format!("{}-problem", self.name));
        let hint = self.hint.is_some().then(|| format!("{}-hint", self.name));
        let ids: Vec<String> = problem.into_iter().chain(hint).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}
