//! What an operator sees of us: the API on the admin listener and on the admin socket.
//!
//! Handlers translate between HTTP and the operations of the directory and the sessions; no rule
//! is judged here (I8). Every route is in the one table below, each with the role that it asks
//! for; what is not in the table is not reached (see `gate`). On the admin socket nobody needs to
//! say who they are: the file's mode does. On TCP every route but the two probes needs a bearer
//! token that `portcullis token create` has made. There are no cookies, so a browser has nothing
//! that a page of another site could abuse.
//!
//! | module | holds |
//! |---|---|
//! | `gate` | the table's roles and parameters, and who is let through |
//! | `request`, `answer`, `problem` | reading strictly, answering alike |
//! | `groups`, `organizations`, `end_users`, `users`, `sessions`, `lockouts`, `preferences`, `tokens` | records |
//! | `mail` | mails to portal users |
//! | `policy`, `explain` | the policy in force, and what it says about a request |
//! | `health` | probes |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::MethodFilter;
use futures_util::future::BoxFuture;
use http::Method;

use self::gate::{Role, Table};
use crate::config::{PublicUrl, Settings};
use crate::directory::Directory;
use crate::session::Sessions;
use portcullis_policy::{Host, PolicyProblems};
use portcullis_store::feed::Feed;

mod answer;
mod end_users;
mod explain;
mod gate;
mod groups;
mod health;
mod lockouts;
mod mail;
mod organizations;
mod policy;
mod preferences;
mod problem;
mod request;
mod sessions;
mod tokens;
mod users;

/// Reads the policy files again and puts what they say in force, or tells all that is wrong.
pub type Reload = dyn Fn() -> BoxFuture<'static, Result<(), PolicyProblems>> + Send + Sync;

/// What the handlers work with. Clones share it.
#[derive(Clone)]
pub struct AdminState {
    directory: Directory,
    sessions: Sessions,
    feed: Feed,
    reload: Arc<Reload>,
    max_staleness: Duration,
    public_url: Arc<PublicUrl>,
    hosts: Arc<[Host]>,
}

impl AdminState {
    /// Puts the parts together; `reload` is how the policy files are read again.
    #[must_use]
    pub fn new(
        settings: &Settings,
        (directory, sessions, feed): (Directory, Sessions, Feed),
        reload: Arc<Reload>,
    ) -> Self {
        let server = &settings.server;
        let hosts = [server.public_url.host()].into_iter().chain(&server.hosts).cloned();
        Self {
            directory,
            sessions,
            feed,
            reload,
            max_staleness: settings.store.max_staleness,
            public_url: Arc::new(server.public_url.clone()),
            hosts: hosts.collect(),
        }
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").finish_non_exhaustive()
    }
}

/// How callers show that they are administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By being able to open the admin socket.
    Socket,
    /// By a bearer token.
    Token,
}

/// The API, for one of the two ways to it.
pub fn router(state: AdminState, access: Access) -> Router {
    table().into_router(state, access)
}

const GET: (Method, MethodFilter) = (Method::GET, MethodFilter::GET);
const POST: (Method, MethodFilter) = (Method::POST, MethodFilter::POST);
const PUT: (Method, MethodFilter) = (Method::PUT, MethodFilter::PUT);
const PATCH: (Method, MethodFilter) = (Method::PATCH, MethodFilter::PATCH);
const DELETE: (Method, MethodFilter) = (Method::DELETE, MethodFilter::DELETE);

