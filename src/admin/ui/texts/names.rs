//! Words for what the API calls by identifiers, such as `user.signed-in`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Identifiers of one kind, and the words for each.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::admin::ui) struct Words(BTreeMap<String, String>);

/// Words for what the API calls by identifiers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin::ui) struct Names {
    pub(in crate::admin::ui) roles: Words,
    /// Kinds of entries of the audit log.
    pub(in crate::admin::ui) kinds: Words,
    /// Why a request or a sign-in was refused.
    pub(in crate::admin::ui) reasons: Words,
    pub(in crate::admin::ui) decisions: Words,
    /// Who acted, in the audit log.
    pub(in crate::admin::ui) actors: Words,
    /// How, in the audit log.
    pub(in crate::admin::ui) ways: Words,
    /// Parts of the gateway that act by themselves, in the audit log.
    parts: Words,
    /// What entries of the audit log are about that has no name of its own, and kinds of jobs.
    subjects: Words,
    /// Fields of records and entries.
    pub(in crate::admin::ui) fields: Words,
}

impl Names {
    /// The name of an actor of this kind.
    pub(in crate::admin::ui) fn actor<'a>(&'a self, kind: &str, name: &'a str) -> &'a str {
        if ["system", "socket"].contains(&kind) { self.parts.of(name) } else { name }
    }

    /// The part of the gateway with this name, or with these words for it.
    pub(in crate::admin::ui) fn part(&self, words: &str) -> Option<&str> {
        let words = words.to_lowercase();
        let mut parts = self.parts.iter();
        let part = parts.find(|(id, said)| *id == words || said.to_lowercase() == words);
        part.map(|(id, _)| id)
    }

    /// The name of what an entry of the audit log is about.
    pub(in crate::admin::ui) fn subject<'a>(&'a self, kind: &str, name: &'a str) -> &'a str {
        let is_named = !["preferences", "gateway", "job"].contains(&kind);
        if is_named { name } else { self.subjects.of(name) }
    }
}

impl Words {
    /// The words for an identifier. One without words is returned as it is.
    pub(in crate::admin::ui) fn of<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }

    /// All identifiers, each with its words.
    pub(in crate::admin::ui) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(id, words)| (id.as_str(), words.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue};

    use super::*;
    use crate::admin::ui::texts::{SHIPPED, Texts};
    use crate::directory::records::Role;
    use crate::directory::records::audit::{NOUNS, OTHER_KINDS};
    use crate::telemetry::events::Cause;
    use portcullis_policy::Reason;

    /// Refusals that are not decisions of the policy.
    const OTHER_REASONS: [&str; 13] = [
        "portal-disabled",
        "link-not-enough",
        "sign-in-required",
        "foreign-origin",
        "cross-origin",
        "read-only",
        "method-override",
        "login-not-encodable",
        "store-unavailable",
        "several-authorizations",
        "invalid-token",
        "mfa-not-enrolled",
        "other-session",
    ];

    #[test]
    fn every_identifier_has_words_in_each_language() {
        let texts = Texts::load(&SHIPPED, None).unwrap();
        let reasons = Reason::ALL.map(Reason::as_str).into_iter().chain(OTHER_REASONS);
        let reasons = reasons.chain(Cause::ALL.map(Cause::name)).map(str::to_owned);
        let reasons: BTreeSet<String> = reasons.collect();
        let of_records = NOUNS
            .iter()
            .flat_map(|noun| ["created", "changed", "deleted"].map(|it| format!("{noun}.{it}")));
        let kinds: BTreeSet<String> = of_records.chain(OTHER_KINDS.map(str::to_owned)).collect();
        for language in ["en", "de"] {
            let accepted = (ACCEPT_LANGUAGE, HeaderValue::from_static(language));
            let names = &texts.of(&HeaderMap::from_iter([accepted])).names;
            let has_all = |words: &Words, ids: BTreeSet<String>| {
                assert_eq!(words.0.keys().cloned().collect::<BTreeSet<_>>(), ids);
            };
            has_all(&names.kinds, kinds.clone());
            has_all(&names.reasons, reasons.clone());
            has_all(&names.roles, Role::ALL.map(|role| role.name().to_owned()).into());
        }
    }

    /// The fields of the records that the audit log shows.
    fn fields_of_records() -> BTreeSet<String> {
        let source = include_str!("../../../directory/records/audited.rs");
        let quoted = source.split('"').collect::<Vec<_>>();
        let fields = quoted.windows(2).filter(|pair| {
            pair[1].strip_prefix(',').is_some_and(|rest| rest.trim_start().starts_with("value("))
        });
        fields.map(|pair| pair[0].to_owned()).collect()
    }

    #[test]
    fn what_the_audit_log_names_has_words_in_each_language() {
        let texts = Texts::load(&SHIPPED, None).unwrap();
        let [english, german] = ["en", "de"].map(|language| {
            let accepted = (ACCEPT_LANGUAGE, HeaderValue::from_static(language));
            texts.of(&HeaderMap::from_iter([accepted])).names.clone()
        });
        let ids = |words: &Words| words.0.keys().cloned().collect::<BTreeSet<_>>();
        for (one, other) in [
            (&english.parts, &german.parts),
            (&english.subjects, &german.subjects),
            (&english.fields, &german.fields),
            (&english.ways, &german.ways),
            (&english.actors, &german.actors),
        ] {
            assert_eq!(ids(one), ids(other));
        }
        let (fields, known) = (fields_of_records(), ids(&english.fields));
        assert!(fields.len() > 25, "{fields:?}");
        assert_eq!(fields.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
        assert_eq!(german.actor("system", "policy watch"), "Überwachung des Regelwerks");
        assert_eq!(german.actor("administrator", "gateway"), "gateway");
        assert_eq!(german.subject("preferences", "preferences"), "Einstellungen");
        assert_eq!(german.subject("user", "preferences"), "preferences");
    }

    #[test]
    fn an_identifier_without_words_stays_as_it_is() {
        let words = Words(BTreeMap::from([("owner".to_owned(), "Owner".to_owned())]));
        assert_eq!((words.of("owner"), words.of("bad-escape")), ("Owner", "bad-escape"));
    }
}
