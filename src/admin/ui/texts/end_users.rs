//! The texts of the pages about end users.

use crate::web::text::{Phrase, Text, texts, values};

values! {
    /// The name of the organization that they belong to.
    EndUsersOf(organization);
    /// The name of an end user.
    EndUserName(name);
}

texts! {
    /// The pages about end users.
    EndUsers {
        title: Text,
        title_of: Phrase<EndUsersOf>,
        organizations: Text,
        lead: Text,
        new: Text,
        empty: Text,
        search: Text,
        name: Text,
        email: Text,
        email_hint: Text,
        created: Text,
        saved: Text,
        deleted: Text,
        save_question: Phrase<EndUserName>,
        delete: Text,
        delete_question: Phrase<EndUserName>,
        cannot_delete: Phrase<EndUserName>,
        no_users: Text,
    }
}
