//! How texts beyond ASCII are written into header fields.

use std::borrow::Cow;
use std::fmt::Write as _;

use data_encoding::BASE64;

/// The encoding of a text in a header field. No encoding has the same value for two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldEncoding {
    /// The bytes of the text in UTF-8.
    #[default]
    Utf8,
    /// The bytes of the text in ISO 8859-1, which has only the characters up to U+00FF.
    Latin1,
    /// `UTF-8''`, and the text in UTF-8 with percent-encoding (RFC 8187, section 3.2).
    Rfc8187,
    /// Base64 of the text in UTF-8, with padding (RFC 4648, section 4).
    Base64,
}

impl FieldEncoding {
    /// The encodings by their names in the settings.
    pub(super) const NAMES: [(&str, Self); 4] = [
        ("utf-8", Self::Utf8),
        ("latin-1", Self::Latin1),
        ("rfc8187", Self::Rfc8187),
        ("base64", Self::Base64),
    ];

    /// Whether [`FieldEncoding::encode`] has a value for the text.
    #[must_use]
    pub fn expresses(self, text: &str) -> bool {
        is_clean(text) && (self != Self::Latin1 || text.chars().all(|c| u8::try_from(c).is_ok()))
    }

    /// The value for a header field. `None` if the encoding cannot express the text, or if it is
    /// empty, has control characters, or white space at its ends, which receivers remove.
    #[must_use]
    pub fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        if !is_clean(text) {
            return None;
        }
        Some(match self {
            Self::Utf8 => Cow::Borrowed(text.as_bytes()),
            Self::Latin1 => {
                let bytes = text.chars().map(u8::try_from);
                Cow::Owned(bytes.collect::<Result<_, _>>().ok()?)
            }
            Self::Rfc8187 => Cow::Owned(rfc8187(text).into_bytes()),
            Self::Base64 => Cow::Owned(BASE64.encode(text.as_bytes()).into_bytes()),
        })
    }
}

/// Whether a text can be a field of a header at all.
fn is_clean(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

fn rfc8187(text: &str) -> String {
    let mut value = "UTF-8''".to_owned();
    for byte in text.bytes() {
        // attr-char
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            value.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [FieldEncoding; 4] =
        [FieldEncoding::Utf8, FieldEncoding::Latin1, FieldEncoding::Rfc8187, FieldEncoding::Base64];

    fn encoded(encoding: FieldEncoding, text: &str) -> Option<String> {
        let bytes = encoding.encode(text)?;
        Some(bytes.escape_ascii().to_string().replace("\\'", "'"))
    }

    #[test]
    fn texts_are_encoded_as_documented() {
        let [utf8, latin1, rfc8187, base64] = ALL;
        for (encoding, text, expected) in [
            (utf8, "Müller", Some(r"M\xc3\xbcller")),
            (utf8, "ada@example.com", Some("ada@example.com")),
            (latin1, "Müller", Some(r"M\xfcller")),
            (latin1, "Żaneta", None),
            (latin1, "100 €", None),
            (rfc8187, "Müller & Co", Some("UTF-8''M%C3%BCller%20&%20Co")),
            (rfc8187, "a%b'c*d", Some("UTF-8''a%25b%27c%2Ad")),
            (base64, "Müller", Some("TcO8bGxlcg==")),
        ] {
            assert_eq!(encoded(encoding, text).as_deref(), expected, "{encoding:?}: {text}");
            assert_eq!(encoding.expresses(text), expected.is_some(), "{encoding:?}: {text}");
        }
    }

    #[test]
    fn unclean_texts_have_no_value() {
        let bad =
            ["", " a", "a ", "a\u{a0}", "a\nb", "a\r\nb: c", "a\0", "\u{85}a", "a\u{9f}b", "\t"];
        for (encoding, text) in ALL.into_iter().flat_map(|e| bad.map(|text| (e, text))) {
            assert_eq!(encoded(encoding, text), None, "{encoding:?}: {text:?}");
            assert!(!encoding.expresses(text), "{encoding:?}: {text:?}");
        }
    }

    /// The text as a receiver that knows the encoding has it.
    fn decoded(encoding: FieldEncoding, value: &[u8]) -> String {
        let utf8 = match encoding {
            FieldEncoding::Utf8 => value.to_vec(),
            FieldEncoding::Latin1 => return value.iter().copied().map(char::from).collect(),
            FieldEncoding::Rfc8187 => {
                percent_encoding::percent_decode(value.strip_prefix(b"UTF-8''").unwrap()).collect()
            }
            FieldEncoding::Base64 => BASE64.decode(value).unwrap(),
        };
        String::from_utf8(utf8).unwrap()
    }

    proptest! {
        #[test]
        fn encodings_are_injective_and_without_control_bytes(
            text in prop_oneof![".*", "[ -~]*", "[\\x00-\\xff]{0,8}", any::<String>()],
        ) {
            for encoding in ALL {
                prop_assert_eq!(encoding.expresses(&text), encoding.encode(&text).is_some());
                let Some(value) = encoding.encode(&text) else { continue };
                prop_assert!(value.iter().all(|byte| *byte >= b' ' && *byte != 0x7f));
                prop_assert_eq!(value.trim_ascii(), &*value);
                // What can be decoded is different for different texts.
                prop_assert_eq!(&decoded(encoding, &value), &text);
            }
        }
    }
}
