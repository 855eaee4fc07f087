//! Texts that all pages share, and those of the small ones.

use crate::web::text::{Counted, Phrase, Text, texts, values};

values! {
    /// A number of people, and a permission.
    PeopleAndPermission(people, permission);
    /// A number of people.
    People(people);
    /// Names of routes, organizations or permissions.
    Names(names);
    /// The name of a role.
    RoleName(role);
    /// A number.
    Number(number);
}

texts! {
    /// What is around every page.
    Shell {
        skip: Text,
        menu: Text,
        close: Text,
        navigation: Text,
        account: Text,
        sign_out: Text,
        search: Text,
        documentation: Text,
        page_title: Text,
    }
    /// Words on buttons and links of several pages.
    Actions {
        save: Text,
        cancel: Text,
        back: Text,
        create: Text,
        edit: Text,
        filter: Text,
        clear: Text,
        more: Text,
        copy: Text,
        copied: Text,
        next: Text,
        first: Text,
        open: Text,
        reload: Text,
    }
    /// Words of lists and numbers.
    List {
        thousands: Text,
        none: Text,
        yes: Text,
        no: Text,
        never: Text,
        actions: Text,
        hidden: Counted,
        pages: Text,
        nothing_found: Text,
        order: Text,
    }
    /// The headings and entries of the navigation.
    Navigation {
        gateway: Text,
        people: Text,
        access: Text,
        activity: Text,
        setup: Text,
        overview: Text,
        groups: Text,
        bulk: Text,
        explain: Text,
        routes: Text,
        sessions: Text,
        lockouts: Text,
        mail: Text,
        jobs: Text,
    }
    /// The page in place of one that cannot be shown.
    Notice {
        forbidden: Text,
        outside_scope: Text,
        cross_site: Text,
        cross_site_detail: Text,
        not_found: Text,
        not_found_detail: Text,
        unavailable: Text,
        broken: Text,
        broken_detail: Text,
        refused: Text,
        role_required: Phrase<RoleName>,
        out_of_scope: Text,
        arrival: Text,
    }
    /// The page that sends a form again.
    KeptForm {
        title: Text,
        detail: Text,
        page: Text,
        another: Text,
        secret: Text,
        send: Text,
        discard: Text,
    }
    /// The question before a change.
    Confirmation {
        consequences: Text,
        permissions: Counted,
        warnings: Text,
        nothing: Text,
    }
    /// What a change does.
    Consequences {
        one_person: Text,
        people: Phrase<Number>,
        visitors: Counted,
        and_visitors: Counted,
        gains: Phrase<PeopleAndPermission>,
        loses: Phrase<PeopleAndPermission>,
        gains_access: Phrase<People>,
        loses_access: Phrase<People>,
        routes: Phrase<Names>,
        and_more: Phrase<Number>,
        sessions: Counted,
        links: Phrase<Names>,
        mails: Counted,
    }
    /// Signing in.
    SignIn {
        title: Text,
        login: Text,
        password: Text,
        code: Text,
        code_hint: Text,
        submit: Text,
        wrong: Text,
        code_title: Text,
        code_missing: Text,
        wrong_code: Text,
        code_expired: Text,
        another: Text,
        locked_out: Text,
        busy: Text,
        keeps_form: Text,
        loses_form: Text,
        first_use: Text,
    }
}
