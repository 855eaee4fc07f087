//! How many people a change affects, for the question that is asked before it.

use serde_json::Value;

use super::console::{Console, array, field};

/// Open sessions.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenSessions {
    /// Those of portal users.
    pub(super) users: usize,
    /// Those that secure links started.
    pub(super) links: usize,
}

impl OpenSessions {
    /// Counts the sessions that match the parameters of the list, and `is_affected`.
    pub(super) fn count(
        console: &Console<'_>,
        params: &[(&str, Option<&str>)],
        is_affected: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Self> {
        let list = console.list(&["sessions"], params)?;
        let (links, users): (Vec<&Value>, Vec<&Value>) = array(&list, "items")
            .iter()
            .filter(|session| is_affected(session))
            .partition(|session| field(session, "kind") == "link");
        Ok(Self { users: users.len(), links: links.len() })
    }

    /// Those of an organization.
    pub(super) fn of_organization(console: &Console<'_>, id: &str) -> anyhow::Result<Self> {
        Self::count(console, &[("organization", Some(id))], |_| true)
    }

    /// Those of a portal user.
    pub(super) fn of_user(console: &Console<'_>, id: &str) -> anyhow::Result<Self> {
        Self::count(console, &[("user", Some(id))], |_| true)
    }

    pub(super) fn all(self) -> usize {
        self.users + self.links
    }
}

/// A number of things: `1 session`, `1,204 sessions`.
pub(super) fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", separated(number))
}

/// What ends: `3 open sessions end`, `1 open session ends`, `no session is open`.
pub(super) fn sessions_end(number: usize) -> String {
    match number {
        0 => "no session is open".to_owned(),
        1 => "1 open session ends".to_owned(),
        _ => format!("{} end", counted(number, "open session")),
    }
}

/// Digits in groups of three.
fn separated(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_agree_with_what_is_counted() {
        for (number, expected) in
            [(0, "0 users"), (1, "1 user"), (999, "999 users"), (1204, "1,204 users")]
        {
            assert_eq!(counted(number, "user"), expected);
        }
        assert_eq!(counted(1_000_000, "user"), "1,000,000 users");
        assert_eq!(sessions_end(0), "no session is open");
        assert_eq!(sessions_end(1), "1 open session ends");
        assert_eq!(sessions_end(12), "12 open sessions end");
    }
}
