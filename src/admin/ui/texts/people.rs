//! Texts that the pages about organizations and about portal users share.

use crate::web::text::{Phrase, Text, texts, values};

values! {
    /// The name of a file that manages a record.
    FileName(file);
    /// Who of the staff.
    Staff(staff);
    /// Who of the staff acts as which login.
    StaffAs(staff, login);
    /// Whose session it is.
    Whose(whose);
    /// When a link expires.
    Until(when);
}

texts! {
    /// What both kinds of pages say.
    People {
        conflict: Text,
        conflict_detail: Text,
        field: Text,
        theirs: Text,
        yours: Text,
        managed: Text,
        managed_by: Phrase<FileName>,
        managed_detail: Text,
        detach: Text,
        sessions: Text,
        no_sessions: Text,
        all_sessions: Text,
        who: Text,
        started: Text,
        last_used: Text,
        from: Text,
        by_link: Text,
        staff: Phrase<Staff>,
        staff_as: Phrase<StaffAs>,
        end: Text,
        end_of: Phrase<Whose>,
        end_all: Text,
        trail: Text,
        no_entries: Text,
        all_entries: Text,
        when: Text,
        actor: Text,
        event: Text,
        subject: Text,
        reason: Text,
        reason_hint: Text,
        make_link: Text,
        link_ready: Phrase<Until>,
        open_portal: Text,
    }
}
