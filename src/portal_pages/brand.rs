//! Whose pages these are (R62): the operator's name, logo and colours, and the files that carry
//! them.
//!
//! Our policy allows no style in a page, so the colours are rules at the head of the one style
//! sheet, which is made when the gateway starts.

use std::fmt::Write as _;

use super::asset::{self, Asset};
use super::logo::{Logo, LogoProblem};
use super::text::{TextProblems, Texts};
use crate::config::Branding;
use crate::config::branding::{DARK, LIGHT, Shades, Surface};

/// Whose pages these are, and how they look.
#[derive(Debug)]
pub(super) struct Brand {
    pub(super) name: String,
    /// Stands for the logo when there is none.
    pub(super) initial: String,
    pub(super) style: Asset,
    pub(super) script: Asset,
    pub(super) logo: Option<Asset>,
    pub(super) icon: Asset,
}

/// What the branding names and is read from files.
#[derive(Debug)]
pub struct Appearance {
    pub(super) brand: Brand,
    pub(super) texts: Texts,
}

/// A file of the branding that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AppearanceProblem {
    /// The logo.
    #[error("branding.logo: {0}")]
    Logo(#[from] LogoProblem),
    /// Texts of the pages.
    #[error("branding.texts:\n{0}")]
    Texts(#[from] TextProblems),
}

impl Appearance {
    /// Reads the files that the branding names.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn load(branding: &Branding) -> Result<Self, AppearanceProblem> {
        let logo = branding.logo.as_deref().map(Logo::load).transpose()?;
        let texts = Texts::load(branding.texts.as_deref())?;
        Ok(Self { brand: Brand::new(branding, logo), texts })
    }

    /// The languages that the pages speak.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.texts.languages()
    }
}

impl Brand {
    fn new(branding: &Branding, logo: Option<Logo>) -> Self {
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
        Self {
            name,
            initial,
            style: asset::style(&colours(branding)),
            script: asset::script(),
            logo: logo.map(asset::picture),
            icon: asset::icon(icon),
        }
    }

    /// All files that the pages load.
    pub(super) fn assets(&self) -> impl Iterator<Item = &Asset> {
        [&self.style, &self.script, &self.icon].into_iter().chain(&self.logo)
    }
}

/// The branding's colours as rules, for light and for dark pages.
fn colours(branding: &Branding) -> String {
    let mut rules = String::new();
    let pages = [
        ("", branding.accents.light, LIGHT, ""),
        ("@media (prefers-color-scheme: dark){", branding.accents.dark, DARK, "}"),
    ];
    for (before, shades, surface, after) in pages {
        let Shades { fill, strong, edge, on_fill, text, tint, tint_line } = shades;
        let Surface { ground, card, .. } = surface;
        // Writing to a string does not fail.
        let _ = writeln!(
            rules,
            "{before}:root{{--ground:{ground};--card:{card};--fill:{fill};--fill-strong:{strong};\
             --fill-edge:{edge};--on-fill:{on_fill};--accent:{text};--tint:{tint};\
             --tint-line:{tint_line}}}{after}",
        );
    }
    rules
}
