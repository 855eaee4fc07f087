//! `[identity.assertion]`: a signed statement about the user, for portals that verify one.

use std::time::Duration;

use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::config::reader::Reader;
use crate::config::value::{FieldName, capitalised, hours, seconds, written};
use crate::credential::key::SecretKey;
use crate::credential::signing::{Algorithm, SigningKeys};

/// The section.
const SECTION: &str = "identity.assertion";
/// The key of the header's name.
pub(super) const HEADER_KEY: &str = "identity.assertion.header";
/// The name of the header, without a setting.
pub(super) const HEADER: &str = "portcullis-assertion";

/// The shortest and the longest lifetime.
const LIFETIMES: [Duration; 2] = [seconds(10), hours(1)];
/// The shortest and the longest time for which a key signs.
const ROTATIONS: [Duration; 2] = [hours(1), hours(24 * 366)];

/// `[identity.assertion]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionSettings {
    /// `identity.assertion.header`: how it is sent. As `Authorization`, it is a bearer token.
    pub header: HeaderName,
    /// `identity.assertion.audience`: whom it is for.
    pub audience: String,
    /// `identity.assertion.algorithm`: how it is signed.
    pub algorithm: Algorithm,
    /// `identity.assertion.lifetime`: for how long it is valid.
    pub lifetime: Duration,
    /// `identity.assertion.rotation`: for how long a key signs.
    pub rotation: Duration,
}

impl AssertionSettings {
    /// `None` if nothing of it is set, or no audience.
    pub(super) fn read(r: &mut Reader) -> Option<Self> {
        let key = |name: &str| format!("{SECTION}.{name}");
        if !r.has(SECTION) {
            // Known, although they are not set.
            for name in ["audience", "algorithm", "lifetime", "rotation", "header"] {
                let _ = r.text(&key(name));
            }
            return None;
        }
        let audience = r.text(&key("audience"));
        let algorithm = r.choice(&key("algorithm"), &Algorithm::NAMES, Algorithm::EdDsa);
        let lifetime = between(r, &key("lifetime"), seconds(60), LIFETIMES);
        let rotation = between(r, &key("rotation"), hours(24 * 30), ROTATIONS);
        let header = r.parsed(HEADER_KEY).map(|FieldName(name)| name);
        if header.is_none() {
            r.show(HEADER_KEY, capitalised(HEADER));
        }
        let text = audience.as_deref().map(str::trim);
        if text.is_none_or(str::is_empty) && r.is_valid(&key("audience")) {
            let message = "is required: a name for the portal, which it compares (e.g. `helpdesk`)";
            r.problem(&key("audience"), message.to_owned());
        }
        let header = header.unwrap_or(HeaderName::from_static(HEADER));
        Some(Self { header, audience: text?.to_owned(), algorithm, lifetime, rotation })
    }

    /// The keys that sign it.
    #[must_use]
    pub fn keys(&self, key: &SecretKey) -> SigningKeys {
        SigningKeys::new(key, self.algorithm, self.rotation, self.lifetime)
    }

    /// Whether it is sent as a bearer token.
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.header == AUTHORIZATION
    }
}

fn between(r: &mut Reader, key: &str, default: Duration, [least, most]: [Duration; 2]) -> Duration {
    let value = r.duration(key, default);
    if !(least..=most).contains(&value) {
        let [least, most] = [least, most].map(written);
        r.problem(key, format!("must be from {least} to {most}"));
    }
    value
}
