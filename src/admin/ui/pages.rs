//! The table of pages: what each requires, its path, its handler, and its place in the navigation.
//!
//! What a page requires is what the requests require that it makes; the API checks them again.

use super::navigation::Section;
use super::table::Pages;
use super::{administrators, asset_files, audit, groups, overview, preferences, sign_in, tokens};
use crate::admin::authority::Authority::{Export, Manage, Own, Public, Read};
use crate::admin::authority::Reach::{Gateway, Organizations, Shared};

/// Every page.
#[rustfmt::skip]
pub(super) fn table() -> Pages {
    Pages::default()
        .show(Public, Shared, asset_files::PATH, asset_files::show)
        .show(Public, Shared, "/favicon.ico", asset_files::favicon)
        .show(Public, Shared, sign_in::PATH, sign_in::show)
        .act(Public, Shared, sign_in::PATH, sign_in::check)
        .act(Read, Shared, "/sign-out", sign_in::end)

        .show(Read, Shared, "/", overview::show).entry(Section::Gateway, |it| &it.navigation.overview)

        .show(Read, Shared, "/groups", groups::list::show).entry(Section::People, |it| &it.navigation.groups)
        .act(Manage, Gateway, "/groups", groups::list::create)
        .show(Manage, Gateway, "/groups/new", groups::list::new)
        .show(Read, Shared, "/groups/{id}", groups::editor::show)
        .act(Manage, Gateway, "/groups/{id}", groups::editor::save)
        .show(Manage, Gateway, "/groups/{id}/delete", groups::deletion::show)
        .act(Manage, Gateway, "/groups/{id}/delete", groups::deletion::delete)

        .show(Read, Gateway, "/preferences", preferences::show).entry(Section::Setup, |it| &it.preferences.title)
        .act(Manage, Gateway, "/preferences", preferences::save)

        .show(Read, Organizations, "/audit", audit::list::show).entry(Section::Activity, |it| &it.audit.title)
        .show(Read, Organizations, "/audit/{id}", audit::entry::show)
        .show(Export, Gateway, "/audit/checkpoint", audit::checkpoint::show)

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
