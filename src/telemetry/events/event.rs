//! What can happen, and which fields its line has.

use std::net::IpAddr;

use jiff::Timestamp;

use super::cause::Cause;
use super::fields::Fields;

/// A portal user in an event.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The user's id.
    pub user: &'a str,
    /// The organization's id.
    pub organization: &'a str,
    /// The login, as in the user's record.
    pub login: &'a str,
}

/// The kind of a one-time link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OneTime {
    /// To choose a first password.
    Invitation,
    /// To replace a forgotten one.
    Reset,
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A session of a portal user has started.
    SignIn(Account<'a>),
    /// A login and password were refused.
    SignInRefused {
        /// Why.
        cause: Cause,
        /// The user's id, if the login is known.
        user: Option<&'a str>,
        /// The organization's id, if the login is known.
        organization: Option<&'a str>,
        /// The login as typed; `?` for one that may be a password.
        login: &'a str,
    },
    /// The password is right, and a second factor must be given or set up.
    SecondFactorRequired(Account<'a>),
    /// A second factor was right.
    SecondFactorAccepted {
        /// Whose it is.
        account: Account<'a>,
        /// `app` or `recovery-code`.
        kind: &'static str,
    },
    /// A second factor was refused.
    SecondFactorRefused {
        /// Whose it is.
        account: Account<'a>,
        /// Why.
        cause: Cause,
    },
    /// The last failure has locked a login, a browser or a network.
    Locked {
        /// What is locked, as in the list of lockouts.
        kind: &'static str,
        /// The address of the last attempt.
        client: IpAddr,
        /// The number of failures.
        failures: u32,
        /// When the next attempt is allowed.
        until: Timestamp,
        /// The login of the last attempt, if its failures are counted by login.
        login: Option<&'a str>,
    },
    /// A session of a secure link has started.
    LinkOpened {
        /// The organization's id.
        organization: &'a str,
    },
    /// A secure link was refused.
    LinkRefused {
        /// Why.
        cause: Cause,
        /// The organization's id, if the link is known.
        organization: Option<&'a str>,
    },
    /// A one-time link was created, and its email will be sent.
    OneTimeLinkCreated {
        /// The link's kind.
        kind: OneTime,
        /// Whose it is.
        account: Account<'a>,
    },
    /// A password was set with a one-time link.
    OneTimeLinkUsed {
        /// The link's kind.
        kind: OneTime,
        /// Whose it is.
        account: Account<'a>,
    },
    /// A one-time link was opened or used that is not valid.
    OneTimeLinkRefused {
        /// The link's kind.
        kind: OneTime,
    },
    /// A reset was asked for, and no email was written.
    ResetRefused {
        /// Why.
        cause: Cause,
        /// The user's id, if the login is known.
        user: Option<&'a str>,
        /// The organization's id, if the login is known.
        organization: Option<&'a str>,
    },
    /// A person has signed out.
    SignOut {
        /// The user's id; `None` for a session of a secure link.
        user: Option<&'a str>,
        /// The organization's id.
        organization: &'a str,
    },
    /// A portal user has ended sessions of their own.
    SessionsEnded {
        /// The user's id.
        user: &'a str,
        /// How many.
        records: u64,
    },
    /// A token of a portal user was refused.
    TokenRefused {
        /// Why.
        cause: Cause,
        /// The client's address.
        client: IpAddr,
        /// The token's id, if it is known.
        token: Option<&'a str>,
        /// The login that came with it; `?` for one that may be a password.
        login: Option<&'a str>,
    },
    /// A token of the admin API was refused.
    ApiTokenRefused,
    /// A session of an administrator has started.
    AdministratorSignIn {
        /// The administrator's id.
        administrator: &'a str,
        /// The login, as in the account.
        login: &'a str,
    },
    /// The login, password or code of an administrator was refused.
    AdministratorSignInRefused {
        /// Why.
        cause: Cause,
        /// The administrator's id, if the login is known.
        administrator: Option<&'a str>,
        /// The login as typed; `?` for one that may be a password.
        login: &'a str,
    },
    /// A write of the admin API was refused, because the caller's rights do not suffice.
    RequestRefused {
        /// Why.
        cause: Cause,
        /// The method and the path as it is declared, such as `PATCH /api/v1/groups/{id}`.
        request: &'a str,
        /// The administrator's id.
        administrator: Option<&'a str>,
        /// The id of the API token.
        token: Option<&'a str>,
        /// The administrator's login, or the token's name.
        login: &'a str,
    },
    /// Records were changed.
    Change {
        /// Who changed them: the admin socket, a token, a portal user.
        actor: &'a str,
        /// `socket`, `api` or `pages`.
        via: &'static str,
        /// The kind of record.
        kind: &'a str,
        /// `create`, `update` or `delete`, or what else was done.
        action: &'static str,
        /// The record's id, or that of the first record.
        id: &'a str,
        /// How many records, if several.
        records: Option<u64>,
        /// The names of the fields that are different now, separated by commas.
        changed: Option<&'a str>,
    },
}

impl OneTime {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }
}

