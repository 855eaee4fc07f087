//! I2: when a change has been answered, no request that starts afterwards is decided by the old
//! state, however many are under way and whatever has to be loaded first.
//!
//! Which interleavings are met is chance here; the tests of the caches force them. What is checked
//! holds for every one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::Browser;
use crate::support::client::{Cookie, within};
use crate::support::gate::{HOST, TestGate};
use crate::support::program::Home;
use crate::support::upstream::Upstream;

/// How long one storm lasts.
const STORM: Duration = Duration::from_secs(3);
/// Connections that ask without pause.
const ASKING: usize = 12;

const ROUTES: &str = r#"
[[route]]
name = "Reports"
path = "/reports"
require = "portal.access"
"#;

/// A state that is even while it holds and odd while it is being changed; whoever reads the same
/// even number before and after a request knows what the answer had to be.
#[derive(Default)]
struct Epoch {
    number: AtomicU64,
    judged: AtomicUsize,
    more: Notify,
    over: AtomicBool,
}

impl Epoch {
    /// Changes the state by `change`, which returns when the change has been answered.
    async fn change(&self, change: impl Future<Output = Value>) {
        self.number.fetch_add(1, Ordering::SeqCst);
        change.await;
        self.number.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until so many more requests have been judged.
    async fn judged(&self, more: usize) {
        let enough = self.judged.load(Ordering::SeqCst) + more;
        within("requests that could be judged", async {
            while self.judged.load(Ordering::SeqCst) < enough {
                self.more.notified().await;
            }
        })
        .await;
    }
}

/// Asks without pause; in states number 0, 4, 8 … the answer must be the first, in 2, 6 … the
/// second.
async fn ask(gate: Arc<TestGate>, cookie: Cookie, epoch: Arc<Epoch>, answers: [u16; 2]) {
    let mut connection = gate.connection().await;
    while !epoch.over.load(Ordering::SeqCst) {
        let before = epoch.number.load(Ordering::SeqCst);
        let reply = connection.send(gate.get("/closed/a").cookie(&cookie)).await;
        let after = epoch.number.load(Ordering::SeqCst);
        if before == after && before.is_multiple_of(2) {
            let expected = answers[usize::from(!before.is_multiple_of(4))];
            assert_eq!(reply.status, expected, "in state {before}: {reply:?}");
            epoch.judged.fetch_add(1, Ordering::SeqCst);
            epoch.more.notify_one();
        } else {
            assert!(answers.contains(&reply.status), "{reply:?}");
        }
    }
}

/// Changes something to and fro under a storm of requests of one session; answers how many changes
/// there were.
async fn storm(
    gate: &Arc<TestGate>,
    cookie: &Cookie,
    answers: [u16; 2],
    change: impl AsyncFn(&Admin, bool) -> Value,
) -> usize {
    let epoch = Arc::new(Epoch::default());
    let asking: Vec<_> = (0..ASKING)
        .map(|_| tokio::spawn(ask(Arc::clone(gate), cookie.clone(), Arc::clone(&epoch), answers)))
        .collect();
    let begun = Instant::now();
    let mut changes = 0;
    while begun.elapsed() < STORM / 3 {
        for first in [false, true] {
            epoch.change(change(&gate.admin, first)).await;
            // The state must be seen to hold before it changes again.
            epoch.judged(ASKING).await;
            changes += 1;
        }
        gate.upstream.forget();
    }
    epoch.over.store(true, Ordering::SeqCst);
    for asking in asking {
        within("a last answer", asking).await.unwrap();
    }
    changes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_requests_after_a_change_see_it() {
    let gate = Arc::new(TestGate::start().await);
    let acme = gate.admin.organization("Acme").await;
    let buyers = gate.admin.group("Buyers", &["invoices.view"]).await;
    let anna = gate.admin.user(&acme, "anna", &buyers).await;
    let cookie = gate.sign_in("anna", PASSWORD).await;
    let edited = storm(&gate, &cookie, [200, 403], async |admin, first| {
        let permissions: &[&str] = if first { &["invoices.view"] } else { &[] };
        let path = format!("/api/v1/groups/{buyers}");
        admin.patch(&path, json!({ "permissions": permissions })).await.ok()
    })
    .await;
    let moved = storm(&gate, &cookie, [200, 403], async |admin, first| {
        let group = if first { &*buyers } else { "limited" };
        admin.patch(&format!("/api/v1/users/{anna}"), json!({ "group": group })).await.ok()
    })
    .await;
    let disabled = storm(&gate, &cookie, [200, 302], async |admin, first| {
        let url = if first { Value::Null } else { json!("https://status.example/") };
        admin.patch("/api/v1/preferences", json!({ "disabled_redirect_url": url })).await.ok()
    })
    .await;
    for changes in [edited, moved, disabled] {
        assert!(changes >= 4, "only {changes} changes were met");
    }
}

/// What ends a link's session.
async fn end(admin: &Admin, organization: &str, how: usize) {
    let organization_path = format!("/api/v1/organizations/{organization}");
    match how % 4 {
        0 => admin.post(&format!("{organization_path}/link/rotate"), json!({})).await.ok(),
        1 => {
            let off = json!({ "enabled": false });
            admin.patch(&format!("{organization_path}/link"), off).await.ok()
        }
        2 => {
            let login = format!("first@{organization}.test");
            let new = json!({ "organization": organization, "login": login, "invite": true });
            admin.post("/api/v1/users", new).await.ok()
        }
        _ => admin.delete(&format!("/api/v1/sessions?organization={organization}")).await.ok(),
    };
}

/// Sessions are read from the store by the very requests that race with the change that ends them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_cache_load_before_a_change_is_discarded() {
    const ORGANIZATIONS: usize = 60;
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    let mut sessions = Vec::new();
    for number in 0..ORGANIZATIONS {
        let organization = program.admin.organization(&format!("Number {number}")).await;
        let link = format!("/api/v1/organizations/{organization}/link");
        let link = program.admin.get(&link).await.ok();
        let mut browser = Browser::new(program.gateway, HOST);
        let link = browser.local(link["url"].as_str().unwrap());
        assert_eq!(browser.open(&link).await.status, 303);
        sessions.push((organization, browser.cookies));
    }
    program.stop().await;
    // Nothing is in memory now.
    let program = home.serve().await;
    let begun = Instant::now();
    let mut ended = 0;
    for (number, (organization, cookies)) in sessions.iter().enumerate() {
        let browser = || {
            let mut browser = Browser::new(program.gateway, HOST);
            browser.cookies = cookies.clone();
            browser
        };
        if number % 6 == 5 {
            // Its sibling, which nothing ends.
            assert_eq!(browser().fetch("/reports").await.status, 200, "{organization}");
            continue;
        }
        let racing: Vec<_> = (0..6)
            .map(|_| {
                let mut browser = browser();
                tokio::spawn(async move { browser.fetch("/reports").await.status })
            })
            .collect();
        end(&program.admin, organization, number).await;
        let after: Vec<_> = (0..3)
            .map(|_| {
                let mut browser = browser();
                tokio::spawn(async move { browser.fetch("/reports").await.status })
            })
            .collect();
        for request in after {
            let status = within("an answer", request).await.unwrap();
            assert_eq!(status, 401, "{organization}, ended by way {}", number % 4);
        }
        for request in racing {
            let status = within("an answer", request).await.unwrap();
            assert!(matches!(status, 200 | 401), "{status}");
        }
        assert_eq!(browser().fetch("/reports").await.status, 401, "{organization}");
        ended += 1;
        if begun.elapsed() > 2 * STORM {
            break;
        }
    }
    assert!(ended >= 8, "only {ended} sessions were ended in time");
}
