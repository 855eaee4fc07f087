//! The texts of mails: built-in templates, which the operator can replace or add to file by file.
//!
//! A template is named after its occasion, language and part: `invitation.en.txt`, `reset.de.html`.
//! The available languages are those of the files. A text begins with the line `Subject: …`; values
//! in HTML are escaped. All templates are rendered when they are loaded, so that errors are reported
//! at start.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use crate::directory::records::{AccountChange, ChangedBy, MailKind, Notice};
use crate::web::text::language;

/// The language of a mail if there is no template in a requested language.
const FALLBACK: &str = "en";

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../templates/mail/", $name)))),+]
    };
}

const BUILT_IN: [(&str, &str); 16] = built_in![
    "invitation.en.txt",
    "invitation.en.html",
    "invitation.de.txt",
    "invitation.de.html",
    "reset.en.txt",
    "reset.en.html",
    "reset.de.txt",
    "reset.de.html",
    "account_changed.en.txt",
    "account_changed.en.html",
    "account_changed.de.txt",
    "account_changed.de.html",
    "impersonation.en.txt",
    "impersonation.en.html",
    "impersonation.de.txt",
    "impersonation.de.html",
];

/// The loaded templates.
#[derive(Debug)]
pub(super) struct Templates(Environment<'static>);

/// The variables of a template.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Variables<'a> {
    /// The operator's business name.
    pub(super) business: &'a str,
    /// The login.
    pub(super) login: &'a str,
    /// The organization's name.
    #[serde(rename = "organization")]
    pub(super) organization_name: &'a str,
    /// The one-time link; empty in a mail without one.
    pub(super) link: &'a str,
    /// When it expires, such as `27 November 2026, 08:00 UTC`.
    pub(super) until: &'a str,
    /// How long it can be used.
    pub(super) valid: Valid,
    /// What has changed and by whom, in a mail about that: `changed` and `by`.
    #[serde(flatten)]
    pub(super) notice: Option<Notice>,
    /// When the mail was created, such as `24 November 2026, 08:00 UTC`.
    pub(super) at: &'a str,
    /// The operator's contact (`branding.contact`), if there is one.
    #[serde(flatten)]
    pub(super) contact: ContactVariables<'a>,
    /// The operator's links (`branding.links`).
    pub(super) links: &'a [LinkVariables],
    /// The brand's colour, and the colour of text on it.
    pub(super) accent: &'a str,
    pub(super) on_accent: &'a str,
    /// The colour of accented text on white.
    pub(super) accent_text: &'a str,
}

/// Where to ask for help. All three are set, or none.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct ContactVariables<'a> {
    /// What pages show.
    #[serde(rename = "contact")]
    pub(super) text: Option<&'a str>,
    /// The target of a link to it.
    #[serde(rename = "contact_url")]
    pub(super) url: Option<&'a str>,
    /// The text with the address, for mails without links.
    #[serde(rename = "contact_full")]
    pub(super) full: Option<&'a str>,
}

/// A link in the language of the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LinkVariables {
    pub(super) name: String,
    pub(super) url: String,
}

/// A remaining time in a suitable unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Valid {
    pub(super) count: i64,
    /// `minute` or `hour`.
    pub(super) unit: &'static str,
}

/// The text of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) subject: String,
    pub(super) plain: String,
    pub(super) html: String,
}

/// An error in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The file.
    pub file: PathBuf,
    /// The line, if it is known.
    pub line: Option<usize>,
    /// What is wrong and how to fix it, to follow the name of the file.
    pub message: String,
}

/// All errors in the templates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateProblems(pub Vec<TemplateProblem>);

impl fmt::Display for TemplateProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, TemplateProblem { file, line, message }) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", file.display())?;
            match line {
                Some(line) => write!(f, ":{line}: {message}")?,
                None => write!(f, ": {message}")?,
            }
        }
        Ok(())
    }
}

