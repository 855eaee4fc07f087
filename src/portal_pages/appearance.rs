//! The look and the texts of the pages, read from files at the start.

use super::banner_assets::BannerAssets;
use super::texts::{SHIPPED, Texts};
use crate::config::Branding;
use crate::web::brand::Brand;
use crate::web::logo::LogoProblem;
use crate::web::text::TextProblems;

pub(super) const STYLE_SHEET: &str = include_str!("../../templates/pages/style.css");

/// The scripts as one file, each in a block of its own. Every page works without.
macro_rules! joined {
    ($($file:literal),+ $(,)?) => {
        concat!("\"use strict\";\n", $("{\n", include_str!($file), "}\n"),+)
    };
}
const SCRIPT: &str = joined!(
    "../../templates/pages/password.js",
    "../../templates/shared/requirements.js",
    "../../templates/pages/copy.js",
    "../../templates/pages/code.js",
    "../../templates/pages/times.js",
);

/// The operator's brand and the texts in all languages.
#[derive(Debug)]
pub struct Appearance {
    pub(super) brand: Brand,
    pub(super) texts: Texts,
    pub(super) banner: BannerAssets,
}

/// A file that the branding names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AppearanceProblem {
    /// The logo.
    #[error("branding.logo: {0}")]
    Logo(#[from] LogoProblem),
    /// The texts.
    #[error("branding.texts:\n{0}")]
    Texts(#[from] TextProblems),
}

impl Appearance {
    /// Reads the files that the branding names.
    ///
    /// # Errors
    /// For the first of logo and texts that cannot be used.
    pub fn load(branding: &Branding) -> Result<Self, AppearanceProblem> {
        let brand = Brand::load(branding, STYLE_SHEET, SCRIPT)?;
        let texts = Texts::load(&SHIPPED, branding.texts.as_deref())?;
        Ok(Self { brand, texts, banner: BannerAssets::new(branding) })
    }

    /// The tags of the languages there are.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.texts.languages()
    }
}
