//! Texts that would run, or change the page, if the admin UI did not escape them, sent with every
//! text field of every form. The forms are read from the pages, so new fields are covered.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::admin_pages::{Crawl, gate, signed_in};
use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;

/// The texts. `{n}` stands for a number by which a text is recognized.
const CORPUS: &str = include_str!("corpus/injection.json");
/// The length of the text that is too long for every field.
const TOO_LONG: usize = 20_000;
/// How many pages of a kind are opened.
const OF_A_KIND: usize = 3;

/// Runs in each page before its own scripts: keeps what was run, and what the policy blocked.
pub(super) const WATCH: &str = "
    window.ran = [];
    for (const name of ['alert', 'confirm', 'prompt', 'print'])
      window[name] = text => window.ran.push(`${name} ${text}`);
    document.addEventListener('securitypolicyviolation', event =>
      window.ran.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));";

/// What `injection.js` finds on a page, and on those that come back from its forms.
#[derive(Debug, Deserialize)]
struct Found {
    faults: BTreeSet<String>,
    shown: BTreeSet<String>,
    typed: BTreeMap<u32, Typed>,
    /// The forms that were sent.
    tried: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Typed {
    field: String,
    /// The type of the field.
    r#type: String,
    value: String,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// What ran, or would run, and markup that came from a text.
    pub(super) faults: BTreeSet<String>,
    /// The texts of the corpus on the pages.
    pub(super) shown: BTreeSet<String>,
    typed: BTreeMap<u32, Typed>,
    tried: Vec<String>,
}

impl Trial {
    /// Opens all pages. Sends these texts with their forms, and looks at the pages themselves.
    pub(super) async fn visit(&mut self, chrome: &Chrome, corpus: &[String]) {
        let mut crawl = Crawl::new(OF_A_KIND);
        while let Some(page) = crawl.next() {
            chrome.goto(&page).await;
            // Sending forms may lead the session astray; the links are read first.
            crawl.follow(chrome).await;
            self.look(chrome, corpus).await;
        }
    }

    /// Sends these texts with the forms of the page that is shown, and looks at the page itself.
    pub(super) async fn look(&mut self, chrome: &Chrome, corpus: &[String]) {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const [corpus, password, first, known] = {};\n{}",
            json!([corpus, PASSWORD, self.typed.len(), self.tried]),
            include_str!("injection.js"),
        );
        let found = chrome.ask_later(&script).await;
        let found: Found = serde_json::from_value(found).unwrap();
        self.faults.extend(found.faults);
        self.shown.extend(found.shown);
        self.typed.extend(found.typed);
        self.tried.extend(found.tried);
    }

    /// The fields of which no text was shown as it was typed.
    fn unseen(&self) -> BTreeSet<&str> {
        let is_seen = |typed: &Typed| self.shown.iter().any(|it| it.contains(&typed.value));
        let seen: BTreeSet<_> =
            self.typed.values().filter(|it| is_seen(it)).map(|it| &*it.field).collect();
        // Browsers show nothing but dates in fields for dates.
        let fields = self.typed.values().filter(|it| it.r#type != "date").map(|it| &*it.field);
        fields.filter(|it| !seen.contains(it)).collect()
    }
}

/// The texts that would run.
pub(super) fn corpus() -> Vec<String> {
    serde_json::from_str(CORPUS).unwrap()
}

#[tokio::test]
async fn ui_runs_nothing_that_is_typed_into_a_field() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.before_each_page(WATCH).await;
    let mut corpus = corpus();
    corpus.push(format!("{{n}}{}", "<b data-injected>".repeat(TOO_LONG / 17)));
    let mut trial = Trial::default();
    trial.visit(&chrome, &corpus).await;
    // Now the pages show what was saved.
    trial.visit(&chrome, &[]).await;
    assert!(trial.faults.is_empty(), "{:#?}", trial.faults);
    assert!(trial.unseen().is_empty(), "never shown: {:#?}", trial.unseen());
    assert!(trial.tried.len() > 20, "{:#?}", trial.tried);
}
