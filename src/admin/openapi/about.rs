//! What the description of the API says in words: how it is used in general, and what each subject
//! is.

/// What the description says first, in Markdown: paragraphs and headings.
pub(super) const ABOUT: &str = "\
The API of the admin listener. Bodies are JSON. Errors are problem documents (RFC 9457).

## Signing in

A program sends a token as `Authorization: Bearer portcullis_…`; `portcullis token create NAME` \
creates one. An administrator signs in with `POST /api/v1/session` and gets a cookie. The admin \
socket requires neither.

Each operation names the role with the fewest rights that may call it. With a scope, a caller sees \
and changes the records of some organizations only.

## Lists

A list is `{items, next}`. `?limit=` is the largest number of items, from 1 to 1000, by default 100; \
`?after=` takes the `next` of the page before. On the last page, `next` is `null`.

## Changes and versions

In a `PATCH`, fields that are left out keep their values, and `null` clears a field that can be \
empty. Unknown fields and parameters are errors.

A record has a `version`, which is also its `ETag`. `If-Match` makes a write to it conditional: if \
the record is at another version, the response is 409 `changed`, with the record as it is now in \
`current`.

## Dry runs

A write with `?dry_run=true` changes nothing. It responds with what would change: permissions, \
sessions and secure links that end, emails, and warnings. Its errors are those of the write itself.";

/// The subjects by their tags, and what each is about.
pub(super) const SUBJECTS: &[(&str, &str)] = &[
    ("administrators", "Accounts of the people who administer the gateway."),
    ("audit", "The audit log: an entry for each change."),
    ("backup", "All records as one file, for `portcullis restore`."),
    ("description", "The description of the API, for programs and as pages."),
    ("end_users", "The people of an organization, with or without an account."),
    ("explain", "Why a request is allowed or refused."),
    ("files", "Groups, organizations, portal users and preferences as a file."),
    ("groups", "Portal groups, and the permissions that they grant."),
    ("jobs", "Changes to many people, made one after the other, with a report."),
    ("lockouts", "Logins and addresses that are locked after failed sign-ins."),
    ("mail", "Emails that are waiting, were sent or have failed."),
    ("organizations", "Organizations, and their secure links."),
    ("policy", "The permissions and routes of the policy files, and trials of the portal."),
    ("portal_servers", "The portal's servers: whether they accept connections, and draining."),
    ("preferences", "What applies to all organizations, such as the default group."),
    ("probes", "Checks by load balancers and orchestrators. They require no token."),
    ("session", "The session of the caller: signing in and out."),
    ("sessions", "Sessions of portal users, of visitors by secure links, and of staff."),
    ("status", "The gateway at a glance."),
    ("tokens", "Tokens of programs that call this API."),
    ("user_tokens", "Tokens of programs that act as a portal user."),
    ("users", "Portal users: accounts, passwords, invitations and second factors."),
    ("views", "One-time links with which staff views the portal, or acts as a portal user."),
];
