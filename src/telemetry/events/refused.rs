//! What was refused and locked, and which secure links were opened, since the audit log last took it.
//!
//! Anyone can cause a refusal, and anyone with a link can open it, at no cost. So they are not written
//! one by one: equal ones are
//! counted together as a [`Series`], and the audit log takes all series every minute.
//! Counting waits for nothing. The number of series is bounded, with a share for those that name no
//! account and one for opened links, so that none displaces the others. Beyond that, those of the same
//! kind and cause are counted without account and address, opened links by organization: none is lost.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::cause::Cause;
use super::fields::Fields;

/// The event of an opened link.
const LINK_OPENED: &str = "link-opened";
/// Series that name an account, until they are taken.
const MOST_OF_ACCOUNTS: usize = 60;
/// Series of opened links.
const MOST_OF_LINKS: usize = 60;
/// All others.
const MOST_OF_STRANGERS: usize = 20;

/// What was refused: equal ones are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The name of the event.
    pub event: &'static str,
    /// Its kind, of a link or a lockout.
    pub kind: Option<String>,
    /// Why.
    pub cause: Option<Cause>,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The id of the portal user.
    pub user: Option<String>,
    /// The id of the administrator.
    pub administrator: Option<String>,
    /// The id of the organization.
    pub organization: Option<String>,
    /// The id of the token.
    pub token: Option<String>,
    /// The login; `?` for one that may be a password.
    pub login: Option<String>,
}

/// Equal refusals in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What was refused.
    pub refused: Refused,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// Of a lockout: the number of failures, and its end.
    pub lockout: Option<(u32, Timestamp)>,
}

/// The series of this process. The log that the same events go to is one for the process too.
static PENDING: Mutex<Pending> = Mutex::new(Pending::new());

/// Counts a refusal or a lockout.
pub(super) fn count(event: &'static str, fields: &Fields<'_>, now: Timestamp) {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let refused = Refused {
        event,
        kind: owned(fields.kind),
        cause: fields.cause,
        client: fields.client,
        user: owned(fields.user),
        administrator: owned(fields.administrator),
        organization: owned(fields.organization),
        token: owned(fields.token),
        login: owned(fields.login),
    };
    let lockout = fields.failures.zip(fields.until);
    PENDING.lock().add(Series { refused, count: 1, first: now, last: now, lockout });
}

/// Takes all series, the earliest first.
#[must_use]
pub fn take() -> Vec<Series> {
    std::mem::take(&mut *PENDING.lock()).into_series()
}

/// Returns series that were taken and could not be written.
pub fn put_back(series: Vec<Series>) {
    let mut pending = PENDING.lock();
    series.into_iter().for_each(|series| pending.add(series));
}

/// The series until they are taken.
#[derive(Debug, Default)]
struct Pending {
    of_accounts: BTreeMap<Refused, Series>,
    of_links: BTreeMap<Refused, Series>,
    of_strangers: BTreeMap<Refused, Series>,
    /// Those for which there was no room, without account and address. As many at most as there are
    /// events, kinds and causes, and organizations whose links were opened.
    others: BTreeMap<Refused, Series>,
}

impl Pending {
    const fn new() -> Self {
        Self {
            of_accounts: BTreeMap::new(),
            of_links: BTreeMap::new(),
            of_strangers: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }

    fn add(&mut self, series: Series) {
        let (table, most) = match series.refused.names_account() {
            true => (&mut self.of_accounts, MOST_OF_ACCOUNTS),
            false if series.refused.event == LINK_OPENED => (&mut self.of_links, MOST_OF_LINKS),
            false => (&mut self.of_strangers, MOST_OF_STRANGERS),
        };
        if table.len() < most || table.contains_key(&series.refused) {
            merge(table, series);
        } else {
            let refused = series.refused.anonymous();
            merge(&mut self.others, Series { refused, lockout: None, ..series });
        }
    }

    fn into_series(self) -> Vec<Series> {
        let Self { of_accounts, of_links, of_strangers, others } = self;
        let all = of_accounts.into_values().chain(of_links.into_values());
        let all = all.chain(of_strangers.into_values());
        let mut all: Vec<_> = all.chain(others.into_values()).collect();
        all.sort_by_key(|series| series.first);
        all
    }
}

fn merge(table: &mut BTreeMap<Refused, Series>, series: Series) {
    match table.get_mut(&series.refused) {
        Some(same) => {
            same.count += series.count;
            same.first = same.first.min(series.first);
            same.last = same.last.max(series.last);
            same.lockout = series.lockout.or(same.lockout);
        }
        None => drop(table.insert(series.refused.clone(), series)),
    }
}

impl Refused {
    const fn names_account(&self) -> bool {
        self.user.is_some() || self.administrator.is_some()
    }

