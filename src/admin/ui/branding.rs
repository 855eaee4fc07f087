//! The pages for portal users as they look with the settings in force (R62), and the settings.
//!
//! A page is shown in a frame in which no script, form or link works.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, header};

use super::fields::address;
use super::frame::Frame;
use super::texts::Branding as Words;
use super::visit::{Failure, PageResult, Visit};
use crate::config::Branding;
use crate::web::preview::{PreviewPage, Scheme};
use crate::web::text::{Filled, Text};

/// What the frame shows.
pub(super) const PREVIEW: &str = "/branding/preview";
/// The files that the shown pages load, at the addresses that they have for portal users.
pub(super) const ASSETS: &str = "/.portcullis/assets/{name}";

/// What a shown page may load, and that only pages of ours have it in a frame. Without
/// `allow-same-origin`, its style sheet would be another site's.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; \
     frame-ancestors 'self'; base-uri 'none'; sandbox allow-same-origin",
);

/// What is shown, from the query. Anything unknown is the first choice.
struct Shown<'a> {
    page: PreviewPage,
    scheme: Scheme,
    language: &'a str,
    is_phone: bool,
}

/// A setting.
struct Setting<'a> {
    key: &'static str,
    value: String,
    /// Whether its value is a colour.
    is_colour: bool,
    /// If it is not set: what is so then.
    unset: Option<&'a Text>,
}

#[derive(Template)]
#[template(path = "admin/branding.html")]
struct Page<'a> {
    frame: Frame<'a>,
    text: &'a Words,
    shown: Shown<'a>,
    /// Tags of the languages, and what each calls itself.
    languages: Vec<(&'a str, &'a str)>,
    settings: Vec<Setting<'a>>,
    adjusted: Vec<Filled<'a>>,
}

pub(super) async fn show(visit: Visit) -> PageResult {
    let text = &visit.text().branding;
    let branding = &visit.ui.branding;
    let adjusted = branding.notes.iter().map(|note| {
        let says = if note.dark_page { &text.too_dark } else { &text.too_light };
        says.with(note.key, note.given.to_string(), note.used.to_string())
    });
    let languages = visit.ui.previews.languages();
    visit.show(&Page {
        frame: visit.frame(),
        text,
        shown: Shown::of(&visit),
        languages: languages.iter().map(|tag| (*tag, name_of(tag))).collect(),
        settings: settings(branding, text),
        adjusted: adjusted.collect(),
    })
}

/// The page in the frame.
pub(super) async fn preview(visit: Visit) -> PageResult {
    let Shown { page, scheme, language, .. } = Shown::of(&visit);
    let mut response = visit.ui.previews.page(page, scheme, language);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    Ok(response)
}

/// A file that a shown page loads. Everybody can load it from the portal.
pub(super) async fn asset(visit: Visit) -> PageResult {
    let found: Option<Response> = visit.ui.previews.asset(visit.id(0));
    found.ok_or(Failure::NotFound)
}

impl<'a> Shown<'a> {
    fn of(visit: &'a Visit) -> Self {
        let query = &visit.query;
        let page = PreviewPage::ALL.into_iter().find(|it| it.name() == query.get("page"));
        let scheme = Scheme::ALL.into_iter().find(|it| it.name() == query.get("scheme"));
        let languages = visit.ui.previews.languages();
        let known = |tag: &&str| languages.contains(tag);
        let language = Some(query.get("language")).filter(known);
        Self {
            page: page.unwrap_or(PreviewPage::SignIn),
            scheme: scheme.unwrap_or(Scheme::Light),
            language: language.unwrap_or(&visit.text().language),
            is_phone: query.get("width") == "phone",
        }
    }

    fn address(&self) -> String {
        let Self { page, scheme, language, .. } = self;
        let parameters = [("page", page.name()), ("scheme", scheme.name()), ("language", language)];
        address(PREVIEW, &parameters)
    }
}

impl Page<'_> {
    fn pages(&self) -> [(&'static str, &Text, bool); 5] {
        PreviewPage::ALL.map(|it| (it.name(), self.label(it), it == self.shown.page))
    }

    fn schemes(&self) -> [(&'static str, &Text, bool); 2] {
        Scheme::ALL.map(|it| {
            let label = match it {
                Scheme::Light => &self.text.light,
                Scheme::Dark => &self.text.dark,
            };
            (it.name(), label, it == self.shown.scheme)
        })
    }

    const fn label(&self, page: PreviewPage) -> &Text {
        match page {
            PreviewPage::SignIn => &self.text.sign_in,
            PreviewPage::Code => &self.text.code,
            PreviewPage::ChoosePassword => &self.text.choose_password,
            PreviewPage::SecureLink => &self.text.secure_link,
            PreviewPage::NoAccess => &self.text.no_access,
        }
    }
}

/// What a language calls itself; its tag if it is not a common one of the pages.
fn name_of(tag: &str) -> &str {
    match tag {
        "cs" => "Čeština",
        "da" => "Dansk",
        "de" => "Deutsch",
        "en" => "English",
        "es" => "Español",
        "fr" => "Français",
        "it" => "Italiano",
        "nl" => "Nederlands",
        "pl" => "Polski",
        "pt" => "Português",
        "sv" => "Svenska",
        other => other,
    }
}

/// The settings in the order of the reference.
fn settings<'a>(branding: &Branding, text: &'a Words) -> Vec<Setting<'a>> {
    let file = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    };
    let contact = branding.contact.as_ref().map(|it| it.text.clone()).unwrap_or_default();
    let links: Vec<_> = branding.links.iter().map(|link| link.url.as_str()).collect();
    let accents = &branding.accents;
    [
        ("branding.name", branding.name.clone(), &text.name_unset),
        ("branding.logo", file(&branding.logo), &text.logo_unset),
        ("branding.accent", accents.light.fill.to_string(), &text.accent_unset),
        ("branding.accent_dark", accents.dark.fill.to_string(), &text.accent_dark_unset),
        ("branding.contact", contact, &text.contact_unset),
        ("branding.links", links.join(", "), &text.links_unset),
        ("branding.texts", file(&branding.texts), &text.texts_unset),
    ]
    .map(|(key, value, unset)| Setting {
        key,
        is_colour: key.starts_with("branding.accent"),
        value,
        unset: branding.unset.contains(&key).then_some(unset),
    })
    .into()
}
