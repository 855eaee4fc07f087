//! Every text of the pages, by page. A file of a language has exactly these keys.

use serde::Deserialize;

use super::phrase::{
    AddressAndMoment, Browser, BrowserAndSystem, Counted, Login, LoginAndOrganization, Moment,
    Operator, Organization, OrganizationAndOperator, Permissions, Phrase, Section, Text,
};
use crate::credential::password::PasswordRule;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)+ })+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(in crate::portal_pages) struct $name {
            $(pub(in crate::portal_pages) $field: $kind,)+
        }
    )+ };
}

/// All texts of one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::portal_pages) struct Catalogue {
    /// The language's tag (RFC 5646): the name of its file.
    #[serde(skip)]
    pub(in crate::portal_pages) language: String,
    pub(in crate::portal_pages) page: Page,
    pub(in crate::portal_pages) script: Script,
    pub(in crate::portal_pages) action: Actions,
    pub(in crate::portal_pages) list: List,
    pub(in crate::portal_pages) when: Moments,
    pub(in crate::portal_pages) sign_in: SignIn,
    pub(in crate::portal_pages) mfa: Mfa,
    pub(in crate::portal_pages) mfa_setup: MfaSetUp,
    pub(in crate::portal_pages) recovery_codes: RecoveryCodes,
    pub(in crate::portal_pages) sign_out: SignOut,
    pub(in crate::portal_pages) sessions: Sessions,
    pub(in crate::portal_pages) link: Link,
    pub(in crate::portal_pages) choose: Choose,
    pub(in crate::portal_pages) requirement: Requirements,
    pub(in crate::portal_pages) forgot: Forgot,
    pub(in crate::portal_pages) notice: Notices,
    pub(in crate::portal_pages) denied: Denied,
}

