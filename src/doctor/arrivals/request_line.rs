//! Whether the portal gets the method and the path that were judged.

use http::Method;
use portcullis_policy::RequestTarget;

use super::asking::Asking;
use crate::doctor::client::Ask;
use crate::doctor::finding::Finding;
use crate::doctor::recorder::Arrived;
use crate::doctor::spoofed::always_refused;

/// Escapes that mean something else in a path once they are decoded, and that of a letter.
const ESCAPES: [&str; 4] = ["%3B", "%2B", "%26", "%41"];
/// A method that changes nothing (RFC 4918, 9.1), and that routes have only if they list it.
const OTHER_METHOD: &str = "PROPFIND";

/// What was seen of paths.
pub(super) struct Paths {
    pub(super) finding: Option<Finding>,
    /// Whether any path with an escape was let through, so that it could be compared.
    pub(super) are_escapes_seen: bool,
}

impl Asking<'_> {
    /// The path must be the one that was judged, byte for byte, and one that the gateway refuses must
    /// not arrive.
    pub(super) fn paths(&self, plain: &Arrived) -> Paths {
        let mut changed = Vec::new();
        if canonical(&plain.target) != canonical(self.path) {
            changed.push(format!("{} arrives as {}", self.path, plain.target));
        }
        let mut are_escapes_seen = false;
        for path in escaped(self.path) {
            let (arrived, decided) = self.judged(&Ask::get(&path));
            let Some(arrived) = arrived else { continue };
            let received = arrived.target.split('?').next().unwrap_or_default();
            let judged = decided.map(|decided| decided.path);
            // Otherwise it may have been decoded by the gateway, too.
            are_escapes_seen |= judged.is_some() || canonical(&path).is_some_and(|it| it == path);
            if !is_judged(received, &path, judged.as_deref()) {
                changed.push(match judged.filter(|judged| *judged != path) {
                    Some(judged) => format!("{path}, judged as {judged}, arrives as {received}"),
                    None => format!("{path} arrives as {received}"),
                });
            }
        }
        for target in always_refused(self.path.trim_end_matches('/')) {
            if let Some(arrived) = self.arrives(&Ask::get(&target))
                && canonical(&arrived.target).is_none()
            {
                changed.push(format!("{target} arrives as {}", arrived.target));
            }
        }
        let finding = (!changed.is_empty()).then(|| {
            Finding::error(
                "path-changed",
                format!("the portal gets another path than the one judged: {}", changed.join(", ")),
            )
            .because("a client may open a page by the path of another")
            .fix(
                "let the proxy pass the path on as it came, and not change it after it has asked \
                 (nginx: `proxy_pass` without a path, not even `/`)",
            )
        });
        Paths { finding, are_escapes_seen }
    }

    /// A request must not arrive with a method that no route has, nor with another one than was
    /// judged.
    pub(super) fn method(&self) -> Option<Finding> {
        let (arrived, decided) = self.judged(&Ask::of(OTHER_METHOD, self.path));
        let arrived = arrived?;
        let judged = decided.map(|decided| decided.method);
        let judged = judged.filter(|judged| *judged != arrived.method);
        let method = Method::from_bytes(OTHER_METHOD.as_bytes()).ok()?;
        let is_allowed = self.deployment.policy().is_none_or(|policy| {
            policy.routes().iter().any(|route| route.methods().contains(&method))
        });
        let why = match judged {
            Some(judged) => format!("{judged} was judged"),
            None if !is_allowed && arrived.method == OTHER_METHOD => {
                "no route has this method".to_owned()
            }
            None => return None,
        };
        let what = format!("{OTHER_METHOD} {} arrives as {}: {why}", self.path, arrived.method);
        Some(
            Finding::error("method-changed", what)
                .because("a client may change or delete what it may only read")
                .fix(
                    "let the proxy name the method of the request when it asks (nginx: \
                     `proxy_set_header X-Original-Method $request_method`)",
                ),
        )
    }
}

/// Paths with escapes that may be let through where this one is: below it, in its last segment, and
/// the same with its last letter escaped.
fn escaped(path: &str) -> Vec<String> {
    let base = path.trim_end_matches('/');
    let below = ESCAPES.map(|escape| format!("{base}/a{escape}b"));
    let within = ESCAPES.map(|escape| format!("{base}{escape}b"));
    let letter = path.strip_suffix(|letter: char| letter.is_ascii_alphanumeric());
    let letter = letter.zip(path.bytes().next_back());
    let same = letter.map(|(before, letter)| format!("{before}%{letter:02X}"));
    below.into_iter().chain(within).chain(same).collect()
}

/// Whether what the portal has received of a path is what was judged. If that is not known, it must be
/// what was sent, or the form in which the gateway passes it on.
fn is_judged(received: &str, sent: &str, judged: Option<&str>) -> bool {
    match judged {
        Some(judged) => received == judged,
        None => received == sent || canonical(sent).as_deref() == Some(received),
    }
}

/// A target as the gateway judges it; `None` if it refuses it.
fn canonical(target: &str) -> Option<String> {
    RequestTarget::parse(target).ok().map(|target| target.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_below_and_in_the_last_segment() {
        let paths = escaped("/open/x");
        for path in ["/open/x/a%3Bb", "/open/x%3Bb", "/open/x%26b", "/open/%78"] {
            assert!(paths.iter().any(|escaped| escaped == path), "{path}: {paths:?}");
        }
        assert_eq!(escaped("/").len(), 8);
    }

    #[test]
    fn path_is_compared_with_what_was_judged() {
        for (received, judged, expected) in [
            ("/a%3Bb", None, true),
            ("/a;b", None, false),
            ("/a%3Bb", Some("/a%3Bb"), true),
            ("/a;b", Some("/a%3Bb"), false),
            // A proxy that decodes before it asks.
            ("/a;b", Some("/a;b"), true),
        ] {
            assert_eq!(is_judged(received, "/a%3Bb", judged), expected, "{received} {judged:?}");
        }
        // The gateway itself passes on the canonical form; another proxy must not.
        assert!(is_judged("/ab", "/a%62", None));
        assert!(!is_judged("/ab", "/a%62", Some("/a%62")));
    }
}
