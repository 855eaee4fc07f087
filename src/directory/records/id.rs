//! Ids of records, one type for each kind, so that one cannot be passed for another.
//!
//! An id may be any text; it is looked up, not validated. No record has the default, which is
//! empty. Clones share the text. In JSON and in the store, an id is a plain string.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id that the store takes, in bytes.
const MAX_BYTES: usize = 200;

/// The id of a record of one kind.
pub trait RecordId:
    AsRef<str> + From<String> + Clone + PartialEq + Eq + fmt::Debug + Send + Sync
{
    /// Whether a record can have this id: 1 to 200 bytes without NUL. The store need not be asked
    /// for any other.
    fn is_valid(&self) -> bool {
        let id = self.as_ref();
        (1..=MAX_BYTES).contains(&id.len()) && !id.contains('\0')
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        #[allow(dead_code, reason = "not every kind of id needs both")]
        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id as text that shares its memory.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl RecordId for $name {}

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(Arc::from(id))
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(Arc::from(id))
            }
        }

        impl From<Arc<str>> for $name {
            fn from(id: Arc<str>) -> Self {
                Self(id)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    )+};
}

ids! {
    /// The id of an organization.
    OrganizationId;
    /// The id of an end user.
    EndUserId;
    /// The id of a portal user.
    UserId;
    /// The id of a group.
    GroupId;
    /// The id of the one record of preferences.
    PreferencesId;
    /// The id of a mail.
    MailId;
    /// The id of a token of the admin API: the hash of the token, in hexadecimal digits.
    ApiTokenId;
    /// The id of an administrator.
    AdministratorId;
    /// The id of a session of an administrator: the hash of its token.
    AdminSessionId;
    /// The id of a portal user's token: the hash of the token, in hexadecimal digits.
    UserTokenId;
    /// The id of a link that opens the portal for staff: the hash of its token.
    ViewLinkId;
    /// The id of a trial of the portal.
    TrialId;
    /// The id of what was seen of some requests in a trial.
    TrialRowId;
    /// The id of a job.
    JobId;
    /// The id of a part of a job's plan or report.
    JobPartId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_plain_string_in_json() {
        let id = UserId::from("u1");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"u1\"");
        assert_eq!(serde_json::from_str::<UserId>("\"u1\"").unwrap(), id);
        assert_eq!(format!("{id} {id:?}"), "u1 \"u1\"");
    }

    #[test]
    fn invalid_ids_have_no_record() {
        let longest = "x".repeat(MAX_BYTES);
        for good in ["a", "ä", &longest] {
            assert!(GroupId::from(good).is_valid(), "{good}");
        }
        let long = "x".repeat(MAX_BYTES + 1);
        for bad in ["", "a\0", &long] {
            assert!(!GroupId::from(bad).is_valid(), "{bad:?}");
        }
    }
}
