//! What the API says, in the reader's language.
//!
//! The API says it in English. A language has the sentences that pages show; what it lacks stays as it
//! is. Names, which the API has in backquotes, are in quotation marks.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How many parts of a sentence are sentences themselves, one in the other.
const DEPTH: usize = 4;

/// The sentences of the API in one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Messages {
    /// Before and after a name.
    quotes: (String, String),
    /// Between the last two of several parts.
    and: String,
    /// The same for alternatives.
    or: String,
    /// Each sentence of the API with the one in this language. `{name}` stands for a value, and
    /// the values of both have the same names.
    sentences: BTreeMap<String, String>,
}

impl Messages {
    /// A message of the API in this language.
    pub(super) fn say(&self, message: &str) -> String {
        let said = self.translate(message);
        let [opening, closing] = [&*self.quotes.0, &*self.quotes.1];
        let mut parts = said.split('`');
        let mut quoted = parts.next().unwrap_or_default().to_owned();
        for (at, part) in parts.enumerate() {
            quoted.push_str(if at % 2 == 0 { opening } else { closing });
            quoted.push_str(part);
        }
        quoted
    }

    /// The same with a capital letter at its beginning, unless it begins with a name.
    pub(super) fn sentence(&self, message: &str) -> String {
        let said = self.say(message);
        let mut rest = said.chars();
        match rest.next() {
            Some(first) => first.to_uppercase().chain(rest).collect(),
            None => said,
        }
    }

    /// A message in which these names are not in backquotes.
    pub(super) fn say_with_names<'a>(
        &self,
        message: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> String {
        if self.sentences.is_empty() {
            return self.say(message);
        }
        let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        // A name may be part of another one.
        names.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
        self.say(&in_backquotes(message, &names))
    }

    /// The same as [`Self::say`], with names in backquotes.
    pub(super) fn translate(&self, message: &str) -> String {
        self.translated(message, DEPTH).unwrap_or_else(|| message.to_owned())
    }

    /// The sentence that fits best: the one that says most of the message itself.
    fn translated(&self, message: &str, depth: usize) -> Option<String> {
        let fitting =
            self.sentences.iter().filter(|(pattern, _)| values(pattern, message).is_some());
        let (pattern, sentence) = fitting.max_by_key(|(pattern, _)| literals(pattern))?;
        let values = values(pattern, message)?;
        let value_of = |wanted: &str| {
            let (_, value) = values.iter().find(|(name, _)| *name == wanted)?;
            // What is in quotation marks is a name.
            let is_name = ['`', '"']
                .iter()
                .any(|mark| pattern.contains(&format!("{mark}{{{wanted}}}{mark}")));
            let said = if is_name { None } else { self.part(value, depth) };
            Some(said.unwrap_or_else(|| (*value).to_owned()))
        };
        let said = pieces(sentence).map(|(literal, name)| {
            format!("{literal}{}", name.and_then(value_of).unwrap_or_default())
        });
        Some(said.collect())
    }

    /// A part of a sentence, or several such as "a digit and a symbol".
    fn part(&self, part: &str, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        self.several(part, depth).or_else(|| self.translated(part, depth))
    }

    /// The same of several parts, if each of them is known.
    fn several(&self, parts: &str, depth: usize) -> Option<String> {
        let said_of = |part: &str| {
            let is_name = part.len() > 1 && part.starts_with('`') && part.ends_with('`');
            if is_name { Some(part.to_owned()) } else { self.translated(part, depth) }
        };
        let listed = |parts: &str| {
            let said: Option<Vec<_>> = parts.split(", ").map(said_of).collect();
            Some(said?.join(", "))
        };
        for (word, said) in [(" and ", &self.and), (" or ", &self.or)] {
            if let Some((first, last)) = parts.rsplit_once(word) {
                return Some(format!("{} {said} {}", listed(first)?, said_of(last)?));
            }
        }
        if parts.contains(", ") { listed(parts) } else { None }
    }
}

/// A text with these names in backquotes, except where they are in quotation marks.
fn in_backquotes(text: &str, names: &[&str]) -> String {
    let Some((name, others)) = names.split_first() else { return text.to_owned() };
    let mut said = String::new();
    for (at, part) in text.split_inclusive(['`', '"']).enumerate() {
        match at % 2 {
            0 => said.push_str(&part.replace(name, &format!("`{name}`"))),
            _ => said.push_str(part),
        }
    }
    in_backquotes(&said, others)
}

/// How many characters of a pattern are no values.
fn literals(pattern: &str) -> usize {
    pieces(pattern).map(|(literal, _)| literal.len()).sum()
}

/// A pattern as texts, each with the name of the value that follows it; none follows the last one.
fn pieces(pattern: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(pattern);
    std::iter::from_fn(move || {
        let here = rest.take()?;
        let Some((literal, after)) = here.split_once('{') else { return Some((here, None)) };
        let (name, after) = after.split_once('}')?;
        rest = Some(after);
        Some((literal, Some(name)))
    })
}

