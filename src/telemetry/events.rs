//! The events in the log that matter after an incident: who signed in or tried to, what was opened
//! and used, and who changed what.
//!
//! Names, fields and causes are stable, and listed in `docs/operations.md`. Each event is one line,
//! at once. The client's address and the request's id come from the request that is being handled
//! ([`during`]), so an operation need not pass them on.
//!
//! Texts from outside, such as a login, are fields of their own, which both formats quote and
//! escape; they come after all other fields. They cannot add a line or a field.
//!
//! Refusals and lockouts are also counted for the audit log ([`refused`]), sign-ins, links and tokens
//! for the metrics.
//!
//! An event that anyone can cause without an account has the target [`REFUSED`], for which the log
//! has a share of its queue ([`super::start`]).

mod cause;
mod event;
mod fields;
mod outcomes;
pub mod refused;

use std::net::IpAddr;

pub use self::cause::Cause;
pub use self::event::{Account, Event, OneTime};
pub use self::outcomes::collect;

use self::fields::Fields;
use crate::clock;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

/// The target of all events.
pub const TARGET: &str = "portcullis::events";
/// The target of events that anyone can cause without an account.
pub const REFUSED: &str = "portcullis::events::refused";
/// The longest text from outside, in characters. The rest is replaced by `…`.
const LONGEST: usize = 128;

/// The request that is being handled.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The client's address: the peer's, or the one that a trusted proxy names.
    pub client: IpAddr,
    /// The request's id, as in the decision record. `None` for a request to the admin API.
    pub request: Option<String>,
}

tokio::task_local! {
    static ORIGIN: Origin;
    /// Set while nothing is to be logged.
    static MUTED: ();
}

/// Runs a future; the events in it are those of this request. A task that it spawns is not part of
/// it.
pub async fn during<F: Future>(origin: Origin, future: F) -> F::Output {
    ORIGIN.scope(origin, future).await
}

/// Runs a future of which nothing is logged, and no refusal is counted: what it does is only tried
/// out. A task that it spawns is not part of it.
pub async fn muted<F: Future>(future: F) -> F::Output {
    MUTED.scope((), future.with_subscriber(Dispatch::none())).await
}

/// The client of the request that is being handled.
#[must_use]
pub fn client() -> Option<IpAddr> {
    ORIGIN.try_with(|origin| origin.client).ok()
}

/// One line. The level and the target of an event are fixed where it is logged.
macro_rules! line {
    ($target:expr, $level:expr, $name:expr, $message:expr, $fields:expr, $login:expr) => {
        tracing::event!(
            target: $target,
            $level,
            event = $name,
            client = $fields.client.map(tracing::field::display),
            request.id = $fields.request,
            cause = $fields.cause.map(Cause::name),
            kind = $fields.kind,
            action = $fields.action,
            id = $fields.id,
            records = $fields.records,
            changed = $fields.changed,
            via = $fields.via,
            user.id = $fields.user,
            administrator.id = $fields.administrator,
            organization.id = $fields.organization,
            token.id = $fields.token,
            failures = $fields.failures,
            until = $fields.until.map(tracing::field::display),
            actor = $fields.actor,
            login = $login,
            "{}",
            $message
        )
    };
}

impl Event<'_> {
    /// Logs the event.
    pub fn log(&self) {
        if MUTED.try_with(|()| ()).is_ok() {
            return;
        }
        outcomes::count(self);
        let logged = ORIGIN.try_with(|origin| self.log_for(Some(origin)));
        if logged.is_err() {
            self.log_for(None);
        }
    }

    fn log_for(&self, origin: Option<&Origin>) {
        let mut fields = self.fields();
        fields.client = fields.client.or(origin.map(|origin| origin.client));
        fields.request = fields.request.or(origin.and_then(|origin| origin.request.as_deref()));
        let login = fields.login.map(shortened);
        let (name, message, login) = (self.name(), self.message(), login.as_deref());
        if self.is_refusal() || matches!(self, Self::Locked { .. } | Self::LinkOpened { .. }) {
            refused::count(name, &Fields { login, ..fields }, clock::now());
        }
        match self {
            Self::Locked { .. } => {
                line!(TARGET, tracing::Level::WARN, name, message, fields, login);
            }
            _ if self.is_refusal() => {
                line!(REFUSED, tracing::Level::INFO, name, message, fields, login);
            }
            _ => line!(TARGET, tracing::Level::INFO, name, message, fields, login),
        }
    }
}

fn shortened(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests;
