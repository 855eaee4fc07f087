//! What was refused and locked, and which secure links were opened, since the audit log last took it.
//!
//! Anyone can cause a refusal, and anyone with a link can open it, at no cost. So they are not written
//! one by one: equal ones are counted together as a [`Series`]. The audit log takes the first of a
//! series at once ([`take_new`]) and the others at the end of the minute ([`end_minute`]), so a series
//! is two entries a minute, and a kill of the process loses counts only.
//! Counting waits for nothing. The number of series in a minute is bounded, with shares for those that
//! name an account, for opened links, for requests of the admin API and for all others, so that none
//! displaces the others. Beyond that, those of the same kind and cause are counted without account and
//! address, opened links by organization: none is left out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::cause::Cause;
use super::fields::Fields;

/// The event of an opened link.
const LINK_OPENED: &str = "link-opened";
/// The event of a refused request of the admin API.
const REQUEST_REFUSED: &str = "request-refused";
/// Series of a minute that name an account.
const MOST_OF_ACCOUNTS: usize = 60;
/// Series of opened links.
const MOST_OF_LINKS: usize = 60;
/// Series of requests of the admin API.
const MOST_OF_REQUESTS: usize = 20;
/// All others.
const MOST_OF_STRANGERS: usize = 20;

/// What was refused: equal ones are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The name of the event.
    pub event: &'static str,
    /// Its kind, of a link or a lockout; the operation, of a request.
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
    /// The login; `?` for one that may be a password. The name of a token of the admin API.
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
/// Notified of the first of a series.
static NEW: Notify = Notify::const_new();

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
    let series = Series { refused, count: 1, first: now, last: now, lockout };
    if PENDING.lock().add(series) {
        NEW.notify_one();
    }
}

/// Waits for a series that has not been taken yet.
pub async fn new_series() {
    NEW.notified().await;
}

/// Takes the series of which nothing was taken in this minute, the earliest first.
#[must_use]
pub fn take_new() -> Vec<Series> {
    PENDING.lock().take(|counted| !counted.taken)
}

/// Takes all that was counted since the last time, the earliest series first.
#[must_use]
pub fn take() -> Vec<Series> {
    PENDING.lock().take(|_| true)
}

/// The same, and begins the next minute: the next of each series is its first.
#[must_use]
pub fn end_minute() -> Vec<Series> {
    let mut pending = std::mem::take(&mut *PENDING.lock());
    pending.take(|_| true)
}

/// Returns series that were taken and could not be written. They are taken again by [`take`] and
/// [`end_minute`].
pub fn put_back(series: Vec<Series>) {
    let mut pending = PENDING.lock();
    for series in series {
        pending.add(series);
    }
}

/// The series of a minute.
#[derive(Debug, Default)]
struct Pending {
    of_accounts: Table,
    of_links: Table,
    of_requests: Table,
    of_strangers: Table,
    /// Those for which there was no room, without account and address. As many at most as there are
    /// events, kinds and causes, and organizations whose links were opened.
    others: Table,
}

type Table = BTreeMap<Refused, Counted>;

/// A series, as far as it was not taken yet.
#[derive(Debug)]
struct Counted {
    /// Its count is 0 if all of it was taken.
    series: Series,
    /// Whether something of it was taken in this minute.
    taken: bool,
}

impl Pending {
    const fn new() -> Self {
        Self {
            of_accounts: BTreeMap::new(),
            of_links: BTreeMap::new(),
            of_requests: BTreeMap::new(),
            of_strangers: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }

    /// Whether it is the first of its series.
    fn add(&mut self, series: Series) -> bool {
        let refused = &series.refused;
        let (table, most) = match refused.event {
            LINK_OPENED => (&mut self.of_links, MOST_OF_LINKS),
            REQUEST_REFUSED => (&mut self.of_requests, MOST_OF_REQUESTS),
            _ if refused.names_account() => (&mut self.of_accounts, MOST_OF_ACCOUNTS),
            _ => (&mut self.of_strangers, MOST_OF_STRANGERS),
        };
        if table.len() < most || table.contains_key(refused) {
            return merge(table, series);
        }
        let refused = refused.anonymous();
        merge(&mut self.others, Series { refused, lockout: None, ..series })
    }

    fn take(&mut self, is_wanted: impl Fn(&Counted) -> bool) -> Vec<Series> {
        let Self { of_accounts, of_links, of_requests, of_strangers, others } = self;
        let tables = [of_accounts, of_links, of_requests, of_strangers, others];
        let counted = tables.into_iter().flat_map(BTreeMap::values_mut);
        let wanted = counted.filter(|counted| counted.series.count > 0 && is_wanted(counted));
        let mut all: Vec<_> = wanted
            .map(|counted| {
                let series = counted.series.clone();
                (counted.series.count, counted.taken) = (0, true);
                series
            })
            .collect();
        all.sort_by_key(|series| series.first);
        all
    }
}

fn merge(table: &mut Table, series: Series) -> bool {
    match table.get_mut(&series.refused) {
        Some(Counted { series: same, .. }) if same.count == 0 => *same = series,
        Some(Counted { series: same, .. }) => {
            same.count += series.count;
            same.first = same.first.min(series.first);
            same.last = same.last.max(series.last);
            same.lockout = series.lockout.or(same.lockout);
        }
        None => {
            table.insert(series.refused.clone(), Counted { series, taken: false });
            return true;
        }
    }
    false
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
    fn i9_only_the_first_of_a_series_is_taken_at_once() {
        let mut pending = Pending::default();
        assert!(pending.add(refusal(1, Some("u1"), 1)));
        let first = pending.take(|counted| !counted.taken);
        assert_eq!((first.len(), first[0].count), (1, 1));
        for second in 2..=1000 {
            assert!(!pending.add(refusal(1, Some("u1"), second)), "writes again");
        }
        assert!(pending.add(refusal(2, Some("u1"), 3)));
        let new = pending.take(|counted| !counted.taken);
        assert_eq!(new.len(), 1, "what was taken before waits for the end of the minute");
        let rest = pending.take(|_| true);
        let times = [rest[0].first, rest[0].last].map(|time| time.as_second());
        assert_eq!((rest.len(), rest[0].count, times), (1, 999, [2, 1000]));
        assert_eq!(pending.take(|_| true), []);
    }

    #[test]
    fn equal_refusals_are_one_series_with_first_and_last() {
        let mut pending = Pending::default();
        for second in [5, 3, 9] {
            pending.add(refusal(1, Some("u1"), second));
        }
        pending.add(refusal(2, Some("u1"), 4));
        let series = pending.take(|_| true);
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
        let series = pending.take(|_| true);
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
        let series = pending.take(|_| true);
        assert_eq!(series.len(), MOST_OF_STRANGERS + MOST_OF_ACCOUNTS + 1);
        assert!(series.iter().any(|series| series.refused.user.as_deref() == Some("u1")));
        assert_eq!(series.iter().map(|series| series.count).sum::<u64>(), 101_001);
        let anonymous = |series: &&Series| series.refused.client.is_none();
        let others = series.iter().find(anonymous).unwrap();
        assert_eq!(others.refused.login, None);
    }
}
