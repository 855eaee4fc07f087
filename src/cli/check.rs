//! `portcullis check`: would the gateway start with these files?

use std::path::Path;

use anyhow::Context;

use crate::listener::TlsFiles;
use crate::mail::MailRoom;
use crate::pages::Appearance;
use crate::policy::Policy;
use crate::telemetry;

/// Reads the settings, the files they name, the policy and the mail templates, runs the
/// expectations, and says what is there.
///
/// # Errors
/// All that is wrong with them.
pub fn run(file: Option<&Path>, out: &mut dyn std::io::Write) -> anyhow::Result<()> {
    let settings = super::settings(file)?;
    telemetry::parse(&settings.telemetry.log).context("telemetry.log")?;
    let appearance = Appearance::load(&settings.branding)?;
    settings.server.tls.as_ref().map(TlsFiles::read).transpose()?;
    let policy = Policy::load(&settings.policy.directory)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { MailRoom::new(&settings).map(drop) })?;
    writeln!(
        out,
        "{} and {} are in order: {} permissions, {} groups, {} routes, {} expectations hold \
         (policy {}).",
        super::settings_file(file).unwrap_or(Path::new(super::THE_ENVIRONMENT)).display(),
        settings.policy.directory.display(),
        policy.catalogue().permissions().len(),
        policy.seeds().len(),
        policy.routes().len(),
        policy.expectations().len(),
        policy.version(),
    )?;
    let languages: Vec<&str> = appearance.languages().collect();
    writeln!(out, "The pages speak {}.", languages.join(", "))?;
    for note in &settings.branding.notes {
        writeln!(out, "{note}.")?;
    }
    Ok(())
}
