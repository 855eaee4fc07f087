//! What a change affects, for `--dry-run` and for the question that is asked before it.

use serde_json::{Value, json};

use super::console::{Console, Request, array, field, text};
use super::terminal::escaped_line;

/// How many names a sentence lists.
const NAMED: usize = 5;

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

/// What a write would change, for the question before it.
pub(super) struct Impact(Value);

impl Impact {
    /// Tries a write out.
    ///
    /// # Errors
    /// Those of the write.
    pub(super) fn of(console: &Console<'_>, request: &Request<'_>) -> anyhow::Result<Self> {
        Ok(Self(console.tried(request)?))
    }

    /// How many open sessions end.
    pub(super) fn sessions(&self) -> usize {
        number(&self.0, "sessions_ended")
    }

    /// How many secure links no longer open sessions.
    pub(super) fn closed_links(&self) -> usize {
        array(&self.0, "links_closed").len()
    }

    /// How many people can use the portal who could not before, secure links included.
    pub(super) fn gaining_access(&self) -> usize {
        number(field(&self.0, "access"), "gains")
    }

    /// The consequences, a sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        sentences(&self.0)
    }

    /// Whether there is a warning of this name.
    pub(super) fn warns(&self, name: &str) -> bool {
        array(&self.0, "warnings").iter().any(|warning| field(warning, "name") == name)
    }
}

fn number(document: &Value, name: &str) -> usize {
    field(document, name).as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(0)
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
pub(super) fn separated(number: usize) -> String {
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

/// Prints what a write would change, for `--dry-run`.
pub(super) fn print(console: &mut Console<'_>, changes: &Value) -> anyhow::Result<()> {
    if console.is_json() {
        return console.document(&json!({ "changes": changes }));
    }
    let consequences = sentences(changes);
    if consequences.is_empty() {
        console.note(
            "Nothing was changed. The command would change no permissions, end no session or link, \
             and send no email.",
        )?;
    } else {
        console.note("Nothing was changed. The command would have these consequences:")?;
    }
    for sentence in consequences {
        console.note(&format!("- {}", escaped_line(&sentence)))?;
    }
    for warning in array(changes, "warnings") {
        let [name, detail] = ["name", "detail"].map(|field| text(warning, field));
        console.warning(&format!("{detail} ({name})"))?;
    }
    Ok(())
}

/// What a write would change for people, a sentence each.
pub(super) fn sentences(changes: &Value) -> Vec<String> {
    let mut sentences = Vec::new();
    for (name, gains) in [("gains", true), ("loses", false)] {
        for change in array(changes, name) {
            let people = number(change, "people");
            let verb = verb(people, if gains { "gain" } else { "lose" });
            let routes: Vec<&str> =
                array(change, "routes").iter().filter_map(Value::as_str).collect();
            let permission = text(change, "permission");
            let routes = listed(&routes).map_or_else(String::new, |list| format!(" ({list})"));
            sentences.push(format!("{} {verb} {permission}{routes}", persons(people)));
        }
    }
    let access = field(changes, "access");
    for (name, what) in [("gains", "gain"), ("loses", "lose")] {
        let people = number(access, name);
        if people > 0 {
            let verb = verb(people, what);
            sentences.push(format!("{} {verb} access to the portal", persons(people)));
        }
    }
    let ended = number(changes, "sessions_ended");
    if ended > 0 {
        sentences.push(sessions_end(ended));
    }
    let links: Vec<&str> =
        array(changes, "links_closed").iter().filter_map(Value::as_str).collect();
    if let Some(list) = listed(&links) {
        sentences.push(match links.len() {
            1 => format!("the secure link of {list} no longer opens sessions"),
            _ => format!("the secure links of {list} no longer open sessions"),
        });
    }
    let mails = number(changes, "mails");
    if mails > 0 {
        let verb = if mails == 1 { "is" } else { "are" };
        sentences.push(format!("{} {verb} sent", counted(mails, "email")));
    }
    sentences
}

/// At most five names.
fn listed(names: &[&str]) -> Option<String> {
    let further = names.len().saturating_sub(NAMED);
    let shown: Vec<&str> = names.iter().take(NAMED).copied().collect();
    match further {
        _ if names.is_empty() => None,
        0 => Some(shown.join(", ")),
        _ => Some(format!("{} and {further} more", shown.join(", "))),
    }
}

fn persons(number: usize) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", separated(number)) }
}

fn verb(people: usize, verb: &str) -> String {
    if people == 1 { format!("{verb}s") } else { verb.to_owned() }
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

    #[test]
    fn consequences_are_plain_sentences() {
        let change = |people: u64, routes: &[&str]| {
            json!([{
                "permission": "invoices.view", "people": people, "routes": routes,
            }])
        };
        let changes = json!({
            "gains": change(1, &["List", "Show"]),
            "loses": change(2000, &["a", "b", "c", "d", "e", "f", "g"]),
            "access": { "gains": 0, "loses": 1 },
            "sessions_ended": 1,
            "links_closed": ["acme"],
            "mails": 2,
        });
        let expected = [
            "1 person gains invoices.view (List, Show)",
            "2,000 people lose invoices.view (a, b, c, d, e and 2 more)",
            "1 person loses access to the portal",
            "1 open session ends",
            "the secure link of acme no longer opens sessions",
            "2 emails are sent",
        ];
        assert_eq!(sentences(&changes), expected);
        let nothing = json!({ "gains": [], "loses": [], "access": { "gains": 0, "loses": 0 } });
        assert_eq!(sentences(&nothing), [""; 0]);
    }
}
