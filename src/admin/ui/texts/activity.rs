//! The texts of the pages about sessions, lockouts and emails.

use crate::web::text::{Phrase, Text, texts, values};

values! {
    /// Who of the operator's staff started a session.
    Starter(actor);
    /// A network.
    Network(network);
    /// An address, and the mail server or file.
    AddressAndVia(address, via);
    /// The mail server or file.
    Via(via);
}

texts! {
    /// The page about sessions.
    Sessions {
        title: Text,
        lead: Text,
        login: Text,
        organization: Text,
        kind: Text,
        any_kind: Text,
        of_user: Text,
        of_link: Text,
        of_staff: Text,
        of_impersonation: Text,
        whose: Text,
        last_seen: Text,
        started: Text,
        started_by: Phrase<Starter>,
        from: Text,
        none: Text,
        end: Text,
        end_all: Text,
        end_these: Text,
        end_all_question: Text,
        ended: Text,
        all_ended: Text,
    }
    /// The page about lockouts.
    Lockouts {
        title: Text,
        lead: Text,
        none: Text,
        what: Text,
        in_network: Phrase<Network>,
        kind: Text,
        account: Text,
        browser: Text,
        browsers: Text,
        administrator: Text,
        network: Text,
        failures: Text,
        until: Text,
        name: Text,
        release: Text,
        released: Text,
    }
    /// The pages about emails.
    Mail {
        title: Text,
        lead: Text,
        none: Text,
        login: Text,
        mail: Text,
        for_whom: Text,
        state: Text,
        any_state: Text,
        written: Text,
        invitation: Text,
        reset: Text,
        account_changed: Text,
        impersonation: Text,
        waiting: Text,
        sent: Text,
        failed: Text,
        unconfirmed: Text,
        not_needed: Text,
        next_attempt: Text,
        attempts: Text,
        last_error: Text,
        retry: Text,
        retried: Text,
        content: Text,
        content_hint: Text,
        from: Text,
        to: Text,
        blind_copy: Text,
        subject: Text,
        html_part: Text,
        text_part: Text,
        test: Text,
        test_lead: Text,
        test_to: Text,
        test_send: Text,
        test_sent: Phrase<AddressAndVia>,
        test_failed: Phrase<Via>,
    }
}
