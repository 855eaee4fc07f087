//! Texts of the preferences.

use super::groups::File;
use super::overview::Url;
use crate::web::text::{Phrase, Text, texts};

texts! {
    /// The preferences.
    Preferences {
        title: Text,
        lead: Text,
        saved: Text,
        managed_by: Phrase<File>,
        detach: Text,
        conflict: Text,
        conflict_detail: Text,
        theirs: Text,
        yours: Text,
        links_secured: Text,
        links_open: Text,
        notices_on: Text,
        notices_off: Text,
        staff: Text,
        notify: Text,
        notify_hint: Text,
        portal_enabled: Text,
        portal_disabled: Phrase<Url>,
        links: Text,
        secure: Text,
        secure_hint: Text,
        portal: Text,
        url: Text,
        url_hint: Text,
        new_users: Text,
        default_group: Text,
        default_group_hint: Text,
        question: Text,
        enable_question: Text,
        disable_question: Text,
    }
}
