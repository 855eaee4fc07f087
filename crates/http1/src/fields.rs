//! What a field's name says about how far it goes.

use http::header::{self, HeaderName};

/// Fields of one connection only, and framing, which is made anew on each side (RFC 9110, 7.6.1).
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

/// Fields that may come behind a body: none that frames it, routes it or says what it is (RFC 9110,
/// 6.5.1).
#[must_use]
pub fn may_trail(name: &HeaderName) -> bool {
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

/// Fields that nobody has a reason to call those of one connection: losing one changes what the
/// message means.
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
