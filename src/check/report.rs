//! What `portcullis check` finds.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use portcullis_policy::{Policy, PolicyProblems, Portal, Readings};

use super::warning::Warning;
use super::warnings::{self, Checked, Expectations};
use crate::config::{Problems, References, Settings};
use crate::mail::Mailer;
use crate::net::ServerTls;
use crate::portal_pages::Appearance;
use crate::proxy::dial::Dialer;

/// Everything that was found.
#[derive(Debug)]
pub struct Report {
    /// What prevents a start, in the order in which it was checked.
    pub errors: Vec<Problem>,
    /// What does not.
    pub warnings: Vec<Warning>,
    /// What was checked, if there are no errors.
    pub valid: Option<Valid>,
}

/// Settings and files without errors.
#[derive(Debug)]
pub struct Valid {
    /// The settings.
    pub settings: Settings,
    /// The policy.
    pub policy: Policy,
    /// Texts and pictures of the pages.
    pub appearance: Appearance,
}

/// Something that prevents a start.
#[derive(Debug)]
pub struct Problem {
    /// The file that it is in, if it is known.
    pub file: Option<PathBuf>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The message with the place.
    text: String,
}

impl Problem {
    pub(super) fn new(file: Option<PathBuf>, error: impl fmt::Display) -> Self {
        let text = format!("{error:#}");
        Self { file, line: None, message: text.clone(), text }
    }

    /// Each problem with the settings in `file`, `None` for those of the environment.
    pub fn of_settings(error: &anyhow::Error, file: Option<&Path>) -> Vec<Self> {
        let Some(Problems(problems)) = error.downcast_ref() else {
            return vec![Self::new(file.map(Path::to_owned), error)];
        };
        let mut found: Vec<_> = problems
            .iter()
            .map(|problem| {
                Self::new(
                    file.map(Path::to_owned),
                    format_args!("{}: {}", problem.key, problem.message),
                )
            })
            .collect();
        // What was added to the problems stands before the first.
        let whole = format!("{error:#}");
        if let (Some(first), Some(problem)) = (found.first_mut(), whole.lines().next()) {
            problem.clone_into(&mut first.text);
        }
        found
    }

    /// Each problem with the policy in a folder.
    pub(super) fn of_policy(problems: &PolicyProblems, folder: &Path) -> Vec<Self> {
        let problem = |problem: &portcullis_policy::Problem| {
            let file = problem.file.ends_with(".toml").then(|| folder.join(&*problem.file));
            // As warnings show it: relative to the working directory.
            let text = match &file {
                Some(file) => {
                    let file = file.display().to_string().into();
                    portcullis_policy::Problem { file, ..problem.clone() }.to_string()
                }
                None => problem.to_string(),
            };
            Self { file, line: problem.line, message: problem.message.clone(), text }
        };
        problems.iter().map(problem).collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Report {
    /// A report of settings that could not be read at all.
    #[must_use]
    pub const fn unread(errors: Vec<Problem>) -> Self {
        Self { errors, warnings: Vec::new(), valid: None }
    }

    /// Reads every file that the settings refer to, also if the settings have errors. `file` is what
    /// they were read from.
    #[must_use]
    pub fn of(
        settings: anyhow::Result<Settings>,
        references: &References,
        file: Option<&Path>,
        (connect, now): (bool, Timestamp),
    ) -> Self {
        let mut errors = Vec::new();
        let settings = match settings {
            Ok(settings) => Some(settings),
            Err(error) => {
                errors.extend(Problem::of_settings(&error, file));
                None
            }
        };
        let appearance = references.branding.as_ref().map(Appearance::load);
        let appearance = kept(&mut errors, appearance);
        for tls in &references.certificates {
            kept(&mut errors, Some(ServerTls::read([tls])));
        }
        let dialer = settings.as_ref().map(|settings| Dialer::new(&settings.upstream));
        kept(&mut errors, dialer);
        // Without valid settings, assume all readings, and that the servers exist that routes name.
        let unknown = || Portal { readings: Readings::all(), upstreams: None };
        let portal = settings.as_ref().map_or_else(unknown, |settings| settings.upstream.portal());
        let mut policy = None;
        if let Some(folder) = references.policy.as_deref() {
            match Policy::load_for(folder, &portal) {
                Ok(loaded) => policy = Some((loaded, folder)),
                Err(problems) => errors.extend(Problem::of_policy(&problems, folder)),
            }
        }
        let mailer = match &settings {
            Some(settings) => Some(Mailer::new(settings).map(|_| ())),
            None => references.templates.as_deref().map(Mailer::check_templates),
        };
        kept(&mut errors, mailer);
        let client = settings.as_ref().and_then(|settings| settings.upstream.tls.client.as_ref());
        let warnings = warnings::warnings(&Checked {
            settings: settings.as_ref(),
            listens: &[],
            certificates: &references.certificates.iter().chain(client).collect::<Vec<_>>(),
            policy: policy.as_ref().map(|(policy, folder)| (policy, *folder)),
            ignored_variables: &references.ignored_variables,
            expectations: Expectations::Files,
            connect,
            now,
        });
        let valid = match (settings, policy, appearance, &*errors) {
            (Some(settings), Some((policy, _)), Some(appearance), []) => {
                Some(Valid { settings, policy, appearance })
            }
            (_, _, _, _) => None,
        };
        Self { errors, warnings, valid }
    }

    /// The warnings that are not allowed.
    pub fn disallowed(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(|warning| warning.allowed.is_none())
    }
}

/// The value, if there is one; an error is added to the problems.
fn kept<T, E: fmt::Display>(errors: &mut Vec<Problem>, result: Option<Result<T, E>>) -> Option<T> {
    match result? {
        Ok(value) => Some(value),
        Err(error) => {
            errors.push(Problem::new(None, error));
            None
        }
    }
}
