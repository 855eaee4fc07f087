//! The question before a change. What it says comes from the dry run of the change, so that it has the
//! consequences that the change will have.
//!
//! Without a terminal nothing is asked; the change is made, and the warnings of the dry run are printed
//! on standard error.

use std::io::{self, Write};

use serde_json::Value;

use super::console::{Console, Request, array, text};
use super::impact::{number, sentences, warnings, who};
use super::terminal::escaped_line;

/// Warnings that may be in the response to the change too. Commands print them from there.
const IN_RESPONSE: [&str; 4] = [
    "invitation-sent-elsewhere",
    "default-group-has-all-permissions",
    "second-factor-no-longer-asked",
    "name-in-use",
];
/// How many permissions a question lists. Beyond that it says how many there are.
const LISTED: usize = 3;

/// When a question is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// Before every such change.
    Always,
    /// If it has consequences or warnings.
    IfAffected,
    /// If the dry run has one of these warnings.
    Warned(&'static [&'static str]),
}

/// What a change would do, by its dry run. Empty for a command that only tries it out.
#[derive(Debug, Default)]
pub(super) struct Impact(Value);

impl Impact {
    /// How many open sessions end.
    pub(super) fn sessions(&self) -> usize {
        number(&self.0, "sessions_ended")
    }

    fn warnings(&self) -> impl Iterator<Item = [String; 2]> {
        warnings(&self.0).into_iter()
    }

    fn is_asked_about(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::IfAffected => self.warnings().next().is_some() || !sentences(&self.0).is_empty(),
            When::Warned(names) => self.warnings().any(|[name, _]| names.contains(&&*name)),
        }
    }

    /// The warnings that the command does not print from the response to the change.
    fn not_in(&self, response: &Value) -> impl Iterator<Item = [String; 2]> {
        let printed = array(response, "warnings").iter().map(|warning| text(warning, "name"));
        let printed: Vec<String> = printed.filter(|name| IN_RESPONSE.contains(&&**name)).collect();
        self.warnings().filter(move |[name, _]| !printed.contains(name))
    }

    /// The consequences and the warnings, a sentence each.
    fn lines(&self) -> Vec<String> {
        let mut shown = self.0.clone();
        let mut lines = Vec::new();
        for (name, what) in [("gains", "gain"), ("loses", "lose")] {
            let changes = array(&self.0, name);
            if changes.len() > LISTED {
                let of = |change| (number(change, "people"), number(change, "links"));
                let (people, links) = changes.iter().map(of).max().unwrap_or_default();
                let count = changes.len();
                lines.push(format!("{} {count} permissions", who(people, links, what)));
                remove(&mut shown, name);
            }
        }
        if self.warnings().any(|[name, _]| name.starts_with("link-")) {
            // The warning says more about the same link.
            remove(&mut shown, "links_closed");
        }
        lines.extend(sentences(&shown));
        lines.extend(self.warnings().map(|[_, detail]| detail));
        lines
    }
}

impl Console<'_> {
    /// Tries a write out, and asks before it is made, if standard input is a terminal and `--yes` was
    /// not given. `intent` is what the command does, such as `delete the group Limited`.
    ///
    /// # Errors
    /// Those of the write, or if the answer is not yes.
    pub(super) fn ask(
        &self,
        request: &Request<'_>,
        intent: &str,
        when: When,
    ) -> anyhow::Result<Impact> {
        self.intends(intent);
        if self.is_dry_run() {
            return Ok(Impact::default());
        }
        let impact = Impact(self.tried(request)?);
        if self.asks() && impact.is_asked_about(when) {
            self.confirm(|_| Ok(Some(question(intent, &impact))))?;
        }
        Ok(impact)
    }

    /// Prints the warnings of a change that was made, if nothing is asked, except those that the
    /// command prints from the response.
    ///
    /// # Errors
    /// When standard error cannot be written.
    pub(super) fn warn(&self, impact: &Impact, response: &Value) -> anyhow::Result<()> {
        if self.asks() {
            return Ok(());
        }
        for [name, detail] in impact.not_in(response) {
            let warning = format!("warning: {detail} ({name})");
            writeln!(io::stderr(), "{}", escaped_line(&warning))?;
        }
        Ok(())
    }

    /// The same, makes the write, and prints the warnings if nothing is asked; returns the response too.
    ///
    /// # Errors
    /// As [`Self::ask`], and those of the write.
    pub(super) fn carry_out(
        &self,
        request: &Request<'_>,
        intent: &str,
        when: When,
    ) -> anyhow::Result<(Value, Impact)> {
        let impact = self.ask(request, intent, when)?;
        let response = self.write(request)?;
        self.warn(&impact, &response)?;
        Ok((response, impact))
    }
}

fn question(intent: &str, impact: &Impact) -> String {
    let lines = impact.lines();
    let intent = capitalized(intent);
    match &*lines {
        [] => format!("{intent}?"),
        lines => {
            let lines: Vec<_> = lines.iter().map(|line| escaped_line(line).into_owned()).collect();
            format!("{intent}?\n- {}\nContinue?", lines.join("\n- "))
        }
    }
}

fn remove(document: &mut Value, name: &str) {
    if let Some(document) = document.as_object_mut() {
        document.remove(name);
    }
}

fn capitalized(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn impact(warnings: &Value, loses: usize) -> Impact {
        let permission = json!({ "permission": "a", "people": 2, "routes": [] });
        Impact(json!({
            "loses": vec![permission; loses],
            "sessions_ended": 1,
            "links_closed": ["acme"],
            "warnings": warnings,
        }))
    }

    #[test]
    fn a_question_lists_consequences_and_warnings() {
        let warned = impact(&json!([{ "name": "link-closes", "detail": "it closes" }]), 4);
        assert_eq!(
            question("delete it", &warned),
            "Delete it?\n- 2 people lose 4 permissions\n- 1 open session ends\n- it closes\nContinue?"
        );
        let plain = impact(&json!([]), 1);
        assert_eq!(
            question("delete it", &plain),
            "Delete it?\n- 2 people lose a\n- 1 open session ends\n- the secure link of acme no longer \
             opens sessions\nContinue?"
        );
        assert_eq!(question("delete it", &Impact::default()), "Delete it?");
    }

    #[test]
    fn a_warning_is_printed_once() {
        let name = "invitation-sent-elsewhere";
        let warned = impact(&json!([{ "name": name, "detail": "to the office" }]), 0);
        let printed = |response: &Value| warned.not_in(response).count();
        assert_eq!(printed(&json!({ "warnings": [{ "name": name, "detail": "" }] })), 0);
        // The job of a bulk change has no warnings.
        assert_eq!(printed(&json!({ "id": "1", "state": "queued" })), 1);
    }

    #[test]
    fn a_question_is_asked_only_when_it_is_due() {
        let warned = impact(&json!([{ "name": "link-closes", "detail": "it closes" }]), 0);
        assert!(warned.is_asked_about(When::Warned(&["link-closes"])));
        assert!(!warned.is_asked_about(When::Warned(&["tokens-revoked"])));
        assert!(warned.is_asked_about(When::IfAffected));
        assert!(!Impact::default().is_asked_about(When::IfAffected));
        assert!(Impact::default().is_asked_about(When::Always));
    }
}
