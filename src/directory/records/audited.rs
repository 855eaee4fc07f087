//! What the audit log shows of a record: everything that an administrator may see, and that a secret
//! has changed, but never the secret.
//!
//! The documents are taken apart field by field, so that a new field is a decision here.

use serde::Serialize;
use serde_json::{Value, json};

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
    pub(super) fields: Fields,
}

/// Fields with their names. Few are shown of two documents that differ, so they get into a map, which
/// costs more, only then.
#[derive(Debug, PartialEq)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// The fields that are not `null`.
    fn of<const N: usize>(fields: [(&'static str, Value); N]) -> Self {
        Self(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find_map(|(field, value)| (field == name).then_some(value))
    }

    /// All fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
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
    let fields = Fields::of([
        ("name", value(&name)),
        ("email", value(&email)),
        ("link_enabled", value(&link_enabled)),
        ("link_generation", value(&link_generation)),
        ("default_group", value(&default_group)),
        ("parked", value(&parked)),
        ("managed_by", value(&managed_by)),
    ]);
    Audited { noun: "organization", name, organization: None, user: None, fields }
}

fn end_user(doc: EndUser) -> Audited {
    let EndUser { organization, name, email, managed_by } = doc;
    let fields = Fields::of([
        ("organization", value(&organization)),
        ("name", value(&name)),
        ("email", value(&email)),
        ("managed_by", value(&managed_by)),
    ]);
    let organization = Some(organization.to_string());
    Audited { noun: "end-user", name, organization, user: None, fields }
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
    let mfa = second_factor.as_ref().map(|factor| {
        let SecondFactor { secret: _, recovery_codes, created, by_choice } = factor;
        json!({ "since": created, "by_choice": by_choice, "recovery_codes": recovery_codes.len() })
    });
    let fields = Fields::of([
        ("login", value(&login)),
        ("name", value(&name)),
        ("organization", value(&organization)),
        ("end_user", value(&end_user)),
        ("group", value(&group)),
        ("status", value(&status)),
        // Raised by each password that is set or removed.
        ("password_generation", value(&password_generation)),
        ("invitation", value(&invitation.as_ref().map(one_time_link))),
        ("reset", value(&reset.as_ref().map(one_time_link))),
        ("require_mfa", value(&require_mfa)),
        ("disabled", value(&disabled)),
        ("mfa", value(&mfa)),
        ("managed_by", value(&managed_by)),
    ]);
    let organization = Some(organization.to_string());
    Audited { noun: "user", name: login, organization, user: None, fields }
}

fn one_time_link(link: &OneTimeLink) -> Value {
    let OneTimeLink { token: _, created, expires, to, to_chosen: _, earlier: _ } = link;
    json!({ "created": created, "expires": expires, "sent_to": to })
}

fn group(doc: Group) -> Audited {
    let Group { name, permissions, managed_by } = doc;
    let fields = Fields::of([
        ("name", value(&name)),
        ("permissions", value(&permissions)),
        ("managed_by", value(&managed_by)),
    ]);
    Audited { noun: "group", name, organization: None, user: None, fields }
}

fn preferences(doc: Preferences) -> Audited {
    let Preferences {
        secure_with_password_if_portal_users_exist,
        disabled_redirect_url,
        default_group,
        notify_impersonated,
        managed_by,
    } = doc;
    let fields = Fields::of([
        (
            "secure_with_password_if_portal_users_exist",
            value(&secure_with_password_if_portal_users_exist),
        ),
        ("disabled_redirect_url", value(&disabled_redirect_url)),
        ("default_group", value(&default_group)),
        ("notify_impersonated", value(&notify_impersonated)),
        ("managed_by", value(&managed_by)),
    ]);
    let name = "preferences".to_owned();
    Audited { noun: "preferences", name, organization: None, user: None, fields }
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
    let fields = Fields::of([
        ("login", value(&login)),
        ("email", value(&email)),
        ("role", value(&role)),
        ("scope", value(&scope)),
        ("impersonate", value(&impersonate)),
        // Raised by each password and second factor that is set.
        ("generation", value(&generation)),
        (
            "mfa",
            value(&second_factor.as_ref().map(|factor| {
                let AdminFactor { secret: _, recovery_codes, created, confirmed: _, steps: _ } =
                    factor;
                json!({ "since": created, "recovery_codes": recovery_codes.len() })
            })),
        ),
    ]);
    let noun = "administrator";
    Audited { noun, name: login, organization: None, user: None, fields }
}

fn api_token(doc: ApiToken) -> Audited {
    let ApiToken { name, email, role, scope, impersonate, created: _, expires } = doc;
    let fields = Fields::of([
        ("name", value(&name)),
        ("email", value(&email)),
        ("role", value(&role)),
        ("scope", value(&scope)),
        ("impersonate", value(&impersonate)),
        ("expires", value(&expires)),
    ]);
    Audited { noun: "token", name, organization: None, user: None, fields }
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
    let fields =
        Fields::of([("user", value(&user)), ("name", value(&name)), ("expires", value(&expires))]);
    let user = Some(user.to_string());
    Audited { noun: "user-token", name, organization: None, user, fields }
}

/// A value of a document as JSON.
fn value(of: &impl Serialize) -> Value {
    // Documents are made of strings and numbers, which always have a JSON form.
    serde_json::to_value(of).unwrap_or_default()
}
