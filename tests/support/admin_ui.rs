//! An administrator at the admin UI, without a browser: opens pages, fills forms in, follows links.
//!
//! Every page that comes back is checked: it is HTML, has its policy, and shows no text of a test
//! that looks like a script unescaped.

use serde_json::{Value, json};

use crate::support::admin::PASSWORD;
use crate::support::browser::{Browser, Form};
use crate::support::client::Reply;
use crate::support::gate::{Builder, TestGate};

/// A text that would run if a page did not escape it.
pub(crate) const SCRIPT: &str = "<script>alert(1)</script>";

/// An administrator who has signed in.
#[derive(Debug)]
pub(crate) struct AdminUi {
    pub(crate) browser: Browser,
}

/// A page, and the address at which it is.
#[derive(Debug)]
pub(crate) struct UiPage {
    pub(crate) at: String,
    pub(crate) status: u16,
    pub(crate) html: String,
}

/// A gateway whose administrators need no second factor.
pub(crate) fn gate() -> Builder {
    TestGate::builder().setting("admin.require_mfa", "false")
}

impl AdminUi {
    /// An owner.
    pub(crate) async fn owner(gate: &TestGate) -> Self {
        Self::signed_in(gate, "olga", json!({ "role": "owner", "impersonate": true })).await
    }

    /// An administrator with this role over the whole gateway.
    pub(crate) async fn of_role(gate: &TestGate, role: &str) -> Self {
        Self::signed_in(gate, &format!("{role}-1"), json!({ "role": role })).await
    }

    /// A new administrator with these rights, who signs in.
    pub(crate) async fn signed_in(gate: &TestGate, login: &str, rights: Value) -> Self {
        let mut new = json!({ "login": login, "password": PASSWORD, "mfa": false });
        new.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
        gate.admin.post("/api/v1/administrators", new).await.created();
        let mut ui = Self::visitor(gate);
        let page = ui.open("/sign-in").await;
        let form = page.form("/sign-in").set("login", login).set("password", PASSWORD);
        assert_eq!(ui.submit(&form).await.status, 200);
        ui
    }

    /// A browser that is not signed in.
    pub(crate) fn visitor(gate: &TestGate) -> Self {
        let address = gate.admin_address;
        Self { browser: Browser::new(address, &address.to_string()) }
    }

    /// Opens a page, and goes on to where it leads.
    pub(crate) async fn open(&mut self, path: &str) -> UiPage {
        let reply = self.browser.open(path).await;
        self.arrive(path, reply).await
    }

    /// Sends a form, and goes on to where it leads.
    pub(crate) async fn submit(&mut self, form: &Form) -> UiPage {
        let reply = self.browser.submit(form).await;
        self.arrive(&form.action, reply).await
    }

    /// Sends a form; if the page asks about the consequences, confirms.
    pub(crate) async fn confirm(&mut self, form: &Form) -> UiPage {
        let page = self.submit(form).await;
        if !page.html.contains("name=\"confirmed\"") {
            return page;
        }
        let confirmed = page.forms().into_iter().find(|it| it.get("confirmed").is_some());
        self.submit(&confirmed.unwrap()).await
    }

    async fn arrive(&mut self, at: &str, reply: Reply) -> UiPage {
        let page = self.browser.go_on(at, reply).await;
        let (at, reply) = (page.target, page.reply);
        let (status, html) = (reply.status, reply.text().to_owned());
        let policy = reply.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{at}: {policy}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{at}");
        assert!(!html.contains(SCRIPT), "{at} does not escape: {html}");
        assert!(!html.contains(" style=") && !html.contains(" onclick="), "{at}: {html}");
        UiPage { at, status, html }
    }
}

impl UiPage {
    /// The forms of the page; one without an action is sent to the page.
    pub(crate) fn forms(&self) -> Vec<Form> {
        let path = self.at.split('?').next().unwrap();
        let mut forms = Vec::new();
        let mut rest = self.html.as_str();
        while let Some(start) = rest.find("<form") {
            let form = Form::find(&rest[start..], |_| true).unwrap();
            let action = if form.action.is_empty() { path.to_owned() } else { form.action };
            forms.push(Form { action, fields: form.fields });
            rest = &rest[start + 5..];
        }
        forms
    }

    /// The form that is sent to this path.
    pub(crate) fn form(&self, action: &str) -> Form {
        let found = self.forms().into_iter().find(|form| form.action == action);
        found.unwrap_or_else(|| panic!("no form to {action} at {}: {}", self.at, self.html))
    }

    /// Checks that the page has these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        assert!(self.html.contains(words), "{words} is not at {}: {}", self.at, self.html);
    }

    /// Checks that it does not.
    #[track_caller]
    pub(crate) fn lacks(&self, words: &str) {
        assert!(!self.html.contains(words), "{words} is at {}: {}", self.at, self.html);
    }
}
