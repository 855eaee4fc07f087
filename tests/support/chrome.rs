//! A real browser: Chromium, driven through chromedriver (W3C WebDriver), before a gateway that
//! ends TLS itself.
//!
//! [`Chrome::quiet`] holds the pages to their own Content-Security-Policy: what a page is forbidden,
//! the browser logs. [`Chrome::picture`] keeps pictures in `target/screenshots/`, light and dark,
//! wide and phone.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::{ParseError, Url};

use crate::support::admin::PASSWORD;
use crate::support::client::within;
use crate::support::gate::{HOST, TestGate};

/// How long a page may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// One browser with a profile of its own.
#[derive(Debug)]
pub(crate) struct Chrome {
    client: Client,
    driver: Child,
    /// Where the gateway is.
    origin: String,
    _profile: TempDir,
}

/// A command that WebDriver itself does not have.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

impl Chrome {
    /// A browser whose owner reads English.
    pub(crate) async fn open(gate: &TestGate) -> Self {
        Self::reading(gate, "en-US").await
    }

    /// Opens a browser in which a portal user has signed in, at the start page.
    pub(crate) async fn signed_in(gate: &TestGate, login: &str) -> Self {
        let chrome = Self::open(gate).await;
        chrome.goto("/").await;
        chrome.sign_in(login, PASSWORD).await;
        chrome.arrives("/").await;
        chrome
    }

    /// A browser whose owner reads this language.
    pub(crate) async fn reading(gate: &TestGate, language: &str) -> Self {
        assert!(gate.is_tls(), "browsers come by https");
        let host = format!("--host-resolver-rules=MAP {HOST} {}", gate.address);
        Self::start(format!("https://{HOST}"), language, Some(host)).await
    }

    /// A browser for a gateway without TLS at this origin, whose owner reads English.
    pub(crate) async fn at(origin: &str) -> Self {
        Self::at_reading(origin, "en-US").await
    }

    /// The same, whose owner reads this language.
    pub(crate) async fn at_reading(origin: &str, language: &str) -> Self {
        Self::start(origin.to_owned(), language, None).await
    }

    /// The same, in which these names have the address 127.0.0.1.
    pub(crate) async fn at_with_names(origin: &str, names: &[&str]) -> Self {
        let rules: Vec<_> = names.iter().map(|name| format!("MAP {name} 127.0.0.1")).collect();
        let rules = format!("--host-resolver-rules={}", rules.join(","));
        Self::start(origin.to_owned(), "en-US", Some(rules)).await
    }

