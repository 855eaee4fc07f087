//! The `Authorization` header, as far as it carries a token of a portal user: as a bearer token
//! (RFC 6750), or as the password of Basic authentication (RFC 7617).
//!
//! Anything else in the header is the portal's and is not read. A header that contains the prefix of
//! our tokens in any other way is ours too, and invalid, so that no token reaches the portal because
//! of a mistake in its header.

use std::sync::LazyLock;

use data_encoding::{BASE64_NOPAD, Encoding};
use http::header::{self, HeaderMap};

use crate::credential::secret::Secret;
use crate::credential::token::{TokenHash, USER_PREFIX};

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `Bearer`. No browser sends it unless a script of the portal adds it.
    Bearer,
    /// `Basic`. Browsers repeat it on their own, also for requests of other sites.
    Basic,
}

/// What a request presents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// A token, and with Basic the login.
    Token { key: TokenHash, login: Option<String> },
    /// A token in a form that no token has.
    Malformed(Scheme),
    /// More than one `Authorization` header.
    Several,
}

impl Presented {
    /// What the headers of a request present; `None` without an `Authorization` header, or if it is
    /// the portal's.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let line = lines.next()?;
        if lines.next().is_some() {
            return Some(Self::Several);
        }
        Self::of_value(line.as_bytes())
    }

    fn of_value(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        let (scheme, credentials) = value.split_at(end);
        let credentials = credentials.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"basic") {
            return Self::of_basic(credentials);
        }
        if !contains_prefix(value) {
            return None;
        }
        let token = scheme.eq_ignore_ascii_case(b"bearer").then(|| hash(credentials)).flatten();
        Some(match token {
            Some(key) => Self::Token { key, login: None },
            None => Self::Malformed(Scheme::Bearer),
        })
    }

    fn of_basic(credentials: &[u8]) -> Option<Self> {
        let pair = decode(credentials).filter(|pair| contains_prefix(pair.expose()));
        let Some(pair) = pair else {
            let is_ours = contains_prefix(credentials) || may_hide_prefix(credentials);
            return is_ours.then_some(Self::Malformed(Scheme::Basic));
        };
        let pair = pair.expose();
        let token = pair.iter().position(|byte| *byte == b':').and_then(|colon| {
            let (login, password) = pair.split_at(colon);
            let login = std::str::from_utf8(login).ok().map(str::trim)?;
            // A program that leaves the login out might as well have another user's token.
            let key = hash(password.get(1..)?).filter(|_| !login.is_empty())?;
            Some(Self::Token { key, login: Some(login.to_owned()) })
        });
        Some(token.unwrap_or(Self::Malformed(Scheme::Basic)))
    }

    /// How it is presented.
    pub(super) fn scheme(&self) -> Scheme {
        match self {
            Self::Token { login: Some(_), .. } => Scheme::Basic,
            Self::Token { login: None, .. } | Self::Several => Scheme::Bearer,
            Self::Malformed(scheme) => *scheme,
        }
    }

    /// The login that is presented with the token.
    pub(super) fn login(&self) -> Option<&str> {
        match self {
            Self::Token { login, .. } => login.as_deref(),
            Self::Malformed(_) | Self::Several => None,
        }
    }
}

fn hash(token: &[u8]) -> Option<TokenHash> {
    TokenHash::of_user_token(std::str::from_utf8(token).ok()?)
}

/// Whether the prefix of our tokens occurs anywhere, in any case.
fn contains_prefix(text: &[u8]) -> bool {
    text.windows(USER_PREFIX.len()).any(|part| part.eq_ignore_ascii_case(USER_PREFIX.as_bytes()))
}

/// Decodes what any portal might decode: either alphabet, with or without padding and trailing bits.
fn decode(credentials: &[u8]) -> Option<Secret<Vec<u8>>> {
    static LENIENT: LazyLock<Option<Encoding>> = LazyLock::new(|| {
        let mut lenient = BASE64_NOPAD.specification();
        lenient.check_trailing_bits = false;
        lenient.ignore.push_str("= \t");
        lenient.translate.from.push_str("-_");
        lenient.translate.to.push_str("+/");
        lenient.encoding().ok()
    });
    LENIENT.as_ref()?.decode(credentials).ok().map(Secret::new)
}

/// Whether a decoder that ignores everything outside the alphabet, as that of PHP does, finds the
/// prefix. The last group may be incomplete, and is too short for the prefix.
fn may_hide_prefix(credentials: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    if credentials.iter().all(is_letter) {
        return false;
    }
    let mut letters: Vec<u8> = credentials.iter().copied().filter(is_letter).collect();
    letters.truncate(letters.len() / 4 * 4);
    decode(Secret::new(letters).expose()).is_some_and(|pair| contains_prefix(pair.expose()))
}

