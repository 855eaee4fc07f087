//! What all pages are made with: texts, files, and the key of the tokens in forms.

use std::sync::Arc;

use super::assets::Assets;
use super::texts::{SHIPPED, Texts};
use crate::admin::site::Site;
use crate::config::Branding;
use crate::credential::csrf::Csrf;
use crate::credential::key::SecretKey;
use crate::web::preview::Previews;
use crate::web::text::TextProblems;

/// What the pages are made with.
#[derive(Debug)]
pub(in crate::admin) struct Ui {
    pub(super) site: Arc<Site>,
    pub(super) csrf: Csrf,
    pub(super) texts: Texts,
    pub(super) assets: Assets,
    /// The settings of the look.
    pub(super) branding: Branding,
    /// The pages for portal users with this branding.
    pub(super) previews: Arc<dyn Previews>,
}

impl Ui {
    /// The pages of a gateway with this branding; `key` signs the tokens in forms.
    ///
    /// # Errors
    /// When a text of the program cannot be read.
    pub(in crate::admin) fn new(
        site: Arc<Site>,
        (branding, previews): (&Branding, Arc<dyn Previews>),
        key: &SecretKey,
    ) -> Result<Self, TextProblems> {
        let (csrf, texts) = (Csrf::new(key), Texts::load(&SHIPPED, None)?);
        let (assets, branding) = (Assets::new(branding), branding.clone());
        Ok(Self { site, csrf, texts, assets, branding, previews })
    }
}
