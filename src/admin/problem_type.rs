//! The types of problems that the API responds with: when each occurs, and what to do about it.

use http::StatusCode;

/// A type of problem. Its name is the end of the document's `type`.
#[derive(Debug)]
pub(super) struct ProblemType {
    pub(super) name: &'static str,
    pub(super) status: StatusCode,
    /// When it occurs.
    pub(super) meaning: &'static str,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

macro_rules! problem_types {
    ($($status:ident { $($name:literal: $meaning:literal, $remedy:literal;)+ })+) => {
        /// All types, in order of their status.
        pub(super) const ALL: &[ProblemType] = &[$($(ProblemType {
            name: $name,
            status: StatusCode::$status,
            meaning: $meaning,
            remedy: $remedy,
        },)+)+];
    };
}

problem_types! {
    BAD_REQUEST {
        "malformed": "The body is not JSON in UTF-8, or `If-Match` is not a version or does not apply.",
            "Send a JSON object; send `If-Match` only to records, with their `ETag`.";
    }
    UNAUTHORIZED {
        "token-missing": "Neither a token nor the cookie of a session was sent.",
            "Send `Authorization: Bearer portcullis_…`, or sign in.";
        "token-unknown": "The token is unknown, expired or revoked.",
            "Create another with `portcullis token create NAME`.";
        "session-ended": "The session has ended.", "Sign in again.";
        "code-required": "The password is right, and the account has a second factor.",
            "Send a `code` too; at a sign-in, also alone, with `pending`, by `POST session/code`.";
        "wrong-credentials": "The login, the password or the code is wrong.",
            "Try again; after some failures, sign-in is locked for a while.";
        "second-factor-missing":
            "The account has no second factor, and `admin.require_mfa` requires one.",
            "Set up the one in `set_up` with `POST session/set-up`, or have an owner issue one with `portcullis admin reset-mfa`.";
    }
    FORBIDDEN {
        "cross-site": "The request comes from a page of another site.",
            "Send it from a page of the admin listener, or from a program with a token.";
        "role-required": "The caller's role may not do this; `role` is the one with the fewest rights that may.",
            "Use an account or a token with that role.";
        "escalation": "It would grant what the caller does not have.",
            "Use an account or a token that has these rights.";
        "out-of-scope": "The caller is limited to some organizations, and this concerns all.",
            "Use an account or a token without a scope.";
    }
    NOT_FOUND {
        "not-found": "The record or the path does not exist.",
            "List the records to find its id.";
    }
    METHOD_NOT_ALLOWED {
        "method-not-allowed": "The path does not support this method.",
            "Use one of the methods in `Allow`.";
    }
    CONFLICT {
        "changed": "The record is not at the version of `If-Match`; `current` is the record as it is now.",
            "Show both versions, and send the change again with the version of `current`.";
        "managed": "A file manages the record, as `managed_by` says.",
            "Change it in the file and apply that, or send `?detach=true`, which ends it.";
        "taken": "A name that must be unique is in use.", "Choose another name.";
        "permission-needs-identity":
            "A permission that needs a signed-in person cannot be granted to the group (R3).",
            "Leave the permission out.";
        "group-built-in": "The group is built in and can be neither renamed nor deleted (R4).",
            "Copy it under another name.";
        "group-in-use": "The group has portal users (R5).",
            "Move them first, or delete the group with `move_to`.";
        "group-is-default": "The group is the default (R6).",
            "Make another group the default first.";
        "group-not-a-default": "The group cannot be the default (R6).",
            "Choose a group for portal users.";
        "organization-in-use": "The organization has portal users or end users.",
            "Delete them first.";
        "organization-in-scope":
            "An administrator or a token is limited to the organization.",
            "Change its scope first, or delete it.";
        "end-user-in-use": "The end user has a portal user, or another one.",
            "Delete the portal user first.";
        "is-password": "The new login or address equals the password (R31).",
            "Choose another, or change the password first.";
        "has-password": "The user has a password and needs no invitation (R42).",
            "Set a new password, or let the user reset it.";
        "account-disabled": "The account is disabled.", "Enable it first.";
        "no-portal-access": "The user is in a group without access to the portal.",
            "Move the user to another group first.";
        "organization-parked": "The organization is parked.", "Unpark it first.";
        "no-password": "The user has no password.",
            "Invite the user, or set a password first.";
        "too-many-tokens": "The user has as many tokens as a user may have.",
            "Revoke one that is not needed.";
        "not-invited": "There is no open invitation.", "No action is needed.";
        "no-address": "There is no address to send the invitation to (R41).",
            "Name one in `send_to`.";
        "too-many-jobs": "As many jobs wait as may wait.", "Wait for some of them, or cancel some.";
        "job-ended": "The job has ended and cannot be cancelled.", "Look at its report.";
        "last-owner": "No owner would be left.", "Make another account an owner first.";
        "own-account": "It is the caller's own account.",
            "Use `session/password` or `session/mfa`, with the present password and a code.";
        "mail-done": "The email is no longer waiting.", "Start again what it was sent for.";
    }
    PAYLOAD_TOO_LARGE {
        "too-large": "The body is larger than 2 MiB, or than 32 MiB where it is a file.",
            "Send less at a time.";
    }
    UNSUPPORTED_MEDIA_TYPE {
        "unsupported-media-type": "The body is not sent as JSON.",
            "Set `Content-Type: application/json`.";
    }
    MISDIRECTED_REQUEST {
        "unknown-host": "A cookie was sent to a host that is not served.",
            "Add the host to `admin.hosts` if it should be.";
    }
    UNPROCESSABLE_ENTITY {
        "invalid": "A value is invalid; `errors` lists `field` and `message`.",
            "Correct the fields.";
        "file-invalid":
            "The file to apply has errors; `errors` lists `file`, `line`, `column` and `message`. Nothing was changed.",
            "Correct the file, and apply it again.";
        "policy-invalid":
            "The policy files have errors; `errors` lists `file`, `line` and `message`. The policy in force stays.",
            "Correct the files, and reload again.";
    }
    TOO_MANY_REQUESTS {
        "locked-out": "There were too many failed attempts.", "Wait as long as `detail` says.";
    }
    SERVICE_UNAVAILABLE {
        "store-unavailable": "The store does not respond. A write may have been made if `detail` says so.",
            "Try again after `Retry-After`; check first whether the change was made.";
        "contended": "Too many changes were made at the same time.",
            "Try again after `Retry-After`.";
        "busy": "Too many passwords are being checked.", "Try again after `Retry-After`.";
        "not-ready": "Requests cannot be decided at present.",
            "Send no requests until the probe succeeds.";
    }
}

/// The type with this name.
pub(super) fn named(name: &str) -> Option<&'static ProblemType> {
    ALL.iter().find(|known| known.name == name)
}
