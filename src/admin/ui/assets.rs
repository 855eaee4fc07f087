//! Style, script and icon of the pages. Their names contain a hash of their content, so browsers keep
//! them.

use crate::config::Branding;
use crate::web::asset::Asset;
use crate::web::brand;

const STYLE_SHEET: &str = concat!(
    include_str!("../../../templates/admin/style.css"),
    include_str!("../../../templates/admin/parts.css"),
);
/// The second one is of the portal users' pages, too.
const SCRIPT: &str = concat!(
    include_str!("../../../templates/admin/admin.js"),
    "{\n",
    include_str!("../../../templates/shared/requirements.js"),
    "}\n",
);
/// htmx 2.0.11, as it was released (templates/admin/vendor).
const HTMX: &str = include_str!("../../../templates/admin/vendor/htmx-2.0.11.min.js");
/// The gate of the program's name.
const ICON: &str = include_str!("../../../templates/admin/icon.svg");

/// The files that pages load.
#[derive(Debug)]
pub(super) struct Assets {
    style: Asset,
    script: Asset,
    htmx: Asset,
    icon: Asset,
    /// The operator's business name.
    pub(super) operator: String,
}

impl Assets {
    pub(super) fn new(branding: &Branding) -> Self {
        let style = format!("{}{STYLE_SHEET}", brand::colours(branding, ":root"));
        Self {
            style: Asset::style_sheet(style),
            script: Asset::script(SCRIPT),
            htmx: Asset::script(HTMX),
            icon: Asset::svg(ICON.to_owned()),
            operator: branding.name.trim().to_owned(),
        }
    }

    /// The file of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Asset> {
        let Self { style, script, htmx, icon, .. } = self;
        [style, script, htmx, icon].into_iter().find(|it| it.is_named(name))
    }

    pub(super) fn style(&self) -> String {
        address(&self.style)
    }

    pub(super) fn script(&self) -> String {
        address(&self.script)
    }

    pub(super) fn htmx(&self) -> String {
        address(&self.htmx)
    }

    pub(super) fn icon(&self) -> String {
        address(&self.icon)
    }
}

fn address(asset: &Asset) -> String {
    format!("/assets/{}", asset.name())
}
