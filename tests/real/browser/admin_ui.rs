//! Every page of the admin UI in Chromium, found by following links from the first one: axe-core
//! finds no violation, light and dark; nothing is blocked by the page's own policy or loaded from
//! elsewhere; nothing moves while it loads; and it is small.

use serde_json::json;

use super::admin_pages::{Crawl, gate, picture, signed_in};
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

/// axe-core, as it was released.
const AXE: &str = include_str!("../vendor/axe-4.14.1.min.js");
/// What the first load of a page may take in total, in bytes.
const LARGEST: u64 = 60 * 1024;
/// How many pages of one kind are opened.
const OF_A_KIND: usize = 2;

/// Violations, with the elements that have them.
const CHECK: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => done(violations.map(
      it => it.id + ': ' + it.nodes.map(node => node.html).slice(0, 3).join(' '))))";

/// What was loaded, how many bytes that were, and how much of the page has moved.
const LOADED: &str = "const done = arguments[arguments.length - 1];
    let moved = 0;
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) moved += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
    const entries = [...performance.getEntriesByType('navigation'),
      ...performance.getEntriesByType('resource')];
    setTimeout(() => done({
      names: entries.map(entry => entry.name),
      bytes: entries.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
      moved,
    }), 100)";

#[tokio::test]
async fn every_page_of_the_admin_ui_is_sound() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    let mut crawl = Crawl::new(OF_A_KIND);
    let mut faults = Vec::new();
    while let Some(address) = crawl.next() {
        chrome.goto(&address).await;
        faults.extend(faults_of(&chrome, &address, &gate).await);
        if crawl.number(&address) == 1 {
            chrome.picture(&picture(&address)).await;
        }
        crawl.follow(&chrome).await;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    chrome.quiet().await;
    assert!(crawl.kinds() > 40, "{crawl:?}");
}

/// What is wrong with the page that is shown.
async fn faults_of(chrome: &Chrome, address: &str, gate: &TestGate) -> Vec<String> {
    let mut faults = Vec::new();
    let loaded = chrome.ask_later(LOADED).await;
    let origin = format!("http://{}/", gate.admin_address);
    for name in loaded["names"].as_array().unwrap() {
        if !name.as_str().unwrap().starts_with(&origin) {
            faults.push(format!("{address} loads {name}"));
        }
    }
    if loaded["bytes"].as_u64().unwrap() > LARGEST {
        faults.push(format!("{address} is {} bytes", loaded["bytes"]));
    }
    if loaded["moved"].as_f64().unwrap() > 0.0 {
        faults.push(format!("{address} moves while it loads: {}", loaded["moved"]));
    }
    chrome.ask(AXE).await;
    for scheme in ["light", "dark"] {
        chrome.prefers(scheme).await;
        for violation in chrome.ask_later(CHECK).await.as_array().unwrap() {
            faults.push(format!("{address}, {scheme}: {}", violation.as_str().unwrap()));
        }
    }
    faults.extend(faults_on_phone(chrome, address).await);
    faults
}

/// What axe-core, which must be loaded, finds on a phone: parts that scroll, for example.
async fn faults_on_phone(chrome: &Chrome, address: &str) -> Vec<String> {
    chrome.on_phone().await;
    let violations = chrome.ask_later(CHECK).await;
    chrome.at_desk().await;
    let said = violations.as_array().unwrap().iter();
    said.map(|it| format!("{address}, on a phone: {}", it.as_str().unwrap())).collect()
}

#[tokio::test]
async fn description_of_the_api_is_sound_on_a_phone() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.goto("/docs/users").await;
    chrome.ask(AXE).await;
    let faults = faults_on_phone(&chrome, "/docs/users").await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Searching for an organization keeps the password that was typed, and the box of what is found is not
