//! A small policy for tests: three permissions, one of which needs a person.

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

/// Routes of which some match other spellings of the paths of stricter ones.
pub(super) const TWINS: &str = r#"
[[route]]
name = "Any page"
path = "/{*page}"
access = "public"
[[route]]
name = "Ticket"
path = "/tickets/{ticket}"
require = "view"
[[route]]
name = "New ticket"
path = "/tickets/new"
require = "pay"
[[route]]
name = "Capital"
path = "/tickets/Archive"
require = "pay"
[[route]]
name = "With a slash"
path = "/tickets/drafts/"
require = "pay"
[[route]]
name = "Decomposed"
path = "/tickets/cafe%CC%81"
require = "pay"
[[route]]
name = "Administration"
path = "/wp-admin/{*page}"
require = "view"
[[route]]
name = "Users"
path = "/wp-admin/users.php"
access = "deny"
[[route]]
name = "Organization"
path = "/organizations/{organization}"
require = "view"
organization = "{organization}"
[[route]]
name = "Orders of an organization"
path = "/organizations/{organization}/orders"
require = "view"
organization = "{organization}"
[[route]]
name = "Other pages of organizations"
path = "/organizations/{organization}/{*rest}"
require = "view"
[[route]]
name = "Form"
path = "/sign-up"
access = "public"
[[route]]
name = "Project"
path = "/projects/{project}"
require = "view"
slash = "data"
[[route]]
name = "Download"
path = "/files/{file}"
require = "pay"
[[route]]
name = "Picture"
path = "/files/{file:*.png}"
require = "view"
[[route]]
name = "Asset"
path = "/assets/{*file}"
require = "view"
except = ["*.php"]
[[route]]
name = "Record"
path = "/records/{name}"
require = "view"
[[route]]
name = "Record by number"
path = "/records/{number:int}"
require = "pay"
[[route]]
name = "Record by word"
path = "/records/{name:word}/edit"
require = "pay"
[[route]]
name = "Record page"
path = "/records/{name}/{*page}"
require = "view"
[[route]]
name = "Checkpoint"
path = "/records/{name}/{*page}/checkpoints"
require = "pay"
[[route]]
name = "New project"
path = "/projects/new"
require = "pay"
slash = "data"
"#;

/// The policy with these routes and expectations.
pub(super) fn files(routes: &str, expectations: &str) -> PolicyFiles {
    PolicyFiles {
        permissions: PERMISSIONS.to_owned(),
        groups: GROUPS.to_owned(),
        routes: routes.to_owned(),
        expectations: expectations.to_owned(),
        ..PolicyFiles::default()
    }
}

/// The policy with these routes.
pub(super) fn compile(routes: &str) -> Result<Policy, PolicyProblems> {
    Policy::compile(&files(routes, ""))
}
