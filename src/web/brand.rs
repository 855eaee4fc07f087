//! The operator's brand (R62): name, logo and colours, and the files that carry them.
//!
//! Our content security policy allows no style in a page, so the colours are rules at the head of
//! the one style sheet, which is made at the start.

use std::fmt::Write as _;

use super::asset::Asset;
use super::logo::{Logo, LogoProblem};
use super::preview::Scheme;
use crate::config::branding::{DARK, LIGHT, Shades, Surface};
use crate::config::{Branding, Contact, PageLink};

/// What stands before the rules for browsers that prefer dark pages.
const DARK_PAGES: &str = "@media (prefers-color-scheme: dark)";

/// The brand on a set of pages.
#[derive(Debug)]
pub(crate) struct Brand {
    /// The operator's business name.
    pub(crate) name: String,
    /// Shown where there is no logo.
    pub(crate) initial: String,
    pub(crate) style: Asset,
    /// `None` on previews.
    pub(crate) script: Option<Asset>,
    /// The schemes that the pages have: `light dark`, or one of them.
    pub(crate) scheme: &'static str,
    pub(crate) logo: Option<Asset>,
    pub(crate) icon: Asset,
    /// Where users can ask for help.
    pub(crate) contact: Option<Contact>,
    /// Links at the foot of the pages.
    pub(crate) links: Vec<PageLink>,
}

impl Brand {
    /// Reads the logo, and puts the colours at the head of the pages' style sheet.
    ///
    /// # Errors
    /// When the logo cannot be used.
    pub(crate) fn load(
        branding: &Branding,
        style_sheet: &str,
        script: &'static str,
    ) -> Result<Self, LogoProblem> {
        let brand = Self::of(branding, &format!("{}{style_sheet}", colours(branding, ":root")))?;
        Ok(Self { script: Some(Asset::script(script)), ..brand })
    }

    /// The same for previews: in one scheme, whatever the browser prefers, and without the script.
    ///
    /// # Errors
    /// When the logo cannot be used.
    pub(crate) fn preview(
        branding: &Branding,
        style_sheet: &str,
        scheme: Scheme,
    ) -> Result<Self, LogoProblem> {
        let style = format!("{}{style_sheet}", colours(branding, ":root"));
        let applies = match scheme {
            Scheme::Light => "@media not all",
            Scheme::Dark => "@media all",
        };
        let scheme = scheme.name();
        let style = style
            .replace(DARK_PAGES, applies)
            .replace("color-scheme: light dark;", &format!("color-scheme: {scheme};"));
        Ok(Self { scheme, ..Self::of(branding, &style)? })
    }

    /// A brand without a script.
    fn of(branding: &Branding, style: &str) -> Result<Self, LogoProblem> {
        let logo = branding.logo.as_deref().map(Logo::load).transpose()?;
        let name = branding.name.trim().to_owned();
        let initial = name.chars().find(|c| c.is_alphanumeric());
        let initial: String = initial.unwrap_or('P').to_uppercase().collect();
        let fill = branding.accents.light;
        let icon = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\">\
             <rect width=\"32\" height=\"32\" rx=\"7\" fill=\"{}\"/>\
             <text x=\"16\" y=\"22.5\" font-family=\"system-ui,sans-serif\" font-size=\"18\" \
             font-weight=\"600\" text-anchor=\"middle\" fill=\"{}\">{initial}</text></svg>",
            fill.fill, fill.on_fill,
        );
        Ok(Self {
            name,
            initial,
            style: Asset::style_sheet(style.to_owned()),
            script: None,
            scheme: "light dark",
            logo: logo.map(Asset::picture),
            icon: Asset::svg(icon),
            contact: branding.contact.clone(),
            links: branding.links.clone(),
        })
    }

    /// The file of this name that the pages load.
    pub(crate) fn asset(&self, name: &str) -> Option<&Asset> {
        let assets = [&self.style, &self.icon].into_iter();
        let mut assets = assets.chain(&self.script).chain(&self.logo);
        assets.find(|asset| asset.is_named(name))
    }
}

/// The colours as rules of this selector, for light and for dark pages.
pub(crate) fn colours(branding: &Branding, selector: &str) -> String {
    let mut rules = String::new();
    let schemes = [("", branding.accents.light, LIGHT), (DARK_PAGES, branding.accents.dark, DARK)];
    for (media, shades, surface) in schemes {
        let (before, after) = match media {
            "" => (String::new(), ""),
            media => (format!("{media}{{"), "}"),
        };
        let Shades { fill, strong, edge, on_fill, text, tint, tint_line } = shades;
        let Surface { ground, card, .. } = surface;
        // Writing to a string does not fail.
        let _ = writeln!(
            rules,
            "{before}{selector}{{--ground:{ground};--card:{card};--fill:{fill};--fill-strong:{strong};\
             --fill-edge:{edge};--on-fill:{on_fill};--accent:{text};--tint:{tint};\
             --tint-line:{tint_line}}}{after}",
        );
    }
    rules
}