/// The values of a pattern in a message, if the message is one of its kind. A value ends where what
/// follows it in the pattern begins.
fn values<'a>(pattern: &'a str, message: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut pieces = pieces(pattern);
    let (first, mut name) = pieces.next()?;
    let mut rest = message.strip_prefix(first)?;
    let mut values = Vec::new();
    for (literal, next) in pieces {
        let is_last = next.is_none();
        let end = match (is_last, literal) {
            (true, "") => rest.len(),
            (true, literal) => rest.strip_suffix(literal)?.len(),
            (false, literal) => rest.find(literal)?,
        };
        let (value, after) = rest.split_at_checked(end)?;
        values.push((name?, value));
        rest = after.get(literal.len()..)?;
        name = next;
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue};

    use super::*;
    use crate::admin::ui::texts::{SHIPPED, Texts};

    fn german() -> Messages {
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static("de"))]);
        Texts::load(&SHIPPED, None).unwrap().of(&headers).api.clone()
    }

    #[test]
    fn a_message_is_said_in_the_readers_language() {
        for (message, expected) in [
            ("must not be empty", "darf nicht leer sein"),
            ("there is no portal user `and`", "Portalbenutzer „and“ gibt es nicht"),
            ("it needs a digit", "es fehlt: eine Ziffer"),
            (
                "it needs 12 to 128 characters, a digit and a symbol",
                "es fehlt: 12 bis 128 Zeichen, eine Ziffer und ein Sonderzeichen",
            ),
            ("login: a portal user `a: b` already exists", "Portalbenutzer „a: b“ gibt es schon"),
            (
                "the organization `acme` still has 1 portal user and 2 end users; delete them first",
                "die Organisation „acme“ hat noch 1 Portalbenutzer und 2 Endbenutzer; löschen Sie \
                 diese zuerst",
            ),
            ("something `new`", "something „new“"),
            (
                "portal users of organizations: disable, move to the group `and`, require two-step sign-in",
                "Portalbenutzer von Organisationen: deaktivieren, in die Gruppe „and“ verschieben, \
                 Bestätigung in zwei Schritten verlangen",
            ),
            ("line 3: group: there is no group `x`", "Zeile 3: Gruppe: Gruppe „x“ gibt es nicht"),
        ] {
            assert_eq!(german().say(message), expected);
        }
    }

    #[test]
    fn a_sentence_begins_with_a_capital_letter_or_a_name() {
        for (message, expected) in [
            ("must not be empty", "Darf nicht leer sein"),
            (
                "`liam` is disabled; enable the user first",
                "„liam“ ist deaktiviert; aktivieren Sie das Konto zuerst",
            ),
            ("", ""),
        ] {
            assert_eq!(german().sentence(message), expected);
        }
    }

    #[test]
    fn names_in_an_explanation_are_not_translated() {
        let names = ["Pay and Go", "Pay", "Approve or Decline", "Sales"];
        let said = |message| german().say_with_names(message, names.into_iter());
        for (message, expected) in [
            (
                "liam may not open GET /pay: needs Pay and Go and Pay, which the group Sales does not have.",
                "liam darf GET /pay nicht öffnen: das verlangt „Pay and Go“ und „Pay“, und die Gruppe \
                 „Sales“ hat es nicht.",
            ),
            (
                "A visitor without a session must sign in to send POST /x: needs Approve or Decline.",
                "Ein Besucher ohne Sitzung muss sich anmelden, um POST /x zu senden: das verlangt \
                 „Approve or Decline“.",
            ),
            (
                "ann had to sign in to open GET /a (2026-01-02 03:04:05 UTC): the route \"Sales\" needs \
                 a session. Another policy is in force now.",
                "ann musste sich anmelden, um GET /a zu öffnen (2026-01-02 03:04:05 UTC): die Route \
                 „Sales“ verlangt eine Sitzung. Inzwischen gilt ein anderes Regelwerk.",
            ),
        ] {
            assert_eq!(said(message), expected);
        }
    }

    #[test]
    fn a_message_that_only_begins_alike_is_another_one() {
        assert_eq!(values("a {x} b", "a 1 b c"), None);
        assert_eq!(values("a {x} b", "b 1 b"), None);
        assert_eq!(values("{x}: {y}", "a: b: c"), Some(vec![("x", "a"), ("y", "b: c")]));
        assert_eq!(values("a", "a"), Some(Vec::new()));
    }

    /// The longest part of each message of the directory that is not a value is in a sentence.
    #[test]
    fn every_message_of_the_directory_is_said_in_german() {
        let sentences = german().sentences;
        let source = include_str!("../../directory/error.rs");
        for attribute in
            source.split("#[error(").skip(1).filter(|it| !it.starts_with("transparent"))
        {
            let message = attribute.split('"').nth(1).unwrap();
            let message: String = message.split("\\\n").map(str::trim_start).collect();
            let (part, _) = pieces(&message).max_by_key(|(literal, _)| literal.len()).unwrap();
            let is_said = sentences.keys().any(|pattern| pattern.contains(part));
            assert!(is_said || part.len() < 8, "{message}");
        }
    }

    #[test]
    fn every_sentence_has_the_values_of_its_translation() {
        for (pattern, sentence) in &german().sentences {
            for (_, name) in pieces(sentence).filter(|(_, name)| name.is_some()) {
                let is_known = pieces(pattern).any(|(_, known)| known == name);
                assert!(is_known, "{sentence}: {name:?} is not a value of {pattern}");
            }
        }
    }
}