    async fn start(origin: String, language: &str, more: Option<String>) -> Self {
        let (driver, address) = start_driver().await;
        let profile = tempfile::tempdir().unwrap();
        let mut args = vec![
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-background-networking".to_owned(),
            "--no-first-run".to_owned(),
            "--ignore-certificate-errors".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
            format!("--accept-lang={language}"),
            "--window-size=1280,900".to_owned(),
        ];
        args.extend(more);
        let capabilities = json!({
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connecting = builder.capabilities(Capabilities::from_iter(capabilities));
        let client = within("a browser", connecting.connect(&address)).await.unwrap();
        Self { client, driver, origin, _profile: profile }
    }

    /// From now on pages run no script; the driver still sees them.
    pub(crate) async fn without_script(&self) {
        self.protocol("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// From now on this script runs in each page before the page's own.
    pub(crate) async fn before_each_page(&self, script: &str) {
        let script = json!({ "source": script });
        self.protocol("Page.addScriptToEvaluateOnNewDocument", script).await;
    }

    /// From now on the network is as slow as this (`Network.emulateNetworkConditions`), and the
    /// processor this many times slower.
    pub(crate) async fn slow(&self, network: Value, processor: u32) {
        self.protocol("Network.enable", json!({})).await;
        self.protocol("Network.emulateNetworkConditions", network).await;
        self.protocol("Emulation.setCPUThrottlingRate", json!({ "rate": processor })).await;
    }

    /// From now on files that are downloaded go into this folder.
    pub(crate) async fn downloads_to(&self, folder: &Path) {
        let allowed = json!({ "behavior": "allow", "downloadPath": folder });
        self.protocol("Browser.setDownloadBehavior", allowed).await;
    }

    /// Empties the cache. Cookies stay.
    pub(crate) async fn forget_files(&self) {
        self.protocol("Network.clearBrowserCache", json!({})).await;
    }

    /// Opens an address of the gateway, or one that it gave away.
    pub(crate) async fn goto(&self, place: &str) {
        let path = place.strip_prefix(&self.origin).unwrap_or(place);
        let url = format!("{}{path}", self.origin);
        within(path, self.client.goto(&url)).await.unwrap();
    }

    /// Opens an address of any site.
    pub(crate) async fn visit(&self, address: &str) {
        within(address, self.client.goto(address)).await.unwrap();
    }

    /// The value of a cookie of the page's host, also of one that scripts cannot read.
    pub(crate) async fn cookie(&self, name: &str) -> Option<String> {
        let cookie = self.client.get_named_cookie(name).await.ok()?;
        Some(cookie.value().to_owned())
    }

    /// Goes back, as its button does.
    pub(crate) async fn back(&self) {
        within("the page before", self.client.back()).await.unwrap();
    }

    /// Where the browser is: path and query.
    pub(crate) async fn place(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str().strip_prefix(&self.origin).unwrap().to_owned()
    }

    /// Waits until the browser is at a path.
    pub(crate) async fn arrives(&self, path: &str) {
        let arriving = async {
            while self.place().await != path {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, arriving).await.is_err() {
            panic!("not at {path} but at {}:\n{}", self.place().await, self.text().await);
        }
    }

    /// Waits until the browser is at an address of another site.
    pub(crate) async fn leaves_for(&self, address: &str) {
        let arriving = async {
            while self.client.current_url().await.unwrap().as_str() != address {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, arriving).await.is_err() {
            panic!("not at {address} but at {}:\n{}", self.place().await, self.text().await);
        }
    }

    /// What a reader sees.
    pub(crate) async fn text(&self) -> String {
        self.client.find(Locator::Css("body")).await.unwrap().text().await.unwrap()
    }

    /// Waits until a reader sees this.
    pub(crate) async fn sees(&self, words: &str) {
        let looking = async {
            // A page that is being left has no body for a moment.
            loop {
                if let Ok(body) = self.client.find(Locator::Css("body")).await
                    && body.text().await.is_ok_and(|text| text.contains(words))
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, looking).await.is_err() {
            panic!("no \"{words}\" at {}:\n{}", self.place().await, self.text().await);
        }
    }

    /// Types into the field of this name, after what is there is gone.
    pub(crate) async fn fill(&self, field: &str, text: &str) {
        let field = self.find(&format!("[name=\"{field}\"]:not([type=\"hidden\"])")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses the button or follows the link with this text.
    pub(crate) async fn press(&self, label: &str) {
        let path = format!("//*[self::button or self::a][normalize-space()=\"{label}\"]");
        self.waits_for(Locator::XPath(&path)).await.click().await.unwrap();
    }

    /// The first element that a selector finds.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        self.waits_for(Locator::Css(selector)).await
    }

    /// An element, which may be on the page that is still on its way.
    async fn waits_for(&self, what: Locator<'_>) -> Element {
        let waiting = self.client.wait().at_most(PATIENCE).for_element(what);
        match waiting.await {
            Ok(element) => element,
            Err(error) => panic!("{what:?}: {error} in:\n{}", self.text().await),
        }
    }

    /// How many elements a selector finds.
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.unwrap().len()
    }

    /// What a script of the test's own finds on the page.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The same for a script that calls its last argument with what it finds.
    pub(crate) async fn ask_later(&self, script: &str) -> Value {
        within("a script", self.client.execute_async(script, Vec::new())).await.unwrap()
    }

    /// Sends keys to the element that has the focus.
    pub(crate) async fn keys(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Lets pages believe that the reader prefers this scheme, `light` or `dark`, and no motion:
    /// colours change at once.
    pub(crate) async fn prefers(&self, scheme: &str) {
        let media = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.protocol("Emulation.setEmulatedMedia", json!({ "features": media })).await;
    }

    /// Signs in by the page that is shown.
    pub(crate) async fn sign_in(&self, login: &str, password: &str) {
        self.fill("login", login).await;
        self.fill("password", password).await;
        self.press("Sign in").await;
    }

    /// Proves that the browser has had nothing to complain of: no script failed, nothing was
    /// blocked by the page's own Content-Security-Policy, nothing was missing. Answers with a
    /// status of an error are no complaint: a wrong password is one.
    pub(crate) async fn quiet(&self) {
        let log = self.vendor("se/log", json!({ "type": "browser" })).await;
        let complaints: Vec<&Value> = log
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| {
                let message = entry["message"].as_str().unwrap();
                let status =
                    entry["source"] == "network" && message.contains("the server responded with");
                // Chromium confirms the command.
                let cleared = entry["level"] == "INFO" && message.contains("Cleared data types");
                // A form for someone else's account does not take the reader's own login.
                let advised = entry["source"] == "recommendation"
                    && message.contains("(suggested: \"username\")");
                !(status || cleared || advised)
            })
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Takes pictures of the page as it stands: light and dark, wide and phone. On none of them may
    /// the page be wider than the window.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        for scheme in ["light", "dark"] {
            let media = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            self.protocol("Emulation.setEmulatedMedia", json!({ "features": media })).await;
            for (form, width, height, phone) in
                [("wide", 1280, 800, false), ("phone", 390, 844, true)]
            {
                let window = json!({
                    "width": width, "height": height, "deviceScaleFactor": 2, "mobile": phone,
                });
                self.protocol("Emulation.setDeviceMetricsOverride", window).await;
                let png = self
                    .protocol("Page.captureScreenshot", json!({ "captureBeyondViewport": true }))
                    .await;
                let png = data_encoding::BASE64.decode(png["data"].as_str().unwrap().as_bytes());
                let file = format!("{name}-{scheme}-{form}.png");
                std::fs::write(folder.join(file), png.unwrap()).unwrap();
                let wide = self.ask("return document.documentElement.scrollWidth").await;
                assert!(wide.as_u64() <= Some(width), "{name} is {wide} wide on a {form}");
            }
        }
        self.protocol("Emulation.clearDeviceMetricsOverride", json!({})).await;
        self.protocol("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
    }

    /// Gives the browser the window of a phone from now on.
    pub(crate) async fn on_phone(&self) {
        self.window(390, 844, true).await;
    }

    /// Gives the browser the window of a small notebook from now on.
    pub(crate) async fn at_desk(&self) {
        self.window(1280, 800, false).await;
    }

    async fn window(&self, width: u32, height: u32, phone: bool) {
        let window = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone,
        });
        self.protocol("Emulation.setDeviceMetricsOverride", window).await;
    }

    /// The upper and lower edge of the first element that a selector finds, in the window.
    pub(crate) async fn edges(&self, selector: &str) -> (f64, f64) {
        self.find(selector).await;
        let script = format!(
            "const box = document.querySelector('{selector}').getBoundingClientRect();
             return [box.top, box.bottom]"
        );
        serde_json::from_value(self.ask(&script).await).unwrap()
    }

    /// Proves that an element is in the window as the page stands, without scrolling.
    pub(crate) async fn in_view(&self, selector: &str) {
        let (top, bottom) = self.edges(selector).await;
        let height = self.ask("return window.innerHeight").await.as_f64().unwrap();
        assert!(
            top >= 0.0 && bottom > top && bottom <= height,
            "{selector} is at {top} to {bottom} of {height}"
        );
    }

    /// A command of the browser's own protocol.
    async fn protocol(&self, command: &str, params: Value) -> Value {
        self.vendor("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Value {
        within(path, self.client.issue_cmd(Vendor { path, body })).await.unwrap()
    }
}

/// The driver's whole group ends, Chromium's many processes with it.
impl Drop for Chrome {
    fn drop(&mut self) {
        let group = self.driver.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = group {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// A driver on a port of its own choice. It chooses one without looking whether it is free on IPv6
/// too, and ends if it is not; then the next one has better luck.
async fn start_driver() -> (Child, String) {
    for _ in 0..10 {
        if let Some(started) = try_start_driver().await {
            return started;
        }
    }
    panic!("chromedriver printed no port");
}

async fn try_start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("chromedriver is installed (scripts/setup.sh build test)");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let starting = async {
        loop {
            let line = lines.next_line().await.unwrap()?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return Some(port.trim_end_matches('.').to_owned());
            }
        }
    };
    let port = within("the driver's port", starting).await?;
    // It goes on printing. The output is not needed, but its pipe must not break.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some((driver, format!("http://127.0.0.1:{port}")))
}
