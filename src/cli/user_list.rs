//! `portcullis users list`, and times on the command line.

use anyhow::anyhow;
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::console::{Console, field, text};
use super::lookup;
use crate::directory::records::moment;

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only users whose login or name begins with this text
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only users of this organization, by id or name
    #[arg(long)]
    organization: Option<String>,
    /// Only users in this group, by id or name
    #[arg(long)]
    group: Option<String>,
    /// Only users with this status: `active`, `invited`, `no_password` or `disabled`
    #[arg(
        long,
        value_parser = ["active", "invited", "no_password", "disabled"],
        hide_possible_values = true
    )]
    status: Option<String>,
    /// Only users who have not signed in since this date or RFC 3339 time, or never
    #[arg(long, value_name = "TIME", value_parser = time)]
    not_since: Option<Timestamp>,
}

impl List {
    pub(super) fn run(self, console: &mut Console<'_>) -> anyhow::Result<()> {
        let mut users =
            self.with_params(console, |console, params| console.list(&["users"], params))?;
        if let (false, Some(items)) =
            (console.is_json(), users.get_mut("items").and_then(Value::as_array_mut))
        {
            items.sort_by_key(|user| (text(user, "organization"), text(user, "login")));
        }
        let header =
            ["ID", "LOGIN", "NAME", "ORGANIZATION", "GROUP", "STATUS", "MFA", "LAST SIGN-IN"];
        console.table(&users, header, |user| {
            let [id, login, name, organization, group, last] =
                ["id", "login", "name", "organization", "group", "last_sign_in"]
                    .map(|field| text(user, field));
            let [status, mfa] = [status(user), mfa(user)].map(str::to_owned);
            [id, login, name, organization, group, status, mfa, last]
        })
    }

    /// Calls with the parameters of the API that these filters are.
    pub(super) fn with_params<T>(
        self,
        console: &mut Console<'_>,
        call: impl FnOnce(&mut Console<'_>, &[(&str, Option<&str>)]) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let organization =
            self.organization.map(|id| lookup::organization_id(console, &id)).transpose()?;
        let group = self.group.map(|id| lookup::group_id(console, &id)).transpose()?;
        // Disabled users have one of the other statuses too.
        let (status_is, disabled) = match self.status.as_deref() {
            Some("disabled") => (None, Some("true")),
            Some(other) => (Some(other), Some("false")),
            None => (None, None),
        };
        let not_since = self.not_since.map(|time| time.to_string());
        let params = [
            ("search", self.search.as_deref()),
            ("organization", organization.as_deref()),
            ("group", group.as_deref()),
            ("status", status_is),
            ("disabled", disabled),
            ("signed_in_before", not_since.as_deref()),
        ];
        call(console, &params)
    }
}

/// The status, or `disabled`.
pub(super) fn status(user: &Value) -> &str {
    match field(user, "disabled") {
        Value::Bool(true) => "disabled",
        _ => field(user, "status").as_str().unwrap_or("-"),
    }
}

/// Whether there is a second factor, in a word.
pub(super) fn mfa(user: &Value) -> &'static str {
    match (field(user, "mfa_enrolled") == true, field(user, "require_mfa") == true) {
        (true, _) => "set up",
        (false, true) => "required",
        (false, false) => "-",
    }
}

/// A time, or the beginning of a date in UTC.
pub(super) fn time(text: &str) -> anyhow::Result<Timestamp> {
    moment::start(text).map_err(|error| anyhow!("`{text}` {error}"))
}

/// A time, or the end of a date in UTC.
pub(super) fn end(text: &str) -> anyhow::Result<Timestamp> {
    moment::end(text).map_err(|error| anyhow!("`{text}` {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_a_time_or_the_beginning_of_a_date() {
        for (given, read) in [
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
            ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
        ] {
            assert_eq!(time(given).unwrap().to_string(), read, "{given}");
        }
        assert_eq!(end("2027-01-31").unwrap().to_string(), "2027-02-01T00:00:00Z");
        let time_of_day = "2027-01-31T12:00:00Z";
        assert_eq!(end(time_of_day).unwrap().to_string(), time_of_day);
        for invalid in ["", "tomorrow", "2027-02-30", "2027-01-31T12:00:00"] {
            assert!(time(invalid).is_err(), "{invalid}");
        }
    }
}
