//! `[branding]`: whose pages these are.
//!
//! The operator names a colour; what is made of it is computed here, when the settings load, so
//! that every text in it or on it can be read. What had to be changed is told, never refused.

use std::fmt;
use std::path::PathBuf;

use super::colour::Colour;
use super::reader::Reader;

/// The accent of pages whose operator names none, by day and by night.
const ACCENT: (Colour, Colour) = (Colour::new(0x0f, 0x54, 0x99), Colour::new(0x85, 0xb8, 0xee));
/// How much of the accent is in the ground of what it highlights, in 256ths.
const TINT: u16 = 18;
/// How much further a button's colour goes when it is pointed at, in 256ths.
const POINTED_AT: u16 = 40;
/// What the edge of a button needs to be seen (WCAG 2.2, 1.4.11).
const VISIBLE: f64 = 3.0;

/// `[branding]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    /// The operator's business name.
    pub name: String,
    /// The picture above the pages.
    pub logo: Option<PathBuf>,
    /// The colours of light and of dark pages.
    pub accents: Accents,
    /// A folder of text files, over those that ship.
    pub texts: Option<PathBuf>,
    /// What could not be used as it was given.
    pub notes: Vec<Note>,
}

/// The accent's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accents {
    /// On light pages.
    pub light: Shades,
    /// On dark pages.
    pub dark: Shades,
}

/// What is made of an accent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shades {
    /// Of buttons: the accent itself.
    pub fill: Colour,
    /// Of a button that is pointed at.
    pub strong: Colour,
    /// Of a button's edge.
    pub edge: Colour,
    /// Of text on a button.
    pub on_fill: Colour,
    /// Of links and other text in the accent.
    pub text: Colour,
    /// Behind what is highlighted.
    pub tint: Colour,
    /// Around what is highlighted.
    pub tint_line: Colour,
}

/// A colour that could not be used everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    key: &'static str,
    given: Colour,
    dark_page: bool,
    used: Colour,
}

/// What pages are on: behind the card, and the card.
#[derive(Debug, Clone, Copy)]
pub struct Surface {
    /// Behind the card.
    pub ground: Colour,
    /// The card.
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
        let name = r.text("branding.name").unwrap_or_else(|| "Customer portal".to_owned());
        if name.trim().is_empty() {
            r.problem("branding.name", "is empty: the business name that is shown".to_owned());
        }
        let accent = r.parsed("branding.accent");
        let accent_dark = r.parsed("branding.accent_dark");
        let (accents, notes) = Accents::of(accent, accent_dark);
        Self {
            name,
            logo: r.named_path("branding.logo"),
            accents,
            texts: r.named_path("branding.texts"),
            notes,
        }
    }
}

impl Accents {
    /// The colours of an accent, and what of it cannot be used as it is.
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
        // A colour made for light pages would glare or vanish as a dark page's button.
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
        // Away from the colour of its text, so that this only becomes easier to read.
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
            strong: accent.mixed(away, POINTED_AT),
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
    fn r62_an_accent_too_light_for_text_is_darkened_there_and_that_is_told() {
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
        assert_eq!(accents.light.edge, text, "its button can be told from the page");
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
    fn r62_every_text_in_or_on_an_accent_can_be_read() {
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
    fn what_ships_needs_no_change() {
        let (_, notes) = Accents::of(Some(ACCENT.0), Some(ACCENT.1));
        assert_eq!(notes, []);
    }
}
