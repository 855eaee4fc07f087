//! The fuzz target of the banner, and what its benchmark measures.

use memchr::memmem;

use super::Insertion;
use crate::proxy::error_pages::BannerSources;

const TEXT: &str = "<portcullis-banner></portcullis-banner>";

/// A page of the portal in chunks of a size that its first byte says: but for the text that is
/// inserted once, every byte passes, whatever the chunks. Policies in the page are extended, so a
/// page with one is not looked at.
pub fn banner_in_page(data: &[u8]) {
    let Some((size, page)) = data.split_first() else { return };
    let lower = page.to_ascii_lowercase();
    if memmem::find(&lower, b"http-equiv").is_some()
        || memmem::find(&lower, TEXT.as_bytes()).is_some()
    {
        return;
    }
    let whole = inserted(std::iter::once(page));
    let chunked = inserted(page.chunks(usize::from(*size).max(1)));
    assert!(whole == chunked, "the result depends on the chunks");
    let mut portal = whole;
    if let Some(at) = memmem::find(&portal, TEXT.as_bytes()) {
        portal.drain(at..at + TEXT.len());
    }
    assert!(portal[..] == *page, "bytes of the portal are lost or changed");
}

/// Inserts a banner of the usual length into a page, in chunks of this size, as it is sent; returns
/// how many bytes that are.
pub fn page_with_banner(page: &[u8], chunk: usize) -> usize {
    let text = format!("<portcullis-banner>{}</portcullis-banner>", "x".repeat(1200));
    let mut insertion = Insertion::new(&text, no_sources());
    let mut sent = 0;
    for chunk in page.chunks(chunk) {
        sent += if insertion.is_passing() { chunk.len() } else { insertion.write(chunk).len() };
    }
    sent + insertion.end().len()
}

fn no_sources() -> BannerSources {
    let [style, script, script_digest] = std::array::from_fn(|_| String::new());
    BannerSources { style, script, script_digest, forms: Vec::new() }
}

fn inserted<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut insertion = Insertion::new(TEXT, no_sources());
    let mut page: Vec<u8> = chunks.flat_map(|chunk| insertion.write(chunk)).collect();
    page.extend(insertion.end());
    page
}
