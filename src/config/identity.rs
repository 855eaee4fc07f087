//! `[identity]`: what the portal learns about the caller, and in which headers.

mod assertion;
mod basic;
mod cookie;
mod names;
mod static_fields;
mod template;

use http::HeaderName;
use http::header::{AUTHORIZATION, HeaderValue};

pub use self::assertion::AssertionSettings;
pub use self::basic::BasicAccount;
pub use self::cookie::IdentityCookie;
pub use self::names::IdentityNames;
pub use self::static_fields::StaticField;
pub use self::template::Placeholder;

use super::field_encoding::FieldEncoding;
use super::header_names::{folded_text, is_own};
use super::reader::Reader;

/// `[identity]`
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The names of the headers. No two are equal when folded.
    pub names: IdentityNames,
    /// `identity.encoding.user`: how the login is encoded.
    pub user_encoding: FieldEncoding,
    /// The other texts that the portal gets.
    pub disclosure: Disclosure,
    /// `identity.static`: headers that are sent with every request, under names that no other
    /// header of the gateway has.
    pub static_fields: Vec<StaticField>,
    /// `identity.basic`: the account for requests in a session.
    pub basic: Option<BasicAccount>,
    /// `identity.cookie`: a cookie for requests in a session.
    pub cookie: Option<IdentityCookie>,
    /// `identity.assertion`: a signed assertion for requests in a session.
    pub assertion: Option<AssertionSettings>,
    /// The static `Authorization` header, if requests in a session get another one: for requests
    /// without a session.
    pub account: Option<HeaderValue>,
}

/// Which texts of a session the portal gets besides ids, and how their headers are encoded. `None`:
/// it does not get the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disclosure {
    /// The login, unless it is sent as it is.
    pub login: Option<FieldEncoding>,
    /// The email address.
    pub email: Option<FieldEncoding>,
    /// The displayed name.
    pub name: Option<FieldEncoding>,
    /// The group's name.
    pub group_name: Option<FieldEncoding>,
    /// The organization's name.
    pub organization_name: Option<FieldEncoding>,
}

impl IdentitySettings {
    pub(super) fn read(r: &mut Reader) -> Self {
        let assertion = AssertionSettings::read(r);
        let names = IdentityNames::read(r, assertion.as_ref());
        let user_encoding = encoding(r, "user", true).unwrap_or_default();
        let mut static_fields = static_fields::read(r, &names);
        let basic = BasicAccount::read(r);
        let is_bearer = assertion.as_ref().is_some_and(AssertionSettings::is_bearer);
        if is_bearer && basic.is_some() {
            let message = "conflicts with `identity.basic`, which sends `Authorization` too";
            r.problem("identity.assertion.header", message.to_owned());
        }
        let account = (is_bearer || basic.is_some())
            .then(|| static_fields::take_authorization(&mut static_fields))
            .flatten();
        let cookie = IdentityCookie::read(r);
        let used = |placeholder| {
            basic.as_ref().is_some_and(|basic| basic.uses(placeholder))
                || cookie.as_ref().is_some_and(|cookie| cookie.uses(placeholder))
        };
        // For the account and the cookie, the encoding does not matter.
        let email = used(Placeholder::Email).then_some(FieldEncoding::Utf8);
        let name = used(Placeholder::Name).then_some(FieldEncoding::Utf8);
        let disclosure = Disclosure {
            login: (user_encoding != FieldEncoding::Utf8).then_some(user_encoding),
            email: encoding(r, "email", names.email.is_some()).or(email),
            name: encoding(r, "name", names.name.is_some()).or(name),
            group_name: encoding(r, "group_name", names.group_name.is_some()),
            organization_name: encoding(r, "organization_name", names.organization_name.is_some()),
        };
        Self { names, user_encoding, disclosure, static_fields, basic, cookie, assertion, account }
    }

    /// The names, besides those of [`IdentityNames`], that clients cannot send.
    pub fn further_names(&self) -> impl Iterator<Item = &HeaderName> {
        let fields = self.static_fields.iter().map(|(name, _)| name);
        fields.chain(self.sends_authorization().then_some(&AUTHORIZATION))
    }

    /// Whether requests in a session get an `Authorization` header that depends on the session.
    #[must_use]
    pub fn sends_authorization(&self) -> bool {
        self.basic.is_some() || self.assertion.as_ref().is_some_and(AssertionSettings::is_bearer)
    }
}

impl Disclosure {
    /// Whether the portal gets any of the texts.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }
}

/// The encoding of a header; `None` if the header is not sent.
fn encoding(r: &mut Reader, key: &str, sent: bool) -> Option<FieldEncoding> {
    let at = format!("identity.encoding.{key}");
    let encoding = r.choice(&at, &FieldEncoding::NAMES, FieldEncoding::default());
    if !sent && r.has(&at) {
        r.problem(&at, format!("has no effect: `identity.{key}` is not set"));
    }
    sent.then_some(encoding)
}

/// Rejects names in `upstream.pass_headers` that only the gateway may set.
pub(super) fn check_pass_headers(
    r: &mut Reader,
    names: &[HeaderName],
    identity: &IdentitySettings,
) {
    for name in names {
        let text = folded_text(name);
        if is_own(&text)
            || identity.names.all().any(|own| text.starts_with(&folded_text(own)))
            || identity.further_names().any(|own| text == folded_text(own))
        {
            let message = format!("`{name}` is set by the gateway and cannot be forwarded");
            r.problem("upstream.pass_headers", message);
        }
    }
}
