//! QR codes as inline SVG: shapes and colours in attributes, without styles or scripts, as our
//! content security policy demands. Black on white in every colour scheme, for cameras.

use fast_qr::ECL;
use fast_qr::convert::Builder as _;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::qr::QRBuilder;

/// The code for a text; `None` if the text is too long.
pub(crate) fn svg(text: &str) -> Option<String> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    // The style sheet adds the quiet zone.
    Some(SvgBuilder::default().margin(0).to_str(&code))
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn a_code_consists_of_shapes_only() {
        let svg = svg("otpauth://totp/Example:ada?secret=\"><script>alert(1)</script>").unwrap();
        assert!(svg.starts_with("<svg viewBox=\"0 0 "), "{svg:.80}");
        let names = svg
            .split('<')
            .skip(1)
            .map(|tag| tag.split(|c: char| !c.is_ascii_alphabetic() && c != '/').next().unwrap());
        for name in names {
            assert!(matches!(name, "svg" | "/svg" | "rect" | "path"), "{name}");
        }
        for refused in ["style", "script", "href", "onload", "otpauth"] {
            assert!(!svg.contains(refused), "{refused}");
        }
    }

    #[test]
    fn a_too_long_text_has_no_code() {
        assert!(svg(&"x".repeat(1400)).is_some());
        assert!(svg(&"x".repeat(4000)).is_none());
    }
}
