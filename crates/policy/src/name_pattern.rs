//! Patterns for the names of files in `except`: exact, so that two policies can be compared.

use std::fmt;

/// A name, or the beginning or the end of names. Case is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamePattern {
    /// `web.config`
    Name(Box<str>),
    /// `.*`: all names that begin with a dot.
    Begin(Box<str>),
    /// `*.php`
    End(Box<str>),
}

impl NamePattern {
    /// Reads a pattern: letters, digits, `-`, `.`, `_` and `~`, and a `*` at one of its ends.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (make, name): (fn(Box<str>) -> Self, &str) = if let Some(end) = text.strip_prefix('*') {
            (Self::End, end)
        } else if let Some(begin) = text.strip_suffix('*') {
            (Self::Begin, begin)
        } else {
            (Self::Name, text)
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (!name.is_empty() && name.bytes().all(fits)).then(|| make(name.into()))
    }

    /// The text before a final `.*`, which means any text in a regular expression. `None` for `.*`
    /// itself, the names that begin with a dot.
    pub(super) fn before_final_dot(&self) -> Option<&str> {
        match self {
            Self::Begin(name) => name.strip_suffix('.').filter(|text| !text.is_empty()),
            Self::Name(_) | Self::End(_) => None,
        }
    }

    /// Whether a segment is such a name.
    pub(super) fn matches(&self, segment: &str) -> bool {
        let (segment, bytes) = (segment.as_bytes(), |name: &str| name.len());
        let part = match self {
            Self::Name(_) => Some(segment),
            Self::Begin(name) => segment.get(..bytes(name)),
            Self::End(name) => {
                segment.len().checked_sub(bytes(name)).and_then(|begin| segment.get(begin..))
            }
        };
        let (Self::Name(name) | Self::Begin(name) | Self::End(name)) = self;
        part.is_some_and(|part| part.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// As it is written in the policy.
impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Begin(name) => write!(f, "{name}*"),
            Self::End(name) => write!(f, "*{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NamePattern;

    #[test]
    fn a_pattern_matches_names_without_case() {
        for (pattern, names, others) in [
            ("*.php", &["a.php", "A.PHP", ".php"][..], &["a.php5", "aphp", "php", ""][..]),
            (".*", &[".git", ".HTACCESS", "."], &["a.git", ""]),
            ("Web.config", &["web.config", "WEB.CONFIG"], &["web.config.bak", "aweb.config"]),
            ("*~", &["a~", "~"], &["~a"]),
        ] {
            let parsed = NamePattern::parse(pattern).unwrap();
            assert_eq!(parsed.to_string(), pattern);
            for name in names {
                assert!(parsed.matches(name), "{pattern}: {name}");
            }
            for other in others {
                assert!(!parsed.matches(other), "{pattern}: {other}");
            }
        }
        for invalid in ["", "*", "**", "*.p*", "a*b", "*/x", "a b", "*.é", "a?"] {
            assert_eq!(NamePattern::parse(invalid), None, "{invalid}");
        }
    }
}
