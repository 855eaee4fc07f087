//! The types of path variables: a closed list, so that two policies can be compared exactly.

use std::fmt;

/// The longest extension of [`SegmentType::Extension`].
const MAX_EXTENSION: usize = 16;

/// The type of a variable that stands for one segment, from the most specific. Except for
/// [`SegmentType::Any`], all values consist of characters that a canonical path has unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SegmentType {
    /// `{x:uuid}`: 32 hexadecimal digits with dashes after the 8th, 12th, 16th and 20th.
    Uuid,
    /// `{x:int}`: ASCII digits.
    Int,
    /// `{x:*.pdf}`: a name of at least one character with this extension, in this case.
    Extension(Box<str>),
    /// `{x:word}`: ASCII letters, digits, `-` and `_`.
    Word,
    /// `{x}`: any segment that is not empty.
    Any,
}

impl SegmentType {
    /// Reads what follows the colon of a variable.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "uuid" => Some(Self::Uuid),
            "int" => Some(Self::Int),
            "word" => Some(Self::Word),
            _ => {
                let extension = text.strip_prefix("*.")?;
                let valid = (1..=MAX_EXTENSION).contains(&extension.len())
                    && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
                valid.then(|| Self::Extension(extension.into()))
            }
        }
    }

    /// A value of this type, for examples.
    pub(super) fn example(&self) -> String {
        match self {
            Self::Uuid => "0b67a8f2-0000-4000-8000-000000000001".to_owned(),
            Self::Int | Self::Any => "1".to_owned(),
            Self::Extension(extension) => format!("a.{extension}"),
            Self::Word => "a".to_owned(),
        }
    }
}

impl fmt::Display for SegmentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("uuid"),
            Self::Int => f.write_str("int"),
            Self::Extension(extension) => write!(f, "*.{extension}"),
            Self::Word => f.write_str("word"),
            Self::Any => f.write_str("any"),
        }
    }
}

/// Whether a segment, canonical or decoded, is a [`SegmentType::Uuid`].
pub(super) fn is_uuid(segment: &str) -> bool {
    segment.len() == 36
        && segment.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a segment is a [`SegmentType::Int`].
pub(super) fn is_int(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a segment is a [`SegmentType::Word`].
pub(super) fn is_word(segment: &str) -> bool {
    !segment.is_empty()
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What follows the last dot, if there is a name before it.
pub(super) fn extension_of(segment: &str) -> Option<&str> {
    let (name, extension) = segment.rsplit_once('.')?;
    (!name.is_empty()).then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::{SegmentType, extension_of, is_int, is_uuid, is_word};

    fn matches(of_type: &SegmentType, segment: &str) -> bool {
        match of_type {
            SegmentType::Uuid => is_uuid(segment),
            SegmentType::Int => is_int(segment),
            SegmentType::Extension(extension) => extension_of(segment) == Some(extension),
            SegmentType::Word => is_word(segment),
            SegmentType::Any => !segment.is_empty(),
        }
    }

    #[test]
    fn each_type_has_its_values_and_no_others() {
        for (text, values, others) in [
            (
                "uuid",
                &["0b67a8f2-0000-4000-8000-000000000001", "0B67A8F2-0000-4000-8000-00000000000F"][..],
                &[
                    "0b67a8f2-0000-4000-8000-00000000000",
                    "0b67a8f200004000800000000000000001",
                    "0b67a8f2-0000-4000-8000-00000000000g",
                    "{0b67a8f2-0000-4000-8000-00000000001}",
                ][..],
            ),
            ("int", &["0", "007", "18446744073709551616"], &["", "-1", "+1", "1.0", "1a", "٣"]),
            ("word", &["a", "New", "a-b_c", "7"], &["", "a.b", "a b", "é", "a~b", "a%20b"]),
            ("*.pdf", &["a.pdf", "a.b.pdf", "..pdf"], &[".pdf", "a.PDF", "apdf", "a.pdf.zip"]),
        ] {
            let of_type = SegmentType::parse(text).unwrap();
            assert_eq!(of_type.to_string(), text);
            assert!(matches(&of_type, &of_type.example()), "{text}");
            for value in values {
                assert!(matches(&of_type, value), "{text}: {value}");
            }
            for other in others {
                assert!(!matches(&of_type, other), "{text}: {other}");
            }
        }
        for unknown in ["", "Int", "integer", "*", "*.", "*.tar.gz", "*pdf", "*.p f", "[0-9]+"] {
            assert_eq!(SegmentType::parse(unknown), None, "{unknown}");
        }
    }
}
