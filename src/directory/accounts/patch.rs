//! Fields of a patch that can be removed.

use serde::{Deserialize, Deserializer};

/// `Some` for a field that is there, whose type has a meaning for `null`; with `#[serde(default)]`,
/// `None` for a missing one.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// `Some(None)` for a field that is `null`; with `#[serde(default)]`, `None` for a missing one.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
