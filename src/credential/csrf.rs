//! The token in our forms: a signed double-submit token.
//!
//! A token is bound to a value that only this visitor's browser sends: the hash of the session's
//! token or, before there is a session, a random cookie value. It is signed, so that an attacker who
//! can set a cookie cannot make one. It carries its time, and differs each time it is issued, so
//! that the size of a compressed page reveals nothing (BREACH). It is checked in addition to
//! `Sec-Fetch-Site` and `Origin`.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use super::key::{self, Purpose, SecretKey};
use super::secret::Secret;

/// How long a form can be left open.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(12);
/// How far the clock of the replica that issued a token may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Issues and checks form tokens.
#[derive(Debug, Clone)]
pub struct Csrf {
    key: Secret<[u8; 32]>,
}

impl Csrf {
    /// Form tokens signed with a key derived from this one.
    #[must_use]
    pub fn new(key: &SecretKey) -> Self {
        Self { key: key.derive(Purpose::Csrf) }
    }

    /// A token for a form of the visitor whose browser sends `binding`.
    #[must_use]
    pub fn issue(&self, binding: &str, now: Timestamp) -> String {
        let head = Head { issued: now.as_second().to_be_bytes(), nonce: crate::random::bytes() };
        let mac: [u8; 32] = self.mac(&head, binding).finalize().into_bytes().into();
        BASE64URL_NOPAD.encode(&[&head.issued[..], &head.nonce[..], &mac[..]].concat())
    }

    /// Whether the token was issued for this binding in the last twelve hours.
    #[must_use]
    pub fn check(&self, token: &str, binding: &str, now: Timestamp) -> bool {
        let Some((head, mac)) = parse(token) else { return false };
        if self.mac(&head, binding).verify_slice(&mac).is_err() {
            return false;
        }
        let Ok(issued) = Timestamp::from_second(i64::from_be_bytes(head.issued)) else {
            return false;
        };
        let age = now.duration_since(issued);
        -CLOCK_SKEW <= age && age < LIFETIME
    }

    /// Time and nonce have a fixed length, so different inputs give different messages.
    fn mac(&self, head: &Head, binding: &str) -> Hmac<Sha256> {
        let mut mac = key::mac(&self.key);
        mac.update(&head.issued);
        mac.update(&head.nonce);
        mac.update(binding.as_bytes());
        mac
    }
}

/// The readable part of a token, which is signed together with the binding.
struct Head {
    issued: [u8; 8],
    nonce: [u8; 8],
}

fn parse(token: &str) -> Option<(Head, [u8; 32])> {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
    let (&issued, rest) = bytes.split_first_chunk()?;
    let (&nonce, mac) = rest.split_first_chunk()?;
    Some((Head { issued, nonce }, mac.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::Csrf;
    use crate::credential::key::SecretKey;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn csrf() -> Csrf {
        Csrf::new(&SecretKey::generate())
    }

    #[test]
    fn a_token_is_valid_for_its_binding_only() {
        let csrf = csrf();
        let token = csrf.issue("visitor", NOW);
        assert!(csrf.check(&token, "visitor", NOW));
        assert!(!csrf.check(&token, "another", NOW));
        assert!(!csrf.check(&token, "", NOW));
    }

    #[test]
    fn a_token_expires_after_twelve_hours() {
        let csrf = csrf();
        let token = csrf.issue("visitor", NOW);
        let end = NOW + SignedDuration::from_hours(12);
        assert!(csrf.check(&token, "visitor", end - SignedDuration::from_secs(1)));
        assert!(!csrf.check(&token, "visitor", end));
    }

    #[test]
    fn a_token_from_the_future_is_refused_beyond_a_minute() {
        let csrf = csrf();
        let ahead = |seconds| csrf.issue("visitor", NOW + SignedDuration::from_secs(seconds));
        assert!(csrf.check(&ahead(60), "visitor", NOW));
        assert!(!csrf.check(&ahead(61), "visitor", NOW));
    }

    #[test]
    fn a_token_of_another_installation_is_refused() {
        assert!(!csrf().check(&csrf().issue("visitor", NOW), "visitor", NOW));
    }

    #[test]
    fn each_token_is_different() {
        let csrf = csrf();
        assert_ne!(csrf.issue("visitor", NOW), csrf.issue("visitor", NOW));
    }

    #[test]
    fn a_malformed_token_is_refused() {
        let csrf = csrf();
        let token = csrf.issue("visitor", NOW);
        let longer = format!("{token}AAAA");
        for text in ["", "AAAA", "é", &token[4..], &token[..60], &longer] {
            assert!(!csrf.check(text, "visitor", NOW), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_token_with_any_byte_changed_is_refused(at in 0..64_usize, byte in 0x20..0x7f_u8) {
            let csrf = csrf();
            let mut bytes = csrf.issue("visitor", NOW).into_bytes();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            prop_assert!(!csrf.check(std::str::from_utf8(&bytes).unwrap(), "visitor", NOW));
        }
    }
}
