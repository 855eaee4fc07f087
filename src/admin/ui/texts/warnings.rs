//! Texts of the API's warnings, by their names.

use super::common::Number;
use crate::web::text::{Counted, Phrase, Text, texts, values};

values! {
    /// What a warning is about.
    About(names);
    /// A login, and the id of an organization or a group.
    LoginAnd(login, other);
    /// How many, and the addresses.
    CountAndNames(number, names);
    /// The name of the group in force after the change, and of the one before it.
    AfterAndBefore(after, before);
}

texts! {
    /// The API's warnings.
    Warnings {
        comma: Text,
        and: Text,
        more: Phrase<Number>,
        organization_parked: Phrase<About>,
        link_closes: Phrase<About>,
        because_portal_users: Text,
        because_parked: Text,
        because_preference: Text,
        link_sessions: Counted,
        link_opens: Phrase<About>,
        link_replaced: Phrase<About>,
        link_stays_closed: Phrase<LoginAnd>,
        invitation_ends: Phrase<About>,
        reset_ends: Phrase<About>,
        tokens_revoked: Counted,
        default_group_changes: Phrase<AfterAndBefore>,
        default_group_without_access: Text,
        default_group_has_all_permissions: Phrase<LoginAnd>,
        portal_disabled: Phrase<About>,
        sessions_stay: Counted,
        portal_enabled: Text,
        sessions_continue: Counted,
        payment_without_sign_in: Phrase<About>,
        opens_without_sign_in: Text,
        routes_open: Text,
        routes_close: Text,
        routes_become_public: Text,
        second_factor_no_longer_asked: Phrase<About>,
        invitation_sent_elsewhere: Phrase<LoginAnd>,
        invitations_sent_elsewhere: Phrase<CountAndNames>,
        name_in_use: Phrase<About>,
        store_stale: Text,
        portal_unreachable: Phrase<About>,
        portal_draining: Phrase<About>,
        expectations_not_met: Text,
        policy_not_reloaded: Text,
        token_never_expires: Phrase<About>,
        token_expires_soon: Phrase<About>,
        mail_failed: Counted,
        mail_unconfirmed: Counted,
        certificate_expires_soon: Phrase<About>,
        certificate_expired: Phrase<About>,
        certificate_not_reloaded: Phrase<About>,
        backup_failed: Phrase<About>,
    }
}
