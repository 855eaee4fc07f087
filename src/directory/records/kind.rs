//! The kinds of records that the directory keeps, by the names they have in the store.
//!
//! A name is part of what is on disk: it never changes.

use portcullis_store::Kind;

/// A customer of the operator.
pub const ORGANIZATION: Kind = Kind::new("organization");
/// A contact of an organization.
pub const END_USER: Kind = Kind::new("end_user");
/// A sign-in (portal user).
pub const USER: Kind = Kind::new("user");
/// A permission group.
pub const GROUP: Kind = Kind::new("group");
/// The installation-wide preferences; a single record.
pub const PREFERENCES: Kind = Kind::new("preferences");
/// A bearer token of the admin API, by the hash of the token.
pub const API_TOKEN: Kind = Kind::new("api_token");
/// When a token of the admin API was last used, by the token's id.
pub const API_TOKEN_USE: Kind = Kind::new("api_token_use");
/// A token of a portal user, by the hash of the token.
pub const USER_TOKEN: Kind = Kind::new("user_token");
/// The last time step at which a portal user's code was accepted, by the user's id.
pub const TOTP_STEP: Kind = Kind::new("totp_step");
/// When a portal user last signed in, by the user's id.
pub const LAST_SIGN_IN: Kind = Kind::new("last_sign_in");
/// A session, by the hash of its token. Its documents are those of the session module.
pub const SESSION: Kind = Kind::new("session");
/// The index of sessions by portal user.
pub const SESSION_USER: &str = "user";
/// Why a session has ended, by the hash of its token. Its documents are those of the session module.
pub const ENDED_SESSION: Kind = Kind::new("ended_session");
/// A one-time link that opens the portal for the operator's staff, by the hash of its token.
pub const VIEW_LINK: Kind = Kind::new("view_link");
/// A trial of the portal by the operator's staff.
pub const TRIAL: Kind = Kind::new("trial");
/// What was seen of some requests in a trial.
pub const TRIAL_ROW: Kind = Kind::new("trial_row");
/// A mail to a portal user, waiting or completed.
pub const MAIL: Kind = Kind::new("letter");
/// A refused request of a session, by its number.
pub const REFUSED_REQUEST: Kind = Kind::appended("refused_request");
/// A refused request of a visitor without a session, by its number.
pub const REFUSED_VISIT: Kind = Kind::new("refused_visit");
/// An administrator.
pub const ADMINISTRATOR: Kind = Kind::new("administrator");
/// A session of an administrator, by the hash of its token.
pub const ADMIN_SESSION: Kind = Kind::new("admin_session");
/// A job. Its documents are those of the jobs module, like those of the next two.
pub const JOB: Kind = Kind::new("job");
/// A part of a job's plan: what is still to be done, by the job and the place in the plan.
pub const JOB_PLAN: Kind = Kind::new("job_plan");
/// A part of a job's report, by the job and the place in the report.
pub const JOB_REPORT: Kind = Kind::new("job_report");
/// An entry of the audit log, by its number.
pub const AUDIT: Kind = Kind::appended("audit");
/// A signed checkpoint of the audit log, by the number of entries that it covers.
pub const AUDIT_CHECKPOINT: Kind = Kind::new("audit_checkpoint");
/// Which keys the records have; a single record.
pub const KEYS: Kind = Kind::new("keys");
