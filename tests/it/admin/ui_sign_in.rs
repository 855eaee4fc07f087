//! The admin UI: the code of a sign-in on a page of its own, what the sign-in page says to those who
//! have no account yet, and why a request was refused.

use serde_json::{Value, json};

use super::cli::Console;
use crate::support::admin::PASSWORD;
use crate::support::admin_ui::{AdminUi, UiPage, gate};
use crate::support::authenticator::App;
use crate::support::browser::{Browser, Form};
use crate::support::gate::TestGate;

const CODE: &str = "/sign-in/code";
const PENDING: &str = "portcullis-admin-pending";
const WRONG_PASSWORD: &str = "Wrong-Horse-7-Battery";

/// A gateway with an owner, `theo`, who has a second factor.
struct Theo {
    gate: TestGate,
    app: App,
    recovery_code: String,
}

impl Theo {
    async fn start() -> Self {
        let gate = TestGate::builder().start().await;
        let new = json!({ "login": "theo", "role": "owner", "password": PASSWORD });
        let made = gate.admin.post("/api/v1/administrators", new).await.ok();
        let factor = &made["second_factor"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let app = App::new(&text(&factor["secret"]));
        let recovery_code = text(&factor["recovery_codes"][0]);
        Self { gate, app, recovery_code }
    }

    fn visitor(&self) -> AdminUi {
        AdminUi::visitor(&self.gate)
    }

    /// Opens a page, and gives a password.
    async fn gives(&self, ui: &mut AdminUi, path: &str, password: &str) -> UiPage {
        let form = ui.open(path).await.form("/sign-in").set("login", "theo");
        ui.submit(&form.set("password", password)).await
    }
}

#[tokio::test]
async fn r50_ui_asks_for_the_code_on_a_page_of_its_own() {
    let theo = Theo::start().await;
    let mut ui = theo.visitor();
    let wrong = theo.gives(&mut ui, "/groups", WRONG_PASSWORD).await;
    wrong.says("The login or the password is wrong.");
    wrong.lacks("name=\"code\"");
    assert_eq!(ui.open(CODE).await.at, "/sign-in", "only the right password leads to it");

    let page = theo.gives(&mut ui, "/groups", PASSWORD).await;
    assert_eq!((page.status, &*page.at), (200, "/sign-in/code?to=%2Fgroups"));
    page.says("<h1>Enter your code</h1>");
    page.says("required autofocus");
    page.lacks("name=\"password\"");
    page.lacks(PASSWORD);
    assert_eq!(ui.open("/account").await.at, "/sign-in?to=%2Faccount", "there is no session yet");

    let again = ui.open(&page.at).await;
    let missing = ui.submit(&again.form(CODE).set("code", " ")).await;
    missing.says("Enter a code.");
    let wrong = ui.submit(&missing.form(CODE).set("code", &theo.app.wrong())).await;
    wrong.says("The code is wrong, or was used before.");
    let done = ui.submit(&wrong.form(CODE).set("code", &theo.app.code())).await;
    assert_eq!((done.status, &*done.at), (200, "/groups"));
    assert!(!ui.browser.cookies.contains_key(PENDING));
}

#[tokio::test]
async fn ui_a_code_needs_the_browser_that_gave_the_password() {
    let theo = Theo::start().await;
    let (mut ui, mut other) = (theo.visitor(), theo.visitor());
    let form = theo.gives(&mut ui, "/sign-in", PASSWORD).await.form(CODE);
    let form = form.set("code", &theo.app.code());
    let refused = other.submit(&form).await;
    refused.says("This sign-in has expired");
    assert_eq!(other.open("/groups").await.at, "/sign-in?to=%2Fgroups");
    assert_eq!(ui.submit(&form).await.at, "/");

    // Neither the code nor the sign-in works twice.
    let page = theo.gives(&mut other, "/sign-in", PASSWORD).await;
    let pending = other.browser.cookies[PENDING].clone();
    let used = other.submit(&page.form(CODE).set("code", &theo.app.code())).await;
    used.says("was used before");
    assert_eq!(other.submit(&used.form(CODE).set("code", &theo.recovery_code)).await.at, "/");
    let mut third = theo.visitor();
    third.browser.cookies.insert(PENDING.to_owned(), pending);
    let ended = third.submit(&page.form(CODE).set("code", &theo.app.next())).await;
    ended.says("This sign-in has expired");
}

#[tokio::test]
async fn i6_ui_wrong_codes_lock_and_end_the_sign_in() {
    let theo = Theo::start().await;
    let mut ui = theo.visitor();
    let mut page = theo.gives(&mut ui, "/groups", PASSWORD).await;
    for _ in 0..5 {
        page = ui.submit(&page.form(CODE).set("code", &theo.app.wrong())).await;
        page.says("The code is wrong");
    }
    let locked = ui.submit(&page.form(CODE).set("code", &theo.app.code())).await;
    locked.says("There were too many failed attempts.");
    assert_eq!(locked.form("/sign-in").get("to"), Some("/groups"));
    assert_eq!(ui.open(CODE).await.at, "/sign-in", "the password is needed again");
    let right = theo.gives(&mut theo.visitor(), "/sign-in", PASSWORD).await;
    right.says("There were too many failed attempts.");
}

#[tokio::test]
async fn ui_a_kept_form_outlasts_the_code() {
    let theo = Theo::start().await;
    let mut ui = theo.visitor();
    let fields = vec![("name".to_owned(), "Sales".to_owned())];
    let page = ui.submit(&Form { action: "/groups".to_owned(), fields }).await;
    let form = page.form("/sign-in").set("login", "theo").set("password", PASSWORD);
    let page = ui.submit(&form).await;
    page.says("what you typed is kept");
    page.lacks(PASSWORD);
    let wrong = ui.submit(&page.form(CODE).set("code", &theo.app.wrong())).await;
    let kept = ui.submit(&wrong.form(CODE).set("code", &theo.app.code())).await;
    assert_eq!(kept.status, 409);
    kept.says("What you typed was kept");
    ui.submit(&kept.form("/groups")).await.says("The group was created.");
}

#[tokio::test]
async fn ui_advice_for_the_first_account_works_and_never_changes() {
    let console = Console::start().await;
    let address = console.program.admin_address;
    let mut ui = AdminUi { browser: Browser::new(address, &address.to_string()) };
    let page = ui.open("/sign-in").await;
    let (_, rest) = page.html.split_once("<code>portcullis ").expect("a command");
    let command = rest.split("</code>").next().unwrap().replace("NAME", "olga");
    let args: Vec<&str> = command.split(' ').chain(["--password-stdin"]).collect();
    let made = console.with_input(&args, PASSWORD).await.done();
    assert!(made.contains("Created the owner olga"), "{made}");
    // Strangers do not learn from it whether there is an account.
    assert_eq!(ui.open("/sign-in").await.html, page.html);
}

#[tokio::test]
async fn ui_a_refusal_is_headed_by_its_reason() {
    let gate = gate().start().await;
    let acme = gate.admin.organization("Acme").await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/groups/new").await.form("/groups").set("name", "Sales");
    for (path, origin) in [
        ("/groups", &[("origin", "https://evil.example")][..]),
        ("/groups", &[][..]),
        ("/sign-in", &[("origin", "https://evil.example")][..]),
    ] {
        let refused = owner.browser.post(path, origin, &form.encoded()).await;
        assert_eq!(refused.status, 403, "{path}");
        let html = refused.text();
        assert!(html.contains("The form was not accepted"), "{html}");
        assert!(html.contains("admin.public_url") && !html.contains("Your role"), "{html}");
    }
    let rights = json!({ "role": "administrator", "scope": [acme] });
    let mut scoped = AdminUi::signed_in(&gate, "scoped", rights).await;
    let refused = scoped.open("/preferences").await;
    assert_eq!(refused.status, 403);
    refused.says("Outside of your scope");
    refused.lacks("Your role");
    let refused = AdminUi::of_role(&gate, "technician").await.open("/tokens").await;
    assert_eq!(refused.status, 403);
    refused.says("<h1>Your role doesn");
}

#[tokio::test]
async fn ui_a_search_says_that_the_password_is_typed_again() {
    let gate = gate().start().await;
    gate.admin.organization("Acme").await;
    let mut owner = AdminUi::owner(&gate).await;
    let form = owner.open("/administrators/new").await.form("/administrators");
    let search = form.set("organization_search", "acm").set("do", "find");
    owner.submit(&search).await.lacks("Type the password again.");
    let found = owner.submit(&search.set("password", PASSWORD)).await;
    found.says("Type the password again.");
    found.lacks(PASSWORD);
}
