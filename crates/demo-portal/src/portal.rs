//! The portal's state: the accounts of organizations, and the chat.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::records::Account;
use super::visitor::Visitor;

/// The state shared by all requests.
#[derive(Clone, Debug)]
pub(super) struct Portal {
    accounts: Arc<Mutex<BTreeMap<String, Account>>>,
    pub(super) chat: broadcast::Sender<Line>,
    pub(super) closing: CancellationToken,
}

impl Portal {
    /// The most accounts. The organizations after that share one, because their ids come from a header.
    const ACCOUNTS: usize = 1_000;

    /// A portal without accounts. Cancelling `closing` ends chats and event streams.
    pub(super) fn new(closing: CancellationToken) -> Self {
        let (chat, _) = broadcast::channel(64);
        Self { accounts: Arc::default(), chat, closing }
    }

    /// Calls `work` with the account of the visitor's organization.
    pub(super) fn account<T>(&self, visitor: &Visitor, work: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = self.accounts.lock();
        let mut name = visitor.organization();
        if !accounts.contains_key(name) && accounts.len() >= Self::ACCOUNTS {
            name = "";
        }
        let account = accounts.entry(name.to_owned()).or_insert_with(|| Account::sample(name));
        if let Some(person) = visitor.person() {
            account.welcome(person, visitor.name());
        }
        work(account)
    }

    /// The names of all accounts so far.
    pub(super) fn organizations(&self) -> Vec<String> {
        let accounts = self.accounts.lock();
        accounts.keys().cloned().collect()
    }
}

/// A message of an organization's chat.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) organization: String,
    pub(super) text: String,
}
