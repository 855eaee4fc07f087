//! `[branding]`: name, logo, colours and links of the pages.
//!
//! The shades of the accent colour are computed when the settings load, such that text in the
//! accent and on it is readable (WCAG 2.2, AA). An accent that is not readable as it is is adjusted,
//! with a note to the operator; it is never an error.

use std::fmt;
use std::path::PathBuf;

use super::colour::Colour;
use super::contact::Contact;
use super::page_links::PageLink;
use super::reader::Reader;

/// The default of `branding.name`.
pub const DEFAULT_NAME: &str = "Customer Support";
/// The settings of the section.
const KEYS: [&str; 7] = [
    "branding.name",
    "branding.logo",
    "branding.accent",
    "branding.accent_dark",
    "branding.contact",
    "branding.links",
    "branding.texts",
];
/// The default accent, for light and for dark pages.
const ACCENT: (Colour, Colour) = (Colour::new(0x0f, 0x54, 0x99), Colour::new(0x85, 0xb8, 0xee));
/// The share of the accent in the background of highlighted parts, in 256ths.
const TINT: u16 = 18;
/// How far the colour of a button changes while the pointer is on it, in 256ths.
const HOVER: u16 = 40;
/// The minimum contrast of the edge of a button (WCAG 2.2, 1.4.11).
const VISIBLE: f64 = 3.0;

/// `[branding]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    /// `branding.name`: the operator's business name.
    pub name: String,
    /// `branding.logo`: the picture above the pages.
    pub logo: Option<PathBuf>,
    /// The shades of `branding.accent` and `branding.accent_dark`.
    pub accents: Accents,
    /// `branding.texts`: a folder of text files that override the built-in ones.
    pub texts: Option<PathBuf>,
    /// `branding.contact`: where users can ask for help.
    pub contact: Option<Contact>,
    /// `branding.links`: links at the foot of the pages, in this order.
    pub links: Vec<PageLink>,
    /// Colours that had to be adjusted.
    pub notes: Vec<Note>,
    /// The settings of the section that are not set.
    pub unset: Vec<&'static str>,
}

/// The shades of the accent, by kind of page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accents {
    /// On light pages.
    pub light: Shades,
    /// On dark pages.
    pub dark: Shades,
}

/// The shades of an accent on one kind of page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shades {
    /// Buttons: the accent itself.
    pub fill: Colour,
    /// A button while the pointer is on it.
    pub strong: Colour,
    /// The edge of a button.
    pub edge: Colour,
    /// Text on a button.
    pub on_fill: Colour,
    /// Links and other text in the accent.
    pub text: Colour,
    /// The background of highlighted parts.
    pub tint: Colour,
    /// The border of highlighted parts.
    pub tint_line: Colour,
}

/// A colour that was adjusted on one kind of page. Displayed as a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The setting.
    pub key: &'static str,
    /// The colour that it has.
    pub given: Colour,
    /// Whether it is about dark pages; otherwise about light ones.
    pub dark_page: bool,
    /// The colour of text there.
    pub used: Colour,
}

/// The background colours of a kind of page.
#[derive(Debug, Clone, Copy)]
pub struct Surface {
    /// The background of the page.
    pub ground: Colour,
    /// The background of the card on it.
    pub card: Colour,
    dark: bool,
}

/// Light pages.
pub const LIGHT: Surface = Surface {
    ground: Colour::new(0xf4, 0xf5, 0xf7),
    card: Colour::new(0xff, 0xff, 0xff),
    dark: false,
};
/// Dark pages.
pub const DARK: Surface = Surface {
    ground: Colour::new(0x10, 0x13, 0x17),
    card: Colour::new(0x19, 0x1d, 0x23),
    dark: true,
};

impl Branding {
    pub(super) fn read(r: &mut Reader) -> Self {
        let name = r.text_or("branding.name", DEFAULT_NAME);
        if name.trim().is_empty() {
            r.problem(
                "branding.name",
                "must not be empty: it is the name that the pages show".to_owned(),
            );
        }
        let accent = r.parsed("branding.accent");
        let accent_dark = r.parsed("branding.accent_dark");
        let (accents, notes) = Accents::of(accent, accent_dark);
        Self {
            name,
            logo: r.optional_path("branding.logo"),
            accents,
            texts: r.optional_path("branding.texts"),
            contact: Contact::read(r),
            links: PageLink::read_all(r),
            notes,
            unset: KEYS.into_iter().filter(|key| !r.has(key)).collect(),
        }
    }
}

impl Accents {
    /// The shades of the accents, and notes on those that were adjusted. Without an accent for dark
    /// pages, the one for light pages is adjusted.
    fn of(accent: Option<Colour>, accent_dark: Option<Colour>) -> (Self, Vec<Note>) {
        let mut notes = Vec::new();
        let light = Shades::of(accent.unwrap_or(ACCENT.0), LIGHT);
        if let Some(given) = accent
            && light.text != given
        {
            let used = light.text;
            notes.push(Note { key: "branding.accent", given, dark_page: false, used });
        }
        let (key, given) = match (accent_dark, accent) {
            (Some(given), _) => ("branding.accent_dark", Some(given)),
            (None, given) => ("branding.accent", given),
        };
        let dark = Shades::of(given.unwrap_or(ACCENT.1), DARK);
        if let Some(given) = given
            && dark.text != given
        {
            notes.push(Note { key, given, dark_page: true, used: dark.text });
        }
        // An accent chosen for light pages may be too bright or too dark for a button on a dark page.
        let dark = match accent_dark {
            Some(_) => dark,
            None => Shades::of(dark.text, DARK),
        };
        (Self { light, dark }, notes)
    }
}

