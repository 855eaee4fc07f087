//! What commands that change records share.

use std::convert::Infallible;

use serde_json::{Map, Value};

/// An item of a list without surrounding spaces: `a, b` has the items `a` and `b`.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
pub(super) fn trimmed(item: &str) -> Result<String, Infallible> {
    Ok(item.trim().to_owned())
}

/// The patch of a record with a name and an optional email address.
pub(super) fn name_and_email(name: Option<String>, email: Option<String>, no_email: bool) -> Value {
    let mut patch = Map::new();
    if let Some(name) = name {
        patch.insert("name".to_owned(), name.into());
    }
    if email.is_some() || no_email {
        patch.insert("email".to_owned(), email.into());
    }
    Value::Object(patch)
}
