//! What the bar of bulk actions above the list sends: what to do, and the filter of the list.

use crate::admin::ui::texts::Users;
use crate::web::text::Text;

/// What can be done, by the name of the choice.
pub(super) fn actions(text: &Users) -> Vec<(&'static str, &Text)> {
    vec![
        ("disable", &text.disable),
        ("enable", &text.enable),
        ("group", &text.move_to_group),
        ("require_mfa", &text.require_mfa),
        ("no_mfa", &text.no_longer_require_mfa),
    ]
}

/// The filter of the list and its page, as fields of the form: search, group, state, organization and
/// where the page begins.
pub(super) const fn fields(values: [&str; 5]) -> [(&'static str, &str); 5] {
    let [search, group, state, organization, after] = values;
    [
        ("match_search", search),
        ("match_group", group),
        ("match_state", state),
        ("match_organization", organization),
        ("match_after", after),
    ]
}
