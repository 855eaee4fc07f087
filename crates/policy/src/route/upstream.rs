//! Reads the key that names the servers of a route.

use crate::document::{Entry, File};
use crate::portal::{Portal, Upstream};
use crate::similar::did_you_mean;

/// `upstream = "reports"`; `Some(None)` without the key.
pub(super) fn upstream(
    file: &File<'_>,
    entry: &mut Entry<'_>,
    portal: &Portal,
) -> Option<Option<Upstream>> {
    if !entry.has("upstream") {
        return Some(None);
    }
    let named = entry.string("upstream")?;
    let Some(names) = &portal.upstreams else {
        return Some(Some(Upstream { name: named.value, position: usize::MAX }));
    };
    if let Some(position) = names.iter().position(|name| *name == named.value) {
        return Some(Some(Upstream { name: named.value, position }));
    }
    let known: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let known = match &*known {
        [] => "`upstream.others` is not set".to_owned(),
        known => format!("`upstream.others` has {}", known.join(", ")),
    };
    let proposal = did_you_mean(&named.value, names.iter().map(String::as_str));
    let message =
        format!("there are no servers `{}` in the settings: {known}{proposal}", named.value);
    file.problem(named.line, message);
    None
}
