//! Settings and policy as `check` sees them, the clock, and the store.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use jiff::{SignedDuration, Timestamp};
use portcullis_store::sled::{Presence, SledStore};

use super::finding::Finding;
use crate::check::{Problem, Report, Valid, Warning};
use crate::config::Settings;

/// How far in the future a file may seem to be.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);
/// The least free space where the store is, in bytes.
const MIN_FREE: u64 = 256 * 1024 * 1024;

pub(super) fn probe(report: &Report, now: Timestamp) -> Vec<Finding> {
    let mut findings: Vec<_> = report.errors.iter().map(error).collect();
    findings.extend(report.warnings.iter().map(warning));
    let Some(Valid { settings, policy, .. }) = &report.valid else { return findings };
    findings.push(Finding::ok(
        "settings",
        format!(
            "the settings and the policy in {} are valid: {} routes (policy {})",
            settings.policy.directory.display(),
            policy.routes().len(),
            policy.version()
        ),
    ));
    findings.push(clock(settings, now));
    findings.extend(store(settings));
    findings
}

fn error(problem: &Problem) -> Finding {
    let is_policy = problem.line.is_some();
    Finding::error(if is_policy { "policy-error" } else { "settings-error" }, problem.to_string())
        .because("the gateway does not start or reload with it")
}

fn warning(warning: &Warning) -> Finding {
    let what = warning.to_string();
    match &warning.allowed {
        Some(reason) => {
            let reason = reason.trim_end_matches('.');
            Finding::note(warning.name.as_str(), format!("{what} (allowed: {reason})"))
        }
        None => Finding::warning(warning.name.as_str(), what),
    }
}

/// Compares the clock with the files of the gateway: none of them was written after now.
fn clock(settings: &Settings, now: Timestamp) -> Finding {
    let mut files = vec![settings.key_file.clone()];
    for folder in [&settings.policy.directory, &settings.store.path] {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    let latest = files.iter().filter_map(|file| Some((written(file)?, file))).max();
    match latest {
        Some((time, file)) if time.duration_since(now) > TOLERANCE => Finding::error(
            "clock",
            format!(
                "the clock is at {}, and {} was written at {}",
                shown(now),
                file.display(),
                shown(time)
            ),
        )
        .because("sessions, links and codes of authenticator apps depend on the time")
        .fix("set the clock of this machine, and synchronize it (NTP)"),
        _ => Finding::ok("clock", format!("the clock is at {}", shown(now))),
    }
}

/// When a file was written.
fn written(file: &Path) -> Option<Timestamp> {
    let modified = std::fs::metadata(file).ok()?.modified().ok()?;
    let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

fn shown(time: Timestamp) -> impl std::fmt::Display {
    time.strftime("%Y-%m-%d %H:%M:%S UTC")
}

/// The store and its key, without opening it: the gateway may have it open.
fn store(settings: &Settings) -> Vec<Finding> {
    let path = &settings.store.path;
    let has_key = settings.key_file.exists() || crate::app::former_key_file(settings).is_some();
    let mut findings = Vec::new();
    match SledStore::presence(path) {
        Err(error) => findings.push(
            Finding::error("store", format!("store.path: {}: {error}", path.display()))
                .because("the gateway cannot start")
                .fix("run this as the user of the gateway, or correct the permissions"),
        ),
        Ok(Presence::Lost) => findings.push(
            Finding::error("store", format!("the store in {} is lost", path.display()))
                .because("the gateway refuses to start with traces of a store and no store")
                .fix("restore a backup, see `portcullis store`"),
        ),
        Ok(Presence::Store | Presence::Unversioned) if !has_key => findings.push(
            Finding::error(
                "store",
                format!(
                    "there is a store in {}, and not its key {}",
                    path.display(),
                    settings.key_file.display()
                ),
            )
            .because("the store opens only with its own key")
            .fix("restore the key from the backup"),
        ),
        Ok(Presence::Store | Presence::Unversioned) => {
            findings.push(Finding::ok("store", format!("there is a store in {}", path.display())));
        }
        Ok(Presence::Nothing | Presence::Interrupted) => findings.push(Finding::note(
            "store",
            format!("there is no store in {} yet; the first start creates it", path.display()),
        )),
    }
    findings.extend(open_to_others(&settings.key_file));
    findings.extend(free_space(path));
    findings
}

/// A secret key that other users can read.
fn open_to_others(key: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(key).ok()?.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then(|| {
        Finding::error(
            "store",
            format!(
                "every user of this machine has access to the secret key {} (mode {mode:04o})",
                key.display()
            ),
        )
        .because("with it, sessions and secure links can be forged")
        .fix(format!("run `chmod o= {}` and `portcullis secrets rotate`", key.display()))
    })
}

fn free_space(path: &Path) -> Option<Finding> {
    let existing = path.ancestors().find(|folder| folder.is_dir())?;
    let system = rustix::fs::statvfs(existing).ok()?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    (free < MIN_FREE).then(|| {
        Finding::warning(
            "store",
            format!("{} MiB are free where the store is ({})", free / (1 << 20), path.display()),
        )
        .because("on a full disk every change is refused")
        .fix("make room, or move `store.path` while the gateway is stopped")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn file_from_the_future_shows_a_clock_that_is_behind() {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        std::fs::write(policies.join("routes.toml"), "").unwrap();
        let environment = [
            ("SERVER__PUBLIC_URL", "http://portal.test".to_owned()),
            ("UPSTREAM__SERVERS", "http://127.0.0.1:9".to_owned()),
            ("POLICY__DIRECTORY", policies.display().to_string()),
            ("STORE__PATH", folder.path().join("data").display().to_string()),
            ("SECRETS__KEY_FILE", folder.path().join("key").display().to_string()),
        ];
        let environment = environment.map(|(key, value)| (format!("PORTCULLIS__{key}"), value));
        let settings = Settings::parse("", Path::new("test"), &environment.into()).unwrap();
        let written = written(&policies.join("routes.toml")).unwrap();
        let at = |seconds| clock(&settings, written + SignedDuration::from_secs(seconds)).severity;
        assert_eq!([at(-61), at(-59), at(100)], [Severity::Error, Severity::Ok, Severity::Ok]);

        let key = folder.path().join("key");
        let found = store(&settings);
        assert_eq!(found[0].severity, Severity::Note, "{found:?}");
        std::fs::write(&key, "x").unwrap();
        for (mode, expected) in [(0o600, false), (0o644, true), (0o640, false)] {
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_to_others(&key).is_some(), expected, "{mode:o}");
        }
    }
}
