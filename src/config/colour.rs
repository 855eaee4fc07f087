//! Colours and their contrast (WCAG 2.2, 1.4.3).

use std::fmt;
use std::str::FromStr;

/// The minimum contrast of text (level AA).
const READABLE: f64 = 4.5;
/// The number of steps from a colour to black or white.
const STEPS: u16 = 256;

/// A colour in sRGB. Displayed as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    /// White.
    pub const WHITE: Self = Self::new(0xff, 0xff, 0xff);
    /// Black.
    pub const BLACK: Self = Self::new(0, 0, 0);

    /// A colour from its components.
    #[must_use]
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// The contrast ratio: from 1 for equal colours to 21 for black and white.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Whether text in this colour is readable on each of these backgrounds.
    #[must_use]
    pub fn readable_on(self, grounds: &[Self]) -> bool {
        grounds.iter().all(|ground| self.contrast(*ground) >= READABLE)
    }

    /// White or black, whichever is readable on this colour. One of them always is.
    #[must_use]
    pub fn text(self) -> Self {
        if Self::WHITE.readable_on(&[self]) { Self::WHITE } else { Self::BLACK }
    }

    /// The first darker shade that is accepted, this colour included; black if none is.
    #[must_use]
    pub fn darkened_until(self, accepted: impl Fn(Self) -> bool) -> Self {
        (0..=STEPS)
            .map(|step| self.mixed(Self::BLACK, step))
            .find(|shade| accepted(*shade))
            .unwrap_or(Self::BLACK)
    }

    /// The first lighter shade that is accepted, this colour included; white if none is. The shade
    /// is brightened to full saturation before it is mixed with white.
    #[must_use]
    pub fn lightened_until(self, accepted: impl Fn(Self) -> bool) -> Self {
        let bright = self.brightest();
        (0..=STEPS)
            .map(|step| self.mixed(bright, step))
            .chain((0..=STEPS).map(|step| bright.mixed(Self::WHITE, step)))
            .find(|shade| accepted(*shade))
            .unwrap_or(Self::WHITE)
    }

    /// The same hue at maximum brightness.
    fn brightest(self) -> Self {
        let largest = u16::from(self.red.max(self.green).max(self.blue));
        // No component exceeds the largest, so the result is at most 255.
        let grown = |part: u8| {
            u8::try_from((u16::from(part) * 255).checked_div(largest).unwrap_or(255))
                .unwrap_or(u8::MAX)
        };
        Self { red: grown(self.red), green: grown(self.green), blue: grown(self.blue) }
    }

    /// This colour mixed with `of_256`/256 of another.
    #[must_use]
    pub fn mixed(self, other: Self, of_256: u16) -> Self {
        let part = u32::from(of_256.min(STEPS));
        let mix = |one: u8, other: u8| {
            let sum = u32::from(one) * (256 - part) + u32::from(other) * part;
            // A mean of two bytes is a byte.
            u8::try_from((sum + 128) / 256).unwrap_or(u8::MAX)
        };
        Self {
            red: mix(self.red, other.red),
            green: mix(self.green, other.green),
            blue: mix(self.blue, other.blue),
        }
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl FromStr for Colour {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a colour (e.g. `#0f5499`)";
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(wrong)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let [_, red, green, blue] =
            u32::from_str_radix(digits, 16).map_err(|_| wrong)?.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Colour;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn contrast_matches_wcag() {
        for (one, other, contrast) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#0000ff", "#ffffff", 8.59),
            ("#ffee00", "#ffffff", 1.20),
        ] {
            let found = colour(one).contrast(colour(other));
            assert!((found - contrast).abs() < 0.01, "{one} on {other}: {found}");
        }
    }

    #[test]
    fn a_colour_has_six_hexadecimal_digits() {
        assert_eq!(colour("#0F5499").to_string(), "#0f5499");
        for wrong in ["", "0f5499", "#fff", "#0f549g", "#+f5499", "#0f54990", "#äöü", "red"] {
            assert!(wrong.parse::<Colour>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_readable_colour_is_not_changed() {
        let on_white = |shade: Colour| shade.readable_on(&[Colour::WHITE]);
        let on_black = |shade: Colour| shade.readable_on(&[Colour::BLACK]);
        let blue = colour("#0f5499");
        assert_eq!(blue.darkened_until(on_white), blue);
        assert_eq!(colour("#ffee00").darkened_until(on_white), colour("#807800"));
        assert_eq!(colour("#ffee00").lightened_until(on_black), colour("#ffee00"));
        assert_eq!(colour("#102030").lightened_until(on_black), colour("#3c78b4"));
        assert_eq!(Colour::BLACK.lightened_until(on_black), colour("#757575"));
    }

    proptest! {
        #[test]
        fn text_on_and_in_any_colour_is_readable(
            red: u8, green: u8, blue: u8,
        ) {
            let any = Colour::new(red, green, blue);
            prop_assert!(any.text().readable_on(&[any]), "{any}");
            let dark = any.darkened_until(|shade| shade.readable_on(&[Colour::WHITE]));
            prop_assert!(dark.readable_on(&[Colour::WHITE]), "{any} {dark}");
            let night = Colour::new(0x19, 0x1d, 0x23);
            let light = any.lightened_until(|shade| shade.readable_on(&[night]));
            prop_assert!(light.readable_on(&[night]), "{any} {light}");
        }
    }
}