impl<'a> Event<'a> {
    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.text().0
    }

    /// The line's message.
    pub(super) const fn message(&self) -> &'static str {
        self.text().1
    }

    const fn text(&self) -> (&'static str, &'static str) {
        match self {
            Self::SignIn(_) => ("sign-in", "a portal user signed in"),
            Self::SignInRefused { .. } => ("sign-in-refused", "a sign-in failed"),
            Self::SecondFactorRequired(_) => {
                ("second-factor-required", "the password is right; a second factor is required")
            }
            Self::SecondFactorAccepted { .. } => {
                ("second-factor-accepted", "a second factor was accepted")
            }
            Self::SecondFactorRefused { .. } => ("second-factor-refused", "a second factor failed"),
            Self::Locked { .. } => ("locked", "locked after failed attempts"),
            Self::LinkOpened { .. } => ("link-opened", "a secure link was opened"),
            Self::LinkRefused { .. } => ("link-refused", "a secure link was refused"),
            Self::OneTimeLinkCreated { .. } => {
                ("one-time-link-created", "a one-time link was created")
            }
            Self::OneTimeLinkUsed { .. } => {
                ("one-time-link-used", "a password was set with a one-time link")
            }
            Self::OneTimeLinkRefused { .. } => {
                ("one-time-link-refused", "a one-time link was refused")
            }
            Self::ResetRefused { .. } => ("reset-refused", "no reset email was written"),
            Self::SignOut { .. } => ("sign-out", "a person signed out"),
            Self::SessionsEnded { .. } => ("sessions-ended", "a portal user ended sessions"),
            Self::TokenRefused { .. } => ("token-refused", "a portal user's token was refused"),
            Self::ApiTokenRefused => ("api-token-refused", "a token of the admin API was refused"),
            Self::AdministratorSignIn { .. } => {
                ("administrator-sign-in", "an administrator signed in")
            }
            Self::AdministratorSignInRefused { .. } => {
                ("administrator-sign-in-refused", "a sign-in of an administrator failed")
            }
            Self::RequestRefused { .. } => {
                ("request-refused", "a request of the admin API was refused")
            }
            Self::Change { .. } => ("change", "a change was made"),
        }
    }

    /// Whether anyone can cause it without an account, or any caller of the admin API.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::SignInRefused { .. }
            | Self::SecondFactorRefused { .. }
            | Self::LinkRefused { .. }
            | Self::OneTimeLinkRefused { .. }
            | Self::ResetRefused { .. }
            | Self::TokenRefused { .. }
            | Self::ApiTokenRefused
            | Self::AdministratorSignInRefused { .. }
            | Self::RequestRefused { .. } => true,
            Self::SignIn(_)
            | Self::SecondFactorRequired(_)
            | Self::SecondFactorAccepted { .. }
            | Self::Locked { .. }
            | Self::LinkOpened { .. }
            | Self::OneTimeLinkCreated { .. }
            | Self::OneTimeLinkUsed { .. }
            | Self::SignOut { .. }
            | Self::SessionsEnded { .. }
            | Self::AdministratorSignIn { .. }
            | Self::Change { .. } => false,
        }
    }

    pub(super) fn fields(&self) -> Fields<'a> {
        let none = Fields::default();
        match *self {
            Self::SignIn(account) | Self::SecondFactorRequired(account) => of(account),
            Self::SignInRefused { cause, user, organization, login } => {
                Fields { cause: Some(cause), user, organization, login: Some(login), ..none }
            }
            Self::SecondFactorAccepted { account, kind } => {
                Fields { kind: Some(kind), ..of(account) }
            }
            Self::SecondFactorRefused { account, cause } => {
                Fields { cause: Some(cause), ..of(account) }
            }
            Self::Locked { kind, client, failures, until, login } => Fields {
                kind: Some(kind),
                client: Some(client),
                failures: Some(failures),
                until: Some(until),
                login,
                ..none
            },
            Self::LinkOpened { organization } => {
                Fields { organization: Some(organization), ..none }
            }
            Self::LinkRefused { cause, organization } => {
                Fields { cause: Some(cause), organization, ..none }
            }
            Self::OneTimeLinkCreated { kind, account }
            | Self::OneTimeLinkUsed { kind, account } => {
                Fields { kind: Some(kind.name()), ..of(account) }
            }
            Self::OneTimeLinkRefused { kind } => {
                Fields { kind: Some(kind.name()), cause: Some(Cause::Invalid), ..none }
            }
            Self::ResetRefused { cause, user, organization } => {
                Fields { cause: Some(cause), user, organization, ..none }
            }
            Self::SignOut { user, organization } => {
                Fields { user, organization: Some(organization), ..none }
            }
            Self::SessionsEnded { user, records } => {
                Fields { user: Some(user), records: Some(records), ..none }
            }
            Self::TokenRefused { cause, client, token, login } => {
                Fields { cause: Some(cause), client: Some(client), token, login, ..none }
            }
            Self::ApiTokenRefused => Fields { cause: Some(Cause::Invalid), ..none },
            Self::AdministratorSignIn { administrator, login } => {
                Fields { administrator: Some(administrator), login: Some(login), ..none }
            }
            Self::AdministratorSignInRefused { cause, administrator, login } => {
                Fields { cause: Some(cause), administrator, login: Some(login), ..none }
            }
            Self::RequestRefused { cause, request, administrator, token, login } => Fields {
                cause: Some(cause),
                kind: Some(request),
                administrator,
                token,
                login: Some(login),
                ..none
            },
            Self::Change { actor, via, kind, action, id, records, changed } => Fields {
                actor: Some(actor),
                via: Some(via),
                kind: Some(kind),
                action: Some(action),
                id: Some(id),
                records,
                changed,
                ..none
            },
        }
    }
}

fn of(account: Account<'_>) -> Fields<'_> {
    let Account { user, organization, login } = account;
    Fields {
        user: Some(user),
        organization: Some(organization),
        login: Some(login),
        ..Fields::default()
    }
}
