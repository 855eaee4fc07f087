//! Where commands read the settings from: a file and the environment.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;

use crate::check;
use crate::config::{EffectiveSetting, Loaded, References, Settings};

/// The settings file unless `--config` names another.
pub(super) const DEFAULT_FILE: &str = "config/portcullis.toml";
/// Stands for the file where there is none.
const THE_ENVIRONMENT: &str = "the environment";

/// The settings of the named file, or of the default one, with the environment over them.
pub(super) fn settings(named: Option<&Path>) -> anyhow::Result<Settings> {
    let (settings, references) = read(named)?;
    valid(settings, &references)
}

/// The settings, or everything that is wrong with them, with the variables that look like settings:
/// one of them may be the setting that is missing.
pub(super) fn valid(
    settings: anyhow::Result<Settings>,
    references: &References,
) -> anyhow::Result<Settings> {
    let ignored = check::ignored_variables(&references.ignored_variables);
    match settings {
        Err(error) if !ignored.is_empty() => {
            let ignored = ignored.iter().map(|warning| format!("\nwarning: {warning}"));
            anyhow::bail!("{error:#}{}", ignored.collect::<String>())
        }
        settings => settings,
    }
}

/// The same, and what they refer to even if they have errors.
pub(super) fn read(named: Option<&Path>) -> anyhow::Result<(anyhow::Result<Settings>, References)> {
    let Loaded { settings, references, .. } = load(named)?;
    Ok((explained(named, settings), references))
}

/// The settings, and every key with the value that takes effect.
pub(super) fn effective(named: Option<&Path>) -> anyhow::Result<(Settings, Vec<EffectiveSetting>)> {
    let Loaded { settings, effective, .. } = load(named)?;
    explained(named, settings).map(|settings| (settings, effective))
}

fn load(named: Option<&Path>) -> anyhow::Result<Loaded> {
    // A variable that is not UTF-8 is not ours, and must not keep the gateway from starting.
    let environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Ok(match file(named) {
        Some(file) => Loaded::from_file(file, &environment)?,
        None => Loaded::parse("", Path::new(THE_ENVIRONMENT), &environment)?,
    })
}

/// Adds to an error that no settings file was found.
fn explained<E>(named: Option<&Path>, settings: Result<Settings, E>) -> anyhow::Result<Settings>
where
    E: std::error::Error + Send + Sync + 'static,
{
    if file(named).is_some() {
        return settings.map_err(Into::into);
    }
    settings.with_context(|| {
        format!(
            "{DEFAULT_FILE} does not exist, and the environment alone is not enough; run this in \
             the folder of a gateway, name a file with --config, or create one with `portcullis init`"
        )
    })
}

/// What the settings are read from, for messages.
pub(super) fn source(named: Option<&Path>) -> &Path {
    file(named).unwrap_or(Path::new(THE_ENVIRONMENT))
}

/// The file to read; `None` if only the environment has settings. A named file must exist; the
/// default file may be absent, but if it exists it must be readable.
pub(super) fn file(named: Option<&Path>) -> Option<&Path> {
    named.or_else(|| {
        let file = Path::new(DEFAULT_FILE);
        let missing = file.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound);
        (!missing).then_some(file)
    })
}
