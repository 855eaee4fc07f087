//! A small policy for the tests of this room: two permissions, one of which needs a person.

use super::{Policy, PolicyFiles, PolicyProblems};

pub(super) const PERMISSIONS: &str = r#"
[[permission]]
id = "view"
name = "View"
[[permission]]
id = "pay"
name = "Pay"
[[permission]]
id = "mine"
name = "Mine"
identity = true
"#;

pub(super) const GROUPS: &str = r#"
[[group]]
id = "admin"
name = "Admin"
permissions = "all"
default = true
[[group]]
id = "non-portal"
name = "Non-Portal"
permissions = ["view"]
[[group]]
id = "limited"
name = "Limited"
permissions = ["view", "mine"]
[[group]]
id = "no-access"
name = "No Access"
permissions = []
"#;

/// The policy with these routes and expectations.
pub(super) fn files(routes: &str, expectations: &str) -> PolicyFiles {
    PolicyFiles {
        permissions: PERMISSIONS.to_owned(),
        groups: GROUPS.to_owned(),
        routes: routes.to_owned(),
        expectations: expectations.to_owned(),
    }
}

/// The policy with these routes.
pub(super) fn compile(routes: &str) -> Result<Policy, PolicyProblems> {
    Policy::compile(&files(routes, ""))
}
