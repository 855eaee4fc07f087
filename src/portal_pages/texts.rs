//! Every text of the pages, by page. A file of a language has exactly these keys.

mod values;

use self::values::{
    AddressAndMoment, Browser, BrowserAndSystem, Date, Login, LoginAndOrganization, LoginAndUser,
    Name, OperatorAndLogin, OperatorAndReason, Organization, OrganizationAndOperator, Permissions,
    Section,
};
use crate::web::text::{
    Advice, AdviceOn, Counted, ListWords, Moment, Operator, Phrase, Statement, Text, TimeWords,
    Translation, Translations, texts,
};

/// The texts of the pages in all languages.
pub(super) type Texts = Translations<PageTexts>;
/// The texts of the pages in one language.
pub(super) type Catalogue = Translation<PageTexts>;

/// The languages in the program; the first is the one for all other readers.
pub(super) const SHIPPED: [(&str, &str); 2] = [
    ("en", include_str!("../../templates/text/en.toml")),
    ("de", include_str!("../../templates/text/de.toml")),
];

texts! {
    /// All texts of one language.
    PageTexts {
        page: Page,
        script: Script,
        action: Actions,
        list: ListWords,
        when: TimeWords,
        sign_in: SignIn,
        ended: Ended,
        link_ended: LinkEnded,
        mfa: Mfa,
        mfa_setup: MfaSetUp,
        recovery_codes: RecoveryCodes,
        sign_out: SignOut,
        banner: Banner,
        confirm: Confirm,
        account: Account,
        account_password: AccountPassword,
        account_mfa: AccountMfa,
        account_codes: AccountCodes,
        sessions: Sessions,
        access_tokens: AccessTokens,
        link: Link,
        view: View,
        choose: Choose,
        requirement: Requirements,
        forgot: Forgot,
        notice: NoticeTexts,
        denied: Denied,
    }

    /// On every page.
    Page {
        reference: Text,
        links: Text,
        contact: Text,
        reloads: Phrase<Moment>,
    }

    /// Labels and hints that scripts add.
    Script {
        show: Text,
        show_password: Text,
        hide: Text,
        hide_password: Text,
        caps_lock: Text,
    }

    /// Links to other pages.
    Actions {
        again: Text,
        start: Text,
        portal: Text,
        sign_in: Text,
        switch_account: Text,
        new_link: Text,
        account: Text,
        sign_out: Text,
        stop_view: Text,
    }

    /// The sign-in page.
    SignIn {
        title: Text,
        lead: Phrase<Operator>,
        lead_of_organization: Phrase<OrganizationAndOperator>,
        login: Text,
        password: Text,
        submit: Text,
        link_of_organization: Phrase<OrganizationAndOperator>,
        link: Phrase<Operator>,
        again: Text,
        unsent: Text,
        in_new_tab: Text,
        form_too_old: Text,
        login_missing: Text,
        password_missing: Text,
        wrong: Text,
        forgot: Text,
        password_set: Text,
        locked_out: Phrase<Moment>,
        locked_over: Text,
        locked_forgot: Phrase<Operator>,
        busy: Text,
    }

    /// Why a session has ended, on the sign-in page.
    Ended {
        idle: Text,
        absolute: Text,
        password_changed: Text,
        by_user: Text,
        by_operator: Phrase<Operator>,
        otherwise: Text,
    }

    /// The page in place of the sign-in page for visitors by a secure link.
    LinkEnded {
        title: Text,
        detail: Phrase<Operator>,
        replaced_title: Text,
        replaced: Phrase<OrganizationAndOperator>,
        sign_in: Text,
    }

    /// The page for the code after the password.
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

    /// The page that sets up the second factor.
    MfaSetUp {
        title: Text,
        lead: Phrase<OperatorAndLogin>,
        lead_chosen: Phrase<Login>,
        apps: Text,
        scan: Text,
        or_scan: Text,
        qr_code: Text,
        open_in_app: Text,
        or_enter: Text,
        enter_instead: Text,
        enter: Text,
        copy: Text,
        not_copied: Text,
        code: Text,
        submit: Text,
        wrong_code: Text,
        another_secret: Text,
    }

    /// The page that shows the recovery codes.
    RecoveryCodes {
        title: Text,
        lead: Text,
        replaced: Text,
        keep: Text,
        saved: Text,
        copy: Text,
        download: Text,
        file_title: Phrase<Operator>,
        file_login: Phrase<Login>,
        file_date: Phrase<Date>,
        file_keep: Text,
        copied: Text,
        not_copied: Text,
        print: Text,
    }

    /// The page to sign out on.
    SignOut {
        title: Text,
        person: Phrase<Login>,
        by_link: Text,
        form_too_old: Text,
        submit: Text,
        stay: Text,
        done_title: Text,
        done: Text,
        open_link_again: Text,
    }

    /// The banner in the portal's pages while staff view them.
    Banner {
        label: Text,
        staff: Phrase<Name>,
        ends: Phrase<Moment>,
        over: Text,
    }

    /// Asking for the password and a code again.
    Confirm {
        password: Text,
        code: Text,
        password_missing: Text,
        wrong_password: Text,
        code_missing: Text,
        wrong_code: Text,
        busy: Text,
        form_too_old: Text,
    }

    /// The account page.
    Account {
        title: Text,
        lead: Phrase<Login>,
        back: Text,
        password: Text,
        password_facts: Text,
        change: Text,
        second_factor: Text,
        second_factor_facts: Text,
        on: Text,
        off: Text,
        codes_left: Counted,
        set_up: Text,
        manage: Text,
        sessions: Text,
        browsers: Counted,
        tokens: Text,
        tokens_count: Counted,
        password_changed: Text,
    }

    /// The page to change the password on.
    AccountPassword {
        title: Text,
        lead: Text,
        tokens_end: Text,
        current: Text,
        submit: Text,
        new_missing: Text,
        same: Text,
    }

    /// The page of two-step sign-in in the account.
    AccountMfa {
        title: Text,
        off_lead: Phrase<Login>,
        required: Phrase<Operator>,
        set_up: Text,
        on_lead: Phrase<Login>,
        since: Phrase<Moment>,
        codes: Text,
        change_title: Text,
        replace_title: Text,
        change_lead: Text,
        code: Text,
        replace: Text,
        turn_off: Text,
        turned_off: Text,
        still_required: Text,
    }

    /// The page of the recovery codes that are left.
    AccountCodes {
        title: Text,
        used: Text,
        left: Counted,
        few: Text,
        lead: Text,
        resume: Text,
        new_title: Text,
        new_lead: Text,
        submit: Text,
    }

    /// The page with a portal user's sessions.
    Sessions {
        title: Text,
        lead: Phrase<Login>,
        unknown: Text,
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

    /// The page with a portal user's tokens for programs.
    AccessTokens {
        title: Text,
        lead: Phrase<Login>,
        none: Text,
        created: Phrase<Moment>,
        used: Phrase<Moment>,
        unused: Text,
        expires: Phrase<Date>,
        expired: Text,
        never_expires: Text,
        by_operator: Phrase<Operator>,
        revoke: Text,
        revoke_this: Phrase<Name>,
        revoked: Text,
        not_there: Text,
        new: Text,
        name: Text,
        lifetime: Text,
        days: Counted,
        forever: Text,
        create: Text,
        created_now: Text,
        not_copied: Text,
        name_missing: Text,
        name_invalid: Text,
        name_taken: Text,
        too_many: Text,
        set_up_first: Text,
        form_too_old: Text,
    }

    /// The question before another organization's link replaces a session.
    Link {
        title: Text,
        lead: Phrase<LoginAndOrganization>,
        unexpected: Text,
        another_account: Text,
        form_too_old: Text,
        stay: Text,
        open: Phrase<Organization>,
    }

    /// The pages on which a session of the operator's staff starts and ends.
    View {
        title: Text,
        lead: Phrase<LoginAndOrganization>,
        lead_as: Phrase<LoginAndUser>,
        stop_title: Text,
        viewed: Phrase<Organization>,
        viewed_as: Phrase<LoginAndOrganization>,
        trying: Phrase<Organization>,
        resume: Text,
        ended_title: Text,
        ended: Text,
        admin: Text,
    }

    /// The pages that set a password by a mailed link.
    Choose {
        invitation: Occasion,
        reset: Occasion,
        login: Text,
        password: Text,
        needs: Text,
        met: Text,
        missing: Text,
        submit: Text,
        not_met: Text,
        busy: Text,
        form_too_old: Text,
    }

    /// What the page says for one kind of link.
    Occasion {
        title: Text,
        lead: Phrase<OrganizationAndOperator>,
    }

    /// The requirements for a password.
    Requirements {
        length: Text,
        uppercase: Text,
        lowercase: Text,
        digit: Text,
        symbol: Text,
        not_login: Text,
        not_email: Text,
    }

    /// The page that asks for a link to reset the password.
    Forgot {
        title: Text,
        lead: Phrase<Operator>,
        login: Text,
        submit: Text,
        back: Text,
        form_too_old: Text,
        login_missing: Text,
    }

    /// Pages with one statement.
    NoticeTexts {
        store_unavailable: Advice,
        change_unconfirmed: Advice,
        no_such_page: Statement,
        method_not_allowed: Statement,
        foreign_form: Advice,
        no_account_by_link: Advice,
        link_in_background: Advice,
        too_many_sessions: Advice,
        unreadable_form: Advice,
        no_portal_access: Advice,
        organization_parked: AdviceOn<OperatorAndReason>,
        account_disabled: Advice,
        no_portal_access_in_session: Advice,
        dead_link: Advice,
        dead_view: Advice,
        dead_invitation: Advice,
        dead_reset: Advice,
        reset_requested: AdviceOn<Moment>,
        bad_request: Advice,
        address_too_long: Advice,
        bad_message: Advice,
        bad_body: Advice,
        slow_body: Advice,
        body_too_large: Advice,
        unknown_host: Advice,
        foreign_origin: Statement,
        access_changed: Advice,
        cross_origin: Advice,
        several_authorizations: Advice,
        invalid_token: Advice,
        token_locked_out: Advice,
        mfa_not_enrolled: Advice,
        other_session: Advice,
        method_override: Advice,
        read_only: Advice,
        login_not_encodable: Advice,
        elsewhere: Statement,
        sign_in_first: Advice,
        link_not_enough: Advice,
        portal_closed: Advice,
        portal_down: Advice,
        portal_broken: Advice,
        portal_slow: Advice,
        portal_slow_change: Advice,
        portal_busy: Advice,
        no_portal: Advice,
        wrong_contract: Advice,
    }

    /// Denials by the policy.
    Denied {
        ask: Phrase<Operator>,
        needed: Phrase<Permissions>,
        needed_all: Phrase<Permissions>,
        permission: MissingPermission,
        permission_by_link: MissingPermission,
        other_organization: Statement,
        no_route: Statement,
        method: Statement,
        ambiguous: Statement,
        query: Statement,
        websocket: Statement,
        address: Statement,
        staff: Statement,
        closed: Statement,
        otherwise: Statement,
    }

    /// A permission is missing.
    MissingPermission {
        any: Statement,
        title_of_page: Text,
        title_of_section: Phrase<Section>,
        ask: Phrase<Operator>,
    }
}