impl Templates {
    /// Loads the built-in templates, and those in `folder`, which replace them.
    ///
    /// # Errors
    /// All errors in them.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self, TemplateProblems> {
        let mut problems = Vec::new();
        let mut sources: BTreeMap<String, (PathBuf, String)> = BTreeMap::new();
        for (name, source) in BUILT_IN {
            let file = Path::new("templates/mail").join(name);
            sources.insert(name.to_owned(), (file, source.to_owned()));
        }
        if let Some(folder) = folder {
            read(folder, &mut sources, &mut problems);
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A line with only a block tag leaves no empty line.
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            environment.set_syntax(syntax);
        }
        for (name, (file, source)) in &sources {
            if let Err(error) = environment.add_template_owned(name.clone(), source.clone()) {
                problems.push(problem(file, &error));
            }
        }
        let templates = Self(environment);
        for (name, (file, _)) in &sources {
            templates.try_out(name, file, &mut problems);
            if let Some(other) = other_part(name).filter(|other| !sources.contains_key(other)) {
                let message = format!("needs `{other}` in the same folder: a mail has both parts");
                problems.push(TemplateProblem { file: file.clone(), line: None, message });
            }
        }
        if problems.is_empty() { Ok(templates) } else { Err(TemplateProblems(problems)) }
    }

    /// The text for this occasion, in a language that it has.
    ///
    /// # Errors
    /// When a template cannot be rendered.
    pub(super) fn text(
        &self,
        occasion: MailKind,
        language: &str,
        variables: &Variables<'_>,
    ) -> Result<Text, String> {
        let stem = format!("{}.{language}", name(occasion));
        let message = |error: minijinja::Error| format!("cannot render the template: {error}");
        let plain = self.fill(&format!("{stem}.txt"), variables).map_err(message)?;
        let html = self.fill(&format!("{stem}.html"), variables).map_err(message)?;
        let (subject, plain) =
            split(&plain).ok_or_else(|| format!("the template {stem}.txt has no subject"))?;
        Ok(Text { subject: subject.to_owned(), plain: plain.to_owned(), html })
    }

    /// The language that matches an `Accept-Language` best, chosen as for the pages.
    pub(super) fn language(&self, occasion: MailKind, accepted: Option<&str>) -> String {
        let names = self.0.templates().map(|(name, _)| name);
        let tags = names.filter_map(|file| {
            file.strip_prefix(name(occasion))?.strip_prefix('.')?.strip_suffix(".txt")
        });
        let tags: Vec<&str> =
            std::iter::once(FALLBACK).chain(tags.filter(|tag| *tag != FALLBACK)).collect();
        let chosen = language::choose(accepted, &tags.iter().copied());
        tags.get(chosen).copied().unwrap_or(FALLBACK).to_owned()
    }

    fn fill(&self, name: &str, variables: &Variables<'_>) -> Result<String, minijinja::Error> {
        self.0.get_template(name)?.render(Serde(variables))
    }

    /// Renders a template with every value that decides what it says.
    fn try_out(&self, name: &str, file: &Path, problems: &mut Vec<TemplateProblem>) {
        let is_of = |kind: &MailKind| name.split('.').next() == Some(self::name(*kind));
        let kind = KINDS.into_iter().find(is_of).unwrap_or(MailKind::Invitation);
        let with_link = kind.link().is_some();
        let notices: Vec<_> = match kind {
            MailKind::AccountChanged => NOTICES.iter().copied().map(Some).collect(),
            MailKind::Invitation | MailKind::Reset | MailKind::Impersonation => vec![None],
        };
        let link = |name: &str| LinkVariables {
            name: name.to_owned(),
            url: "https://www.example.com/privacy".to_owned(),
        };
        let links = [link("Privacy"), link("Imprint")];
        let contact = ContactVariables {
            text: Some("help"),
            url: Some("mailto:help@example.com"),
            full: Some("help (help@example.com)"),
        };
        let brandings = [(ContactVariables::default(), &links[..0]), (contact, &links[..])];
        for (notice, (contact, links)) in
            notices.into_iter().flat_map(|notice| brandings.map(|branding| (notice, branding)))
        {
            let variables = Variables {
                business: "Example IT",
                login: "ann@example.com",
                organization_name: "Acme Ltd",
                link: "https://portal.example.com/.portcullis/invitation/token",
                until: "27 November 2026, 08:00 UTC",
                valid: Valid { count: 72, unit: "hour" },
                notice,
                at: "24 November 2026, 08:00 UTC",
                contact,
                links,
                accent: "#0f5499",
                on_accent: "#ffffff",
                accent_text: "#0f5499",
            };
            if let Some(problem) = self.try_with(name, file, with_link, &variables) {
                problems.push(problem);
                return;
            }
        }
    }

    fn try_with(
        &self,
        name: &str,
        file: &Path,
        with_link: bool,
        variables: &Variables<'_>,
    ) -> Option<TemplateProblem> {
        let is_text = name.ends_with(".txt");
        let link = if is_text { variables.link } else { "token" };
        let (line, message) = match self.fill(name, variables) {
            Ok(text) if is_text && split(&text).is_none() => {
                (Some(1), "must begin with a line `Subject: …`")
            }
            Ok(text) if with_link && !text.contains(link) => (None, "must contain `{{ link }}`"),
            Ok(_) => return None,
            // Reported when it was added.
            Err(error) if error.kind() == ErrorKind::TemplateNotFound => return None,
            Err(error) => return Some(problem(file, &error)),
        };
        Some(TemplateProblem { file: file.to_owned(), line, message: message.to_owned() })
    }
}

