//! The portal's content security policy, extended by what the banner loads and where its form goes.
//!
//! Nothing else becomes possible: a source is added to the directive that governs exactly style
//! sheets or scripts as elements, for the address of one file. If that kind falls back to another
//! directive (CSP 3, 6.8), it gets a directive of its own with the same sources, so the one it fell
//! back to stays as it is.

use crate::proxy::error_pages::BannerSources;

/// Directives for style sheets, the first that exists applies.
const STYLE: [&str; 3] = ["style-src-elem", "style-src", "default-src"];
/// Directives for scripts, the first that exists applies.
const SCRIPT: [&str; 3] = ["script-src-elem", "script-src", "default-src"];
const FORM: &str = "form-action";
const NOTHING: &str = "'none'";

/// A list of policies, as in a header field, each of which allows the banner.
#[must_use]
pub fn extended(policies: &str, sources: &BannerSources) -> String {
    let policies: Vec<_> = policies.split(',').map(|policy| one(policy, sources)).collect();
    policies.join(",")
}

fn one(policy: &str, sources: &BannerSources) -> String {
    let mut directives: Vec<Directive<'_>> = policy.split(';').map(Directive::read).collect();
    let own = directives.len();
    for (chain, address) in [(STYLE, &sources.style), (SCRIPT, &sources.script)] {
        let mut added = vec![address.clone()];
        let existing = directives.get(..own).unwrap_or_default();
        // The first directive of a name counts (CSP 3, 2.2.1).
        let found = chain.iter().find_map(|name| existing.iter().position(|d| d.is(name)));
        let Some(directive) = found.and_then(|at| directives.get_mut(at)) else { continue };
        if chain == SCRIPT && directive.has("'strict-dynamic'") {
            added.push(format!("'{}'", sources.script_digest));
        }
        let [first, ..] = chain;
        if directive.is(first) {
            directive.added.append(&mut added);
        } else {
            let directive = Directive { added, ..directive.renamed(first) };
            directives.push(directive);
        }
    }
    if let Some(directive) = directives.iter_mut().find(|directive| directive.is(FORM)) {
        directive.added.extend(sources.forms.iter().cloned());
    }
    let mut text = String::new();
    for (number, directive) in directives.iter().enumerate() {
        if number > 0 {
            text.push(';');
        }
        directive.write(&mut text);
    }
    text
}

/// A directive of a policy, with what is added to its sources.
#[derive(Debug)]
struct Directive<'a> {
    text: &'a str,
    /// Another name than that in the text.
    name: Option<&'static str>,
    added: Vec<String>,
}

impl<'a> Directive<'a> {
    fn read(text: &'a str) -> Self {
        Self { text, name: None, added: Vec::new() }
    }

    fn renamed(&self, name: &'static str) -> Directive<'a> {
        Directive { text: self.text, name: Some(name), added: Vec::new() }
    }

    fn is(&self, name: &str) -> bool {
        let written = self.text.split_ascii_whitespace().next();
        written.is_some_and(|written| written.eq_ignore_ascii_case(name))
    }

    fn has(&self, source: &str) -> bool {
        self.sources().any(|known| known.eq_ignore_ascii_case(source))
    }

    fn sources(&self) -> impl Iterator<Item = &'a str> {
        self.text.split_ascii_whitespace().skip(1)
    }

    fn write(&self, text: &mut String) {
        if self.added.is_empty() {
            text.push_str(self.text);
            return;
        }
        let written = self.text.split_ascii_whitespace().next();
        if !text.is_empty() || self.text.starts_with(' ') {
            text.push(' ');
        }
        text.push_str(self.name.or(written).unwrap_or_default());
        // `'none'` beside another source is not valid.
        let kept = self.sources().filter(|source| !source.eq_ignore_ascii_case(NOTHING));
        for source in kept.chain(self.added.iter().map(String::as_str)) {
            text.push(' ');
            text.push_str(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BannerSources, extended};

    fn sources() -> BannerSources {
        BannerSources {
            style: "https://p/b.css".to_owned(),
            script: "https://p/b.js".to_owned(),
            script_digest: "sha256-AA".to_owned(),
            forms: vec!["https://p/stop".to_owned()],
        }
    }

    #[test]
    fn r18_a_policy_is_extended_by_exactly_the_banner() {
        for (policy, expected) in [
            ("img-src 'self'", "img-src 'self'"),
            ("", ""),
            (
                "default-src 'none'",
                "default-src 'none'; style-src-elem https://p/b.css; script-src-elem https://p/b.js",
            ),
            (
                "Default-Src 'self' ; form-action 'self'",
                "Default-Src 'self' ; form-action 'self' https://p/stop; \
                 style-src-elem 'self' https://p/b.css; script-src-elem 'self' https://p/b.js",
            ),
            (
                "style-src 'unsafe-inline'; script-src-elem 'NONE'; form-action 'none'",
                "style-src 'unsafe-inline'; script-src-elem https://p/b.js; \
                 form-action https://p/stop; style-src-elem 'unsafe-inline' https://p/b.css",
            ),
            (
                "script-src 'nonce-x' 'strict-dynamic' 'unsafe-inline'",
                "script-src 'nonce-x' 'strict-dynamic' 'unsafe-inline'; script-src-elem 'nonce-x' \
                 'strict-dynamic' 'unsafe-inline' https://p/b.js 'sha256-AA'",
            ),
            // Without `'strict-dynamic'`, a digest would switch `'unsafe-inline'` off.
            (
                "script-src-elem 'unsafe-inline'; script-src-elem *",
                "script-src-elem 'unsafe-inline' https://p/b.js; script-src-elem *",
            ),
            (
                "default-src https:, form-action 'self'",
                "default-src https:; style-src-elem https: https://p/b.css; \
                 script-src-elem https: https://p/b.js, form-action 'self' https://p/stop",
            ),
        ] {
            let written = extended(policy, &sources());
            let words = |text: &str| text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(&written), words(expected), "{policy}");
        }
    }

    #[test]
    fn r18_a_policy_that_does_not_limit_the_banner_stays() {
        for policy in ["img-src 'self'; object-src 'none'", "  sandbox allow-forms;", ",;,"] {
            assert_eq!(extended(policy, &sources()), policy);
        }
    }
}
