//! The encoding of a file.

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::error::SheetError;

/// How a file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, in either byte order.
    Utf16,
    /// Windows-1252: the file is not valid UTF-8, and this is what Excel saves as "CSV" in Western
    /// Europe. A guess, since every sequence of bytes is valid.
    Windows1252,
}

/// The text of a file, with LF as the only line ending.
///
/// # Errors
/// When the file is not text.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, Encoding), SheetError> {
    let (text, encoding) = match bytes {
        [b'P', b'K', 3, 4, ..] => {
            return Err(SheetError::OtherFormat("a workbook (.xlsx or .ods)"));
        }
        [0xd0, 0xcf, 0x11, 0xe0, ..] => {
            return Err(SheetError::OtherFormat("an old Excel workbook (.xls)"));
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, rest @ ..] => (wide(UTF_16LE, rest), Encoding::Utf16),
        [0xfe, 0xff, rest @ ..] => (wide(UTF_16BE, rest), Encoding::Utf16),
        // Without a mark: the first character of a header is ASCII, so half of it is zero.
        [first, 0, ..] if *first != 0 => (wide(UTF_16LE, bytes), Encoding::Utf16),
        [0, second, ..] if *second != 0 => (wide(UTF_16BE, bytes), Encoding::Utf16),
        _ => utf8(bytes),
    };
    match text {
        Some(text) if !text.contains('\0') => Ok((with_line_feeds(text), encoding)),
        _ => Err(SheetError::NotText),
    }
}

fn utf8(bytes: &[u8]) -> (Option<String>, Encoding) {
    match str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), Encoding::Utf8),
        Err(_) => (wide(WINDOWS_1252, bytes), Encoding::Windows1252),
    }
}

fn wide(encoding: &'static encoding_rs::Encoding, bytes: &[u8]) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

fn with_line_feeds(text: String) -> String {
    if !text.contains('\r') {
        return text;
    }
    text.replace("\r\n", "\n").replace('\r', "\n")
}
