//! The settings that take effect on SIGHUP, and what puts each in force. All others are read at the
//! start only.
//!
//! What a request reads of them is replaced as a whole ([`arc_swap`]), so requests wait for nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::authz::DecisionLog;
use crate::backup::Schedule;
use crate::config::{EffectiveSetting, Settings};
use crate::mail::MailReload;
use crate::session::Sessions;
use crate::telemetry::LogFilter;

/// The parts of the gateway that get other settings while it runs.
#[derive(Debug)]
pub(super) struct Parts {
    /// The settings of the start.
    pub(super) settings: Settings,
    pub(super) decisions: Arc<DecisionLog>,
    pub(super) sessions: Sessions,
    /// `audit.retention`
    pub(super) retention: watch::Sender<Duration>,
    /// `None` if there was no `backup.directory` at the start.
    pub(super) schedule: Option<Schedule>,
    pub(super) mail: MailReload,
}

/// Settings that are put in force together.
pub(super) struct Section {
    /// Their names. One that ends with a dot stands for all that begin with it.
    names: &'static [&'static str],
    put_in_force: fn(&Parts, &LogFilter, &Settings) -> anyhow::Result<()>,
}

/// All of them.
pub(super) const SECTIONS: [Section; 6] = [
    Section {
        names: &["telemetry.decisions"],
        put_in_force: |parts, _, new| {
            parts.decisions.record_only(new.telemetry.decisions);
            Ok(())
        },
    },
    Section {
        names: &["telemetry.log"],
        put_in_force: |_, log, new| Ok(log.set(&new.telemetry.log)?),
    },
    Section {
        names: &[
            "session.idle_timeout",
            "session.absolute_timeout",
            "session.staff_idle_timeout",
            "session.staff_absolute_timeout",
            "session.impersonation_timeout",
        ],
        put_in_force: |parts, _, new| {
            parts.sessions.set_limits(new.session);
            Ok(())
        },
    },
    Section {
        names: &["audit.retention"],
        put_in_force: |parts, _, new| {
            parts.retention.send_replace(new.audit.retention);
            Ok(())
        },
    },
    Section {
        names: &["backup.every", "backup.keep"],
        put_in_force: |parts, _, new| {
            if let (Some(schedule), Some(new)) = (&parts.schedule, &new.backup) {
                schedule.change(new.every, new.keep);
            }
            Ok(())
        },
    },
    // Files of passwords, certificates and templates are read again, too.
    Section {
        names: &["mail."],
        put_in_force: |parts, _, new| {
            // Emails also have the name of `branding`, for example, which needs a restart.
            let settings = Settings { mail: new.mail.clone(), ..parts.settings.clone() };
            Ok(parts.mail.put_in_force(&settings)?)
        },
    },
];

impl Section {
    /// Whether a setting is one of them.
    pub(super) fn has(&self, key: &str) -> bool {
        self.names.iter().any(|name| stands_for(name, key))
    }

    /// Puts those of `new` in force.
    ///
    /// # Errors
    /// Why they cannot be; those that were in force still are.
    pub(super) fn put_in_force(
        &self,
        parts: &Parts,
        log: &LogFilter,
        new: &Settings,
    ) -> anyhow::Result<()> {
        (self.put_in_force)(parts, log, new)
    }
}

fn stands_for(name: &str, key: &str) -> bool {
    key == name || name.ends_with('.') && key.starts_with(name)
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("names", &self.names).finish_non_exhaustive()
    }
}

/// The keys whose values differ, or that are on one side only, in order.
pub(super) fn changed(old: &[EffectiveSetting], new: &[EffectiveSetting]) -> Vec<String> {
    let differs = |one: &EffectiveSetting, others: &[EffectiveSetting]| {
        !others.iter().any(|other| other.key == one.key && other.value == one.value)
    };
    let mut keys: Vec<String> =
        old.iter().filter(|one| differs(one, new)).map(|one| one.key.clone()).collect();
    keys.extend(new.iter().filter(|one| differs(one, old)).map(|one| one.key.clone()));
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;
    use crate::config::Loaded;

    fn effective(text: &str) -> Vec<EffectiveSetting> {
        let needed = "server.public_url = \"http://portal.test\"\n\
                      upstream.servers = [\"http://127.0.0.1:9000\"]\n";
        let text = format!("{needed}{text}");
        Loaded::parse(&text, Path::new("test"), &HashMap::new()).unwrap().effective
    }

    #[test]
    fn settings_that_differ_are_named() {
        let old = effective("telemetry.log = \"warn\"\nserver.threads = 2\n");
        assert_eq!(changed(&old, &old), [""; 0]);
        let new = effective("telemetry.log = \"info\"\nserver.threads = 2\nserver.backlog = 5\n");
        assert_eq!(changed(&old, &new), ["server.backlog", "telemetry.log"]);
        assert_eq!(changed(&new, &old), ["server.backlog", "telemetry.log"]);
    }

    #[test]
    fn settings_that_are_reloaded_exist() {
        let all = effective("");
        for name in SECTIONS.iter().flat_map(|section| section.names) {
            assert!(all.iter().any(|setting| stands_for(name, &setting.key)), "{name}");
        }
    }

    #[test]
    fn settings_beside_a_section_are_not_in_it() {
        let is_reloaded = |key: &str| SECTIONS.iter().any(|section| section.has(key));
        assert!(is_reloaded("mail.from") && is_reloaded("session.idle_timeout"));
        for key in
            ["mail", "mailing.from", "session.tokens", "session.idle_timeouts", "backup.directory"]
        {
            assert!(!is_reloaded(key), "{key}");
        }
    }
}
