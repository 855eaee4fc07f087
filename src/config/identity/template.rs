//! Texts with placeholders for what is known about a session.

use std::str::FromStr;

use crate::credential::secret::Secret;

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The portal user's login.
    Login,
    /// The portal user's email address.
    Email,
    /// The portal user's displayed name.
    Name,
    /// The portal user's id.
    User,
    /// The end user's id.
    EndUser,
    /// The group's id.
    Group,
    /// The organization's id.
    Organization,
}

impl Placeholder {
    /// The placeholders by their names.
    const NAMES: [(&str, Self); 7] = [
        ("login", Self::Login),
        ("email", Self::Email),
        ("name", Self::Name),
        ("user", Self::User),
        ("end_user", Self::EndUser),
        ("group", Self::Group),
        ("organization", Self::Organization),
    ];
}

/// A text with placeholders such as `{login}`. A brace is written twice.
#[derive(Debug, Clone)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    /// May be part of a password.
    Text(Secret<String>),
    Placeholder(Placeholder),
}

/// Why a text is not a template. It does not contain the text, which may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} at character {at}; the placeholders are {}, and `{{{{` and `}}}}` are single braces",
    placeholders()
)]
pub struct BadTemplate {
    what: &'static str,
    /// The character, counted from 1.
    at: usize,
}

impl Template {
    /// A text without placeholders.
    pub(super) fn literal(text: Secret<String>) -> Self {
        Self(vec![Part::Text(text)])
    }

    /// The placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(*placeholder),
        })
    }

    /// Whether a character is in the text between the placeholders.
    pub(super) fn has(&self, matches: impl Fn(char) -> bool) -> bool {
        self.0.iter().any(|part| match part {
            Part::Text(text) => text.expose().contains(&matches),
            Part::Placeholder(_) => false,
        })
    }

    /// Whether each two placeholders have text between them with a character that is not one of
    /// these, which are all that values may have.
    pub(super) fn separates(&self, in_values: impl Fn(char) -> bool) -> bool {
        let mut since_placeholder = None;
        for part in &self.0 {
            match part {
                Part::Text(text) => {
                    let separates = text.expose().chars().any(|c| !in_values(c));
                    since_placeholder = since_placeholder.map(|before| before || separates);
                }
                Part::Placeholder(_) if since_placeholder == Some(false) => return false,
                Part::Placeholder(_) => since_placeholder = Some(false),
            }
        }
        true
    }

    /// Adds the text with the values in it. `None` if there is no value for a placeholder.
    pub fn render<T: AsRef<str>>(
        &self,
        to: &mut String,
        value: impl Fn(Placeholder) -> Option<T>,
    ) -> Option<()> {
        for part in &self.0 {
            match part {
                Part::Text(text) => to.push_str(text.expose()),
                Part::Placeholder(placeholder) => to.push_str(value(*placeholder)?.as_ref()),
            }
        }
        Some(())
    }
}

impl FromStr for Template {
    type Err = BadTemplate;

    fn from_str(text: &str) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = (1..).zip(text.chars()).peekable();
        while let Some((at, c)) = chars.next() {
            let doubled = chars.peek().is_some_and(|(_, next)| *next == c);
            match c {
                '{' | '}' if doubled => {
                    chars.next();
                    literal.push(c);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some((_, '}')) => break,
                            Some((_, c)) => name.push(c),
                            None => return Err(BadTemplate { what: "has an open brace", at }),
                        }
                    }
                    let known = Placeholder::NAMES.iter().find(|(known, _)| *known == name);
                    let unknown = BadTemplate { what: "has an unknown placeholder", at };
                    let (_, placeholder) = known.ok_or(unknown)?;
                    if !literal.is_empty() {
                        parts.push(Part::Text(Secret::new(std::mem::take(&mut literal))));
                    }
                    parts.push(Part::Placeholder(*placeholder));
                }
                '}' => return Err(BadTemplate { what: "has a closing brace", at }),
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(Secret::new(literal)));
        }
        Ok(Self(parts))
    }
}

fn placeholders() -> String {
    Placeholder::NAMES.map(|(name, _)| format!("`{{{name}}}`")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> Option<String> {
        let mut to = String::new();
        let value = |placeholder| match placeholder {
            Placeholder::Login => Some("ada"),
            Placeholder::Organization => Some("acme"),
            _ => None,
        };
        template.parse::<Template>().unwrap().render(&mut to, value).map(|()| to)
    }

    #[test]
    fn placeholders_are_replaced_and_others_have_no_text() {
        for (template, expected) in [
            ("{login}", Some("ada")),
            ("{organization}/{login}!", Some("acme/ada!")),
            ("plain", Some("plain")),
            ("{{login}} {login}}}", Some("{login} ada}")),
            ("", Some("")),
            ("{email}", None),
            ("{login} {end_user}", None),
        ] {
            assert_eq!(rendered(template).as_deref(), expected, "{template}");
        }
    }

    #[test]
    fn mistakes_are_reported_with_their_place() {
        for (template, what, at) in [
            ("{Login}", "has an unknown placeholder", 1),
            ("ä{}", "has an unknown placeholder", 2),
            ("a{login", "has an open brace", 2),
            ("{login}}", "has a closing brace", 8),
            ("{", "has an open brace", 1),
        ] {
            let error = template.parse::<Template>().unwrap_err();
            assert_eq!(error, BadTemplate { what, at }, "{template}");
        }
        let error = "secret{x}".parse::<Template>().unwrap_err().to_string();
        assert!(error.starts_with("has an unknown placeholder at character 7"), "{error}");
        assert!(!error.contains("secret") && !error.contains("{x}"), "{error}");
        assert!(
            error.ends_with("`{organization}`, and `{{` and `}}` are single braces"),
            "{error}"
        );
    }

    #[test]
    fn placeholders_are_separated_by_what_is_in_no_value() {
        for (template, expected) in [
            ("", true),
            ("{login}", true),
            ("x{login}", true),
            ("{login}:{name}", true),
            ("{login}a:b{name}", true),
            ("{login}{name}", false),
            ("{login}a{name}", false),
            (":{login}{name}:", false),
            ("{login}:{name}{user}", false),
        ] {
            let template_read: Template = template.parse().unwrap();
            let separates = template_read.separates(|c| c.is_ascii_alphanumeric());
            assert_eq!(separates, expected, "{template}");
        }
    }

    #[test]
    fn debug_shows_no_text() {
        let template: Template = "hunter2{login}".parse().unwrap();
        assert!(!format!("{template:?}").contains("hunter2"));
    }
}
