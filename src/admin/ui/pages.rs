//! The table of pages: what each requires, its path, its handler, and its place in the navigation.
//!
//! What a page requires is what the requests require that it makes; the API checks them again.

use super::navigation::Section;
use super::table::Pages;
use super::{asset_files, groups, overview, sign_in};
use crate::admin::authority::Authority::{Manage, Public, Read};
use crate::admin::authority::Reach::{Gateway, Shared};

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
}
