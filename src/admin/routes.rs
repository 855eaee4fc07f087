//! The table of routes: method, path, required role and handler.
//!
//! The parameters of a route are not listed here. They are those that its handler reads, taken from
//! the handler's signature (see `input`).

use super::table::Role::{Administrator, Public};
use super::table::{DELETE, GET, PATCH, POST, PUT, Table};
use super::{
    audit, end_users, explain, groups, health, lockouts, mail, organizations, personal_data,
    policy, preferences, sessions, status, tokens, user_tokens, users,
};

/// Every route of the API.
#[rustfmt::skip]
pub(super) fn table() -> Table {
    Table::default()
        .route(Public, GET, "/healthz", health::alive)
        .route(Public, GET, "/readyz", health::ready)
        .route(Administrator, GET, "/api/v1/groups", groups::list)
        .route(Administrator, POST, "/api/v1/groups", groups::create)
        .route(Administrator, GET, "/api/v1/groups/{id}", groups::show)
        .route(Administrator, PATCH, "/api/v1/groups/{id}", groups::change)
        .route(Administrator, DELETE, "/api/v1/groups/{id}", groups::delete)
        .route(Administrator, POST, "/api/v1/groups/{id}/copy", groups::copy)
        .route(Administrator, GET, "/api/v1/permissions", policy::permissions)
        .route(Administrator, GET, "/api/v1/routes", policy::routes)
        .route(Administrator, POST, "/api/v1/policy/reload", policy::reload)
        .route(Administrator, GET, "/api/v1/audit", audit::list)
        .route(Administrator, GET, "/api/v1/audit/checkpoint", audit::checkpoint)
        .route(Administrator, GET, "/api/v1/audit/export", audit::export)
        .route(Administrator, GET, "/api/v1/explain", explain::by_query)
        .route(Administrator, POST, "/api/v1/explain", explain::by_body)
        .route(Administrator, GET, "/api/v1/organizations", organizations::list)
        .route(Administrator, POST, "/api/v1/organizations", organizations::create)
        .route(Administrator, GET, "/api/v1/organizations/{id}", organizations::show)
        .route(Administrator, PATCH, "/api/v1/organizations/{id}", organizations::change)
        .route(Administrator, DELETE, "/api/v1/organizations/{id}", organizations::delete)
        .route(Administrator, GET, "/api/v1/organizations/{id}/link", organizations::link)
        .route(Administrator, PATCH, "/api/v1/organizations/{id}/link", organizations::switch_link)
        .route(Administrator, POST, "/api/v1/organizations/{id}/link/rotate", organizations::rotate_link)
        .route(Administrator, GET, "/api/v1/organizations/{id}/end-users", end_users::list)
        .route(Administrator, POST, "/api/v1/organizations/{id}/end-users", end_users::create)
        .route(Administrator, GET, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::show)
        .route(Administrator, PATCH, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::change)
        .route(Administrator, DELETE, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::delete)
        .route(Administrator, GET, "/api/v1/users", users::list)
        .route(Administrator, POST, "/api/v1/users", users::create)
        .route(Administrator, GET, "/api/v1/users/{id}", users::show)
        .route(Administrator, PATCH, "/api/v1/users/{id}", users::change)
        .route(Administrator, DELETE, "/api/v1/users/{id}", users::delete)
        .route(Administrator, GET, "/api/v1/users/{id}/export", personal_data::export)
        .route(Administrator, PUT, "/api/v1/users/{id}/password", users::set_password)
        .route(Administrator, POST, "/api/v1/users/{id}/password", users::set_password)
        .route(Administrator, POST, "/api/v1/users/{id}/invitation", users::invite)
        .route(Administrator, DELETE, "/api/v1/users/{id}/invitation", users::withdraw)
        .route(Administrator, GET, "/api/v1/users/{id}/mfa", users::second_factor)
        .route(Administrator, DELETE, "/api/v1/users/{id}/mfa", users::reset_second_factor)
        .route(Administrator, GET, "/api/v1/users/{id}/sessions", users::sessions)
        .route(Administrator, DELETE, "/api/v1/users/{id}/sessions", users::end_sessions)
        .route(Administrator, GET, "/api/v1/users/{id}/tokens", user_tokens::list)
        .route(Administrator, POST, "/api/v1/users/{id}/tokens", user_tokens::create)
        .route(Administrator, DELETE, "/api/v1/users/{id}/tokens/{token}", user_tokens::revoke)
        .route(Administrator, GET, "/api/v1/sessions", sessions::list)
        .route(Administrator, DELETE, "/api/v1/sessions", sessions::end_all)
        .route(Administrator, DELETE, "/api/v1/sessions/{id}", sessions::end)
        .route(Administrator, GET, "/api/v1/lockouts", lockouts::list)
        .route(Administrator, DELETE, "/api/v1/lockouts", lockouts::release_by_query)
        .route(Administrator, DELETE, "/api/v1/lockouts/{id}", lockouts::release)
        .route(Administrator, GET, "/api/v1/preferences", preferences::show)
        .route(Administrator, PATCH, "/api/v1/preferences", preferences::change)
        .route(Administrator, GET, "/api/v1/mail", mail::list)
        .route(Administrator, GET, "/api/v1/mail/{id}", mail::show)
        .route(Administrator, POST, "/api/v1/mail/{id}/retry", mail::retry)
        .route(Administrator, GET, "/api/v1/status", status::show)
        .route(Administrator, GET, "/api/v1/tokens", tokens::list)
        .route(Administrator, POST, "/api/v1/tokens", tokens::create)
        .route(Administrator, DELETE, "/api/v1/tokens/{id}", tokens::revoke)
}
