//! The style sheet and the script of the banner, which the portal's pages load.

use crate::config::Branding;
use crate::web::asset::Asset;
use crate::web::brand;

const STYLE_SHEET: &str = include_str!("../../templates/banner/banner.css");
const SCRIPT: &str = include_str!("../../templates/banner/banner.js");

/// The files that the banner loads.
#[derive(Debug)]
pub(super) struct BannerAssets {
    pub(super) style: Asset,
    pub(super) script: Asset,
    /// As in `integrity`.
    pub(super) script_digest: String,
}

impl BannerAssets {
    pub(super) fn new(branding: &Branding) -> Self {
        let colours = brand::colours(branding, ":host");
        let script = Asset::script(SCRIPT);
        let script_digest = script.integrity();
        Self { style: Asset::style_sheet(format!("{colours}{STYLE_SHEET}")), script, script_digest }
    }

    /// The file of this name.
    pub(super) fn asset(&self, name: &str) -> Option<&Asset> {
        [&self.style, &self.script].into_iter().find(|asset| asset.is_named(name))
    }
}
