//! Texts of the pages about one's own account.

use crate::web::text::{Counted, Text, texts};

texts! {
    /// The pages about one's own account.
    Account {
        role: Text,
        impersonate: Text,
        codes_left: Counted,
        set_up: Text,
        replace_factor: Text,
        replace_lead: Text,
        new_codes: Text,
        new_codes_lead: Text,
        change_password: Text,
        current: Text,
        others_end: Text,
        password_done: Text,
        sessions: Text,
        this_one: Text,
        end: Text,
        ended: Text,
        new_code: Text,
        old_code: Text,
        app_code: Text,
        confirm: Text,
        scan_again: Text,
        wrong: Text,
        wrong_code: Text,
        code_required: Text,
        locked_out: Text,
        busy: Text,
        required: Text,
        set_up_done: Text,
        set_up_expired: Text,
        codes_done: Text,
        issued_once: Text,
        kept: Text,
    }
}
