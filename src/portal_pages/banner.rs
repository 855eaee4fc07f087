//! The banner in the portal's pages while staff view them (R17, R18): its words, look and script.
//!
//! It has a shadow tree, which the portal's style sheets do not reach. Without a script it gives the
//! exact end of the session; with one it counts down. A browser that knows no declarative shadow
//! trees shows the sentence that follows the template.

use askama::Template;
use jiff::Timestamp;

use super::PagesState;
use super::banner_assets::BannerAssets;
use super::texts::Catalogue;
use crate::proxy::{BannerSources, PageBanner, Viewing};
use crate::web::paths;
use crate::web::text::{Filled, RelativeTime, written_time};
use portcullis_policy::SessionKind;

#[derive(Template)]
#[template(path = "banner/banner.html")]
struct BannerPage<'a> {
    text: &'a Catalogue,
    viewed: Filled<'a>,
    staff: Filled<'a>,
    ends: RelativeTime,
    sources: &'a BannerSources,
    /// Where the view is stopped.
    stop: &'a str,
    csrf: &'a str,
}

impl PagesState {
    /// The banner for this view. Addresses are complete, because a page may have another base.
    pub(super) fn banner(&self, viewing: &Viewing<'_>) -> Option<PageBanner> {
        let Viewing { session, origin, languages, now } = *viewing;
        let BannerAssets { style, script, script_digest } = &self.banner;
        let stop = format!("{origin}{}", paths::VIEW_STOP);
        let sources = BannerSources {
            style: format!("{origin}{style}"),
            script: format!("{origin}{script}"),
            script_digest: script_digest.clone(),
            forms: [&stop].into_iter().chain(&self.admin_url).cloned().collect(),
        };
        let text = self.texts.accepted(languages);
        let page = BannerPage {
            text,
            viewed: match (session.kind, session.login) {
                (SessionKind::Trial, _) => text.view.trying.with(session.organization_name),
                (_, Some(login)) => text.view.viewed_as.with(login, session.organization_name),
                (_, None) => text.view.viewed.with(session.organization_name),
            },
            staff: text.banner.staff.with(session.actor),
            ends: ends(session.ends, text, now),
            sources: &sources,
            stop: &stop,
            csrf: &self.forms.session_token(&session.key, now).text,
        };
        let html = page.render();
        let html = html.inspect_err(|error| tracing::error!(%error, "a banner cannot be rendered"));
        Some(PageBanner { html: html.ok()?, sources })
    }
}

/// The end of the session, exactly in words: pages stay open, and without a script nothing counts
/// down.
fn ends(end: Timestamp, text: &Catalogue, now: Timestamp) -> RelativeTime {
    RelativeTime { words: written_time(end, &text.language), ..text.when.ahead(end, now) }
}
