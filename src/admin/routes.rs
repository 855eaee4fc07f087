//! The table of routes: required role and scope, method, path and handler.
//!
//! The parameters of a route are not listed here. They are those that its handler reads, taken from
//! the handler's signature (see `input`).

use super::authority::Authority::{Export, Manage, Own, Public, Read, Support};
use super::authority::Reach::{Gateway, Organizations, Shared};
use super::operation::op;
use super::table::{DELETE, GET, PATCH, POST, PUT, Table};
use super::{
    administrators, audit, backup, documentation, end_users, explain, files, groups, health,
    imports, jobs, lockouts, mail, marked_requests, metrics, openapi, organizations, overview,
    own_account, personal_data, policy, portal_servers, preferences, session, sessions, status,
    tokens, trials, upgrade, user_tokens, users, views,
};

/// Every route of the API.
#[rustfmt::skip]
pub(super) fn table() -> Table {
    Table::default()
        .route(Public, Shared, GET, "/healthz", health::alive,
            op("probes.health", "Check that the process serves requests"))
        .route(Public, Shared, GET, "/livez", health::alive,
            op("probes.live", "Check that the process serves requests"))
        .route(Public, Shared, GET, "/readyz", health::ready,
            op("probes.ready", "Check that requests can be decided").refuses(&["not-ready"]))
        .route(Read, Gateway, GET, "/metrics", metrics::show,
            op("status.metrics", "Get the metrics, as Prometheus reads them"))
        .route(Read, Shared, GET, "/openapi.json", openapi::show,
            op("description.openapi", "Get this description"))
        .route(Read, Shared, GET, "/docs", documentation::start,
            op("description.pages", "Get this description as pages: the first one"))
        .route(Read, Shared, GET, "/docs/problems", documentation::problems,
            op("description.problems", "Get the page about the types of problems"))
        .route(Read, Shared, GET, "/docs/{tag}", documentation::subject,
            op("description.subject", "Get the page about one subject, by its tag"))
        .route(Read, Shared, GET, "/api/v1/groups", groups::list,
            op("groups.list", "List groups"))
        .route(Manage, Gateway, POST, "/api/v1/groups", groups::create,
            op("groups.create", "Create a group")
                .refuses(&["taken", "permission-needs-identity"]))
        .route(Read, Shared, GET, "/api/v1/groups/{id}", groups::show,
            op("groups.show", "Get a group"))
        .route(Manage, Gateway, PATCH, "/api/v1/groups/{id}", groups::change,
            op("groups.change", "Change a group, or make it the default")
                .refuses(&["taken", "permission-needs-identity", "group-built-in", "group-not-a-default"]))
        .route(Manage, Gateway, DELETE, "/api/v1/groups/{id}", groups::delete,
            op("groups.delete", "Delete a group")
                .refuses(&["group-built-in", "group-in-use", "group-is-default"]))
        .route(Manage, Gateway, POST, "/api/v1/groups/{id}/copy", groups::copy,
            op("groups.copy", "Copy a group")
                .refuses(&["taken", "permission-needs-identity"]))
        .route(Read, Shared, GET, "/api/v1/permissions", policy::permissions,
            op("policy.permissions", "List the permissions of the policy"))
        .route(Read, Shared, GET, "/api/v1/routes", policy::routes,
            op("policy.routes", "List the routes of the policy"))
        .route(Manage, Gateway, POST, "/api/v1/policy/reload", policy::reload,
            op("policy.reload", "Read the policy files again").refuses(&["policy-invalid"]))
        .route(Read, Gateway, GET, "/api/v1/policy/trials", trials::list,
            op("policy.trials", "List trials of the portal, the newest first"))
        .route(Manage, Gateway, POST, "/api/v1/policy/trials", trials::start,
            op("policy.try", "Create a one-time link that starts a trial of the portal")
                .refuses(&["not-found", "organization-parked"]))
        .route(Read, Gateway, GET, "/api/v1/policy/trials/{id}", trials::show,
            op("policy.trial", "Get a trial and what was seen in it"))
        .route(Manage, Gateway, DELETE, "/api/v1/policy/trials/{id}", trials::stop,
            op("policy.stop_trial", "End a trial; what was seen in it stays"))
        .route(Read, Gateway, GET, "/api/v1/policy/trials/{id}/proposal", trials::proposal,
            op("policy.proposal", "Get routes for what was seen in a trial and has none"))
        .route(Read, Organizations, GET, "/api/v1/audit", audit::list,
            op("audit.list", "List entries of the audit log, the newest first"))
        .route(Read, Organizations, GET, "/api/v1/audit/{id}", audit::show,
            op("audit.show", "Get an entry of the audit log by its number"))
        .route(Export, Gateway, GET, "/api/v1/audit/checkpoint", audit::checkpoint,
            op("audit.checkpoint", "Sign the entries so far and get the checkpoint")
                .refuses(&["not-found"]))
        .route(Export, Gateway, GET, "/api/v1/audit/verification", audit::verification,
            op("audit.verification", "Verify the audit log against its own checkpoints"))
        .route(Export, Gateway, GET, "/api/v1/audit/export", audit::export,
            op("audit.export", "Export the whole audit log"))
        .route(Own, Gateway, GET, "/api/v1/backup", backup::create,
            op("backup.create", "Get all records as a backup"))
        .route(Manage, Organizations, GET, "/api/v1/export", files::export,
            op("files.export", "Export records as a file"))
        .route(Manage, Organizations, POST, "/api/v1/apply", files::apply,
            op("files.apply", "Apply a file")
                .refuses(&["file-invalid", "out-of-scope", "too-many-jobs"]))
        .route(Read, Organizations, GET, "/api/v1/explain", explain::by_query,
            op("explain.get", "Explain the decision on a request").refuses(&["not-found"]))
        .route(Read, Organizations, POST, "/api/v1/explain", explain::by_body,
            op("explain.post", "Explain the decision on a request").refuses(&["not-found"]))
        .route(Read, Organizations, GET, "/api/v1/organizations", organizations::list,
            op("organizations.list", "List organizations"))
        .route(Manage, Gateway, POST, "/api/v1/organizations", organizations::create,
            op("organizations.create", "Create an organization").refuses(&["taken"]))
        .route(Read, Organizations, GET, "/api/v1/organizations/{id}", organizations::show,
            op("organizations.show", "Get an organization"))
        .route(Manage, Organizations, PATCH, "/api/v1/organizations/{id}", organizations::change,
            op("organizations.change", "Change an organization")
                .refuses(&["taken", "is-password", "group-not-a-default"]))
        .route(Manage, Organizations, DELETE, "/api/v1/organizations/{id}", organizations::delete,
            op("organizations.delete", "Delete an organization without members")
                .refuses(&["organization-in-use", "organization-in-scope"]))
        .route(Support, Organizations, GET, "/api/v1/organizations/{id}/link", organizations::link,
            op("organizations.link", "Get the secure link"))
        .route(Manage, Organizations, PATCH, "/api/v1/organizations/{id}/link", organizations::switch_link,
            op("organizations.switch_link", "Enable or disable the secure link"))
        .route(Manage, Organizations, POST, "/api/v1/organizations/{id}/link/rotate", organizations::rotate_link,
            op("organizations.rotate_link", "Replace the secure link"))
        .route(Read, Organizations, GET, "/api/v1/organizations/{id}/end-users", end_users::list,
            op("end_users.list", "List the end users of an organization"))
        .route(Manage, Organizations, POST, "/api/v1/organizations/{id}/end-users", end_users::create,
            op("end_users.create", "Create an end user").refuses(&["taken"]))
        .route(Read, Organizations, GET, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::show,
            op("end_users.show", "Get an end user"))
        .route(Manage, Organizations, PATCH, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::change,
            op("end_users.change", "Change an end user").refuses(&["taken", "is-password"]))
        .route(Manage, Organizations, DELETE, "/api/v1/organizations/{id}/end-users/{end_user}", end_users::delete,
            op("end_users.delete", "Delete an end user without a portal user")
                .refuses(&["end-user-in-use"]))
        .route(Read, Organizations, GET, "/api/v1/users", users::list,
            op("users.list", "List portal users"))
        .route(Manage, Organizations, POST, "/api/v1/users", users::create,
            op("users.create", "Create a portal user")
                .refuses(&[
                    "taken", "no-address", "busy", "is-password", "has-password",
                    "organization-parked",
                ]))
        .route(Read, Organizations, GET, "/api/v1/users/{id}", users::show,
            op("users.show", "Get a portal user"))
        .route(Manage, Organizations, PATCH, "/api/v1/users/{id}", users::change,
            op("users.change", "Change a portal user").refuses(&["taken", "is-password"]))
        .route(Manage, Organizations, DELETE, "/api/v1/users/{id}", users::delete,
            op("users.delete", "Delete a portal user").refuses(&["end-user-in-use"]))
        .route(Support, Organizations, GET, "/api/v1/users/{id}/export", personal_data::export,
            op("users.export", "Export everything that is stored about a portal user"))
        .route(Support, Organizations, PUT, "/api/v1/users/{id}/password", users::set_password,
            op("users.set_password", "Set the password of a portal user")
                .refuses(&["busy", "is-password"]))
        .route(Support, Organizations, POST, "/api/v1/users/{id}/password", users::post_password,
            op("users.post_password", "Set the password of a portal user")
                .refuses(&["busy", "is-password"]))
        .route(Support, Organizations, POST, "/api/v1/users/{id}/invitation", users::invite,
            op("users.invite", "Send an invitation to choose a password")
                .refuses(&["has-password", "no-address", "account-disabled", "organization-parked"]))
        .route(Support, Organizations, DELETE, "/api/v1/users/{id}/invitation", users::withdraw,
            op("users.withdraw", "Withdraw the invitation").refuses(&["not-invited"]))
        .route(Read, Organizations, GET, "/api/v1/users/{id}/mfa", users::second_factor,
            op("users.second_factor", "Get the state of the second factor"))
        .route(Support, Organizations, DELETE, "/api/v1/users/{id}/mfa", users::reset_second_factor,
            op("users.reset_second_factor", "Remove the second factor"))
        .route(Read, Organizations, GET, "/api/v1/users/{id}/sessions", users::sessions,
            op("users.sessions", "List the sessions of a portal user"))
        .route(Support, Organizations, DELETE, "/api/v1/users/{id}/sessions", users::end_sessions,
            op("users.end_sessions", "End the sessions of a portal user"))
        .route(Read, Organizations, GET, "/api/v1/users/{id}/tokens", user_tokens::list,
            op("user_tokens.list", "List the tokens of a portal user"))
        .route(Manage, Organizations, POST, "/api/v1/users/{id}/tokens", user_tokens::create,
            op("user_tokens.create", "Create a token for a program of a portal user")
                .refuses(&["taken", "no-password", "too-many-tokens"]))
        .route(Support, Organizations, DELETE, "/api/v1/users/{id}/tokens/{token}", user_tokens::revoke,
            op("user_tokens.revoke", "Revoke a token of a portal user"))
        .route(Manage, Organizations, POST, "/api/v1/users/bulk", jobs::users,
            op("users.bulk", "Queue a job that changes portal users of a list")
                .refuses(&["too-many-jobs"]))
        .route(Manage, Organizations, POST, "/api/v1/bulk", jobs::bulk,
            op("jobs.bulk", "Queue a job that changes the portal users of organizations")
                .refuses(&["too-many-jobs"]))
        .route(Manage, Organizations, POST, "/api/v1/import/organizations", imports::organizations,
            op("jobs.import_organizations", "Queue a job that imports organizations from a CSV file")
                .refuses(&["too-many-jobs"]))
        .route(Manage, Organizations, POST, "/api/v1/import/end-users", imports::end_users,
            op("jobs.import_end_users", "Queue a job that imports end users from a CSV file")
                .refuses(&["too-many-jobs"]))
        .route(Manage, Organizations, POST, "/api/v1/import/users", imports::users,
            op("jobs.import_users", "Queue a job that imports portal users from a CSV file")
                .refuses(&["too-many-jobs"]))
        .route(Read, Organizations, GET, "/api/v1/jobs", jobs::list,
            op("jobs.list", "List jobs, the newest first"))
        .route(Read, Organizations, GET, "/api/v1/jobs/{id}", jobs::show,
            op("jobs.show", "Get a job"))
        .route(Manage, Organizations, DELETE, "/api/v1/jobs/{id}", jobs::cancel,
            op("jobs.cancel", "Cancel a job").refuses(&["job-ended"]))
        .route(Read, Organizations, GET, "/api/v1/jobs/{id}/report", jobs::report_of,
            op("jobs.report", "Get what a job has done so far, line by line"))
        .route(Read, Organizations, GET, "/api/v1/jobs/{id}/lines", jobs::lines,
            op("jobs.lines", "List lines of the report of a job"))
        .route(Read, Organizations, GET, "/api/v1/sessions", sessions::list,
            op("sessions.list", "List current sessions"))
        .route(Support, Organizations, DELETE, "/api/v1/sessions", sessions::end_all,
            op("sessions.end_all", "End the sessions of a user or an organization, or all")
                .refuses(&["not-found"]))
        .route(Support, Organizations, DELETE, "/api/v1/sessions/{id}", sessions::end,
            op("sessions.end", "End a session"))
        .route(Support, Organizations, POST, "/api/v1/views", views::view,
            op("views.view", "Create a one-time link to view the portal of an organization")
                .refuses(&["not-found", "organization-parked"]))
        .route(Support, Organizations, POST, "/api/v1/impersonations", views::impersonate,
            op("views.impersonate", "Create a one-time link to act as a portal user")
                .refuses(&[
                    "not-found", "escalation", "account-disabled", "no-portal-access",
                    "organization-parked",
                ]))
        .route(Read, Organizations, GET, "/api/v1/lockouts", lockouts::list,
            op("lockouts.list", "List current lockouts"))
        .route(Support, Organizations, DELETE, "/api/v1/lockouts", lockouts::release_by_query,
            op("lockouts.release_by_query", "Clear the failures of a login or an address")
                .refuses(&["not-found"]))
        .route(Support, Organizations, DELETE, "/api/v1/lockouts/{id}", lockouts::release,
            op("lockouts.release", "Clear the failures of a lockout"))
        .route(Read, Gateway, GET, "/api/v1/portal-servers", portal_servers::list,
            op("portal_servers.list", "List the portal's servers"))
        .route(Read, Gateway, GET, "/api/v1/portal-servers/{id}", portal_servers::show,
            op("portal_servers.show", "Get a server of the portal by its address"))
        .route(Manage, Gateway, PATCH, "/api/v1/portal-servers/{id}", portal_servers::change,
            op("portal_servers.change", "Drain a server of the portal, or let it take requests again"))
        .route(Read, Gateway, GET, "/api/v1/preferences", preferences::show,
            op("preferences.show", "Get the preferences"))
        .route(Manage, Gateway, PATCH, "/api/v1/preferences", preferences::change,
            op("preferences.change", "Change the preferences"))
        .route(Read, Organizations, GET, "/api/v1/mail", mail::list,
            op("mail.list", "List emails"))
        .route(Support, Gateway, POST, "/api/v1/mail/test", mail::test,
            op("mail.test", "Send a test email"))
        .route(Read, Organizations, GET, "/api/v1/mail/{id}", mail::show,
            op("mail.show", "Get an email"))
        .route(Read, Organizations, GET, "/api/v1/mail/{id}/content", mail::content,
            op("mail.content", "Get how an email reads, without the secret of its link"))
        .route(Support, Organizations, POST, "/api/v1/mail/{id}/retry", mail::retry,
            op("mail.retry", "Send an email again").refuses(&["mail-done"]))
        .route(Read, Gateway, GET, "/api/v1/status", status::show,
            op("status.show", "Get the state of the gateway"))
        .route(Read, Gateway, GET, "/api/v1/overview", overview::show,
            op("status.overview", "Get what is well in the gateway, and what is not"))
        .route(Read, Gateway, GET, "/api/v1/doctor", marked_requests::show,
            op("status.doctor", "Get the requests that `portcullis doctor` has marked"))
        .route(Read, Gateway, GET, "/api/v1/upgrade", upgrade::show,
            op("status.upgrade", "Get what a new version of the gateway must be able to take over"))
        .route(Public, Shared, POST, "/api/v1/session", session::start,
            op("session.start", "Sign in as an administrator")
                .refuses(&["code-required", "wrong-credentials", "second-factor-missing", "locked-out", "busy", "cross-site"]))
        .route(Read, Shared, GET, "/api/v1/session", session::show,
            op("session.show", "Get who is calling"))
        .route(Read, Shared, DELETE, "/api/v1/session", session::end,
            op("session.end", "Sign out").refuses(&["not-found"]))
        .route(Public, Shared, POST, "/api/v1/session/code", session::enter_code,
            op("session.enter_code", "Enter the code of a sign-in whose password was right")
                .refuses(&["wrong-credentials", "session-ended", "locked-out", "busy", "cross-site"]))
        .route(Public, Shared, POST, "/api/v1/session/set-up", own_account::set_up_at_sign_in,
            op("session.set_up", "Set up the second factor that a sign-in requires, and sign in")
                .refuses(&["wrong-credentials", "session-ended", "locked-out", "cross-site"]))
        .route(Read, Shared, PUT, "/api/v1/session/password", own_account::set_password,
            op("session.set_password", "Change the caller's own password")
                .refuses(&["not-found", "code-required", "wrong-credentials", "locked-out", "busy"]))
        .route(Read, Shared, POST, "/api/v1/session/password", own_account::post_password,
            op("session.post_password", "Change the caller's own password")
                .refuses(&["not-found", "code-required", "wrong-credentials", "locked-out", "busy"]))
        .route(Read, Shared, GET, "/api/v1/session/mfa", own_account::second_factor,
            op("session.second_factor", "Get the state of the caller's own second factor")
                .refuses(&["not-found"]))
        .route(Read, Shared, POST, "/api/v1/session/mfa", own_account::set_up_second_factor,
            op("session.set_up_second_factor", "Set up the caller's own second factor")
                .refuses(&["not-found", "code-required", "wrong-credentials", "locked-out", "busy"]))
        .route(Read, Shared, GET, "/api/v1/session/mfa/proposal", own_account::propose_second_factor,
            op("session.propose_second_factor", "Get a secret to set up a second factor with")
                .refuses(&["not-found"]))
        .route(Read, Shared, POST, "/api/v1/session/mfa/recovery-codes", own_account::replace_recovery_codes,
            op("session.replace_recovery_codes", "Replace the caller's own recovery codes")
                .refuses(&["not-found", "code-required", "wrong-credentials", "locked-out", "busy"]))
        .route(Read, Shared, GET, "/api/v1/session/sessions", own_account::sessions,
            op("session.sessions", "List the caller's own sessions").refuses(&["not-found"]))
        .route(Read, Shared, DELETE, "/api/v1/session/sessions/{id}", own_account::end_session,
            op("session.end_session", "End one of the caller's own sessions"))
        .route(Own, Gateway, GET, "/api/v1/administrators", administrators::list,
            op("administrators.list", "List administrators"))
        .route(Own, Gateway, POST, "/api/v1/administrators", administrators::create,
            op("administrators.create", "Create an administrator")
                .refuses(&["taken", "busy"]))
        .route(Own, Gateway, GET, "/api/v1/administrators/{id}", administrators::show,
            op("administrators.show", "Get an administrator"))
        .route(Own, Gateway, PATCH, "/api/v1/administrators/{id}", administrators::change,
            op("administrators.change", "Change an administrator")
                .refuses(&["last-owner", "is-password"]))
        .route(Own, Gateway, DELETE, "/api/v1/administrators/{id}", administrators::delete,
            op("administrators.delete", "Delete an administrator").refuses(&["last-owner"]))
        .route(Own, Gateway, PUT, "/api/v1/administrators/{id}/password", administrators::set_password,
            op("administrators.set_password", "Set the password of an administrator")
                .refuses(&["own-account", "busy"]))
        .route(Own, Gateway, POST, "/api/v1/administrators/{id}/mfa", administrators::reset_mfa,
            op("administrators.reset_mfa", "Issue another second factor")
                .refuses(&["own-account"]))
        .route(Own, Gateway, GET, "/api/v1/administrators/{id}/sessions", administrators::sessions,
            op("administrators.sessions", "List the sessions of an administrator"))
        .route(Own, Gateway, DELETE, "/api/v1/administrators/{id}/sessions", administrators::end_sessions,
            op("administrators.end_sessions", "End the sessions of an administrator"))
        .route(Own, Gateway, GET, "/api/v1/tokens", tokens::list,
            op("tokens.list", "List API tokens"))
        .route(Own, Gateway, POST, "/api/v1/tokens", tokens::create,
            op("tokens.create", "Create an API token"))
        .route(Own, Gateway, GET, "/api/v1/tokens/{id}", tokens::show,
            op("tokens.show", "Get an API token"))
        .route(Own, Gateway, PATCH, "/api/v1/tokens/{id}", tokens::change,
            op("tokens.change", "Change what an API token may do, and when it expires"))
        .route(Own, Gateway, DELETE, "/api/v1/tokens/{id}", tokens::revoke,
            op("tokens.revoke", "Revoke an API token"))
}
