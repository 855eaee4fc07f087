//! The table of pages: what each requires, its path, its handler, and its place in the navigation.
//!
//! What a page requires is what the requests require that it makes; the API checks them again.

use super::destination::SIGN_IN;
use super::navigation::Section;
use super::organizations::{self, choices, suggestions};
use super::table::Pages;
use super::{
    account, administrators, asset_files, audit, branding, bulk, code_step, end_users, explain,
    groups, import, jobs, lockouts, mail, overview, preferences, routes, sessions, set_up, sign_in,
    tokens, users,
};
use crate::admin::authority::Authority::{Export, Manage, Own, Public, Read, Support};
use crate::admin::authority::Reach::{Gateway, Organizations, Shared};

/// Every page.
#[rustfmt::skip]
pub(super) fn table() -> Pages {
    Pages::default()
        .show(Public, Shared, asset_files::PATH, asset_files::show)
        .show(Public, Shared, "/favicon.ico", asset_files::favicon)
        .show(Public, Shared, SIGN_IN, sign_in::show)
        .act(Public, Shared, SIGN_IN, sign_in::check)
        .act(Read, Shared, "/sign-out", sign_in::end)
        .show(Public, Shared, code_step::PATH, sign_in::show_code)
        .act(Public, Shared, code_step::PATH, sign_in::check_code)
        .show(Public, Shared, set_up::PATH, set_up::back)
        .act(Public, Shared, set_up::PATH, set_up::check)

        .show(Read, Shared, "/", overview::show).entry(Section::Gateway, |it| &it.navigation.overview)
        .act(Manage, Gateway, "/", overview::disabling::act)

        .show(Read, Organizations, "/organizations", organizations::list::show)
            .entry(Section::People, |it| &it.organizations.title)
        .show(Read, Organizations, suggestions::PATH, suggestions::show)
        .show(Read, Organizations, choices::PATH, choices::show)
        .show(Manage, Gateway, "/organizations/new", organizations::new::show)
        .act(Manage, Gateway, "/organizations/new", organizations::new::create)
        .show(Read, Organizations, "/organizations/{id}", organizations::page::show)
        .show(Manage, Organizations, "/organizations/{id}/edit", organizations::editor::show)
        .act(Manage, Organizations, "/organizations/{id}/edit", organizations::editor::save)
        .show(Read, Organizations, "/organizations/{id}/link", organizations::page::back)
        .act(Support, Organizations, "/organizations/{id}/link", organizations::link::show)
        .show(Read, Organizations, "/organizations/{id}/link/change", organizations::page::back)
        .act(Manage, Organizations, "/organizations/{id}/link/change", organizations::link::change)
        .show(Read, Organizations, "/organizations/{id}/sessions", organizations::page::back)
        .act(Support, Organizations, "/organizations/{id}/sessions", organizations::page::end_sessions)
        .show(Support, Organizations, "/organizations/{id}/view", organizations::view::show)
        .act(Support, Organizations, "/organizations/{id}/view", organizations::view::open)
        .show(Manage, Organizations, "/organizations/{id}/park", organizations::parking::show)
        .act(Manage, Organizations, "/organizations/{id}/park", organizations::parking::save)
        .show(Read, Organizations, "/organizations/{id}/delete", organizations::page::back)
        .act(Manage, Organizations, "/organizations/{id}/delete", organizations::deletion::delete)

        .show(Read, Organizations, end_users::list::SUGGESTIONS, end_users::list::suggest)
        .show(Read, Organizations, "/organizations/{id}/end-users", end_users::list::show)
        .show(Manage, Organizations, "/organizations/{id}/end-users/new", end_users::new::show)
        .act(Manage, Organizations, "/organizations/{id}/end-users/new", end_users::new::create)
        .show(Read, Organizations, "/organizations/{id}/end-users/{end_user}", end_users::editor::show)
        .act(Manage, Organizations, "/organizations/{id}/end-users/{end_user}", end_users::editor::save)
        .show(Read, Organizations, "/organizations/{id}/end-users/{end_user}/delete", end_users::deletion::back)
        .act(Manage, Organizations, "/organizations/{id}/end-users/{end_user}/delete", end_users::deletion::delete)

        .show(Read, Organizations, "/users", users::list::show).entry(Section::People, |it| &it.users.title)
        .show(Manage, Organizations, "/users/new", users::new::show)
        .act(Manage, Organizations, "/users/new", users::new::create)
        .show(Read, Organizations, "/users/bulk", users::bulk::back)
        .act(Manage, Organizations, "/users/bulk", users::bulk::change)
        .show(Read, Organizations, "/users/{id}", users::page::show)
        .act(Manage, Organizations, "/users/{id}", users::editor::save)
        .show(Support, Organizations, "/users/{id}/password", users::password::show)
        .act(Support, Organizations, "/users/{id}/password", users::password::set)
        .show(Read, Organizations, "/users/{id}/invitation", users::page::back)
        .act(Support, Organizations, "/users/{id}/invitation", users::invitation::act)
        .show(Read, Organizations, "/users/{id}/mfa", users::page::back)
        .act(Support, Organizations, "/users/{id}/mfa", users::access::reset_mfa)
        .show(Read, Organizations, "/users/{id}/release", users::page::back)
        .act(Support, Organizations, "/users/{id}/release", users::access::release)
        .show(Read, Organizations, "/users/{id}/sessions", users::page::back)
        .act(Support, Organizations, "/users/{id}/sessions", users::access::end_sessions)
        .show(Read, Organizations, "/users/{id}/disable", users::page::back)
        .act(Manage, Organizations, "/users/{id}/disable", users::access::disable)
        .show(Read, Organizations, "/users/{id}/delete", users::page::back)
        .act(Manage, Organizations, "/users/{id}/delete", users::access::delete)
        .show(Read, Organizations, "/users/{id}/tokens", users::page::back)
        .act(Support, Organizations, "/users/{id}/tokens", users::tokens::revoke)
        .show(Manage, Organizations, "/users/{id}/tokens/new", users::tokens::new)
        .act(Manage, Organizations, "/users/{id}/tokens/new", users::tokens::create)
        .show(Support, Organizations, "/users/{id}/impersonate", users::impersonation::show)
        .act(Support, Organizations, "/users/{id}/impersonate", users::impersonation::open)

        .show(Read, Shared, "/groups", groups::list::show).entry(Section::People, |it| &it.navigation.groups)
        .act(Manage, Gateway, "/groups", groups::list::create)
        .show(Manage, Gateway, "/groups/new", groups::list::new)
        .show(Read, Shared, "/groups/compare", groups::comparison::show)
        .show(Manage, Gateway, "/groups/{id}/copy", groups::copying::show)
        .act(Manage, Gateway, "/groups/{id}/copy", groups::copying::copy)
        .show(Read, Shared, "/groups/{id}", groups::editor::show)
        .act(Manage, Gateway, "/groups/{id}", groups::editor::save)
        .show(Manage, Gateway, "/groups/{id}/delete", groups::deletion::show)
        .act(Manage, Gateway, "/groups/{id}/delete", groups::deletion::delete)

        .show(Manage, Organizations, "/bulk", bulk::show).entry(Section::People, |it| &it.navigation.bulk)
        .act(Manage, Organizations, "/bulk", bulk::act)
        .show(Read, Organizations, "/import", import::show)
        .upload(Manage, Organizations, "/import", import::act)
        .show(Read, Organizations, "/explain", explain::show).entry(Section::Access, |it| &it.navigation.explain)
        .show(Read, Organizations, "/explain/people", explain::people)
        .show(Read, Organizations, "/explain/organizations", explain::organizations)
        .act(Manage, Organizations, "/explain/move", explain::move_person)
        .act(Manage, Gateway, "/explain/grant", explain::grant)
        .show(Read, Shared, "/routes", routes::list::show).entry(Section::Access, |it| &it.navigation.routes)
        .show(Read, Shared, "/routes/{name}", routes::detail::show)
        .act(Manage, Gateway, "/routes/reload", routes::reload::reload)

        .show(Read, Organizations, "/sessions", sessions::show).entry(Section::Activity, |it| &it.navigation.sessions)
        .show(Read, Organizations, "/sessions/end", sessions::back)
        .act(Support, Organizations, "/sessions/end", sessions::end)
        .show(Read, Organizations, "/sessions/end-all", sessions::back)
        .act(Support, Organizations, "/sessions/end-all", sessions::end_all)
        .show(Read, Organizations, "/lockouts", lockouts::show).entry(Section::Activity, |it| &it.navigation.lockouts)
        .show(Read, Organizations, "/lockouts/release", lockouts::back)
        .act(Support, Organizations, "/lockouts/release", lockouts::release)
        .show(Read, Organizations, "/mail", mail::list::show).entry(Section::Activity, |it| &it.navigation.mail)
        .act(Support, Gateway, "/mail/test", mail::test::send)
        .show(Read, Organizations, "/mail/{id}", mail::detail::show)
        .show(Read, Organizations, "/mail/{id}/html", mail::detail::html)
        .act(Support, Organizations, "/mail/{id}/retry", mail::detail::retry)
        .show(Read, Organizations, "/jobs", jobs::list::show).entry(Section::Activity, |it| &it.navigation.jobs)
        .show(Read, Organizations, "/jobs/{id}", jobs::detail::show)
        .show(Read, Organizations, "/jobs/{id}/cancel", jobs::detail::back)
        .act(Manage, Organizations, "/jobs/{id}/cancel", jobs::detail::cancel)

        .show(Read, Gateway, "/preferences", preferences::show).entry(Section::Setup, |it| &it.preferences.title)
        .act(Manage, Gateway, "/preferences", preferences::save)

        .show(Read, Shared, "/branding", branding::show).entry(Section::Setup, |it| &it.branding.title)
        .show(Read, Shared, branding::PREVIEW, branding::preview)
        .show(Public, Shared, branding::ASSETS, branding::asset)

        .show(Read, Shared, "/account", account::page::show)
        .act(Read, Shared, "/account", account::page::act)
        .show(Read, Shared, "/account/second-factor", account::second_factor::show)
        .act(Read, Shared, "/account/second-factor", account::second_factor::set_up)
        .show(Read, Shared, "/account/recovery-codes", account::second_factor::show_codes)
        .act(Read, Shared, "/account/recovery-codes", account::second_factor::replace_codes)

        .show(Read, Organizations, "/audit", audit::list::show).entry(Section::Activity, |it| &it.audit.title)
        .show(Read, Organizations, "/audit/{id}", audit::entry::show)
        .show(Export, Gateway, "/audit/checkpoint", audit::checkpoint::show)
        .show(Export, Gateway, "/audit/verification", audit::verification::show)

        .show(Own, Gateway, "/administrators", administrators::list::show)
            .entry(Section::Setup, |it| &it.administrators.title)
        .act(Own, Gateway, "/administrators", administrators::creation::create)
        .show(Own, Gateway, "/administrators/new", administrators::creation::new)
        .show(Own, Gateway, "/administrators/{id}", administrators::editor::show)
        .act(Own, Gateway, "/administrators/{id}", administrators::editor::act)

        .show(Own, Gateway, "/tokens", tokens::list::show).entry(Section::Setup, |it| &it.tokens.title)
        .act(Own, Gateway, "/tokens", tokens::creation::create)
        .show(Own, Gateway, "/tokens/new", tokens::creation::new)
        .show(Own, Gateway, "/tokens/{id}", tokens::editor::show)
        .act(Own, Gateway, "/tokens/{id}", tokens::editor::save)
}
