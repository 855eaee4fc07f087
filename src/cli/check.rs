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
    let log = telemetry::parse(&settings.telemetry.log).context("telemetry.log").map(drop);
    let appearance = Appearance::load(&settings.branding);
    let tls = settings.server.tls.as_ref().map(TlsFiles::read).transpose().map(drop);
    let policy = Policy::load(&settings.policy.directory);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mail = runtime.block_on(async { MailRoom::new(&settings).map(drop) });
    let (Ok(appearance), Ok(policy), Ok(()), Ok(()), Ok(())) =
        (&appearance, &policy, &log, &tls, &mail)
    else {
        let problems = [
            log.err().map(|error| format!("{error:#}")),
            appearance.err().map(|error| error.to_string()),
            tls.err().map(|error| error.to_string()),
            policy.err().map(|error| error.to_string()),
            mail.err().map(|error| error.to_string()),
        ];
        let problems: Vec<String> = problems.into_iter().flatten().collect();
        anyhow::bail!("{}", problems.join("\n"));
    };
    let unasked: Vec<_> = policy.unasked_expectations().collect();
    writeln!(
        out,
        "{} and {} are in order: {} permissions, {} groups, {} routes, {} expectations hold \
         (policy {}).",
        super::settings_file(file).unwrap_or(Path::new(super::THE_ENVIRONMENT)).display(),
        settings.policy.directory.display(),
        policy.catalogue().permissions().len(),
        policy.seeds().len(),
        policy.routes().len(),
        policy.expectations().len() - unasked.len(),
        policy.version(),
    )?;
    for expectation in unasked {
        writeln!(
            out,
            "{} was not asked: the policy does not come with the group `{}`. The running gateway \
             asks it of its own groups, and refuses a reload when it has none of that id.",
            expectation.place(),
            expectation.who(),
        )?;
    }
    let languages: Vec<&str> = appearance.languages().collect();
    writeln!(out, "The pages speak {}.", languages.join(", "))?;
    for note in &settings.branding.notes {
        writeln!(out, "{note}.")?;
    }
    Ok(())
}
