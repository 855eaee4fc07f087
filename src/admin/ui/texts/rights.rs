//! Texts about what an account or a token may do.

use crate::web::text::{Counted, Text, texts};

texts! {
    /// The fields of what an account or a token may do.
    Rights {
        role: Text,
        role_hint: Text,
        scope: Text,
        all_organizations: Text,
        some_organizations: Text,
        organization_count: Counted,
        organizations: Text,
        organizations_hint: Text,
        impersonate: Text,
        impersonate_short: Text,
        impersonate_hint: Text,
        conflict: Text,
        conflict_detail: Text,
    }
}
