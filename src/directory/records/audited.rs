//! What the audit log shows of a record: everything that an administrator may see, and that a secret
//! has changed, but never the secret.
//!
//! The documents are taken apart field by field, so that a new field is a decision here.

use serde_json::{Map, Value, json};

use super::administrator::{AdminFactor, Administrator};
use super::document::{ApiToken, EndUser, Group, OneTimeLink, Organization, SecondFactor, User};
use super::kind;
use super::preferences::Preferences;
use super::user_token::UserToken;
use portcullis_store::Kind;

/// What the log shows of a record.
#[derive(Debug)]
pub(super) struct Audited {
    /// What such a record is called.
    pub(super) noun: &'static str,
    /// What it is called.
    pub(super) name: String,
    /// The organization that it belongs to.
    pub(super) organization: Option<String>,
    /// The portal user that it belongs to, unless it is one.
    pub(super) user: Option<String>,
    /// Its fields. Missing ones are left out.
    pub(super) fields: Map<String, Value>,
}

/// Whether changes of this kind are in the log. Mails are not, because they follow from other
/// changes, and neither are traces of use, such as sessions.
pub(super) fn is_audited(kind: Kind) -> bool {
    view(kind).is_some()
}

/// What the log shows of a document. `None` if its kind is not in the log.
///
/// # Errors
/// When the document cannot be decoded.
pub(super) fn audited(kind: Kind, doc: &[u8]) -> serde_json::Result<Option<Audited>> {
    view(kind).map(|view| view(doc)).transpose()
}

/// Reads a document and returns what the log shows of it.
type View = fn(&[u8]) -> serde_json::Result<Audited>;

/// The view of a kind's documents.
fn view(kind: Kind) -> Option<View> {
    Some(match kind {
        kind::ORGANIZATION => |doc| serde_json::from_slice(doc).map(organization),
        kind::END_USER => |doc| serde_json::from_slice(doc).map(end_user),
        kind::USER => |doc| serde_json::from_slice(doc).map(user),
        kind::GROUP => |doc| serde_json::from_slice(doc).map(group),
        kind::PREFERENCES => |doc| serde_json::from_slice(doc).map(preferences),
        kind::ADMINISTRATOR => |doc| serde_json::from_slice(doc).map(administrator),
        kind::API_TOKEN => |doc| serde_json::from_slice(doc).map(api_token),
        kind::USER_TOKEN => |doc| serde_json::from_slice(doc).map(user_token),
        _ => return None,
    })
}

fn organization(doc: Organization) -> Audited {
    let Organization {
        name,
        email,
        link_enabled,
        link_generation,
        default_group,
        parked,
        managed_by,
    } = doc;
    let fields = json!({
        "name": name,
        "email": email,
        "link_enabled": link_enabled,
        "link_generation": link_generation,
        "default_group": default_group,
        "parked": parked,
        "managed_by": managed_by,
    });
    Audited { noun: "organization", name, organization: None, user: None, fields: object(fields) }
}

fn end_user(doc: EndUser) -> Audited {
    let EndUser { organization, name, email, managed_by } = doc;
    let fields = json!({
        "organization": organization, "name": name, "email": email, "managed_by": managed_by,
    });
    let organization = Some(organization.to_string());
    Audited { noun: "end-user", name, organization, user: None, fields: object(fields) }
}

fn user(doc: User) -> Audited {
    let status = doc.status();
    let User {
        login,
        name,
        organization,
        end_user,
        group,
        password: _,
        password_generation,
        invitation,
        reset,
        require_mfa,
        disabled,
        second_factor,
        created: _,
        managed_by,
    } = doc;
    let fields = json!({
        "login": login,
        "name": name,
        "organization": organization,
        "end_user": end_user,
        "group": group,
        "status": status,
        // Raised by each password that is set or removed.
        "password_generation": password_generation,
        "invitation": invitation.as_ref().map(one_time_link),
        "reset": reset.as_ref().map(one_time_link),
        "require_mfa": require_mfa,
        "disabled": disabled,
        "mfa": second_factor.as_ref().map(|SecondFactor { secret: _, recovery_codes, created, by_choice }| {
            json!({ "since": created, "by_choice": by_choice, "recovery_codes": recovery_codes.len() })
        }),
        "managed_by": managed_by,
    });
    let organization = Some(organization.to_string());
    Audited { noun: "user", name: login, organization, user: None, fields: object(fields) }
}

fn one_time_link(link: &OneTimeLink) -> Value {
    let OneTimeLink { token: _, created, expires, to, to_chosen: _, earlier: _ } = link;
    json!({ "created": created, "expires": expires, "sent_to": to })
}

fn group(doc: Group) -> Audited {
    let Group { name, permissions, managed_by } = doc;
    let fields = json!({ "name": name, "permissions": permissions, "managed_by": managed_by });
    Audited { noun: "group", name, organization: None, user: None, fields: object(fields) }
}

fn preferences(doc: Preferences) -> Audited {
    let Preferences {
        secure_with_password_if_portal_users_exist,
        disabled_redirect_url,
        default_group,
        managed_by,
    } = doc;
    let fields = json!({
        "secure_with_password_if_portal_users_exist": secure_with_password_if_portal_users_exist,
        "disabled_redirect_url": disabled_redirect_url,
        "default_group": default_group,
        "managed_by": managed_by,
    });
    let name = "preferences".to_owned();
    Audited { noun: "preferences", name, organization: None, user: None, fields: object(fields) }
}

fn administrator(doc: Administrator) -> Audited {
    let Administrator {
        login,
        email,
        role,
        scope,
        impersonate,
        password: _,
        generation,
        second_factor,
        created: _,
        // The sign-in has an entry of its own.
        last_sign_in: _,
        last_address: _,
    } = doc;
    let fields = json!({
        "login": login,
        "email": email,
        "role": role,
        "scope": scope,
        "impersonate": impersonate,
        // Raised by each password and second factor that is set.
        "generation": generation,
        "mfa": second_factor.as_ref().map(|factor| {
            let AdminFactor { secret: _, recovery_codes, created, confirmed: _, steps: _ } = factor;
            json!({ "since": created, "recovery_codes": recovery_codes.len() })
        }),
    });
    let noun = "administrator";
    Audited { noun, name: login, organization: None, user: None, fields: object(fields) }
}

fn api_token(doc: ApiToken) -> Audited {
    let ApiToken { name, email, role, scope, impersonate, created: _, expires } = doc;
    let fields = json!({
        "name": name,
        "email": email,
        "role": role,
        "scope": scope,
        "impersonate": impersonate,
        "expires": expires,
    });
    Audited { noun: "token", name, organization: None, user: None, fields: object(fields) }
}

/// Without its last use, which is no change.
fn user_token(doc: UserToken) -> Audited {
    let UserToken {
        user,
        name,
        place: _,
        by_user: _,
        password_generation: _,
        created: _,
        expires,
        last_used: _,
    } = doc;
    let fields = json!({ "user": user, "name": name, "expires": expires });
    let user = Some(user.to_string());
    Audited { noun: "user-token", name, organization: None, user, fields: object(fields) }
}

fn object(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}
