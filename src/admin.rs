//! The admin API, on the admin listener and on the admin socket.
//!
//! Handlers translate between HTTP and the operations of `directory` and `session`; they check no
//! rule themselves (I8). [`routes`] lists every route with the role it requires; a request that
//! matches no entry is rejected before any handler runs.
//!
//! On the admin socket no credentials are needed: its file mode decides who can connect. On TCP
//! every route but the two probes requires a bearer token made by `portcullis token create`. There
//! are no cookies, so a page of another site cannot make a browser send credentials.
//!
//! | module | holds |
//! |---|---|
//! | `routes` | the table of routes |
//! | `table`, `input` | how a route is declared, and what its handler reads |
//! | `guard` | authentication, and rejection of undeclared requests |
//! | `request`, `response`, `problem` | extractors, responses, problem documents |
//! | `groups`, `organizations`, `end_users`, `users`, `sessions`, `lockouts`, `preferences`, `tokens`, `mail` | handlers for records |
//! | `policy`, `explain` | the policy in force, and its decision on a given request |
//! | `health` | probes |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;

use crate::config::{PublicUrl, Settings};
use crate::directory::Directory;
use crate::session::Sessions;
use portcullis_policy::{Host, PolicyProblems};
use portcullis_store::feed::Feed;

mod end_users;
mod explain;
mod groups;
mod guard;
mod health;
mod input;
mod lockouts;
mod mail;
mod organizations;
mod policy;
mod preferences;
mod problem;
mod request;
mod response;
mod routes;
mod sessions;
mod table;
mod tokens;
mod users;

/// Reads the policy files again and puts them in force, or returns every problem found in them.
pub type Reload = dyn Fn() -> BoxFuture<'static, Result<(), PolicyProblems>> + Send + Sync;

/// What handlers work with. Cheap to clone.
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
    /// The state for a gateway with these settings; `reload` serves `POST policy/reload`.
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

/// How callers of the API are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By the file mode of the admin socket: every request is an administrator's.
    Socket,
    /// By a bearer token.
    Token,
}

/// The API as a service, with one of the two ways of authentication.
pub fn router(state: AdminState, access: Access) -> Router {
    routes::table().into_router(state, access)
}

#[cfg(test)]
mod tests;
