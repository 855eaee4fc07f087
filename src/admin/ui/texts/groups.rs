//! The texts of the pages about groups.

use crate::web::text::{Counted, Phrase, Text, texts, values};

values! {
    /// A group's name.
    Group(group);
    /// A group that is deleted, and the one that replaces it.
    Replaced(group, other);
    /// The same with how many people get the other one.
    Moved(group, users, other);
    /// How many permissions of how many.
    Granted(granted, of);
    /// A section of the permissions.
    SectionName(section);
    /// The file that manages a record.
    File(file);
}

texts! {
    /// The pages about groups.
    Groups {
        title: Text,
        lead: Text,
        new: Text,
        new_title: Text,
        new_lead: Text,
        name: Text,
        permissions: Text,
        users: Text,
        granted: Phrase<Granted>,
        is_default: Text,
        is_system: Text,
        created: Text,
        saved: Text,
        deleted: Text,
        editor_lead: Text,
        system_hint: Text,
        check_section: Phrase<SectionName>,
        check_all: Text,
        needs_identity: Text,
        without_access: Text,
        make_default: Text,
        copy: Text,
        copy_title: Phrase<Group>,
        copy_lead: Text,
        copy_of: Phrase<Group>,
        compare: Text,
        compare_lead: Text,
        compare_one: Text,
        compare_other: Text,
        compare_button: Text,
        differing: Counted,
        delete: Text,
        delete_question: Phrase<Group>,
        replace_question: Phrase<Replaced>,
        move_question: Phrase<Moved>,
        delete_lead: Text,
        move_to: Text,
        move_lead: Counted,
        replace_with: Text,
        needs_other: Text,
        is_default_of_organizations: Text,
        choose_group: Text,
        save_question: Phrase<Group>,
        default_question: Phrase<Group>,
        default_done: Text,
        save_first: Text,
        conflict: Text,
        conflict_detail: Text,
        theirs: Text,
        yours: Text,
        members: Counted,
        managed_by: Phrase<File>,
        detach: Text,
    }
}
