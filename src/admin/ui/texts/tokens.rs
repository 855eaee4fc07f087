//! Texts of the pages about tokens.

use crate::web::text::{Phrase, Text, texts, values};

values! {
    /// The name of a token.
    TokenName(token);
}

texts! {
    /// The pages about tokens.
    Tokens {
        title: Text,
        lead: Text,
        none: Text,
        new: Text,
        new_title: Text,
        new_lead: Text,
        name: Text,
        name_hint: Text,
        email: Text,
        email_hint: Text,
        expires: Text,
        expires_hint: Text,
        expires_short: Text,
        expired: Text,
        soon: Text,
        never_expires: Text,
        created: Text,
        last_used: Text,
        created_title: Text,
        created_once: Text,
        created_done: Text,
        usage: Text,
        saved: Text,
        revoke: Text,
        revoke_lead: Text,
        revoke_question: Phrase<TokenName>,
        revoked: Text,
    }
}
