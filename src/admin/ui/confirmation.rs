//! The question before a change, with what the change would do: its dry run, in sentences.
//!
//! A form is sent twice: the first time it is tried out, and if that has consequences the page asks;
//! the second time it has the field [`CONFIRMED`], or [`CANCELLED`] if it is to be shown again.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::client::Write;
use super::frame::Frame;
use super::groups;
use super::number::separated;
use super::organizations::names::Names;
use super::refusal::{Answer, Refusal};
use super::texts::{Catalogue, Consequences as Words, PeopleAndPermission};
use super::visit::{Visit, is_secret};
use super::warnings::{ByIds, Said};
use crate::directory::warning::{Warning, WarningName};
use crate::web::text::{Filled, Phrase};

/// The field of a form that was confirmed.
pub(super) const CONFIRMED: &str = "confirmed";
/// The field of a form whose confirmation was cancelled.
const CANCELLED: &str = "cancelled";
/// How many names a sentence lists.
const NAMED: usize = 5;
/// How many of many consequences are shown at first.
const SHOWN: usize = 6;

/// What a change would do: the `changes` of a dry run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Changes {
    gains: Vec<PermissionChange>,
    loses: Vec<PermissionChange>,
    access: AccessChange,
    sessions_ended: u64,
    links_closed: Vec<String>,
    mails: u64,
    warnings: Vec<Warning>,
}

#[derive(Debug, Deserialize)]
struct PermissionChange {
    permission: String,
    /// Its name; empty if the policy in force does not have it.
    #[serde(skip)]
    name: String,
    people: u64,
    /// How many of the people are secure links.
    #[serde(default)]
    links: u64,
    #[serde(default)]
    routes: Vec<String>,
}

impl PermissionChange {
    /// Its name, or its id.
    fn name(&self) -> &str {
        if self.name.is_empty() { &self.permission } else { &self.name }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AccessChange {
    gains: u64,
    loses: u64,
    links_gain: u64,
    links_lose: u64,
}

#[derive(Deserialize)]
struct DryRun {
    changes: Changes,
}

impl Changes {
    /// The same with the names of permissions and organizations.
    ///
    /// # Errors
    /// When the permissions cannot be read.
    pub(super) async fn named(mut self, visit: &Visit) -> Answer<Self> {
        self.name_permissions(visit).await?;
        self.name_organizations(visit).await;
        Ok(self)
    }

    async fn name_permissions(&mut self, visit: &Visit) -> Answer<()> {
        let mut about = Vec::new();
        for warning in &mut self.warnings {
            if let ByIds::Permissions(subjects) = ByIds::of(warning) {
                about.extend(subjects);
            }
        }
        if self.gains.is_empty() && self.loses.is_empty() && about.is_empty() {
            return Ok(());
        }
        let known = groups::permissions(visit).await?;
        let name_of = |id: &str| known.iter().find(|it| it.id == id).map(|it| it.name.clone());
        for change in self.gains.iter_mut().chain(&mut self.loses) {
            change.name = name_of(&change.permission).unwrap_or_default();
        }
        for subject in about {
            if let Some(name) = name_of(&subject.name) {
                subject.name = name;
            }
        }
        Ok(())
    }

    /// One that cannot be read, such as one that the change creates, keeps its id.
    async fn name_organizations(&mut self, visit: &Visit) {
        let mut names: Vec<&mut String> = self.links_closed.iter_mut().take(NAMED).collect();
        for warning in &mut self.warnings {
            if let ByIds::Organizations(subjects) = ByIds::of(warning) {
                names.extend(subjects.iter_mut().map(|subject| &mut subject.name));
            }
        }
        let known = Names::read(visit, names.iter().map(|id| id.as_str())).await;
        for name in names {
            *name = known.of(name).to_owned();
        }
    }

    /// Whether the change does nothing beyond what was asked for.
    pub(super) fn is_empty(&self) -> bool {
        let Self { gains, loses, access, sessions_ended, links_closed, mails, warnings } = self;
        let numbers = [access.gains, access.loses, *sessions_ended, *mails];
        gains.is_empty()
            && loses.is_empty()
            && links_closed.is_empty()
            && warnings.is_empty()
            && numbers.iter().all(|number| *number == 0)
    }

    /// A sentence for each consequence, as HTML.
    pub(super) fn sentences(&self, text: &Catalogue) -> Vec<String> {
        let mut sentences = self.effects(text);
        sentences.extend(self.permissions(text));
        sentences
    }

    /// A sentence for each permission that people gain or lose, as HTML.
    fn permissions(&self, text: &Catalogue) -> Vec<String> {
        let words = &text.consequences;
        let says = |changes: &[PermissionChange], says: &Phrase<PeopleAndPermission>| {
            let sentence = |change: &PermissionChange| {
                let says =
                    says.with(people((change.people, change.links), words, text), change.name());
                format!("{says}{}", routes(&change.routes, words))
            };
            changes.iter().map(sentence).collect::<Vec<_>>()
        };
        [says(&self.gains, &words.gains), says(&self.loses, &words.loses)].concat()
    }

    /// A sentence for each other consequence, as HTML.
    fn effects(&self, text: &Catalogue) -> Vec<String> {
        let words = &text.consequences;
        let mut sentences = Vec::new();
        let AccessChange { gains, loses, links_gain, links_lose } = self.access;
        for (number, links, says) in
            [(gains, links_gain, &words.gains_access), (loses, links_lose, &words.loses_access)]
        {
            if number > 0 {
                sentences.push(says.with(people((number, links), words, text)).to_string());
            }
        }
        if self.sessions_ended > 0 {
            sentences.push(words.sessions.of(self.sessions_ended).to_string());
        }
        // A warning says more about the same link.
        if !self.links_closed.is_empty() && !self.warnings.iter().any(is_about_a_link) {
            let names = listed(&self.links_closed, words);
            sentences.push(words.links.with(names).to_string());
        }
        if self.mails > 0 {
            sentences.push(words.mails.of(self.mails).to_string());
        }
        sentences
    }

    /// The warnings, in words.
    pub(super) fn warnings(&self, text: &Catalogue) -> Vec<Said> {
        self.warnings.iter().map(|warning| Said::of(warning, text)).collect()
    }
}

/// Whether a warning is about a secure link.
const fn is_about_a_link(warning: &Warning) -> bool {
    matches!(
        warning.name,
        WarningName::LinkCloses
            | WarningName::LinkOpens
            | WarningName::LinkReplaced
            | WarningName::LinkStaysClosed
    )
}

/// The consequences that are shown at first, and the further ones.
pub(super) fn folded(sentences: &[String]) -> (&[String], &[String]) {
    sentences.split_at_checked(SHOWN).unwrap_or((sentences, &[]))
}

/// People, some of whom are secure links, which count as one each: how many visitors those have is not
/// known.
fn people((number, links): (u64, u64), words: &Words, text: &Catalogue) -> String {
    let people = match number.saturating_sub(links) {
        0 if links > 0 => return words.visitors.of(links).plain(),
        1 => words.one_person.to_string(),
        people => words.people.with(separated(people, text.list.thousands.as_str())).plain(),
    };
    match links {
        0 => people,
        links => format!("{people} {}", words.and_visitors.of(links).plain()),
    }
}

fn routes(names: &[String], words: &Words) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(" ({})", words.routes.with(listed(names, words)))
}

/// At most five names.
fn listed(names: &[String], words: &Words) -> String {
    let further = names.len().saturating_sub(NAMED);
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match further {
        0 => shown,
        _ => format!("{shown} {}", words.and_more.with(further.to_string()).plain()),
    }
}

/// A question before a change.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// What is about to be done, such as "Delete the group Sales?".
    pub(super) title: String,
    /// The words on the button that does it.
    pub(super) action: String,
    /// Where the form is sent to; empty for the page itself.
    pub(super) to: &'a str,
    /// Where the way back leads.
    pub(super) back: &'a str,
    /// Whether it takes something away that cannot be brought back.
    pub(super) is_destructive: bool,
    /// Whether something was typed into the form: the way back leads to it as it was sent.
    pub(super) keeps_form: bool,
}

