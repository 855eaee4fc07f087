//! Every page of the admin UI in German: its words are longer, and still fit, on a phone and wide; and
//! none of them is English.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::admin_pages::{Crawl, gate, signed_in_reading};
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

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

/// What is read on the page: texts and attributes. Emails, files and what other programs say may be in
/// another language.
const TEXTS: &str = "
    const texts = [];
    const isOther = element => element.closest('[lang=en], .mail, code, pre, script, style, datalist');
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (nodes.nextNode()) {
      if (!isOther(nodes.currentNode.parentElement)) texts.push(nodes.currentNode.data);
    }
    for (const name of ['aria-label', 'placeholder', 'alt', 'title']) {
      for (const element of document.querySelectorAll(`[${name}]:not(td, time)`)) {
        if (!isOther(element)) texts.push(element.getAttribute(name));
      }
    }
    return [document.title, ...texts].map(text => text.trim()).filter(Boolean)";

/// Words that no German sentence has.
const ENGLISH_WORDS: [&str; 12] =
    ["the", "and", "of", "is", "are", "needs", "which", "with", "does", "from", "not", "for"];

/// Requests whose explanations have different reasons.
const QUESTIONS: [&str; 7] = [
    "who=user&user=liam%40acme.example&method=GET&target=%2Fclosed%2Fa",
    "who=user&user=liam%40acme.example&method=PUT&target=%2Fclosed%2Fa",
    "who=user&user=ida%40acme.example&method=GET&target=%2Fclosed%2Fa",
    "who=group&group=admin&method=GET&target=%2Fclosed%2Fa",
    "who=anonymous&method=POST&target=%2Fclosed%2Fa",
    "who=anonymous&method=GET&target=%2F",
    "reference=none",
];

/// Which texts are English.
#[derive(Debug)]
struct English {
    /// The texts of the English catalogue that the German one does not have.
    texts: BTreeSet<String>,
    /// Names of records, which have no language, the longest first.
    names: Vec<String>,
}

impl English {
    async fn at(gate: &TestGate) -> Self {
        let mut names = Vec::new();
        for list in ["permissions", "groups", "routes"] {
            let found = gate.admin.get(&format!("/api/v1/{list}")).await.ok();
            let items = found["items"].as_array().unwrap().iter();
            let of_items = items.flat_map(|item| [item["name"].as_str(), item["section"].as_str()]);
            names.extend(of_items.flatten().map(str::to_owned));
        }
        // Below a section, its permissions are named without it.
        names.extend(names.clone().iter().flat_map(|name| name.split(" – ")).map(str::to_owned));
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let german = texts_of("de");
        let mut texts = texts_of("en");
        texts.retain(|text| !german.contains(text) && !names.contains(text));
        Self { texts, names }
    }

    /// The English texts of the page that is shown.
    async fn on(&self, chrome: &Chrome, address: &str) -> Vec<String> {
        let Value::Array(texts) = chrome.ask(TEXTS).await else { panic!("no list") };
        let texts = texts.iter().map(|text| text.as_str().unwrap());
        texts.filter(|text| self.has(text)).map(|text| format!("{address}: {text}")).collect()
    }

    fn has(&self, text: &str) -> bool {
        let nameless = self.names.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
        let mut words = nameless.split(|c: char| !c.is_alphanumeric());
        self.texts.contains(text) || words.any(|word| ENGLISH_WORDS.contains(&word))
    }
}

/// The texts of a language without values.
fn texts_of(language: &str) -> BTreeSet<String> {
    let folder = format!("{}/templates/admin/text/{language}", env!("CARGO_MANIFEST_DIR"));
    let mut texts = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let content = fs::read_to_string(file.unwrap().path()).unwrap();
        collect(&toml::from_str(&content).unwrap(), &mut texts);
    }
    texts
}

fn collect(value: &toml::Value, texts: &mut BTreeSet<String>) {
    match value {
        toml::Value::String(text) if !text.contains('{') && text.len() > 1 => {
            texts.insert(text.trim().to_owned());
        }
        toml::Value::Table(table) => table.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

#[tokio::test]
async fn every_page_of_the_admin_ui_is_german_and_fits() {
    let gate = gate().await;
    let english = English::at(&gate).await;
    assert!(english.texts.len() > 300 && english.has("needs Invoices – View"), "{english:?}");
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
        faults.extend(english.on(&chrome, &address).await);
        crawl.follow(&chrome).await;
    }
    for question in QUESTIONS {
        let address = format!("/explain?{question}");
        chrome.goto(&address).await;
        faults.extend(english.on(&chrome, &address).await);
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
