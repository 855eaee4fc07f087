//! The pages as previews in the admin UI: the templates and texts of the pages themselves, with
//! sample data, in one colour scheme and without scripts.

use axum::body::Body;
use http::{HeaderValue, Response};

use super::appearance::{AppearanceProblem, STYLE_SHEET};
use super::texts::{SHIPPED, Texts};
use super::{choose_password, mfa, notices, secure_link, sign_in};
use crate::config::Branding;
use crate::web::asset::Asset;
use crate::web::brand::Brand;
use crate::web::preview::{PreviewPage, Previews, Scheme};

/// Previews of the pages with one branding.
#[derive(Debug)]
pub struct PagePreviews {
    light: Brand,
    dark: Brand,
    texts: Texts,
}

impl PagePreviews {
    /// Reads the files that the branding names.
    ///
    /// # Errors
    /// For the first of logo and texts that cannot be used.
    pub fn load(branding: &Branding) -> Result<Self, AppearanceProblem> {
        let brand = |scheme| Brand::preview(branding, STYLE_SHEET, scheme);
        let (light, dark) = (brand(Scheme::Light)?, brand(Scheme::Dark)?);
        let texts = Texts::load(&SHIPPED, branding.texts.as_deref())?;
        Ok(Self { light, dark, texts })
    }
}

impl Previews for PagePreviews {
    fn languages(&self) -> Vec<&str> {
        self.texts.languages().collect()
    }

    fn page(&self, page: PreviewPage, scheme: Scheme, language: &str) -> Response<Body> {
        let brand = match scheme {
            Scheme::Light => &self.light,
            Scheme::Dark => &self.dark,
        };
        let text = self.texts.accepted(HeaderValue::from_str(language).ok().as_ref());
        match page {
            PreviewPage::SignIn => sign_in::sample(brand, text),
            PreviewPage::Code => mfa::sample(brand, text),
            PreviewPage::ChoosePassword => choose_password::sample(brand, text),
            PreviewPage::SecureLink => secure_link::sample(brand, text),
            PreviewPage::NoAccess => notices::sample(brand, text),
        }
    }

    fn asset(&self, name: &str) -> Option<Response<Body>> {
        let found = self.light.asset(name).or_else(|| self.dark.asset(name));
        found.map(Asset::response)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use axum::body::to_bytes;
    use http::header;

    use super::*;
    use crate::config::Settings;

    fn previews(branding: &str) -> PagePreviews {
        let text = format!(
            "[server]\npublic_url = \"http://portal.example\"\n\
             [upstream]\nservers = [\"http://127.0.0.1:9000\"]\n[branding]\n{branding}"
        );
        let settings = Settings::parse(&text, Path::new("test.toml"), &HashMap::new()).unwrap();
        PagePreviews::load(&settings.branding).unwrap()
    }

    async fn text(response: Response<Body>) -> String {
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// The style sheet that a page loads.
    async fn style(previews: &PagePreviews, page: &str) -> String {
        let name = page.split("/.portcullis/assets/").nth(1).unwrap().split('"').next().unwrap();
        assert!(name.ends_with(".css"), "{name}");
        text(previews.asset(name).unwrap()).await
    }

    #[tokio::test]
    async fn r62_every_preview_has_the_brand_and_no_script() {
        let previews = previews("name = \"Example IT\"\ncontact = \"help@example.com\"");
        for page in PreviewPage::ALL {
            for scheme in Scheme::ALL {
                for (language, word) in [("en", "lang=\"en\""), ("de", "lang=\"de\"")] {
                    let response = previews.page(page, scheme, language);
                    assert!(!response.headers().contains_key(header::SET_COOKIE), "{page:?}");
                    let page = text(response).await;
                    assert!(page.contains("Example IT") && page.contains(word), "{page}");
                    assert!(!page.contains("<script"), "{page}");
                }
            }
        }
        let notice = text(previews.page(PreviewPage::NoAccess, Scheme::Light, "en")).await;
        assert!(notice.contains("mailto:help@example.com"), "{notice}");
    }

    #[tokio::test]
    async fn r62_a_preview_has_one_scheme_whatever_is_preferred() {
        let previews = previews("accent = \"#7a1fa2\"");
        for scheme in Scheme::ALL {
            let page = text(previews.page(PreviewPage::SignIn, scheme, "en")).await;
            let name = scheme.name();
            assert!(page.contains(&format!("name=\"color-scheme\" content=\"{name}\"")), "{page}");
            let style = style(&previews, &page).await;
            assert!(!style.contains("prefers-color-scheme"), "{style}");
            assert!(style.contains(&format!("color-scheme: {name};")), "{style}");
            let dark = style.split("@media all{:root{").nth(1).is_some();
            assert_eq!(dark, scheme == Scheme::Dark, "{style}");
        }
        assert!(previews.asset("other.css").is_none());
    }
}
