//! Environment variables that look like settings and are not read: with single underscores.

use std::collections::{BTreeSet, HashMap};

/// What the name of a variable of the gateway begins with, in lower case.
const PREFIX: &str = "portcullis_";

/// A variable with single underscores that would name a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredVariable {
    /// Its name.
    pub name: String,
    /// The name of the variable that sets the setting.
    pub instead: String,
}

/// The ignored variables, ordered by name. Those that Kubernetes sets for a service named
/// `portcullis…` (`PORTCULLIS_SERVICE_HOST`, `PORTCULLIS_PORT_8080_TCP`) are not among them.
pub(super) fn find(
    environment: &HashMap<String, String>,
    known: &BTreeSet<String>,
) -> Vec<IgnoredVariable> {
    let mut found: Vec<_> = environment
        .keys()
        .filter_map(|name| {
            let key = setting(name, known)?;
            let instead = format!("PORTCULLIS__{}", key.replace('.', "__").to_uppercase());
            Some(IgnoredVariable { name: name.clone(), instead })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The setting that an ignored variable would name.
fn setting<'k>(name: &str, known: &'k BTreeSet<String>) -> Option<&'k String> {
    let name = name.to_lowercase();
    let rest = name.strip_prefix(PREFIX).filter(|rest| !rest.starts_with('_'))?;
    let is_of_kubernetes =
        name.contains("_service_") || name.contains("_port_") || name.ends_with("_port");
    let single = rest.replace("__", "_");
    known.iter().find(|key| !is_of_kubernetes && key.replace('.', "_") == single)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_with_single_underscores_are_found() {
        let known = ["server.listen", "server.limits.idle_timeout", "mail.smtp.port", "mail.from"]
            .map(str::to_owned)
            .into();
        let find = |name: &str| {
            let environment = HashMap::from([(name.to_owned(), "x".to_owned())]);
            find(&environment, &known).pop().map(|found| found.instead)
        };
        for (name, instead) in [
            ("PORTCULLIS_SERVER_LISTEN", "PORTCULLIS__SERVER__LISTEN"),
            ("PORTCULLIS_SERVER__LISTEN", "PORTCULLIS__SERVER__LISTEN"),
            ("portcullis_mail_from", "PORTCULLIS__MAIL__FROM"),
            ("PORTCULLIS_SERVER_LIMITS_IDLE_TIMEOUT", "PORTCULLIS__SERVER__LIMITS__IDLE_TIMEOUT"),
        ] {
            assert_eq!(find(name).as_deref(), Some(instead), "{name}");
        }
        for name in [
            "PORTCULLIS__SERVER__LISTEN",
            "PORTCULLIS_CONFIG",
            "PORTCULLIS_SERVICE_HOST",
            "PORTCULLIS_SERVER_SERVICE_PORT",
            "PORTCULLIS_PORT",
            "PORTCULLIS_PORT_8080_TCP_ADDR",
            "PORTCULLIS_MAIL_SMTP_PORT",
            "SERVER_LISTEN",
        ] {
            assert_eq!(find(name), None, "{name}");
        }
    }
}
