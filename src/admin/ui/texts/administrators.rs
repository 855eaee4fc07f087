//! Texts of the pages about administrators, and about their second factors.

use crate::web::text::{Phrase, Text, texts, values};

values! {
    /// The login of an administrator.
    LoginName(login);
}

texts! {
    /// The pages about administrators.
    Administrators {
        title: Text,
        lead: Text,
        none: Text,
        new: Text,
        new_lead: Text,
        login: Text,
        email: Text,
        email_hint: Text,
        password: Text,
        password_hint: Text,
        password_again: Text,
        mfa: Text,
        mfa_hint: Text,
        factor_short: Text,
        factor_on: Text,
        factor_off: Text,
        last_sign_in: Text,
        created: Text,
        created_done: Text,
        saved: Text,
        sign_in: Text,
        own: Text,
        new_password: Text,
        password_ends: Text,
        set_password: Text,
        password_done: Text,
        factor_lead: Text,
        issue_factor: Text,
        factor_question: Phrase<LoginName>,
        issued: Text,
        issued_for: Phrase<LoginName>,
        issued_once: Text,
        issued_done: Text,
        sessions: Text,
        no_sessions: Text,
        address: Text,
        since: Text,
        last_seen: Text,
        end_sessions: Text,
        end_question: Phrase<LoginName>,
        ended: Text,
        delete: Text,
        delete_lead: Text,
        delete_question: Phrase<LoginName>,
        deleted: Text,
    }
    /// A second factor and its recovery codes.
    SecondFactor {
        qr: Text,
        scan: Text,
        open: Text,
        type_in: Text,
        codes: Text,
        codes_lead: Text,
    }
}
