//! How names of header fields are compared, and which names settings may not use.
//!
//! Servers and frameworks treat names alike that HTTP keeps apart: CGI turns `X-User` and `x_user`
//! into the same variable. Names are therefore compared in folded form: letters and digits only, in
//! lower case.

use http::HeaderName;

pub use portcullis_http1::fields::folded;

/// Names, folded, that the gateway itself writes or interprets. They cannot be forwarded from the
/// client, nor be names of identity headers.
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
/// Further names, folded, that cannot be those of identity headers, because they have a meaning for
/// browsers, proxies or portals.
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

/// The folded form as text.
pub(super) fn folded_text(name: &HeaderName) -> String {
    folded(name.as_str().as_bytes()).map(char::from).collect()
}

/// Whether a folded name cannot be that of an identity header.
pub(super) fn is_taken(folded: &str) -> bool {
    OWN.contains(&folded) || TAKEN.contains(&folded)
}

/// Whether only the gateway may set the header with this folded name.
pub(super) fn is_own(folded: &str) -> bool {
    OWN.contains(&folded) || folded.starts_with("portcullis")
}
