//! Texts of the pages about the audit log.

use crate::web::text::{Counted, Text, texts};

texts! {
    /// The pages about the audit log.
    Audit {
        title: Text,
        lead: Text,
        none: Text,
        none_here: Text,
        older: Text,
        checkpoint: Text,
        export: Text,
        time: Text,
        kind: Text,
        all_kinds: Text,
        subject: Text,
        actor: Text,
        details: Text,
        user: Text,
        user_hint: Text,
        organization: Text,
        organization_hint: Text,
        since: Text,
        until: Text,
        via: Text,
        reason: Text,
        source: Text,
        number: Text,
        changes: Text,
        values: Text,
        field: Text,
        before: Text,
        after: Text,
        unchanged: Counted,
        checkpoint_lead: Text,
        size: Text,
        signed: Text,
        key: Text,
        checkpoint_text: Text,
        verify: Text,
        verify_lead: Text,
    }
}