#[derive(Template)]
#[template(path = "admin/confirmation.html")]
struct Page<'a> {
    frame: Frame<'a>,
    question: Question<'a>,
    effects: Vec<String>,
    permissions: Vec<String>,
    warnings: Vec<Said>,
    fields: Vec<(&'a str, &'a str)>,
}

impl Page<'_> {
    /// What is said in place of the sentences about permissions, as long as they are folded away.
    fn folded(&self) -> Filled<'_> {
        let count = u64::try_from(self.permissions.len()).unwrap_or(u64::MAX);
        self.frame.text.confirmation.permissions.of(count)
    }
}

/// Whether the visitor was asked about a form and wants it back.
///
/// # Errors
/// If so: [`Refusal::cancelled`], which shows the form as it was sent.
pub(super) fn cancelled(visit: &Visit) -> Answer<()> {
    if visit.form.has(CANCELLED) { Err(Refusal::cancelled()) } else { Ok(()) }
}

/// What a write would do, if the visitor has to be asked about it: it has consequences, and they were
/// not confirmed.
///
/// # Errors
/// Those of the write, and those of [`cancelled`].
pub(super) async fn needed(visit: &Visit, write: Write<'_>) -> Answer<Option<Changes>> {
    cancelled(visit)?;
    if visit.form.has(CONFIRMED) {
        return Ok(None);
    }
    let changes = tried(visit, write).await?;
    Ok((!changes.is_empty()).then_some(changes))
}

/// What a write would do.
///
/// # Errors
/// Those of the write.
pub(super) async fn tried(visit: &Visit, write: Write<'_>) -> Answer<Changes> {
    let answer: Value = visit.client.try_out(write).await?;
    match serde_json::from_value::<DryRun>(answer) {
        Ok(DryRun { changes }) => changes.named(visit).await,
        Err(error) => Err(Refusal::broken(&error.to_string())),
    }
}

/// Asks whether to make a change. Confirming sends the same form again.
pub(super) fn ask(visit: &Visit, question: Question<'_>, changes: &Changes) -> Response {
    let text = visit.text();
    let fields = visit.form.iter().filter(|(name, _)| *name != CONFIRMED && !is_secret(name));
    visit.page(
        StatusCode::OK,
        &Page {
            frame: visit.frame(),
            question,
            effects: changes.effects(text),
            permissions: changes.permissions(text),
            warnings: changes.warnings(text),
            fields: fields.collect(),
        },
    )
}
