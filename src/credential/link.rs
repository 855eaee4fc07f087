//! The tokens of secure links (R10): derived, not stored, so that one can be shown again.
//!
//! A token is a MAC of the organization's id and the generation of its link, followed by the id,
//! both in base64url, so that it is one plain path segment. Rotation raises the generation, which
//! makes every earlier token invalid at once. Whether a link is switched on, and what it opens, is
//! not decided here.

use data_encoding::BASE64URL_NOPAD;
use hmac::Mac;
use subtle::ConstantTimeEq;

use super::key::{self, Purpose, SecretKey};
use super::secret::Secret;

/// The characters of 32 bytes in base64url.
const MAC_TEXT: usize = 43;
/// The longest id of a record, in bytes.
const MAX_ID: usize = 200;

/// The token of a secure link, well-formed but not yet verified.
#[derive(Debug, Clone)]
pub struct LinkToken {
    text: Secret<String>,
    claimed_id: String,
}

impl LinkToken {
    /// Parses a path segment; `None` if it is not well-formed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mac, id) = text.split_at_checked(MAC_TEXT)?;
        BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        let claimed_id = String::from_utf8(BASE64URL_NOPAD.decode(id.as_bytes()).ok()?).ok()?;
        let plausible = !claimed_id.is_empty() && claimed_id.len() <= MAX_ID;
        plausible.then(|| Self { text: Secret::from(text), claimed_id })
    }

    /// The id of the organization that the token claims to be for. To be trusted only after
    /// [`SecureLinks::verify`].
    #[must_use]
    pub fn claimed_id(&self) -> &str {
        &self.claimed_id
    }

    /// The token itself, for the link's URL.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }
}

/// Derives and verifies the tokens of secure links.
#[derive(Debug, Clone)]
pub struct SecureLinks {
    key: Secret<[u8; 32]>,
}

impl SecureLinks {
    /// Links derived from this key.
    #[must_use]
    pub fn new(key: &SecretKey) -> Self {
        Self { key: key.derive(Purpose::SecureLink) }
    }

    /// The token of an organization's link at this generation.
    #[must_use]
    pub fn token(&self, organization: &str, generation: u64) -> LinkToken {
        let mut text = BASE64URL_NOPAD.encode(&self.mac(organization, generation));
        BASE64URL_NOPAD.encode_append(organization.as_bytes(), &mut text);
        LinkToken { text: Secret::new(text), claimed_id: organization.to_owned() }
    }

    /// Whether the token belongs to this organization's link at this generation. Compared in
    /// constant time.
    #[must_use]
    pub fn verify(&self, token: &LinkToken, organization: &str, generation: u64) -> bool {
        let expected = self.token(organization, generation);
        expected.expose().as_bytes().ct_eq(token.expose().as_bytes()).into()
    }

    /// The generation has a fixed length, so different inputs give different messages.
    fn mac(&self, organization: &str, generation: u64) -> [u8; 32] {
        let mut mac = key::mac(&self.key);
        mac.update(&generation.to_be_bytes());
        mac.update(organization.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LinkToken, SecureLinks};
    use crate::credential::key::SecretKey;

    fn links() -> SecureLinks {
        SecureLinks::new(&SecretKey::generate())
    }

    #[test]
    fn r10_a_link_can_be_shown_again() {
        let links = links();
        assert_eq!(links.token("acme", 3).expose(), links.token("acme", 3).expose());
    }

    #[test]
    fn r10_rotation_ends_the_old_link() {
        let links = links();
        let old = links.token("acme", 1);
        assert!(links.verify(&old, "acme", 1));
        assert!(!links.verify(&old, "acme", 2));
        assert!(links.verify(&links.token("acme", 2), "acme", 2));
    }

    #[test]
    fn r10_a_link_opens_its_own_organization_only() {
        let links = links();
        assert!(!links.verify(&links.token("acme", 1), "globex", 1));
    }

    #[test]
    fn r10_a_link_of_another_installation_opens_nothing() {
        assert!(!links().verify(&links().token("acme", 1), "acme", 1));
    }

    #[test]
    fn r10_a_link_cannot_claim_another_organization() {
        let links = links();
        let [acme, globex] = ["acme", "globex"].map(|id| links.token(id, 1));
        let forged = format!("{}{}", &acme.expose()[..43], &globex.expose()[43..]);
        let forged = LinkToken::parse(&forged).unwrap();
        assert_eq!(forged.claimed_id(), "globex");
        assert!(!links.verify(&forged, "globex", 1));
        assert!(!links.verify(&forged, "acme", 1));
    }

    #[test]
    fn a_malformed_token_is_refused() {
        let token = links().token("acme", 1).expose().to_owned();
        for text in [
            String::new(),
            token[..43].to_owned(),
            token[1..].to_owned(),
            format!("{token}="),
            format!("{token}/"),
            format!(" {token}"),
            format!("é{token}"),
            format!("{token}{}", "AAAA".repeat(100)),
        ] {
            assert!(LinkToken::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_link() {
        let token = links().token("acme", 1);
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    proptest! {
        #[test]
        fn r10_a_link_is_parsed_from_its_url(id in "\\PC{1,50}", generation in any::<u64>()) {
            let links = links();
            let token = links.token(&id, generation);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            prop_assert!(token.expose().bytes().all(plain), "one plain path segment");
            let back = LinkToken::parse(token.expose()).unwrap();
            prop_assert_eq!(back.claimed_id(), &id);
            prop_assert!(links.verify(&back, &id, generation));
        }

        #[test]
        fn r10_a_link_with_any_byte_changed_opens_nothing(at in 0..49_usize, byte in 0x21..0x7f_u8) {
            let links = links();
            let mut bytes = links.token("acme", 1).expose().as_bytes().to_vec();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            if let Some(token) = LinkToken::parse(std::str::from_utf8(&bytes).unwrap()) {
                prop_assert!(!links.verify(&token, "acme", 1));
                prop_assert!(!links.verify(&token, token.claimed_id(), 1));
            }
        }
    }
}
