//! The texts of the pages about decisions and routes.

use crate::web::text::{Counted, Phrase, Text, texts, values};

values! {
    /// A person's login.
    Login(login);
    /// A person's login, and a group's name.
    PersonAndGroup(login, group);
    /// A group's name.
    ToGroup(group);
    /// How many of how many.
    Part(number, of);
    /// How many requests were allowed, and how many were not.
    HitCounts(allowed, refused);
}

texts! {
    /// The page that explains decisions.
    Explain {
        title: Text,
        lead: Text,
        by_reference: Text,
        reference: Text,
        reference_hint: Text,
        by_request: Text,
        who: Text,
        user: Text,
        user_label: Text,
        user_missing: Text,
        group: Text,
        link: Text,
        link_label: Text,
        link_missing: Text,
        group_missing: Text,
        anonymous: Text,
        method: Text,
        target: Text,
        host: Text,
        host_default: Text,
        explain: Text,
        answer: Text,
        allowed: Text,
        refused: Text,
        sign_in: Text,
        redirected: Text,
        bad_request: Text,
        decided: Text,
        route: Text,
        needs: Text,
        needs_any: Text,
        has: Text,
        lacks: Text,
        session: Text,
        group_column: Text,
        policy: Text,
        nearest: Text,
        ways: Text,
        over: Text,
        over_moved: Phrase<PersonAndGroup>,
        again: Text,
        read_only: Text,
        move_to: Phrase<Login>,
        move_person: Phrase<PersonAndGroup>,
        no_group: Text,
        grant_to: Phrase<ToGroup>,
        grant: Phrase<ToGroup>,
        members: Counted,
        moved: Text,
        granted: Text,
        changed: Text,
    }
    /// The pages about the policy's routes.
    Routes {
        title: Text,
        lead: Text,
        explain: Text,
        search: Text,
        reached_by: Text,
        anyone: Text,
        of_person: Phrase<Login>,
        shown: Phrase<Part>,
        route: Text,
        needs: Text,
        any_of: Text,
        groups: Text,
        of: Phrase<Part>,
        allowed: Text,
        refused: Text,
        place: Text,
        public: Text,
        signed_in: Text,
        closed: Text,
        own_organization: Text,
        hosts: Text,
        on_deny: Text,
        hits: Text,
        hit_counts: Phrase<HitCounts>,
        who: Text,
        who_not: Text,
        public_hint: Text,
        no_group: Text,
        people: Counted,
        and_links: Text,
        group: Text,
        members: Text,
        all_routes: Text,
        reload: Text,
        reload_question: Text,
        reloaded: Text,
        broken: Text,
        stays: Text,
    }
}
