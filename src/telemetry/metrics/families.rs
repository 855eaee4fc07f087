//! The metrics, with their types, labels and meanings. `docs/metrics.md` has the same table.

/// Metrics of one name.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The name, as Prometheus stores it; that of a histogram without its suffixes.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The names of the labels. The values of each are bounded by the program, the settings or the
    /// policy, never by what clients send.
    pub labels: &'static [&'static str],
    /// The meaning, in one sentence without its full stop.
    pub help: &'static str,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process runs.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many values were at most each bound, in seconds.
    Histogram,
}

macro_rules! families {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub static $constant: Family = Family {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+

        /// All of them, in the order in which they are listed.
        pub static ALL: &[&Family] = &[$(&$constant),+];
    };
}

families! {
    BUILD: Gauge "portcullis_build_info" ["version"]
        "Always 1; the label is the version of the program";
    START: Gauge "portcullis_start_time_seconds" []
        "When the gateway was started, in seconds since 1970";
    CONNECTIONS: Gauge "portcullis_open_connections" []
        "Open connections of clients, on all listeners";
    REQUESTS: Counter "portcullis_requests_total" ["route", "decision"]
        "Requests that a route has decided: `allow`, or `refuse` for all others";
    REFUSED: Counter "portcullis_refused_requests_total" ["decision", "reason"]
        "Refused requests, by decision and reason as in the decision record";
    PERMISSIONS: Counter "portcullis_missing_permissions_total" ["permission"]
        "Requests that were denied because a permission was missing, once for each missing one";
    DECISION_TIME: Histogram "portcullis_decision_seconds" []
        "Time from the head of a request to its decision";
    PORTAL_TIME: Histogram "portcullis_portal_seconds" []
        "Time from the decision to the head of the portal's response, connecting included";
    ROUTE_TIME: Counter "portcullis_route_portal_seconds_total" ["route"]
        "The same time, summed over the responses of a route";
    ROUTE_ANSWERS: Counter "portcullis_route_portal_responses_total" ["route"]
        "Responses of the portal to requests of a route";
    ANSWERS: Counter "portcullis_portal_responses_total" ["class"]
        "Responses of the portal, by the first digit of the status";
    FAILURES: Counter "portcullis_portal_failures_total" ["reason"]
        "Allowed requests without a response of the portal, by the reason that the client got";
    SERVER_UP: Gauge "portcullis_portal_server_up" ["server"]
        "1 if the portal's server passed its last health check or has none, 0 if not";
    SERVER_IDLE: Gauge "portcullis_portal_idle_connections" ["server"]
        "Connections to the portal's server that are kept for the next request";
    SERVERS_AVAILABLE: Gauge "portcullis_portal_servers_available" ["setting"]
        "Servers in a list of the settings that are not draining; at 0, its requests get 502";
    SESSIONS: Gauge "portcullis_sessions" []
        "Sessions in the store; ended ones are removed within five minutes";
    SIGN_INS: Counter "portcullis_sign_ins_total" ["outcome"]
        "Sign-ins of portal users: `accepted`, or the cause of the refusal as in the log";
    SECOND_FACTORS: Counter "portcullis_second_factors_total" ["outcome"]
        "Second factors of portal users: `accepted`, or the cause of the refusal";
    LINKS: Counter "portcullis_secure_links_total" ["outcome"]
        "Secure links that were opened: `accepted`, or the cause of the refusal";
    ADMINISTRATOR_SIGN_INS: Counter "portcullis_administrator_sign_ins_total" ["outcome"]
        "Sign-ins of administrators: `accepted`, or the cause of the refusal";
    TOKENS_REFUSED: Counter "portcullis_refused_tokens_total" ["of", "cause"]
        "Refused tokens, `of` a `user` or of the admin `api`";
    LOCKOUTS: Counter "portcullis_lockouts_total" ["kind"]
        "Lockouts that failed attempts have caused";
    LOCKED: Gauge "portcullis_active_lockouts" []
        "Lockouts in force";
    MAIL: Gauge "portcullis_mail" ["state"]
        "Emails that are `waiting`, that have `failed`, and that were sent `unconfirmed`";
    COMMITS: Counter "portcullis_store_commits_total" ["result"]
        "Commits to the store: `made`, `refused` because a condition did not hold, or `failed`";
    COMMIT_TIME: Counter "portcullis_store_commit_seconds_total" []
        "Time that commits took until they were on disk and in force, summed";
    SEQUENCE: Gauge "portcullis_feed_sequence" []
        "The number of the newest commit that is in force in this process";
    STALENESS: Gauge "portcullis_feed_staleness_seconds" []
        "Time since the state in memory was last known to be up to date";
    CERTIFICATES: Gauge "portcullis_certificate_expiry_timestamp_seconds" ["setting"]
        "When the certificate of a setting expires, in seconds since 1970";
    POLICY: Gauge "portcullis_policy_info" ["version"]
        "Always 1; the label is the version of the policy in force";
    POLICY_LOADED: Gauge "portcullis_policy_loaded_timestamp_seconds" []
        "When the policy in force was loaded, in seconds since 1970";
    POLICY_CURRENT: Gauge "portcullis_policy_current" []
        "1 if the policy in force is that of its files, 0 if they were changed and have errors";
    RECORDS_LOST: Counter "portcullis_decision_records_lost_total" []
        "Decision records that could not be written";
    SPANS_LOST: Counter "portcullis_traces_lost_total" []
        "Decision records whose spans could not be sent to the collector";
    LINES_LOST: Counter "portcullis_log_lines_lost_total" []
        "Lines of the log that could not be written";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented_as_it_is() {
        let documented = include_str!("../../../docs/metrics.md");
        let row = |family: &&Family| {
            let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            let kind = format!("{:?}", family.kind).to_lowercase();
            let labels = labels.join(", ");
            format!("| `{}` | {kind} | {labels} | {} |", family.name, family.help)
        };
        let rows: Vec<_> = documented.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows, ALL.iter().map(row).collect::<Vec<_>>());
    }

    #[test]
    fn names_and_labels_are_as_prometheus_recommends() {
        let mut names = ALL.iter().map(|family| family.name).collect::<Vec<_>>();
        for Family { name, kind, labels, help } in ALL {
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(is_plain(name) && labels.iter().all(|label| is_plain(label)), "{name}");
            assert!(name.starts_with("portcullis_") && !help.ends_with('.'), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