/// The fuzz target: the value of one `Authorization` header.
///
/// - What contains the prefix of our tokens, plainly or as Basic in base64, is never the portal's.
/// - What is read as a token has exactly the form of one.
/// - Every token is read from a header that is written as the documents say.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn check(value: &[u8]) {
    let presented = Presented::of_value(value);
    if contains_prefix(value) {
        assert!(presented.is_some());
    }
    let key = match &presented {
        Some(Presented::Token { key, .. }) => Some(*key),
        _ => None,
    };
    if let Some(key) = key {
        let text = String::from_utf8_lossy(value);
        let (_, credentials) = text.trim().split_once(char::is_whitespace).unwrap_or_default();
        let decoded = decode(credentials.as_bytes()).map(|pair| pair.expose().clone());
        let decoded = decoded.unwrap_or_default();
        let pair = String::from_utf8_lossy(&decoded);
        let password = pair.split_once(':').map_or(credentials.trim(), |(_, password)| password);
        assert_eq!(TokenHash::of_user_token(password), Some(key));
    }
    // Any login, with a token.
    let token = format!("{USER_PREFIX}{}", "A".repeat(43));
    let login: String = String::from_utf8_lossy(value).replace(':', "").trim().to_owned();
    let pair = data_encoding::BASE64.encode(format!("{login}:{token}").as_bytes());
    let read = Presented::of_value(format!("Basic {pair}").as_bytes());
    let expected = TokenHash::of_user_token(&token)
        .filter(|_| !login.is_empty())
        .map(|key| Presented::Token { key, login: Some(login) });
    assert_eq!(read, Some(expected.unwrap_or(Presented::Malformed(Scheme::Basic))));
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL};
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::credential::token::PlainToken;

    fn of(lines: &[&str]) -> Option<Presented> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(line).unwrap());
        }
        Presented::of(&headers)
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64.encode(pair.as_bytes()))
    }

    #[test]
    fn token_is_read_from_bearer_and_basic() {
        let token = PlainToken::generate_user();
        let (key, token) = (token.hash(), token.expose());
        for line in [format!("Bearer {token}"), format!("bEARER   {token} ")] {
            assert_eq!(of(&[&line]), Some(Presented::Token { key, login: None }), "{line}");
        }
        let pair = format!("ann:{token}");
        for line in [
            basic(&pair),
            basic(&format!(" ann :{token}")),
            format!("basic  {}", BASE64_NOPAD.encode(pair.as_bytes())),
            format!("BASIC {}", BASE64URL.encode(pair.as_bytes())),
        ] {
            let login = Some("ann".to_owned());
            assert_eq!(of(&[&line]), Some(Presented::Token { key, login }), "{line}");
        }
    }

    #[test]
    fn header_of_the_portal_is_not_read() {
        for line in [
            "",
            "Basic",
            "Bearer",
            "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
            "Bearer portcullis_AAAA",
            "Digest username=\"ann\"",
            "Negotiate YII=",
            "Basic !",
            &basic("ann:secret"),
            &basic("portcullis:user"),
        ] {
            assert_eq!(of(&[line]), None, "{line}");
        }
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn malformed_token_is_never_of_the_portal() {
        let token = PlainToken::generate_user();
        let token = token.expose();
        for line in [
            token.to_owned(),
            "Bearer portcullis_user_".to_owned(),
            format!("Bearer {token}x"),
            format!("Bearer \"{token}\""),
            format!("Bearer x, Bearer {token}"),
            format!("Bearer {}", token.to_uppercase()),
            format!("Token {token}"),
            format!("Digest username=\"{token}\""),
        ] {
            assert_eq!(of(&[&line]), Some(Presented::Malformed(Scheme::Bearer)), "{line}");
        }
        for line in [
            format!("Basic {token}"),
            format!("Basic ann:{token}"),
            basic(token),
            basic(&format!(":{token}")),
            basic(&format!(" :{token}")),
            basic(&format!("{token}:")),
            basic(&format!("{token}:x-oauth-basic")),
            basic(&format!("ann:{token} ")),
            basic(&format!("ann:x:{token}")),
            basic(&format!("ann:{token}")).replace("Basic ", "Basic \""),
            basic(&format!("ann:{token}")).replace("YW5u", "YW!5u,"),
        ] {
            assert_eq!(of(&[&line]), Some(Presented::Malformed(Scheme::Basic)), "{line}");
        }
    }

    #[test]
    fn two_headers_are_refused() {
        assert_eq!(of(&["Basic YTpi", "Basic YTpi"]), Some(Presented::Several));
    }

    proptest! {
        #[test]
        fn every_value_is_read_or_is_of_the_portal(value in ".*|(?i)(basic|bearer) [ -~]*") {
            check(value.as_bytes());
        }
    }
}
