//! What an unknown key may have been meant to be.

use std::collections::BTreeSet;

use portcullis_policy::is_similar;

/// The message for a key that is not among the known ones.
pub(super) fn unknown(key: &str, known: &BTreeSet<String>) -> String {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    if known.iter().any(|known| is_below(known, key)) {
        return "is a section, not a setting; set the keys in it".to_owned();
    }
    if let Some(setting) = known.iter().find(|known| is_below(key, known)) {
        return format!("unknown setting; `{setting}` is not a section");
    }
    let siblings: Vec<_> = known
        .iter()
        .filter_map(|known| known.rsplit_once('.').filter(|(parent, _)| *parent == section))
        .map(|(_, name)| name)
        .collect();
    // In a section that exists, a setting of another section is hardly what was meant.
    let top = if siblings.is_empty() { "" } else { key.split('.').next().unwrap_or_default() };
    let similar: Vec<_> = known
        .iter()
        .filter(|known| {
            known.rsplit('.').next() == Some(name) && known.starts_with(top)
                || is_similar(key, known)
        })
        .collect();
    if !similar.is_empty() {
        return format!("unknown setting; did you mean {}?", listed(similar, " or "));
    }
    if siblings.is_empty() {
        let sections: BTreeSet<_> =
            known.iter().filter_map(|known| known.split('.').next()).collect();
        return format!("unknown section; the sections are {}", listed(sections, ", "));
    }
    format!("unknown setting; `{section}` has {}", listed(siblings, ", "))
}

fn is_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

fn listed(names: impl IntoIterator<Item = impl AsRef<str>>, separator: &str) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    names.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_what_is_known() {
        let known = ["server.listen", "server.hosts", "server.limits.idle_timeout", "store.path"]
            .map(str::to_owned)
            .into();
        for (key, expected) in [
            ("server.listn", "unknown setting; did you mean `server.listen`?"),
            ("sever.listen", "unknown setting; did you mean `server.listen`?"),
            ("server.idle_timeout", "unknown setting; did you mean `server.limits.idle_timeout`?"),
            ("server.limits", "is a section, not a setting; set the keys in it"),
            ("store.path.a", "unknown setting; `store.path` is not a section"),
            ("server.colour", "unknown setting; `server` has `hosts`, `listen`"),
            ("colour", "unknown section; the sections are `server`, `store`"),
            ("metrics.port", "unknown section; the sections are `server`, `store`"),
        ] {
            assert_eq!(unknown(key, &known), expected, "{key}");
        }
    }
}
