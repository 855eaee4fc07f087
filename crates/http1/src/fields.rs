//! Names of fields: their folded form, and which are for one connection, end-to-end, or allowed as
//! trailers.

use http::header::{self, HeaderName};

/// The name in lower case, without anything but letters and digits: the form in which some servers
/// and frameworks compare names, so that `X_User.Id` and `x-user-id` are the same.
pub fn folded(name: &[u8]) -> impl Iterator<Item = u8> + Clone + '_ {
    name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase)
}

/// Whether a field is for one connection only (RFC 9110, section 7.6.1), or is framing, which each
/// connection has its own of. `Content-Length` is not among them.
#[must_use]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::TRANSFER_ENCODING
            | header::TE
            | header::UPGRADE
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// Whether a field may be a trailer: not if it is about framing, routing or the content (RFC 9110,
/// section 6.5.1).
#[must_use]
pub fn may_be_trailer(name: &HeaderName) -> bool {
    let of_a_head = matches!(
        *name,
        header::CACHE_CONTROL
            | header::CONTENT_ENCODING
            | header::CONTENT_RANGE
            | header::EXPECT
            | header::MAX_FORWARDS
            | header::RANGE
            | header::TRAILER
            | header::WWW_AUTHENTICATE
    );
    !of_a_head && !is_hop_by_hop(name) && !is_end_to_end(name) && !name.as_str().starts_with("if-")
}

/// Whether a field must not be removed because `Connection` names it: without it, the message would
/// mean something else.
#[must_use]
pub fn is_end_to_end(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::HOST
            | header::COOKIE
            | header::SET_COOKIE
            | header::AUTHORIZATION
            | header::CONTENT_LENGTH
            | header::CONTENT_TYPE
            | header::ORIGIN
    )
}
