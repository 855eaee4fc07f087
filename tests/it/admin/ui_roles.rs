//! Every page of the admin UI with each role, in and out of scope. Pages are found by following links.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::json;

use crate::support::admin_ui::{AdminUi, SCRIPT, gate};
use crate::support::gate::TestGate;

/// How many pages of one kind are opened.
const OF_A_KIND: usize = 4;

/// The pages that links lead to, from the first page on, and the status of each.
async fn crawl(ui: &mut AdminUi) -> BTreeMap<String, u16> {
    let (mut pages, mut kinds) = (BTreeMap::new(), BTreeMap::<_, usize>::new());
    let mut waiting = VecDeque::from(["/".to_owned()]);
    while let Some(address) = waiting.pop_front() {
        let of_kind = kinds.entry(kind(&address)).or_default();
        if pages.contains_key(&address) || *of_kind == OF_A_KIND {
            continue;
        }
        *of_kind += 1;
        let page = ui.open(&address).await;
        waiting.extend(links(&page.html));
        pages.insert(address, page.status);
    }
    pages
}

/// The addresses of other pages on a page.
fn links(html: &str) -> Vec<String> {
    let tags = html.split("<a ").skip(1).filter_map(|rest| rest.split('>').next());
    let pages = tags.filter(|tag| !tag.contains(" download"));
    let found = pages.filter_map(|tag| tag.split("href=\"").nth(1)?.split('"').next());
    let own = found.filter(|href| href.starts_with('/') && !href.starts_with("/docs"));
    own.filter(|href| !href.starts_with("/api/")).map(|it| it.replace("&#38;", "&")).collect()
}

/// What pages have in common whose addresses differ by an id.
fn kind(address: &str) -> (String, usize, String) {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let parts: Vec<_> = path.split('/').collect();
    let names: BTreeSet<_> = query.split('&').filter_map(|it| it.split('=').next()).collect();
    (parts[1].to_owned(), parts.len(), names.into_iter().collect::<Vec<_>>().join("&"))
}

/// A gateway with records, whose texts look like scripts where they may.
async fn full_gate() -> (TestGate, String) {
    let gate = gate().start().await;
    let acme = gate.admin.acme_with_user("liam@acme.example", "limited").await;
    let evil = gate.admin.organization(SCRIPT).await;
    let end_user = json!({ "name": SCRIPT, "email": "ida@acme.example" });
    let path = format!("/api/v1/organizations/{evil}/end-users");
    gate.admin.post(&path, end_user).await.created();
    gate.admin.user(&evil, "eve@evil.example", "limited").await;
    gate.admin.group(SCRIPT, &["portal.access"]).await;
    (gate, acme)
}

#[tokio::test]
async fn ui_no_role_is_shown_a_page_that_it_may_not_open() {
    let (gate, _) = full_gate().await;
    let mut owner = AdminUi::owner(&gate).await;
    let all = crawl(&mut owner).await;
    assert!(all.len() > 20, "{all:?}");
    for (address, status) in &all {
        assert!(matches!(status, 200), "owner: {address} is {status}");
    }
    for role in ["administrator", "technician", "auditor"] {
        let mut ui = AdminUi::of_role(&gate, role).await;
        for (address, status) in crawl(&mut ui).await {
            assert_eq!(status, 200, "{role} is shown {address}");
        }
        let mut refused = 0;
        for address in all.keys() {
            let status = ui.open(address).await.status;
            assert!(matches!(status, 200 | 403), "{role}: {address} is {status}");
            refused += usize::from(status == 403);
        }
        assert!(refused > 0, "{role} may open everything");
    }
}

#[tokio::test]
async fn ui_a_scope_hides_other_organizations_on_every_page() {
    let (gate, acme) = full_gate().await;
    let mut owner = AdminUi::owner(&gate).await;
    let all = crawl(&mut owner).await;
    let rights = json!({ "role": "administrator", "scope": [acme] });
    let mut ui = AdminUi::signed_in(&gate, "sam", rights).await;
    for (address, status) in crawl(&mut ui).await {
        assert_eq!(status, 200, "sam is shown {address}");
    }
    for address in all.keys() {
        let page = ui.open(address).await;
        assert!(matches!(page.status, 200 | 403 | 404), "{address} is {}", page.status);
        page.lacks("eve@evil.example");
        // The name of the group is everybody's.
        if !address.starts_with("/groups") && !address.starts_with("/users") {
            page.lacks("ida@acme.example");
        }
    }
}

#[tokio::test]
async fn ui_pages_are_closed_to_visitors() {
    let (gate, _) = full_gate().await;
    let mut owner = AdminUi::owner(&gate).await;
    let all = crawl(&mut owner).await;
    let mut visitor = AdminUi::visitor(&gate);
    for address in all.keys() {
        let page = visitor.open(address).await;
        assert!(page.at.starts_with("/sign-in"), "{address} leads to {}", page.at);
    }
}
