//! What visitors of the portal, imported files and emails bring to the admin UI is shown as text:
//! logins, browsers, paths, rows, and names in emails. Nothing of it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::{HeaderValue, Method};
use serde_json::json;

use super::admin_pages::{gate, signed_in};
use super::admin_ui_injection::{Trial, WATCH, corpus};
use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form, SIGN_IN, encoded};
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

/// How many texts are used as a login until it is locked.
const LOCKED: usize = 5;

/// The texts by what they were sent as, each with a number by which it is recognized.
#[derive(Debug, Default)]
struct Sent(BTreeMap<&'static str, Vec<String>>);

impl Sent {
    /// A text of this pattern, to be sent as this.
    fn text(&mut self, what: &'static str, pattern: &str) -> String {
        let number = self.0.values().map(Vec::len).sum::<usize>();
        let mark = format!("inj{number}z");
        let text = pattern.replace("{n}", &mark);
        self.0.entry(what).or_default().push(mark);
        text
    }
}

/// Signs in, fails to, and is refused, with texts as login, browser and path. Returns the references
/// of what was refused.
async fn visit(gate: &TestGate, sent: &mut Sent) -> Vec<String> {
    let origin = format!("http://{}", gate.host());
    let mut references = Vec::new();
    for (number, pattern) in (1..).zip(corpus()) {
        // Each from an address of its own, so that no address is locked for all logins.
        let from = [127, 0, 1, number];
        let login = sent.text("login", &pattern);
        let mut stranger = Browser::at(gate).from(from);
        for _ in 0..if usize::from(number) <= LOCKED { 5 } else { 1 } {
            stranger.sign_in(&login, "Wrong-Horse-7-Battery").await;
        }
        // Not every text can be in a header field.
        let agent = match HeaderValue::from_str(&pattern) {
            Ok(_) => sent.text("browser", &pattern),
            Err(_) => "none".to_owned(),
        };
        let mut liam = Browser::at(gate).from(from);
        let page = liam.open(SIGN_IN).await;
        let form = Form::to(page.text(), SIGN_IN).set("login", "liam@acme.example");
        let form = form.set("password", PASSWORD).encoded();
        let headers = [("origin", &*origin), ("user-agent", &agent)];
        assert_eq!(liam.post(SIGN_IN, &headers, &form).await.status, 303, "{agent}");
        let text = encoded(&sent.text("path", &pattern));
        let path = format!("/closed/{text}?q={text}");
        let headers = [("accept", "application/json"), ("user-agent", &agent)];
        let refused = liam.send(Method::GET, &path, &headers, "").await;
        references.extend(refused.problem()["request_id"].as_str().map(str::to_owned));
    }
    references
}

/// Imports a file with texts in its name and its cells.
async fn import(gate: &TestGate, chrome: &Chrome, sent: &mut Sent, trial: &mut Trial) {
    let mut rows = "organization,login,name\n".to_owned();
    // A file with a zero byte is not text.
    for pattern in corpus().iter().filter(|pattern| !pattern.contains('\0')) {
        let cells = ["organization", "login", "name"];
        let [organization, login, name] = cells.map(|column| {
            let what = if column == "name" { "name of a row" } else { "row" };
            format!("\"{}\"", sent.text(what, pattern).replace('"', "\"\""))
        });
        writeln!(rows, "Acme,{login},{name}\n{organization},{login},{name}").unwrap();
    }
    let file = gate.file("<img src=x onerror=alert(1) data-injected>.csv");
    std::fs::write(&file, rows).unwrap();
    chrome.goto("/import").await;
    chrome.find("input[name=kind][value=users]").await.click().await.unwrap();
    chrome.find("#file").await.send_keys(file.to_str().unwrap()).await.unwrap();
    chrome.press("Try out").await;
    chrome.sees("What the import would do").await;
    trial.look(chrome, &[]).await;
    // The button is behind the head of the page.
    chrome.ask("document.querySelector('button[value=start]').click()").await;
    chrome.sees("Ended").await;
    trial.look(chrome, &[]).await;
}

/// Invites people of organizations with texts as names. Returns the pages of their emails.
async fn invite(gate: &TestGate, sent: &mut Sent) -> Vec<String> {
    for pattern in corpus() {
        let name = sent.text("organization in an email", &pattern);
        let new = json!({ "name": name, "email": "office@x.example" });
        let made = gate.admin.post("/api/v1/organizations", new).await;
        // Some texts are not names.
        if made.status == 201 {
            let id = made.created();
            let new = json!({ "organization": id, "login": format!("at-{id}"), "invite": true });
            gate.admin.post("/api/v1/users", new).await.created();
        }
    }
    let mails = gate.admin.get("/api/v1/mail?limit=100").await.ok();
    let ids = mails["items"].as_array().unwrap().iter().map(|mail| mail["id"].as_str().unwrap());
    ids.flat_map(|id| [format!("/mail/{id}"), format!("/mail/{id}/html")]).collect()
}

#[tokio::test]
async fn ui_runs_nothing_that_visitors_and_files_bring() {
    let gate = gate().await;
    let chrome = signed_in(&gate).await;
    chrome.before_each_page(WATCH).await;
    let (mut sent, mut trial) = (Sent::default(), Trial::default());
    let references = visit(&gate, &mut sent).await;
    assert!(references.len() > 5, "{references:?}");
    import(&gate, &chrome, &mut sent, &mut trial).await;
    let explained = references.iter().map(|it| format!("/explain?reference={it}"));
    let lists = ["/lockouts", "/sessions", "/audit"].map(str::to_owned);
    for page in lists.into_iter().chain(explained).chain(invite(&gate, &mut sent).await) {
        chrome.goto(&page).await;
        trial.look(&chrome, &[]).await;
    }
    trial.visit(&chrome, &[]).await;
    // Emails have styles of their own.
    trial.faults.retain(|fault| !(fault.contains("/html: <") && fault.contains(" style=")));
    assert!(trial.faults.is_empty(), "{:#?}", trial.faults);
    for (what, marks) in &sent.0 {
        let is_shown = |mark: &&String| trial.shown.iter().any(|text| text.contains(&**mark));
        let shown = marks.iter().filter(is_shown).count();
        assert!(shown >= 5, "{what}: only {shown} of {} were shown", marks.len());
    }
    chrome.quiet().await;
}
