//! Texts of the first page.

use crate::web::text::{Counted, Phrase, Text, texts, values};

values! {
    /// An address.
    Url(url);
    /// The version of the program.
    Version(version);
}

texts! {
    /// The first page.
    Overview {
        title: Text,
        scoped: Text,
        all_well: Text,
        attention: Text,
        not_ready: Text,
        first: Text,
        first_organization: Text,
        first_person: Text,
        organizations: Text,
        users: Text,
        routes: Text,
        mail_waiting: Text,
        parts: Text,
        portal: Text,
        enabled: Text,
        disabled: Text,
        redirects_to: Phrase<Url>,
        server: Text,
        reachable: Text,
        unreachable: Text,
        unhealthy: Text,
        draining: Text,
        store: Text,
        ready: Text,
        policy: Text,
        in_force: Text,
        look: Text,
        mail: Text,
        fine: Text,
        mail_failed: Counted,
        mail_unconfirmed: Counted,
        certificate: Text,
        expires: Text,
        expired: Text,
        started: Text,
        version: Phrase<Version>,
        refusals: Text,
        no_refusals: Text,
        reason: Text,
        requests: Text,
        last: Text,
        sign_ins: Text,
        no_sign_ins: Text,
        all_sign_ins: Text,
        refused_sign_ins: Text,
        no_refused_sign_ins: Text,
        all_refused_sign_ins: Text,
        disabled_title: Text,
        switch: Text,
        enable: Text,
        enable_lead: Text,
        disable: Text,
        disable_lead: Text,
        disable_url: Text,
        was_disabled: Text,
        was_enabled: Text,
    }
}
