//! The admin API and the admin UI, on the admin listener; the API on the admin socket, too.
//!
//! Handlers translate between HTTP and the operations of `directory` and `session`; they check no
//! rule themselves (I8). `routes` lists every route with the role it requires; a request that
//! matches no entry is rejected before any handler runs.
//!
//! On the admin socket no credentials are needed: its file mode decides who can connect. On TCP
//! every route but the probes and the sign-in requires a bearer token, or the cookie of an
//! administrator's session. What a page of another site makes a browser send is refused (`site`).
//!
//! | module | holds |
//! |---|---|
//! | `routes` | the table of routes |
//! | `table`, `input` | how a route is declared, and what its handler reads |
//! | `authority`, `scoped` | what a route requires; the records that a caller's scope shows |
//! | `openapi`, `schemas`, `operation`, `problem_type` | the description of the API, from the table and its types |
//! | `documentation` | the same description as pages for people |
//! | `guard`, `caller` | rejection of undeclared requests, and authentication |
//! | `refused_write` | refused writes, for the logs |
//! | `dry_run` | writes that are tried out: `?dry_run=true` |
//! | `state` | what handlers work with |
//! | `field_error` | what is wrong with a field, in plain words |
//! | `request`, `response`, `problem` | extractors, responses, problem documents |
//! | `conflict` | the response to a write of a record that was changed since |
//! | `groups`, `organizations`, `end_users`, `users`, `sessions`, `lockouts`, `preferences`, `tokens`, `mail` | handlers for records |
//! | `session`, `own_account` | signing in and out; the caller's own password, second factor and sessions |
//! | `views` | links with which staff opens the portal |
//! | `personal_data` | what is stored about a portal user |
//! | `policy`, `explain` | the policy in force, and its decision on a given request |
//! | `marked_requests` | what was decided about the requests of `portcullis doctor` |
//! | `files` | records as a file, and applying one |
//! | `audit` | the audit log |
//! | `health`, `status`, `overview`, `portal_servers`, `server_status`, `certificates` | probes, and the gateway at a glance |
//! | `metrics` | the metrics |
//! | `ui` | the pages for administrators, a client of all of the above |

use std::sync::Arc;

use axum::Router;

use crate::config::Branding;
use crate::credential::key::SecretKey;
use crate::web::preview::Previews;
use crate::web::text::TextProblems;

mod administrators;
mod audit;
mod authority;
mod backup;
mod caller;
mod certificates;
mod conflict;
mod documentation;
mod dry_run;
mod end_users;
mod explain;
mod exports;
mod field_error;
mod files;
mod groups;
mod guard;
mod health;
mod imports;
mod input;
mod installation;
mod jobs;
mod lockouts;
mod mail;
mod marked_requests;
mod metrics;
mod openapi;
mod operation;
mod organizations;
mod origin;
mod overview;
mod own_account;
mod parts;
mod personal_data;
mod policy;
mod portal_servers;
mod preferences;
mod problem;
mod problem_type;
mod refused_write;
mod request;
mod response;
mod routes;
mod schemas;
mod scoped;
mod server_status;
mod session;
mod sessions;
mod site;
mod state;
mod status;
mod table;
mod tokens;
mod trials;
mod ui;
mod upgrade;
mod user_tokens;
mod users;
mod views;

pub use self::caller::Access;
pub use self::certificates::Certificates;
pub use self::installation::Installation;
pub use self::state::AdminState;

/// The API as a service, with one of the two ways of authentication.
pub fn router(state: AdminState, access: Access) -> Router {
    guard::router(routes::table(), state, access)
}

/// The admin UI, and the API behind it; with previews of the pages for portal users.
///
/// # Errors
/// When a text of the program cannot be read.
pub fn with_ui(
    state: AdminState,
    branding: &Branding,
    previews: Arc<dyn Previews>,
    key: &SecretKey,
) -> Result<Router, TextProblems> {
    let ui = ui::Ui::new(state.site(), (branding, previews), key)?;
    Ok(ui::router(ui, router(state, Access::Token)))
}

#[cfg(test)]
mod tests;
