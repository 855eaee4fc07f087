//! `[identity]` and `upstream.pass_headers`: which header names are the gateway's own.

use http::HeaderName;

use super::reader::Reader;

/// Headers that the gateway writes or reads itself, folded: no setting lets a client's through, and
/// no identity header has such a name.
const OWN: [&str; 17] = [
    "host",
    "cookie",
    "connection",
    "keepalive",
    "proxyconnection",
    "proxyauthenticate",
    "proxyauthorization",
    "http2settings",
    "contentlength",
    "transferencoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "xforwardedfor",
    "xforwardedproto",
    "xforwardedhost",
];
/// More names that cannot be those of identity headers, folded: they mean something else to
/// browsers, proxies or the portal.
const TAKEN: [&str; 13] = [
    "contenttype",
    "authorization",
    "forwarded",
    "via",
    "xrealip",
    "xforwardedprotocol",
    "xforwardedscheme",
    "xforwardedssl",
    "xforwardedserver",
    "xforwardedport",
    "xforwardedprefix",
    "xforwardeduri",
    "xforwardedmethod",
];

/// `[identity]`: header names, and what inbound names are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityNames {
    /// The login of the portal user.
    pub user: HeaderName,
    /// The organization's id.
    pub organization: HeaderName,
    /// The end user's id.
    pub end_user: HeaderName,
    /// The group's id.
    pub group: HeaderName,
    /// Which of the permissions that the route names the person has.
    pub granted: HeaderName,
    /// `user`, `link`, `staff` or `impersonation`.
    pub session_kind: HeaderName,
    /// The request's id, as in the decision record.
    pub request_id: HeaderName,
}

impl IdentityNames {
    /// All of the names.
    pub fn all(&self) -> impl Iterator<Item = &HeaderName> {
        let Self { user, organization, end_user, group, granted, session_kind, request_id } = self;
        [user, organization, end_user, group, granted, session_kind, request_id].into_iter()
    }
}

pub(super) fn identity(r: &mut Reader) -> IdentityNames {
    let mut taken: Vec<String> = Vec::new();
    let mut name = |key: &str, default: &'static str| {
        let key = format!("identity.{key}");
        let default = HeaderName::from_static(default);
        // A static name is cheaper to set on each request than an equal one that was read.
        let name = match r.parsed(&key) {
            Some(other) if other != default => other,
            Some(_) | None => default,
        };
        let folded = folded(&name);
        if OWN.contains(&&*folded) || TAKEN.contains(&&*folded) {
            r.problem(&key, format!("`{name}` means something else already"));
        } else if taken.contains(&folded) {
            r.problem(&key, format!("`{name}` is the name of another identity header"));
        }
        taken.push(folded);
        name
    };
    IdentityNames {
        user: name("user", "portcullis-user"),
        organization: name("organization", "portcullis-organization"),
        end_user: name("end_user", "portcullis-end-user"),
        group: name("group", "portcullis-group"),
        granted: name("granted", "portcullis-granted"),
        session_kind: name("session_kind", "portcullis-session-kind"),
        request_id: name("request_id", "portcullis-request-id"),
    }
}

/// `upstream.pass_headers`: whatever the gateway does not write itself.
pub(super) fn check_pass_headers(r: &mut Reader, names: &[HeaderName], identity: &IdentityNames) {
    for name in names {
        let text = folded(name);
        let own =
            OWN.contains(&&*text) || identity.all().map(folded).any(|own| text.starts_with(&own));
        if own || text.starts_with("portcullis") {
            r.problem(
                "upstream.pass_headers",
                format!("`{name}` is set by the gateway itself, so it cannot be passed on"),
            );
        }
    }
}

/// Portals read `X_User` and `x-user` as the same name.
fn folded(name: &HeaderName) -> String {
    name.as_str().chars().filter(char::is_ascii_alphanumeric).collect()
}
