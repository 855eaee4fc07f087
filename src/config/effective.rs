//! The settings that take effect, for `portcullis config show`.

use super::source::Origin;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// The dotted key.
    pub key: String,
    /// The value that takes effect.
    pub value: EffectiveValue,
    /// Where it comes from.
    pub origin: Origin,
}

/// A value that takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectiveValue {
    /// As in the file; `null` if it is not set and has no default.
    Plain(serde_json::Value),
    /// A secret, which is never shown.
    Secret {
        /// Whether it is set here rather than in a file.
        is_set: bool,
    },
}
