//! A value that must not be printed, and is wiped when it is dropped.
//!
//! There is no `Display`, `Serialize` or `Deref`: the value is read only through
//! [`Secret::expose`], which is easy to search for. Moving a secret does not wipe the old place, so
//! prefer a `String`, whose bytes stay in one place on the heap, to arrays that are moved.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use zeroize::Zeroize;

/// A secret value: redacted in `Debug`, zeroised on drop.
#[derive(Clone, Default)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps the value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

/// As the value itself, which is a string wherever a request has one.
impl<T: Zeroize> schemars::JsonSchema for Secret<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "password" })
    }
}

/// Read from a form or a JSON document. The error does not include the value: a password sent as a
/// number would otherwise appear in the message.
impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom("must be text"))
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(..)");
    }

    #[test]
    fn a_secret_is_read_from_json() {
        let secret: Secret<String> = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated_in_the_error() {
        let error = serde_json::from_str::<Secret<String>>("19721972").unwrap_err();
        assert!(!error.to_string().contains("1972"), "{error}");
    }
}
