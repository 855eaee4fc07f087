//! What a change affects, in sentences: for `--dry-run`, and for the question before it
//! ([`super::question`]).

use serde_json::{Value, json};

use super::console::{Console, array, field, text};
use super::terminal::escaped_line;

/// How many names a sentence lists.
const NAMED: usize = 5;

/// A number in a document; 0 if it is missing.
pub(super) fn number(document: &Value, name: &str) -> usize {
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

/// Prints what a write would change, for `--dry-run`. `intent` is what the command does.
pub(super) fn print(
    console: &mut Console<'_>,
    intent: &str,
    changes: &Value,
) -> anyhow::Result<()> {
    if console.is_json() {
        return console.document(&json!({ "changes": changes }));
    }
    let consequences = sentences(changes);
    let would = format!("Nothing was changed. The command would {}", escaped_line(intent));
    console.note(&match consequences.is_empty() {
        true => format!(
            "{would}. It would change no permissions, end no session or link, and send no email."
        ),
        false => format!("{would}. It would have these consequences:"),
    })?;
    for sentence in consequences {
        console.note(&format!("- {}", escaped_line(&sentence)))?;
    }
    for [name, detail] in warnings(changes) {
        console.warning(&format!("{detail} ({name})"))?;
    }
    Ok(())
}

/// The names and details of the warnings, with options in place of the fields of the API.
pub(super) fn warnings(changes: &Value) -> Vec<[String; 2]> {
    let read = |warning: &Value| {
        let [name, detail] = ["name", "detail"].map(|field| text(warning, field));
        let detail = detail.replace("`send_to`", "`--send-to`");
        [name, detail.replace("`end_user`", "`--end-user`")]
    };
    array(changes, "warnings").iter().map(read).collect()
}

/// What a write would change for people, a sentence each.
pub(super) fn sentences(changes: &Value) -> Vec<String> {
    let mut sentences = Vec::new();
    for (name, gains) in [("gains", true), ("loses", false)] {
        for change in array(changes, name) {
            let (people, links) = (number(change, "people"), number(change, "links"));
            let who = who(people, links, if gains { "gain" } else { "lose" });
            let routes: Vec<&str> =
                array(change, "routes").iter().filter_map(Value::as_str).collect();
            let permission = text(change, "permission");
            let routes = listed(&routes).map_or_else(String::new, |list| format!(" ({list})"));
            sentences.push(format!("{who} {permission}{routes}"));
        }
    }
    let access = field(changes, "access");
    for (name, links, what) in [("gains", "links_gain", "gain"), ("loses", "links_lose", "lose")] {
        let people = number(access, name);
        if people > 0 {
            let who = who(people, number(access, links), what);
            sentences.push(format!("{who} access to the portal"));
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

/// A number of people.
pub(super) fn persons(number: usize) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", separated(number)) }
}

/// Who gains or loses something, with the verb. Of the people, these are secure links, which count as
/// one each: how many visitors those have is not known.
pub(super) fn who(people: usize, links: usize, what: &str) -> String {
    let visitors = match links {
        0 => return format!("{} {}", persons(people), verb(people, what)),
        1 => "visitors of the secure link".to_owned(),
        _ => format!("visitors of {} secure links", separated(links)),
    };
    match people.saturating_sub(links) {
        0 => format!("{visitors} {what}"),
        people => format!("{} and {visitors} {what}", persons(people)),
    }
}

/// A verb that agrees with a number of people.
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

    #[test]
    fn a_secure_link_is_not_a_person() {
        for (people, links, expected) in [
            (1, 0, "1 person loses"),
            (1, 1, "visitors of the secure link lose"),
            (2, 1, "1 person and visitors of the secure link lose"),
            (4, 2, "2 people and visitors of 2 secure links lose"),
        ] {
            assert_eq!(who(people, links, "lose"), expected);
        }
        let access = json!({ "gains": 1, "loses": 1, "links_lose": 1 });
        let expected = [
            "1 person gains access to the portal",
            "visitors of the secure link lose access to the portal",
        ];
        assert_eq!(sentences(&json!({ "access": access })), expected);
    }
}
