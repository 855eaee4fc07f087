//! `branding.links`: the links at the foot of the pages, such as imprint and privacy.

use std::collections::BTreeMap;
use std::str::FromStr;

use http::Uri;

use super::reader::Reader;

/// The setting.
const KEY: &str = "branding.links";

/// An entry, for messages.
const EXAMPLE: &str = "{ name = \"Privacy\", url = \"https://www.example.com/privacy\" }";

/// A link at the foot of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLink {
    /// An `http` or `https` URL.
    pub url: String,
    names: Names,
}

/// The name of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    /// The same in all languages.
    One(String),
    /// By the tag of the language; never empty.
    ByLanguage(BTreeMap<String, String>),
}

/// An `http` or `https` URL on any host.
pub(super) struct WebUrl(pub(super) String);

impl PageLink {
    pub(super) fn read_all(r: &mut Reader) -> Vec<Self> {
        let mut links = Vec::new();
        for at in r.tables(KEY, EXAMPLE) {
            let names = names(r, &format!("{at}.name"));
            let url_key = format!("{at}.url");
            let url = r.parsed::<WebUrl>(&url_key);
            if url.is_none() && !r.has(&url_key) {
                let message = "is required (e.g. `https://www.example.com/privacy`)".to_owned();
                r.problem(&url_key, message);
            }
            links.extend(names.zip(url).map(|(names, WebUrl(url))| Self { url, names }));
        }
        links
    }

    /// The name in the language with this tag (`de-AT`); otherwise the one in `de`, else in
    /// English, else in the first language by tag.
    #[must_use]
    pub fn name(&self, language: &str) -> &str {
        let names = match &self.names {
            Names::One(name) => return name,
            Names::ByLanguage(names) => names,
        };
        let primary = language.split('-').next().unwrap_or(language);
        let mut tags = [language, primary, "en"].into_iter();
        let found = tags.find_map(|tag| {
            names.iter().find(|(name, _)| name.eq_ignore_ascii_case(tag)).map(|(_, name)| name)
        });
        found.or_else(|| names.values().next()).map_or("", String::as_str)
    }
}

fn names(r: &mut Reader, key: &str) -> Option<Names> {
    if r.is_value(key) {
        return name(r, key).map(Names::One);
    }
    let names: BTreeMap<String, String> = r
        .labels(key)
        .into_iter()
        .filter_map(|language| Some((language.clone(), name(r, &format!("{key}.{language}"))?)))
        .collect();
    if names.is_empty() {
        let message = "is required: a text, or one for each language (e.g. `{ en = \"Imprint\", de = \
                       \"Impressum\" }`)";
        r.problem(key, message.to_owned());
        return None;
    }
    Some(Names::ByLanguage(names))
}

fn name(r: &mut Reader, key: &str) -> Option<String> {
    let name = r.text(key)?;
    if name.trim().is_empty() {
        r.problem(key, "must not be empty: it is the text of the link".to_owned());
        return None;
    }
    Some(name)
}

impl FromStr for WebUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            return Err(format!("is a path; write the URL (e.g. `https://www.example.com{text}`)"));
        }
        let wrong = || "is not a URL of a page (e.g. `https://www.example.com/privacy`)".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
        let has_host = uri.authority().is_some_and(|authority| {
            !authority.host().is_empty() && !authority.as_str().contains('@')
        });
        if is_web && has_host { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(names: &[(&str, &str)]) -> PageLink {
        let names =
            names.iter().map(|(tag, name)| ((*tag).to_owned(), (*name).to_owned())).collect();
        PageLink { url: "https://example.com".to_owned(), names: Names::ByLanguage(names) }
    }

    #[test]
    fn a_name_is_in_the_language_of_the_page_if_there_is_one() {
        let both = link(&[("de", "Impressum"), ("en", "Imprint")]);
        for (language, name) in
            [("de", "Impressum"), ("de-AT", "Impressum"), ("en", "Imprint"), ("fr", "Imprint")]
        {
            assert_eq!(both.name(language), name, "{language}");
        }
        let german = link(&[("de", "Impressum")]);
        assert_eq!(german.name("en"), "Impressum");
        let regional = link(&[("de", "Impressum"), ("de-CH", "Angaben")]);
        assert_eq!((regional.name("de-ch"), regional.name("de-AT")), ("Angaben", "Impressum"));
    }

    #[test]
    fn a_url_is_one_that_a_browser_opens_as_a_page() {
        for good in ["https://example.com", "http://h:8080/privacy?lang=de"] {
            assert!(good.parse::<WebUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/privacy",
            "example.com",
            "javascript:alert(1)",
            "https://",
            "https://u@h",
            "ftp://h",
        ] {
            assert!(bad.parse::<WebUrl>().is_err(), "{bad}");
        }
    }
}
