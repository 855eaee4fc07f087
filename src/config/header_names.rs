//! How names of header fields are compared, and which names settings may not use.
//!
//! Servers and frameworks treat names alike that HTTP keeps apart: CGI turns `X-User` and `x_user`
//! into the same variable. Names are therefore compared in folded form: letters and digits only, in
//! lower case.

use http::HeaderName;

pub use portcullis_http1::fields::folded;

/// Names that only the gateway sets, besides the identity headers of the settings. A name that ends
/// in `*` stands for every name that begins with it.
pub const OWN: [&str; 7] = [
    "Portcullis*",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "HTTP2-Settings*",
    "Content-Length*",
    "Transfer-Encoding*",
];

/// Further names, folded, that the gateway interprets or that are for one connection only. Like
/// those of [`OWN`], they cannot be forwarded from the client.
const INTERPRETED: [&str; 11] = [
    "host",
    "cookie",
    "connection",
    "keepalive",
    "proxyconnection",
    "proxyauthenticate",
    "proxyauthorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// Names, folded, that cannot be those of identity headers, because they have a meaning for
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

/// Whether a folded name cannot be that of an identity header. Names that begin with `Portcullis`
/// can: the default names do.
pub(super) fn is_taken(folded: &str) -> bool {
    TAKEN.contains(&folded) || (is_own(folded) && !folded.starts_with("portcullis"))
}

/// Whether only the gateway may set the header with this folded name.
pub(super) fn is_own(folded: &str) -> bool {
    let matches = |own: &str| {
        let name: String = self::folded(own.as_bytes()).map(char::from).collect();
        if own.ends_with('*') { folded.starts_with(&name) } else { folded == name }
    };
    INTERPRETED.contains(&folded) || OWN.into_iter().any(matches)
}
