//! The log of proxies that are not configured as their contract says.

use std::sync::atomic::{AtomicI64, Ordering};

use http::HeaderName;
use jiff::Timestamp;

use super::contract::Contract;
use crate::proxy::ContractError;
use crate::web::peer::Peer;

/// Seconds between two lines about the same error: each request of the proxy has it.
const PAUSE: i64 = 60;

/// What is wrong with a question.
#[derive(Debug)]
pub(super) struct Mistake {
    error: ContractError,
    /// The field that is wrong, if it is about one.
    field: Option<HeaderName>,
}

impl Mistake {
    /// An error in this field.
    pub(super) fn in_field(error: ContractError, field: &HeaderName) -> Self {
        Self { error, field: Some(field.clone()) }
    }

    /// The error.
    pub(super) const fn error(&self) -> ContractError {
        self.error
    }
}

impl From<ContractError> for Mistake {
    fn from(error: ContractError) -> Self {
        Self { error, field: None }
    }
}

/// When each error was last logged.
#[derive(Debug, Default)]
pub(super) struct Mistakes([AtomicI64; ContractError::ALL.len()]);

impl Mistakes {
    /// Logs a mistake of the proxy at `peer`, unless the same error was logged less than a minute
    /// ago.
    pub(super) fn log(&self, contract: Contract, mistake: &Mistake, at: (Peer, Timestamp)) {
        let (peer, now) = at;
        let place = ContractError::ALL.iter().position(|error| *error == mistake.error);
        let Some(last) = place.and_then(|place| self.0.get(place)) else { return };
        let (before, now) = (last.load(Ordering::Relaxed), now.as_second());
        if now - before < PAUSE
            || last.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let field = mistake.field.as_ref().map_or("", HeaderName::as_str);
        tracing::warn!(
            contract = contract.name(),
            proxy.address = %peer,
            reason = mistake.error.as_str(),
            field,
            "a proxy asked about a request in a way that is not its contract: {}",
            mistake.error
        );
    }
}