/// Every change, and everyone who can make one.
const NOTICES: [Notice; 6] = [
    Notice { changed: AccountChange::Password, by: ChangedBy::User },
    Notice { changed: AccountChange::Password, by: ChangedBy::Link },
    Notice { changed: AccountChange::Password, by: ChangedBy::Administrator },
    Notice { changed: AccountChange::SecondFactorSetUp, by: ChangedBy::User },
    Notice { changed: AccountChange::SecondFactorRemoved, by: ChangedBy::Administrator },
    Notice { changed: AccountChange::RecoveryCodes, by: ChangedBy::User },
];

/// Reads the operator's templates. Files with other extensions are ignored.
fn read(
    folder: &Path,
    sources: &mut BTreeMap<String, (PathBuf, String)>,
    problems: &mut Vec<TemplateProblem>,
) {
    let mut unreadable = |file: &Path, error: std::io::Error| {
        let message = format!("cannot be read: {error}");
        problems.push(TemplateProblem { file: file.to_owned(), line: None, message });
    };
    let mut files = Vec::new();
    match std::fs::read_dir(folder) {
        Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
        Err(error) => unreadable(folder, error),
    }
    files.sort();
    let mut unknown = Vec::new();
    for file in files {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else { continue };
        let name = name.to_ascii_lowercase();
        if name.starts_with('.') || !(name.ends_with(".txt") || name.ends_with(".html")) {
            continue;
        }
        if !is_template(&name) {
            unknown.push(file);
            continue;
        }
        match std::fs::read_to_string(&file) {
            Ok(source) => {
                sources.insert(name, (file, source));
            }
            Err(error) => unreadable(&file, error),
        }
    }
    let message = "is not the name of a mail template; use names such as `invitation.en.txt` or `reset.de.html`";
    problems.extend(unknown.into_iter().map(|file| TemplateProblem {
        file,
        line: None,
        message: message.to_owned(),
    }));
}

fn is_template(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let [occasion, language, _] = parts[..] else { return false };
    let is_tag = language.split('-').all(|part| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    is_tag && KINDS.map(self::name).contains(&occasion)
}

const KINDS: [MailKind; 4] =
    [MailKind::Invitation, MailKind::Reset, MailKind::AccountChanged, MailKind::Impersonation];

const fn name(occasion: MailKind) -> &'static str {
    match occasion {
        MailKind::Invitation => "invitation",
        MailKind::Reset => "reset",
        MailKind::AccountChanged => "account_changed",
        MailKind::Impersonation => "impersonation",
    }
}

fn other_part(name: &str) -> Option<String> {
    match name.strip_suffix(".txt") {
        Some(stem) => Some(format!("{stem}.html")),
        None => name.strip_suffix(".html").map(|stem| format!("{stem}.txt")),
    }
}

/// The subject on the first line, and the rest.
fn split(text: &str) -> Option<(&str, &str)> {
    let (first, rest) = text.split_once('\n')?;
    let subject = first.strip_prefix("Subject:")?.trim();
    (!subject.is_empty()).then(|| (subject, rest.trim_start_matches(['\r', '\n'])))
}

fn problem(file: &Path, error: &minijinja::Error) -> TemplateProblem {
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, _) => {
            "uses an unknown variable; the variables are business, login, organization, link, \
             until, valid.count, valid.unit, changed, by, at, contact, contact_url, contact_full, \
             links, accent, on_accent, accent_text"
                .to_owned()
        }
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    TemplateProblem { file: file.to_owned(), line: error.line(), message }
}
