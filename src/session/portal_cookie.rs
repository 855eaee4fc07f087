//! A cookie of the portal, as browsers identify it, and the line that removes it.

use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::config::CookieNames;

/// What identifies a cookie in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PortalCookie {
    name: String,
    path: String,
    /// Left out for a cookie of one host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// Whether the browser keeps one for each site that embeds the portal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partitioned: bool,
}

impl PortalCookie {
    /// The cookie that a `Set-Cookie` line sets in the response to a request for this path, as
    /// browsers read it (RFC 6265, 5.2). `None` if `names` does not contain its name, or the line
    /// removes the cookie.
    #[must_use]
    pub fn set_by(line: &[u8], names: &CookieNames, request_path: &str) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let mut parts = line.split(';');
        let name = parts.next()?.split_once('=')?.0.trim();
        if name.is_empty() || !names.contains(name) {
            return None;
        }
        let (mut path, mut domain, mut partitioned) = (None, None, false);
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            let (attribute, value) = (attribute.trim(), value.trim());
            if attribute.eq_ignore_ascii_case("path") {
                path = value.starts_with('/').then(|| value.to_owned());
            } else if attribute.eq_ignore_ascii_case("domain") {
                let value = value.strip_prefix('.').unwrap_or(value);
                domain = (!value.is_empty()).then(|| value.to_ascii_lowercase());
            } else if attribute.eq_ignore_ascii_case("partitioned") {
                partitioned = true;
            } else if attribute.eq_ignore_ascii_case("max-age") && is_expired(value) {
                return None;
            }
        }
        let path = path.unwrap_or_else(|| default_path(request_path).to_owned());
        Some(Self { name: name.to_owned(), path, domain, partitioned })
    }

    /// The value of a `Set-Cookie` header that removes the cookie.
    #[must_use]
    pub fn expired(&self, https: bool) -> Option<HeaderValue> {
        let Self { name, path, domain, partitioned } = self;
        let domain = domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        // A partitioned cookie must be `Secure`, and differs from one of the same name that is not.
        let attributes = match (https, partitioned) {
            (_, true) => "; Secure; Partitioned",
            (true, false) => "; Secure",
            (false, false) => "",
        };
        let line = format!(
            "{name}=; Path={path}{domain}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{attributes}"
        );
        HeaderValue::from_str(&line).ok()
    }
}

/// Whether a `Max-Age` is zero or negative, which removes the cookie.
fn is_expired(max_age: &str) -> bool {
    max_age.starts_with('-') || (!max_age.is_empty() && max_age.bytes().all(|byte| byte == b'0'))
}

/// The path of a cookie without a `Path` (RFC 6265, 5.1.4).
fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        Some(last) if last > 0 => request_path.get(..last).unwrap_or("/"),
        Some(_) | None => "/",
    }
}

#[cfg(test)]
pub(super) mod tests;
