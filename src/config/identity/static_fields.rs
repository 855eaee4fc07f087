//! `[identity.static]`: headers that the portal gets with every request, such as a shared secret.

use http::HeaderName;
use http::header::{AUTHORIZATION, HeaderValue};

use super::names::IdentityNames;
use crate::config::field_encoding::FieldEncoding;
use crate::config::header_names::{folded_text, is_own};
use crate::config::reader::Reader;
use crate::config::value::FieldName;

/// A header with a fixed value, which may be a secret: `Debug` does not show it.
pub type StaticField = (HeaderName, HeaderValue);

/// Reads the fields of all labels, in the order of the labels.
pub(super) fn read(r: &mut Reader, identity: &IdentityNames) -> Vec<StaticField> {
    let section = "identity.static";
    let mut fields: Vec<StaticField> = Vec::new();
    for label in r.labels(section) {
        let [header, value] = ["header", "value"].map(|key| format!("{section}.{label}.{key}"));
        let name = r.parsed::<FieldName>(&header).map(|FieldName(name)| name);
        if !r.has(&header) {
            r.problem(&header, "is required: the name of the header".to_owned());
        }
        if let Some(name) = &name {
            check(r, &header, name, identity, &fields);
        }
        let given = r.has(&value) || r.has(&format!("{value}_file"));
        let text = r.secret(&value);
        if !given {
            r.problem(&value, format!("is required, or `{value}_file`"));
        }
        let Some(text) = text else { continue };
        let Some(bytes) = FieldEncoding::Utf8.encode(text.expose()) else {
            let message = "must not have control characters, or spaces at its ends".to_owned();
            r.problem(&value, message);
            continue;
        };
        if let (Some(name), Ok(mut bytes)) = (name, HeaderValue::from_bytes(&bytes)) {
            bytes.set_sensitive(true);
            fields.push((name, bytes));
        }
    }
    fields
}

fn check(
    r: &mut Reader,
    key: &str,
    name: &HeaderName,
    identity: &IdentityNames,
    others: &[StaticField],
) {
    let folded = folded_text(name);
    let problem = if is_own(&folded) || folded == "contenttype" {
        "is set by the gateway or describes the request; use another name"
    } else if identity.all().any(|own| folded_text(own) == folded) {
        "is the name of an identity header already"
    } else if others.iter().any(|(other, _)| folded_text(other) == folded) {
        "is the name of another static header already"
    } else {
        return;
    };
    r.problem(key, format!("`{name}` {problem}"));
}

/// Removes the `Authorization` header from the fields.
pub(super) fn take_authorization(fields: &mut Vec<StaticField>) -> Option<HeaderValue> {
    let at = fields.iter().position(|(name, _)| *name == AUTHORIZATION)?;
    Some(fields.remove(at).1)
}
