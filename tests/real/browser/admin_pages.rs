//! Following links through the admin UI in Chromium, from the first page to all others.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::admin_ui::SCRIPT;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

const ENTER: &str = "\u{e007}";

/// The links of the page to other pages.
const LINKS: &str = "return [...document.querySelectorAll('a[href^=\"/\"]')]
    .filter(link => !link.hasAttribute('download')).map(link => link.getAttribute('href'))";

/// The pages at whose place others have the id of a record.
const WORDS: [&str; 5] = ["new", "compare", "checkpoint", "verification", "second-factor"];

/// A gateway with records of every kind, and an owner.
pub(super) async fn gate() -> TestGate {
    let gate = TestGate::builder().setting("admin.require_mfa", "false").start().await;
    let admin = &gate.admin;
    let owner = json!({
        "login": "olga", "role": "owner", "impersonate": true, "password": PASSWORD, "mfa": false,
    });
    admin.post("/api/v1/administrators", owner).await.created();
    let acme = admin.acme_with_user("liam@acme.example", "limited").await;
    admin.organization(SCRIPT).await;
    let end_users = format!("/api/v1/organizations/{acme}/end-users");
    let ida = json!({ "name": SCRIPT, "email": "ida@acme.example" });
    let ida = admin.post(&end_users, ida).await.created();
    let invited = json!({
        "organization": acme, "end_user": ida, "login": "ida@acme.example", "group": "limited",
        "invite": true,
    });
    admin.post("/api/v1/users", invited).await;
    admin.post("/api/v1/tokens", json!({ "name": "ci", "role": "auditor" })).await;
    let bulk = json!({ "apply_to": "organizations", "action": "enable", "organizations": [acme] });
    admin.post("/api/v1/bulk", bulk).await;
    gate.sign_in("liam@acme.example", PASSWORD).await;
    gate
}

/// A browser in which the owner has signed in.
pub(super) async fn signed_in(gate: &TestGate) -> Chrome {
    signed_in_reading(gate, "en-US").await
}

/// A browser whose owner reads this language and has signed in.
pub(super) async fn signed_in_reading(gate: &TestGate, language: &str) -> Chrome {
    let chrome = Chrome::at_reading(&format!("http://{}", gate.admin_address), language).await;
    chrome.goto("/sign-in").await;
    chrome.fill("login", "olga").await;
    chrome.fill("password", PASSWORD).await;
    chrome.keys(ENTER).await;
    chrome.arrives("/").await;
    chrome
}

/// The pages that links lead to. Of pages that differ by an id or by the values of parameters, only
/// some are opened.
#[derive(Debug)]
pub(super) struct Crawl {
    waiting: VecDeque<String>,
    seen: Vec<String>,
    kinds: BTreeMap<String, usize>,
    of_a_kind: usize,
}

impl Crawl {
    /// Begins at the first page. Opens at most `of_a_kind` pages of each kind.
    pub(super) fn new(of_a_kind: usize) -> Self {
        let first = "/".to_owned();
        let kinds = BTreeMap::new();
        Self { waiting: [first.clone()].into(), seen: vec![first], kinds, of_a_kind }
    }

    /// The address of the next page.
    pub(super) fn next(&mut self) -> Option<String> {
        loop {
            let address = self.waiting.pop_front()?;
            let opened = self.kinds.entry(kind(&address)).or_default();
            if *opened < self.of_a_kind {
                *opened += 1;
                return Some(address);
            }
        }
    }

    /// Takes the links of the page that is shown.
    pub(super) async fn follow(&mut self, chrome: &Chrome) {
        let Value::Array(links) = chrome.ask(LINKS).await else { panic!("no list") };
        for link in links {
            let link = link.as_str().unwrap().split('#').next().unwrap().to_owned();
            let is_page = !link.starts_with("/docs") && !link.starts_with("/api/");
            if is_page && !self.seen.contains(&link) {
                self.seen.push(link.clone());
                self.waiting.push_back(link);
            }
        }
    }

    /// How many pages of the kind of this one have been opened.
    pub(super) fn number(&self, address: &str) -> usize {
        self.kinds.get(&kind(address)).copied().unwrap_or(0)
    }

    /// How many kinds of pages have been opened.
    pub(super) fn kinds(&self) -> usize {
        self.kinds.len()
    }
}

/// What pages have in common whose addresses differ by an id: the parts of the path that are words of
/// the UI, how many parts it has, and the names of the parameters.
pub(super) fn kind(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let names: Vec<_> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let last = if parts.len() > 2 { parts[2..].join("/") } else { String::new() };
    let last =
        last.split('/').filter(|part| part.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    let second = parts.get(1).filter(|part| WORDS.contains(part)).unwrap_or(&"");
    format!(
        "{} {second} {} {} {}",
        parts[0],
        parts.len(),
        last.collect::<Vec<_>>().join("/"),
        names.join(" ")
    )
}

/// A name for the pictures of a page.
pub(super) fn picture(address: &str) -> String {
    let name: String =
        address.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("admin-ui{}", name.trim_end_matches('-'))
}
