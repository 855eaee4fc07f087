//! Where signing in leads to.

use super::fields;

/// The sign-in page.
pub(super) const SIGN_IN: &str = "/sign-in";
/// The field and the parameter with the address to go on at.
pub(super) const TO: &str = "to";

/// An address of this listener, or the first page: never another site's.
pub(super) fn local(to: &str) -> &str {
    let is_local = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && to.bytes().all(|b| b.is_ascii_graphic());
    if is_local { to } else { "/" }
}

/// The address of the sign-in page that leads to an address of ours.
pub(super) fn sign_in_for(to: &str) -> String {
    leading_to(SIGN_IN, to)
}

/// The address of a page of signing in that leads to an address of ours.
pub(super) fn leading_to(page: &str, to: &str) -> String {
    fields::address(page, &[(TO, if to == "/" { "" } else { to })])
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn signing_in_leads_to_no_other_site() {
        for (to, expected) in [
            ("/groups?q=a", "/groups?q=a"),
            ("", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example/", "/"),
            ("https://evil.example/", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ] {
            assert_eq!(local(to), expected, "{to}");
        }
    }
}
