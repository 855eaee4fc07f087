//! Reads the keys that limit the requests of a route.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use jiff::SignedDuration;

use crate::document::{Entry, File};

/// The longest time for `response_timeout`.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// `from = ["10.0.0.0/8", ..]`; empty without the key.
pub(super) fn from(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Vec<IpNet>> {
    if !entry.has("from") {
        return Some(Vec::new());
    }
    let listed = entry.strings("from")?;
    let mut networks = Vec::new();
    for text in &listed {
        let address = text.value.parse::<IpAddr>().map(IpNet::from);
        match address.or_else(|_| text.value.parse::<IpNet>()) {
            Ok(network) => networks.push(network),
            Err(_) => {
                let message = format!(
                    "`{}` is not a network (e.g. `10.0.0.0/8`) or an IP address",
                    text.value
                );
                file.problem(text.line, message);
            }
        }
    }
    (networks.len() == listed.len()).then_some(networks)
}

/// `response_timeout = "5m"`; `Some(None)` without the key.
pub(super) fn response_timeout(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Option<Duration>> {
    if !entry.has("response_timeout") {
        return Some(None);
    }
    let text = entry.string("response_timeout")?;
    let parsed = text.value.trim().parse::<SignedDuration>().ok();
    let time = parsed.and_then(|time| Duration::try_from(time).ok());
    let time = time.filter(|time| !time.is_zero() && *time <= LONGEST);
    if time.is_none() {
        let message =
            format!("`{}` is not a duration of at most a day (e.g. `5m` or `90s`)", text.value);
        file.problem(text.line, message);
    }
    time.map(Some)
}

/// `body_bytes = 10485760`; `Some(None)` without the key.
pub(super) fn body_bytes(file: &File<'_>, entry: &mut Entry<'_>) -> Option<Option<u64>> {
    if !entry.has("body_bytes") {
        return Some(None);
    }
    let number = entry.integer("body_bytes")?;
    let bytes = u64::try_from(number.value).ok().filter(|bytes| *bytes > 0);
    if bytes.is_none() {
        file.problem(
            number.line,
            "`body_bytes` must be at least 1; a body that is absent is allowed",
        );
    }
    bytes.map(Some)
}

/// `preflight = "public"`.
pub(super) fn preflight_is_public(file: &File<'_>, entry: &mut Entry<'_>) -> Option<bool> {
    if !entry.has("preflight") {
        return Some(false);
    }
    let preflight = entry.string("preflight")?;
    if preflight.value == "public" {
        return Some(true);
    }
    file.problem(
        preflight.line,
        format!("`preflight` must be \"public\" or left out, not `{}`", preflight.value),
    );
    None
}

/// `staff = "never"`, or `"allowed"`, which a route of a section may need.
pub(super) fn refuses_staff(file: &File<'_>, entry: &mut Entry<'_>) -> Option<bool> {
    if !entry.has("staff") {
        return Some(false);
    }
    let staff = entry.string("staff")?;
    match staff.value.as_str() {
        "never" => Some(true),
        "allowed" => Some(false),
        other => {
            let message = format!("`staff` must be \"never\" or \"allowed\", not `{other}`");
            file.problem(staff.line, message);
            None
        }
    }
}