    fn anonymous(&self) -> Self {
        Self {
            event: self.event,
            kind: self.kind.clone(),
            cause: self.cause,
            client: None,
            user: None,
            administrator: None,
            // Only links that exist are opened, so this bounds nothing less.
            organization: self.organization.clone().filter(|_| self.event == LINK_OPENED),
            token: None,
            login: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(client: u32, user: Option<&str>, second: i64) -> Series {
        let refused = Refused {
            event: "sign-in-refused",
            kind: None,
            cause: Some(Cause::WrongPassword),
            client: Some(IpAddr::V4(client.into())),
            user: user.map(str::to_owned),
            administrator: None,
            organization: None,
            token: None,
            login: Some("ann".to_owned()),
        };
        let at = Timestamp::from_second(second).unwrap();
        Series { refused, count: 1, first: at, last: at, lockout: None }
    }

    #[tokio::test]
    async fn refusals_are_neither_counted_nor_logged_when_muted() {
        let login = "muted@example.com";
        let refused = || super::super::Event::SignInRefused {
            cause: Cause::WrongPassword,
            user: Some("muted-user"),
            organization: None,
            login,
        };
        super::super::muted(async { refused().log() }).await;
        let is_counted = |pending: &Pending| {
            pending.of_accounts.keys().any(|refused| refused.login.as_deref() == Some(login))
        };
        assert!(!is_counted(&PENDING.lock()));
    }

    #[test]
    fn equal_refusals_are_one_series_with_first_and_last() {
        let mut pending = Pending::default();
        for second in [5, 3, 9] {
            pending.add(refusal(1, Some("u1"), second));
        }
        pending.add(refusal(2, Some("u1"), 4));
        let series = pending.into_series();
        assert_eq!(series.len(), 2);
        let times = [series[0].first, series[0].last].map(|time| time.as_second());
        assert_eq!((series[0].count, times), (3, [3, 9]));
        assert_eq!(series[1].count, 1);
    }

    #[test]
    fn opened_links_are_counted_by_organization_and_address() {
        let mut pending = Pending::default();
        let opened = |client, organization: &str| {
            let Series { refused, .. } = refusal(client, None, 1);
            let organization = Some(organization.to_owned());
            let refused =
                Refused { event: LINK_OPENED, cause: None, login: None, organization, ..refused };
            Series { refused, ..refusal(client, None, 1) }
        };
        for client in 0..1000 {
            pending.add(refusal(client, None, 1));
            pending.add(opened(client, "acme"));
            pending.add(opened(client, "globex"));
        }
        let series = pending.into_series();
        assert_eq!(series.len(), MOST_OF_LINKS + 2 + MOST_OF_STRANGERS + 1);
        for organization in ["acme", "globex"] {
            let of = |one: &&Series| one.refused.organization.as_deref() == Some(organization);
            assert_eq!(series.iter().filter(of).map(|series| series.count).sum::<u64>(), 1000);
        }
    }

    #[test]
    fn a_flood_is_counted_and_keeps_room_for_accounts() {
        let mut pending = Pending::default();
        for client in 0..100_000 {
            pending.add(refusal(client, None, 1));
        }
        pending.add(refusal(1, Some("u1"), 2));
        for client in 0..1000 {
            pending.add(refusal(client, Some("u2"), 3));
        }
        let series = pending.into_series();
        assert_eq!(series.len(), MOST_OF_STRANGERS + MOST_OF_ACCOUNTS + 1);
        assert!(series.iter().any(|series| series.refused.user.as_deref() == Some("u1")));
        assert_eq!(series.iter().map(|series| series.count).sum::<u64>(), 101_001);
        let anonymous = |series: &&Series| series.refused.client.is_none();
        let others = series.iter().find(anonymous).unwrap();
        assert_eq!(others.refused.login, None);
    }
}