/// Every route there is, with the parameters that it takes; it refuses any other.
#[rustfmt::skip]
fn table() -> Table {
    use Role::{Administrator, Anyone};

    Table::default()
        .on(Anyone, GET, "/healthz", health::alive)
        .on(Anyone, GET, "/readyz", health::ready)
        .on(Administrator, GET, "/api/v1/groups?limit&after&cursor", groups::list)
        .on(Administrator, POST, "/api/v1/groups", groups::create)
        .on(Administrator, GET, "/api/v1/groups/{id}", groups::show)
        .on(Administrator, PATCH, "/api/v1/groups/{id}", groups::change)
        .on(Administrator, DELETE, "/api/v1/groups/{id}?move_to", groups::delete)
        .on(Administrator, POST, "/api/v1/groups/{id}/copy", groups::copy)
        .on(Administrator, GET, "/api/v1/permissions", policy::permissions)
        .on(Administrator, GET, "/api/v1/routes", policy::routes)
        .on(Administrator, POST, "/api/v1/policy/reload", policy::reload)
        .on(Administrator, GET, "/api/v1/explain?user&link&group&anonymous&organization&method&target&host&websocket", explain::by_query)
        .on(Administrator, POST, "/api/v1/explain", explain::by_body)
        .on(Administrator, GET, "/api/v1/organizations?limit&after&cursor", organizations::list)
        .on(Administrator, POST, "/api/v1/organizations", organizations::create)
        .on(Administrator, GET, "/api/v1/organizations/{id}", organizations::show)
        .on(Administrator, PATCH, "/api/v1/organizations/{id}", organizations::change)
        .on(Administrator, DELETE, "/api/v1/organizations/{id}", organizations::delete)
        .on(Administrator, GET, "/api/v1/organizations/{id}/link", organizations::link)
        .on(Administrator, PATCH, "/api/v1/organizations/{id}/link", organizations::switch_link)
        .on(Administrator, POST, "/api/v1/organizations/{id}/link/rotate", organizations::rotate_link)
        .on(Administrator, GET, "/api/v1/organizations/{id}/end-users?limit&after&cursor", end_users::list)
        .on(Administrator, POST, "/api/v1/organizations/{id}/end-users", end_users::create)
        .on(Administrator, GET, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::show)
        .on(Administrator, PATCH, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::change)
        .on(Administrator, DELETE, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::delete)
        .on(Administrator, GET, "/api/v1/users?limit&after&cursor&organization&group&login", users::list)
        .on(Administrator, POST, "/api/v1/users", users::create)
        .on(Administrator, GET, "/api/v1/users/{id}", users::show)
        .on(Administrator, PATCH, "/api/v1/users/{id}", users::change)
        .on(Administrator, DELETE, "/api/v1/users/{id}", users::delete)
        .on(Administrator, PUT, "/api/v1/users/{id}/password", users::set_password)
        .on(Administrator, POST, "/api/v1/users/{id}/password", users::set_password)
        .on(Administrator, POST, "/api/v1/users/{id}/invitation", users::invite)
        .on(Administrator, DELETE, "/api/v1/users/{id}/invitation", users::withdraw)
        .on(Administrator, GET, "/api/v1/users/{id}/mfa", users::second_factor)
        .on(Administrator, DELETE, "/api/v1/users/{id}/mfa", users::reset_second_factor)
        .on(Administrator, GET, "/api/v1/users/{id}/sessions?limit&after&cursor", users::sessions)
        .on(Administrator, DELETE, "/api/v1/users/{id}/sessions", users::end_sessions)
        .on(Administrator, GET, "/api/v1/sessions?limit&after&cursor&user&organization", sessions::list)
        .on(Administrator, DELETE, "/api/v1/sessions?user&organization", sessions::end_all)
        .on(Administrator, DELETE, "/api/v1/sessions/{id}", sessions::end)
        .on(Administrator, GET, "/api/v1/lockouts", lockouts::list)
        .on(Administrator, DELETE, "/api/v1/lockouts?login&address", lockouts::release_of)
        .on(Administrator, DELETE, "/api/v1/lockouts/{id}", lockouts::release)
        .on(Administrator, GET, "/api/v1/preferences", preferences::show)
        .on(Administrator, PATCH, "/api/v1/preferences", preferences::change)
        .on(Administrator, GET, "/api/v1/mail?limit&after&cursor&state", mail::list)
        .on(Administrator, GET, "/api/v1/mail/{id}", mail::show)
        .on(Administrator, POST, "/api/v1/mail/{id}/retry", mail::retry)
        .on(Administrator, GET, "/api/v1/tokens?limit&after&cursor", tokens::list)
        .on(Administrator, POST, "/api/v1/tokens", tokens::create)
        .on(Administrator, DELETE, "/api/v1/tokens/{id}", tokens::revoke)
}

#[cfg(test)]
mod tests;
