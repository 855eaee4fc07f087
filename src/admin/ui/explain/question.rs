//! What is asked: a reference, or a person and a request.

use crate::admin::ui::fields::{Fields, address};

/// Where the page is.
pub(super) const PATH: &str = "/explain";

/// What is asked, as it was filled in.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) reference: &'a str,
    /// `user`, `group`, `link` or `anonymous`.
    pub(super) who: &'static str,
    /// A login, or an id.
    pub(super) user: &'a str,
    pub(super) group: &'a str,
    /// An organization's id, or a secure link.
    pub(super) link: &'a str,
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) host: &'a str,
}

const WHO: [&str; 4] = ["user", "group", "link", "anonymous"];

impl<'a> Question<'a> {
    pub(super) fn read(query: &'a Fields) -> Self {
        let who = WHO.into_iter().find(|who| *who == query.get("who"));
        let method = query.get("method");
        Self {
            reference: query.get("reference"),
            who: who.unwrap_or("user"),
            user: query.get("user"),
            group: query.get("group"),
            link: query.get("link"),
            method: if method.is_empty() { "GET" } else { method },
            target: query.get("target"),
            host: query.get("host"),
        }
    }

    /// The name of the field that says who asks; empty if none has to be filled in.
    pub(super) fn subject(&self) -> &'static str {
        match self.who {
            _ if !self.reference.is_empty() => "reference",
            "anonymous" => "",
            who => who,
        }
    }

    /// The field that must be filled in and is not, if a request is asked about.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let is_asked = self.reference.is_empty() && !self.target.is_empty();
        match self.who {
            "user" if is_asked && self.user.is_empty() => Some("user"),
            "group" if is_asked && self.group.is_empty() => Some("group"),
            "link" if is_asked && self.link.is_empty() => Some("link"),
            _ => None,
        }
    }

    /// The parameters of the request to the API; `None` if nothing is asked yet.
    pub(super) fn parameters(&self) -> Option<Vec<(&'static str, &'a str)>> {
        if !self.reference.is_empty() {
            return Some(vec![("reference", self.reference)]);
        }
        if self.target.is_empty() {
            return None;
        }
        let who = match self.who {
            "group" => ("group", self.group),
            "link" => ("link", self.link),
            "anonymous" => ("anonymous", "true"),
            _ => ("user", self.user),
        };
        Some(vec![who, ("method", self.method), ("target", self.target), ("host", self.host)])
    }

    /// The address of the same question about this user, or else this group.
    pub(super) fn about(
        &self,
        (user, group): (Option<&str>, &str),
        (method, target): (&str, &str),
    ) -> String {
        let (who, user) = match (user, self.who) {
            (Some(user), _) => ("user", user),
            (None, "link") if self.reference.is_empty() => ("link", ""),
            (None, _) => ("group", ""),
        };
        let (group, link) = match who {
            "group" => (group, ""),
            "link" => ("", self.link),
            _ => ("", ""),
        };
        let parameters = [
            ("who", who),
            ("user", user),
            ("group", group),
            ("link", link),
            ("method", method),
            ("target", target),
            ("host", self.host),
        ];
        address(PATH, &parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_must_be_filled_in_with_a_path() {
        for (query, missing) in [
            ("who=user&target=/a", Some("user")),
            ("who=link&user=liam&target=/a", Some("link")),
            ("target=/a", Some("user")),
            ("who=user&user=liam&target=/a", None),
            ("who=anonymous&target=/a", None),
            ("reference=r&target=/a", None),
            ("who=user", None),
        ] {
            let query = Fields::parse(query.as_bytes());
            assert_eq!(Question::read(&query).missing(), missing, "{query:?}");
        }
    }
}
