//! Query parameters that a portal reads as the method (`?_method=DELETE`): a request with one would
//! be authorized under its own method and then do something else.
//!
//! Names are compared percent-decoded once and without case, in the spellings that frameworks
//! accept: PHP reads `.`, a space, a plus and a single `[` as `_`, and cuts a name at `[` or NUL;
//! `qs` of Express reads `[_method]`, and Rack ignores any brackets in front. Parameters are
//! separated by `&` or `;`.

use percent_encoding::percent_decode_str;

/// The names in `upstream.refuse_query`.
#[derive(Debug)]
pub(super) struct RefusedQuery(Vec<String>);

impl RefusedQuery {
    pub(super) fn new(names: &[String]) -> Self {
        Self(names.to_vec())
    }

    /// Whether a query has one of them, other than `allowed` in exactly this spelling.
    pub(super) fn is_in(&self, query: &str, allowed: Option<&str>) -> bool {
        self.0.iter().any(|refused| names(query, refused, allowed))
    }
}

/// Whether a query has a parameter that a portal may take for `refused`, other than `allowed` in
/// exactly this spelling.
pub(super) fn names(query: &str, refused: &str, allowed: Option<&str>) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        Some(name) != allowed && may_be_read_as(name, refused)
    })
}

fn may_be_read_as(name: &str, refused: &str) -> bool {
    let read = || percent_decode_str(name).skip_while(|byte| matches!(byte, b' ' | b'+'));
    matches(read(), refused)
        || matches(read().skip_while(|byte| matches!(byte, b'[' | b']')), refused)
}

fn matches(mut read: impl Iterator<Item = u8>, refused: &str) -> bool {
    let same = |wanted: u8| {
        read.next().is_some_and(|byte| {
            byte.eq_ignore_ascii_case(&wanted)
                || (wanted == b'_' && matches!(byte, b'.' | b' ' | b'+' | b'['))
        })
    };
    refused.bytes().all(same) && read.next().is_none_or(|byte| matches!(byte, b'[' | b']' | b'\0'))
}

#[cfg(test)]
mod tests {
    use super::RefusedQuery;

    fn refused() -> RefusedQuery {
        let names = ["_method", "_httpmethod", "x-http-method-override"];
        RefusedQuery::new(&names.map(str::to_owned))
    }

    #[test]
    fn every_spelling_of_a_method_parameter_is_found() {
        for query in [
            "_method=DELETE",
            "_method",
            "a=1&_METHOD=delete",
            "a=1;_method=PUT",
            "%5Fmethod=PUT",
            "_m%65thod=PUT",
            "+_method=PUT",
            "%20_method=PUT",
            ".method=PUT",
            "_method[]=PUT",
            "_method%5B0%5D=PUT",
            "_method%00x=PUT",
            "[_method]=PUT",
            "[[_method=PUT",
            "%5D_method]=PUT",
            "[method=PUT",
            "_httpMethod=PUT",
            "X-HTTP-Method-Override=PUT",
        ] {
            assert!(refused().is_in(query, None), "{query}");
        }
    }

    #[test]
    fn only_the_exact_spelling_can_be_allowed() {
        assert!(!refused().is_in("a=1&_method=PUT", Some("_method")));
        for query in ["_METHOD=PUT", "_method=PUT&.method=PUT", "_method=PUT&_httpMethod=PUT"] {
            assert!(refused().is_in(query, Some("_method")), "{query}");
        }
    }

    #[test]
    fn ordinary_parameters_pass() {
        for query in [
            "",
            "method=DELETE",
            "a=_method",
            "a_method=1",
            "_methods=1",
            "_method_name=1",
            "http_method=1",
            "__method=1",
            "x=1&y=2&&z",
            "%zz=%",
        ] {
            assert!(!refused().is_in(query, None), "{query}");
        }
        assert!(!RefusedQuery::new(&[]).is_in("_method=DELETE", None));
    }
}
