//! `[check]`: the warnings that the operator allows.

use super::reader::Reader;
use super::warning_name::WarningName;

/// An entry of `check.allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedWarning {
    /// The warnings that are allowed: all with this name.
    pub name: WarningName,
    /// Why. Never empty.
    pub reason: String,
}

/// An entry, for messages.
const EXAMPLE: &str = "{ name = \"default-name\", reason = \"…\" }";

/// Reads `check.allow`.
pub(super) fn allowed(r: &mut Reader) -> Vec<AllowedWarning> {
    let mut allowed: Vec<AllowedWarning> = Vec::new();
    for at in r.tables("check.allow", EXAMPLE) {
        let (name_key, reason_key) = (format!("{at}.name"), format!("{at}.reason"));
        let name = r.parsed::<WarningName>(&name_key);
        if name.is_none() && !r.has(&name_key) {
            r.problem(&name_key, "is required (e.g. `open-below`)".to_owned());
        }
        let reason = r.text(&reason_key).filter(|reason| !reason.trim().is_empty());
        if reason.is_none() && r.is_valid(&reason_key) {
            r.problem(&reason_key, "is required: why the warning is allowed".to_owned());
        }
        let (Some(name), Some(reason)) = (name, reason) else { continue };
        if allowed.iter().any(|earlier| earlier.name == name) {
            r.problem(&name_key, format!("`{name}` is listed twice"));
        }
        allowed.push(AllowedWarning { name, reason });
    }
    allowed
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;
    use crate::config::Settings;

    const NEEDED: &str = "server.public_url = \"http://localhost\"\n\
                          upstream.servers = [\"http://127.0.0.1:9\"]\n";

    fn read(lines: &str, environment: &[(&str, &str)]) -> Result<Vec<AllowedWarning>, String> {
        let environment: HashMap<_, _> =
            environment.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Settings::parse(&format!("{NEEDED}{lines}"), Path::new("p.toml"), &environment)
            .map(|settings| settings.allowed_warnings)
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn warnings_are_allowed_by_name_with_a_reason() {
        let expected =
            AllowedWarning { name: WarningName::OpenBelow, reason: "nothing there".to_owned() };
        let list = "[{ name = \"open-below\", reason = \"nothing there\" }]";
        let lines = format!("check.allow = {list}\n");
        assert_eq!(read(&lines, &[]), Ok(vec![expected.clone()]));
        let lines = "[[check.allow]]\nname = \"open-below\"\nreason = \"nothing there\"\n";
        assert_eq!(read(lines, &[]), Ok(vec![expected.clone()]));
        assert_eq!(read("", &[("PORTCULLIS__CHECK__ALLOW", list)]), Ok(vec![expected]));
        assert_eq!(read("", &[]), Ok(Vec::new()));
        assert_eq!(read("[check]\nallow = []\n", &[]), Ok(Vec::new()));
    }

    #[test]
    fn mistakes_in_allowed_warnings_are_reported() {
        for (list, problem) in [
            (
                "[{ name = \"open-bellow\", reason = \"x\" }]",
                "check.allow[0].name: `open-bellow` is not the name of a warning; did you mean \
                 `open-below`?",
            ),
            (
                "[{ name = \"x\", reason = \"x\" }]",
                "check.allow[0].name: `x` is not the name of a warning; docs/cli.md lists them",
            ),
            (
                "[{ name = \"open-below\" }]",
                "check.allow[0].reason: is required: why the warning is allowed",
            ),
            (
                "[{ name = \"open-below\", reason = \" \" }]",
                "check.allow[0].reason: is required: why the warning is allowed",
            ),
            (
                "[{ name = \"open-below\", reason = \"x\", reasons = \"y\" }]",
                "check.allow[0].reasons: unknown setting; did you mean `check.allow[0].reason`?",
            ),
            ("[{ reason = \"x\" }]", "check.allow[0].name: is required (e.g. `open-below`)"),
            (
                "[\"open-below\"]",
                "check.allow[0]: must be a table; write `{ name = \"default-name\", reason = \"…\" }`",
            ),
            (
                "true",
                "check.allow: must be a list of tables; write `[{ name = \"default-name\", reason = \
                 \"…\" }]`",
            ),
            (
                "[{ name = \"open-below\", reason = \"x\" }, { name = \"open-below\", reason = \
                 \"y\" }]",
                "check.allow[1].name: `open-below` is listed twice",
            ),
        ] {
            let read = read(&format!("check.allow = {list}\n"), &[]);
            assert_eq!(read, Err(problem.to_owned()), "{list}");
        }
        let error = read("check.allows = []\n", &[]).unwrap_err();
        assert_eq!(error, "check.allows: unknown setting; did you mean `check.allow`?");
    }
}
