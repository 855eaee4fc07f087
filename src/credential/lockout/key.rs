//! Whose failures are counted together.

use std::fmt;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use ipnet::{IpNet, Ipv6Net};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::series::Limits;
use crate::credential::folding::fold;

pub(super) const ACCOUNT: Limits = Limits { budget: 5, window: SignedDuration::from_hours(24) };
const BROWSERS: Limits = Limits { budget: 30, window: SignedDuration::from_hours(24) };
pub(super) const ADDRESS: Limits = Limits { budget: 30, window: SignedDuration::from_hours(1) };
/// Bytes of a folded login from which on its hash is kept instead.
const LONG_LOGIN: usize = 128;

/// Whose failures are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A folded login, whether it exists or not, from browsers that have not signed in to it.
    Account(String),
    /// A login in a browser that has signed in to it before.
    Browser {
        /// The login, folded.
        account: String,
        /// The browser's name.
        browser: String,
    },
    /// A folded login in all browsers that have signed in to it before.
    Browsers(String),
    /// A folded login of an administrator, whether it exists or not, from networks that it has not
    /// signed in from last.
    Administrator(String),
    /// A login of an administrator in the network that it last signed in from.
    AdministratorAt {
        /// The login, folded.
        account: String,
        /// The [`network`] of the address.
        network: IpNet,
    },
    /// The [`network`] of an address.
    Address(IpNet),
    /// The network of an address that mails were asked for from.
    Asking(IpNet),
    /// The network of an address that invalid links were opened from.
    Link(IpNet),
    /// The network of an address that sent invalid tokens of portal users.
    Token(IpNet),
}

impl Key {
    /// Whose failures are counted, as in the list of lockouts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Browser { .. } => "browser",
            Self::Browsers(_) => "browsers",
            Self::Administrator(_) | Self::AdministratorAt { .. } => "administrator",
            Self::Address(_) => "address",
            Self::Asking(_) => "asking",
            Self::Link(_) => "link",
            Self::Token(_) => "token",
        }
    }

    /// Whether failures are counted by login.
    pub(super) const fn is_of_login(&self) -> bool {
        matches!(
            self,
            Self::Account(_)
                | Self::Browser { .. }
                | Self::Browsers(_)
                | Self::Administrator(_)
                | Self::AdministratorAt { .. }
        )
    }

    /// The key of a login, however it is spelled.
    #[must_use]
    pub fn account(login: &str) -> Self {
        Self::Account(account(login))
    }

    /// The key of an administrator's login, however it is spelled.
    #[must_use]
    pub fn administrator(login: &str) -> Self {
        Self::Administrator(account(login))
    }

    /// The key of an administrator's login in the network that it last signed in from.
    #[must_use]
    pub fn administrator_at(login: &str, address: IpAddr) -> Self {
        Self::AdministratorAt { account: account(login), network: network(address) }
    }

    /// The key of a login in a browser that has signed in to it before.
    #[must_use]
    pub fn browser(login: &str, browser: &str) -> Self {
        Self::Browser { account: account(login), browser: browser.to_owned() }
    }

    /// The key of a login in all browsers that have signed in to it before.
    #[must_use]
    pub fn browsers(login: &str) -> Self {
        Self::Browsers(account(login))
    }

    /// The key of an address.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(network(address))
    }

    /// The key of an address that mails are asked for from.
    #[must_use]
    pub fn asking(address: IpAddr) -> Self {
        Self::Asking(network(address))
    }

    /// The key of an address that invalid links are opened from.
    #[must_use]
    pub fn link(address: IpAddr) -> Self {
        Self::Link(network(address))
    }

    /// The key of an address that sends invalid tokens of portal users.
    #[must_use]
    pub fn token(address: IpAddr) -> Self {
        Self::Token(network(address))
    }

    pub(super) const fn limits(&self) -> Limits {
        match self {
            Self::Account(_)
            | Self::Browser { .. }
            | Self::Administrator(_)
            | Self::AdministratorAt { .. } => ACCOUNT,
            Self::Browsers(_) => BROWSERS,
            Self::Address(_) | Self::Asking(_) | Self::Link(_) | Self::Token(_) => ADDRESS,
        }
    }
}

/// For the log.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account {account}"),
            Self::Administrator(account) => write!(f, "administrator {account}"),
            Self::AdministratorAt { account, network } => {
                write!(f, "administrator {account} at {network}")
            }
            Self::Browser { account, .. } => write!(f, "known browser of {account}"),
            Self::Browsers(account) => write!(f, "all known browsers of {account}"),
            Self::Address(network) => write!(f, "address {network}"),
            Self::Asking(network) => write!(f, "mail requests from {network}"),
            Self::Link(network) => write!(f, "invalid links from {network}"),
            Self::Token(network) => write!(f, "invalid tokens from {network}"),
        }
    }
}

/// The network that one customer usually has: the IPv4 address, or the IPv6 /64.
#[must_use]
pub fn network(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Net::new_assert(v6, 64).trunc().into(),
        v4 @ IpAddr::V4(_) => v4.into(),
    }
}

fn account(login: &str) -> String {
    let folded = fold(login);
    if folded.len() < LONG_LOGIN {
        return folded;
    }
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(folded)))
}