/// shown before.
#[tokio::test]
async fn ui_search_for_a_scope_keeps_the_typed_password() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.goto("/administrators/new").await;
    let shown = "return getComputedStyle(document.querySelector('#organizations')).display";
    assert_eq!(chrome.ask(shown).await, "none");
    chrome.fill("password", "Typed-Horse-7-Battery").await;
    chrome.fill("organization_search", "acm").await;
    chrome.find("button[data-finds]").await.click().await.unwrap();
    chrome.find("#organizations input[name=organization]").await;
    assert_eq!(chrome.ask(shown).await, "block");
    let password = "return document.querySelector('[name=password]').value";
    assert_eq!(chrome.ask(password).await, "Typed-Horse-7-Battery");
    chrome.quiet().await;
}

/// The menu of a phone takes the focus, and leads to the own account.
#[tokio::test]
async fn ui_menu_of_a_phone_has_the_focus_and_the_account() {
    const ESCAPE: &str = "\u{e00c}";
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.on_phone().await;
    chrome.goto("/groups").await;
    chrome.find(".menu-button").await.click().await.unwrap();
    chrome.find("#navigation:focus").await;
    chrome.keys(ESCAPE).await;
    chrome.find(".menu-button:focus").await;
    chrome.find(".menu-button").await.click().await.unwrap();
    chrome.in_view("#navigation .own a").await;
    chrome.find("#navigation .own a").await.click().await.unwrap();
    chrome.arrives("/account").await;
    chrome.quiet().await;
    chrome.at_desk().await;
    let own = "return getComputedStyle(document.querySelector('#navigation .own')).display";
    assert_eq!(chrome.ask(own).await, "none", "the bar has it");
}

/// The keyboard alone: a new group with two permissions.
#[tokio::test]
async fn ui_a_group_is_made_by_keyboard_alone() {
    const ENTER: &str = "\u{e007}";
    const TAB: &str = "\u{e004}";
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.goto("/groups").await;
    tab_to(&chrome, "New group").await;
    chrome.keys(ENTER).await;
    chrome.arrives("/groups/new").await;
    tab_to(&chrome, "name").await;
    chrome.keys("Keyboard").await;
    for permission in ["portal.access", "invoices.view"] {
        tab_to(&chrome, permission).await;
        chrome.keys(" ").await;
    }
    tab_to(&chrome, "Create").await;
    chrome.keys(ENTER).await;
    chrome.sees("The group was created.").await;
    chrome.keys(TAB).await;
    let groups = gate.admin.get("/api/v1/groups").await.ok();
    let made = groups["items"].as_array().unwrap().iter().find(|it| it["name"] == "Keyboard");
    assert_eq!(made.unwrap()["permissions"], json!(["portal.access", "invoices.view"]));
    chrome.quiet().await;
}

/// Presses Tab until the element with this text, name or value has the focus.
pub(super) async fn tab_to(chrome: &Chrome, what: &str) {
    let focused = "const it = document.activeElement;
        return [it.textContent.trim(), it.name, it.value].filter(Boolean)";
    for _ in 0..200 {
        chrome.keys("\u{e004}").await;
        let names = chrome.ask(focused).await;
        if names.as_array().unwrap().iter().any(|name| name == what) {
            return;
        }
    }
    panic!("Tab never reaches {what}:\n{}", chrome.text().await);
}

/// What has the focus keeps it when its part of the page is replaced.
#[tokio::test]
async fn ui_focus_and_search_are_where_the_keyboard_left_them() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    let focused = "return document.activeElement.getAttribute('href')";
    chrome.ask("document.querySelector('#live .tiles a[href=\"/users\"]').focus()").await;
    chrome.ask("document.querySelector('#live').dataset.old = ''").await;
    chrome.find("#live:not([data-old])").await;
    assert_eq!(chrome.ask(focused).await, "/users");
    for (page, field) in [("/users", "search"), ("/audit", "actor"), ("/lockouts", "name")] {
        chrome.goto(page).await;
        chrome.keys("/").await;
        assert_eq!(chrome.ask("return document.activeElement.name").await, field, "{page}");
    }
    // In a field it is a character.
    chrome.keys("a/").await;
    assert_eq!(chrome.ask("return document.activeElement.value").await, "a/");
    chrome.quiet().await;
}
