//! The operator's logo: a picture whose kind is recognized by its content, not by its name.
//!
//! An SVG may contain scripts. Pages show it as an image, where no script runs; its own content
//! security policy keeps them from running when its address is opened.

use std::path::{Path, PathBuf};

use bytes::Bytes;

/// In bytes. A larger file is a photograph, and would delay the first page.
const LARGEST: usize = 256 * 1024;

/// A picture.
#[derive(Debug, Clone)]
pub(crate) struct Logo {
    pub(crate) kind: Picture,
    pub(crate) content: Bytes,
}

/// The kind of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    Svg,
    Png,
    Jpeg,
    WebP,
}

/// Why a file cannot be the logo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct LogoProblem {
    file: PathBuf,
    message: String,
}

impl Logo {
    pub(crate) fn load(file: &Path) -> Result<Self, LogoProblem> {
        let problem = |message| LogoProblem { file: file.to_owned(), message };
        let content = std::fs::metadata(file)
            .and_then(|about| {
                if about.len() > LARGEST as u64 { Ok(None) } else { std::fs::read(file).map(Some) }
            })
            .map_err(|error| problem(format!("cannot be read: {error}")))?
            .filter(|content| content.len() <= LARGEST)
            .ok_or_else(|| problem("is larger than 256 KiB".to_owned()))?;
        let kind = Picture::of(&content)
            .ok_or_else(|| problem("is not an SVG, PNG, JPEG or WebP picture".to_owned()))?;
        Ok(Self { kind, content: content.into() })
    }
}

impl Picture {
    fn of(content: &[u8]) -> Option<Self> {
        match content {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => is_svg(content).then_some(Self::Svg),
        }
    }

    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }
}

/// Whether the first element is `svg`, after the prologue that XML allows.
fn is_svg(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            // An internal subset is in brackets.
            _ if rest.starts_with("<!DOCTYPE svg") => match (rest.find('['), rest.find('>')) {
                (Some(subset), Some(close)) if subset < close => "]>",
                _ => ">",
            },
            _ => break,
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    rest.strip_prefix("<svg")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '>' || c == '/'))
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, Logo, Picture};

    fn load(content: &[u8]) -> Result<Logo, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("logo.gif");
        std::fs::write(&file, content).unwrap();
        Logo::load(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn r62_a_logo_is_recognized_by_its_content() {
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".as_slice();
        let in_full = b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- ours -->\n\
            <!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"svg11.dtd\" [<!ENTITY a \"b\">]>\n\
            <svg\nwidth=\"1\"></svg>";
        for (content, kind) in [
            (svg, Picture::Svg),
            (in_full.as_slice(), Picture::Svg),
            (b"\x89PNG\r\n\x1a\nrest", Picture::Png),
            (b"\xff\xd8\xff\xe0rest", Picture::Jpeg),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Picture::WebP),
        ] {
            assert_eq!(load(content).unwrap().kind, kind);
        }
    }

    #[test]
    fn r62_a_file_that_is_not_a_picture_is_refused() {
        for content in [
            b"".as_slice(),
            b"GIF89a",
            b"<html><svg></svg></html>",
            b"<!DOCTYPE html><svg>",
            b"<!-- <svg>",
            b"<svgx>",
            b"RIFF\x10\0\0\0WAVEfmt ",
            b"<svg>\xff",
        ] {
            let message = load(content).unwrap_err();
            assert!(
                message.ends_with("logo.gif: is not an SVG, PNG, JPEG or WebP picture"),
                "{message}"
            );
        }
        let mut large = b"\x89PNG\r\n\x1a\n".to_vec();
        large.resize(LARGEST, 0);
        assert!(load(&large).is_ok());
        large.push(0);
        assert!(load(&large).unwrap_err().ends_with("is larger than 256 KiB"));
        let message = Logo::load("/none/logo.svg".as_ref()).unwrap_err().to_string();
        assert!(message.starts_with("/none/logo.svg: cannot be read: "), "{message}");
    }
}