texts! {
    /// What all pages have.
    Page {
        reference: Text,
    }

    /// What the script says.
    Script {
        show: Text,
        show_password: Text,
        hide: Text,
        hide_password: Text,
        caps_lock: Text,
    }

    /// Where to go from a page.
    Actions {
        again: Text,
        start: Text,
        sign_in: Text,
        sign_out: Text,
        somebody_else: Text,
        forgot: Text,
        sessions: Text,
    }

    /// What stands between names; its spaces count.
    List {
        comma: Text,
        and: Text,
        or: Text,
    }

    /// Moments, relative to now.
    Moments {
        ahead: Spans,
        just_now: Text,
        ago: Past,
    }

    /// Spans of time.
    Spans {
        seconds: Counted,
        minutes: Counted,
        hours: Counted,
    }

    /// Spans of time that are over.
    Past {
        minutes: Counted,
        hours: Counted,
        days: Counted,
    }

    /// The sign-in page.
    SignIn {
        title: Text,
        login: Text,
        password: Text,
        submit: Text,
        link_of_organization: Phrase<OrganizationAndOperator>,
        link: Phrase<Operator>,
        link_replaced: Phrase<OrganizationAndOperator>,
        again: Text,
        form_too_old: Text,
        login_missing: Text,
        password_missing: Text,
        wrong: Text,
        forgot: Text,
        password_set: Text,
        locked_out: Phrase<Moment>,
        busy: Text,
    }

    /// The code after the password.
    Mfa {
        title: Text,
        lead: Phrase<Login>,
        code: Text,
        submit: Text,
        instead: Text,
        recovery_lead: Text,
        recovery_code: Text,
        recovery_submit: Text,
        form_too_old: Text,
        code_missing: Text,
        wrong_code: Text,
        wrong_recovery_code: Text,
        busy: Text,
    }

    /// Setting the second factor up.
    MfaSetUp {
        title: Text,
        lead: Phrase<Login>,
        scan: Text,
        qr_code: Text,
        or_enter: Text,
        enter: Text,
        code: Text,
        submit: Text,
        wrong_code: Text,
        another_secret: Text,
    }

    /// The recovery codes, once.
    RecoveryCodes {
        title: Text,
        lead: Text,
        keep: Text,
        go_on: Text,
        copy: Text,
        copied: Text,
        not_copied: Text,
        print: Text,
    }

    /// The way out.
    SignOut {
        title: Text,
        person: Phrase<Login>,
        by_link: Text,
        form_too_old: Text,
        submit: Text,
        stay: Text,
        done_title: Text,
        done: Text,
    }

    /// Where a portal user is signed in.
    Sessions {
        title: Text,
        lead: Phrase<Login>,
        unknown: Text,
        unknown_ask: Phrase<Operator>,
        another_password: Text,
        browser: Phrase<Browser>,
        browser_on_system: Phrase<BrowserAndSystem>,
        unknown_browser: Text,
        this: Text,
        began: Phrase<AddressAndMoment>,
        used: Phrase<Moment>,
        end: Text,
        end_this: Phrase<Browser>,
        end_others: Text,
        only_this: Text,
        ended: Counted,
        not_there: Text,
        form_too_old: Text,
    }

    /// Somebody signed in opens another organization's link.
    Link {
        title: Text,
        lead: Phrase<LoginAndOrganization>,
        unexpected: Text,
        somebody: Text,
        form_too_old: Text,
        stay: Text,
        open: Phrase<Organization>,
    }

    /// Choosing a password by a mailed link.
    Choose {
        invitation: Occasion,
        reset: Occasion,
        login: Text,
        password: Text,
        needs: Text,
        met: Text,
        missing: Text,
        submit: Text,
        broken: Text,
        busy: Text,
        form_too_old: Text,
    }

    /// Why a password is chosen.
    Occasion {
        title: Text,
        lead: Phrase<Organization>,
    }

    /// What a password needs.
    Requirements {
        length: Text,
        uppercase: Text,
        lowercase: Text,
        digit: Text,
        symbol: Text,
        not_login: Text,
        not_email: Text,
    }

    /// Asking for a reset of a forgotten password.
    Forgot {
        title: Text,
        lead: Text,
        login: Text,
        submit: Text,
        back: Text,
        form_too_old: Text,
        login_missing: Text,
    }

    /// Pages that say one thing.
    Notices {
        store_unavailable: Advised,
        no_such_page: Statement,
        not_done_here: Statement,
        foreign_form: Advised,
        link_in_background: Advised,
        too_many_sessions: Advised,
        unreadable_form: Advised,
        no_portal_access: Advised,
        dead_link: Advised,
        dead_invitation: Advised,
        dead_reset: Advised,
        reset_asked: Advised,
        bad_request: Advised,
        unknown_host: Advised,
        foreign_origin: Statement,
        access_changed: Advised,
        cross_origin: Advised,
        method_override: Advised,
        elsewhere: Statement,
        sign_in_first: Advised,
        link_not_enough: Advised,
        portal_closed: Advised,
        portal_down: Advised,
        portal_broken: Advised,
        portal_slow: Statement,
        portal_busy: Advised,
    }

    /// What the policy does not allow.
    Denied {
        ask: Phrase<Operator>,
        permission: Lacking,
        permission_by_link: Lacking,
        other_organization: Statement,
        no_route: Statement,
        method: Statement,
        ambiguous: Statement,
        query: Statement,
        websocket: Statement,
        closed: Statement,
        otherwise: Statement,
    }

    /// The group lacks a permission.
    Lacking {
        any: Statement,
        title_of_section: Phrase<Section>,
        ask: Phrase<Operator>,
        ask_for_all: Phrase<Permissions>,
        ask_for_any: Phrase<Permissions>,
    }

    /// What happened, and why.
    Statement {
        title: Text,
        detail: Text,
    }

    /// A statement, and what to do next.
    Advised {
        title: Text,
        detail: Text,
        advice: Phrase<Operator>,
    }
}

impl Requirements {
    /// The rule in the reader's words.
    pub(in crate::portal_pages) const fn of(&self, rule: PasswordRule) -> &Text {
        match rule {
            PasswordRule::Length => &self.length,
            PasswordRule::Uppercase => &self.uppercase,
            PasswordRule::Lowercase => &self.lowercase,
            PasswordRule::Digit => &self.digit,
            PasswordRule::Symbol => &self.symbol,
            PasswordRule::NotLogin => &self.not_login,
            PasswordRule::NotEmail => &self.not_email,
        }
    }
}
