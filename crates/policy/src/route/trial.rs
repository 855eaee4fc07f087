//! The route of requests in a trial of the portal that no route of the files is for.

use std::borrow::Cow;

use super::{Access, MethodSet, Route};
use crate::path_pattern::PathPattern;

/// Its position, which no route of a file has.
const POSITION: usize = usize::MAX;

impl Route {
    /// The route of trials. The router does not have it.
    #[expect(clippy::expect_used, reason = "the pattern is a constant")]
    pub(crate) fn of_trials() -> Self {
        Self {
            name: "trial".to_owned(),
            methods: MethodSet(Vec::new()),
            path: PathPattern::parse("/{*rest}", false).expect("a valid pattern"),
            query: None,
            hosts: Vec::new(),
            access: Access::SignedIn,
            organization: None,
            on_deny: None,
            websocket: true,
            body: false,
            slash_is_data: false,
            except: Vec::new(),
            cross_origin: false,
            tokens: false,
            refuses_staff: false,
            preflight_is_public: false,
            method_override: None,
            from: Vec::new(),
            response_timeout: None,
            body_bytes: None,
            upstream: None,
            file: Cow::default(),
            line: 0,
            position: POSITION,
        }
    }

    /// Whether it is the route of trials, which no file has.
    #[must_use]
    pub fn is_of_trials(&self) -> bool {
        self.position == POSITION
    }
}
