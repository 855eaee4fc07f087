//! The filter of the list by state.

/// The filters of the API for a choice of the field `state`: the status, and whether disabled.
pub(super) fn status_of(state: &str) -> (&str, &'static str) {
    match state {
        "disabled" => ("", "true"),
        "" => ("", ""),
        status => (status, "false"),
    }
}