impl Shades {
    /// The shades of an accent on a surface.
    fn of(accent: Colour, surface: Surface) -> Self {
        let on_fill = accent.text();
        // Away from the colour of its text, which increases the contrast.
        let away = if on_fill == Colour::WHITE { Colour::BLACK } else { Colour::WHITE };
        let tinted = |text: Colour| surface.card.mixed(text, TINT);
        let readable =
            |text: Colour| text.readable_on(&[surface.card, surface.ground, tinted(text)]);
        let text = if surface.dark {
            accent.lightened_until(readable)
        } else {
            accent.darkened_until(readable)
        };
        Self {
            fill: accent,
            strong: accent.mixed(away, HOVER),
            edge: if accent.contrast(surface.card) >= VISIBLE { accent } else { text },
            on_fill,
            text,
            tint: tinted(text),
            tint_line: surface.card.mixed(text, 3 * TINT),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, given, dark_page, used } = self;
        let page = if *dark_page {
            "too dark for text on dark pages"
        } else {
            "too light for text on light pages"
        };
        write!(f, "{key} {given} is {page}; {used} is used there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accents(accent: &str, accent_dark: Option<&str>) -> (Accents, Vec<String>) {
        let dark = accent_dark.map(|dark| dark.parse().unwrap());
        let (accents, notes) = Accents::of(Some(accent.parse().unwrap()), dark);
        (accents, notes.iter().map(Note::to_string).collect())
    }

    #[test]
    fn r62_an_accent_too_light_for_text_is_darkened_with_a_note() {
        let (accents, notes) = accents("#ffee00", None);
        let Shades { fill, on_fill, text, .. } = accents.light;
        assert_eq!((fill.to_string(), on_fill), ("#ffee00".to_owned(), Colour::BLACK));
        assert_eq!(
            notes,
            [format!(
                "branding.accent #ffee00 is too light for text on light pages; {text} is used there"
            )]
        );
        assert!(text.readable_on(&[LIGHT.card, LIGHT.ground]));
        assert_eq!(accents.light.edge, text, "its button stands out from the page");
    }

    #[test]
    fn r62_an_accent_too_dark_for_dark_pages_is_lightened_there() {
        let (derived, notes) = accents("#102030", None);
        assert_eq!(derived.light.text.to_string(), "#102030");
        let text = derived.dark.text;
        assert_eq!(
            notes,
            [format!(
                "branding.accent #102030 is too dark for text on dark pages; {text} is used there"
            )]
        );
        assert_eq!(derived.dark.fill, text);
        assert!(text.readable_on(&[DARK.card, DARK.ground]));

        let (chosen, notes) = accents("#102030", Some("#85b8ee"));
        assert_eq!(chosen.dark.fill.to_string(), "#85b8ee");
        assert_eq!(notes, [] as [String; 0]);
        let (_, notes) = accents("#102030", Some("#203040"));
        assert!(notes[0].starts_with("branding.accent_dark #203040 is too dark"), "{notes:?}");
    }

    #[test]
    fn r62_all_text_in_and_on_an_accent_is_readable() {
        for accent in ["#000000", "#ffffff", "#808080", "#ff0000", "#00ff00", "#0000ff", "#ffee00"]
        {
            let (Accents { light, dark }, _) = accents(accent, None);
            for (shades, surface) in [(light, LIGHT), (dark, DARK)] {
                assert!(shades.on_fill.readable_on(&[shades.fill, shades.strong]), "{accent}");
                let grounds = [surface.card, surface.ground, shades.tint];
                assert!(shades.text.readable_on(&grounds), "{accent} {shades:?}");
                assert!(shades.edge.contrast(surface.card) >= VISIBLE, "{accent}");
            }
        }
    }

    #[test]
    fn r62_settings_that_are_not_set_are_known() {
        let settings = |text: &str| {
            let text = format!(
                "[server]\npublic_url = \"http://portal.example\"\n\
                 [upstream]\nservers = [\"http://127.0.0.1:9000\"]\n{text}"
            );
            let read = crate::config::Settings::parse(
                &text,
                std::path::Path::new("test.toml"),
                &std::collections::HashMap::new(),
            );
            read.unwrap().branding.unset
        };
        assert_eq!(settings(""), KEYS);
        let unset = settings("[branding]\nname = \"A\"\ncontact = { address = \"a@x.example\" }");
        assert!(!unset.contains(&"branding.name") && !unset.contains(&"branding.contact"));
        assert!(unset.contains(&"branding.logo"), "{unset:?}");
    }

    #[test]
    fn the_default_accents_need_no_adjustment() {
        let (_, notes) = Accents::of(Some(ACCENT.0), Some(ACCENT.1));
        assert_eq!(notes, []);
    }
}
