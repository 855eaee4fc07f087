//! Every page of the admin UI in German: its words are longer, and still fit, on a phone and wide.

use super::admin_pages::{Crawl, gate, signed_in_reading};
use crate::support::chrome::Chrome;

/// The elements with text that is wider than their box, or than the window. What can be scrolled fits.
const TOO_WIDE: &str = "
    const scrolls = element => element.closest('pre, .scroll, table, iframe, .listing') ||
      /auto|scroll/.test(getComputedStyle(element).overflowX);
    const faults = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) faults.push('the page');
    for (const element of document.body.querySelectorAll('*')) {
      if (!element.checkVisibility() || element.closest('svg') || scrolls(element)) continue;
      const { left, right } = element.getBoundingClientRect();
      const isOut = right > width + 1 && left < width || element.scrollWidth > element.clientWidth + 1 &&
        element.clientWidth > 1 && getComputedStyle(element).display !== 'inline';
      if (isOut) faults.push(element.outerHTML.slice(0, 120));
    }
    return faults";

#[tokio::test]
async fn every_page_of_the_admin_ui_fits_in_german() {
    let gate = gate().await;
    let chrome = signed_in_reading(&gate, "de-DE").await;
    let mut crawl = Crawl::new(1);
    let mut faults = Vec::new();
    while let Some(address) = crawl.next() {
        chrome.on_phone().await;
        chrome.goto(&address).await;
        faults.extend(too_wide(&chrome, &address).await);
        chrome.at_desk().await;
        faults.extend(too_wide(&chrome, &address).await);
        assert_eq!(chrome.ask("return document.documentElement.lang").await, "de", "{address}");
        crawl.follow(&chrome).await;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    chrome.quiet().await;
    assert!(crawl.kinds() > 30, "{crawl:?}");
}

async fn too_wide(chrome: &Chrome, address: &str) -> Vec<String> {
    let faults = chrome.ask(TOO_WIDE).await;
    let faults = faults.as_array().unwrap().iter();
    faults.map(|it| format!("{address}: {}", it.as_str().unwrap())).collect()
}
