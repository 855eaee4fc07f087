//! The admin UI in Chromium before one is signed in: the first run, a wrong password, the set-up of a
//! second factor, and the code of the next sign-in, in English and German.

use serde_json::json;

use crate::support::admin::PASSWORD;
use crate::support::authenticator::App;
use crate::support::chrome::Chrome;
use crate::support::gate::TestGate;

const ENTER: &str = "\u{e007}";

/// What the pages say in a language.
struct Words {
    language: &'static str,
    first_account: &'static str,
    wrong_password: &'static str,
    set_up: &'static str,
    wrong_code: &'static str,
    codes: &'static str,
    enter_code: &'static str,
    wrong_later: &'static str,
    overview: &'static str,
}

const ENGLISH: Words = Words {
    language: "en-US",
    first_account: "The account of the first owner is created on the server:",
    wrong_password: "The login or the password is wrong.",
    set_up: "Set up two-step sign-in",
    wrong_code: "The code is wrong.",
    codes: "Recovery codes",
    enter_code: "Enter your code",
    wrong_later: "The code is wrong, or was used before.",
    overview: "Overview",
};
const GERMAN: Words = Words {
    language: "de-DE",
    first_account: "Das Konto des ersten Owners wird auf dem Server angelegt:",
    wrong_password: "Benutzername oder Passwort ist falsch.",
    set_up: "Bestätigung in zwei Schritten einrichten",
    wrong_code: "Der Code ist falsch.",
    codes: "Wiederherstellungscodes",
    enter_code: "Code eingeben",
    wrong_later: "Der Code ist falsch oder wurde schon verwendet.",
    overview: "Übersicht",
};

async fn sign_in(chrome: &Chrome, password: &str) {
    chrome.fill("login", "theo").await;
    chrome.fill("password", password).await;
    chrome.find("button.full").await.click().await.unwrap();
}

#[tokio::test]
async fn r50_ui_first_sign_in_is_guided_in_both_languages() {
    for words in [ENGLISH, GERMAN] {
        let gate = TestGate::builder().start().await;
        let origin = format!("http://{}", gate.admin_address);
        let chrome = Chrome::at_reading(&origin, words.language).await;
        let picture = |name: &str| format!("admin-ui-{name}-{}", &words.language[..2]);
        chrome.goto("/").await;
        chrome.sees(words.first_account).await;
        chrome.sees("portcullis admin create NAME --role owner").await;
        chrome.picture(&picture("sign-in")).await;
        let theo = json!({ "login": "theo", "role": "owner", "password": PASSWORD, "mfa": false });
        gate.admin.post("/api/v1/administrators", theo).await.created();
        sign_in(&chrome, "Wrong-Horse-7-Battery").await;
        chrome.sees(words.wrong_password).await;
        chrome.picture(&picture("sign-in-wrong")).await;
        sign_in(&chrome, PASSWORD).await;
        chrome.sees(words.set_up).await;
        chrome.picture(&picture("set-up")).await;
        let app = App::new(&chrome.find(".key code").await.text().await.unwrap());
        chrome.fill("code", &app.wrong()).await;
        chrome.find("button.full").await.click().await.unwrap();
        chrome.sees(words.wrong_code).await;
        chrome.picture(&picture("set-up-wrong")).await;
        chrome.fill("code", &app.code()).await;
        chrome.find("button.full").await.click().await.unwrap();
        chrome.sees(words.codes).await;
        chrome.picture(&picture("recovery-codes")).await;
        assert_eq!(chrome.ask("return document.querySelector('.codes').textContent.trim().split(/\\s+/).length").await, 10);
        chrome.goto("/").await;
        chrome.sees(words.overview).await;

        chrome.find("form[action='/sign-out'] button").await.click().await.unwrap();
        chrome.arrives("/sign-in").await;
        sign_in(&chrome, PASSWORD).await;
        chrome.arrives("/sign-in/code").await;
        chrome.sees(words.enter_code).await;
        assert_eq!(chrome.ask("return document.activeElement.name").await, "code");
        assert_eq!(chrome.count("[type=password]").await, 0);
        chrome.picture(&picture("sign-in-code")).await;
        chrome.keys(&app.wrong()).await;
        chrome.keys(ENTER).await;
        chrome.sees(words.wrong_later).await;
        assert_eq!(chrome.ask("return document.activeElement.name").await, "code");
        chrome.picture(&picture("sign-in-code-wrong")).await;
        chrome.keys(&app.next()).await;
        chrome.keys(ENTER).await;
        chrome.sees(words.overview).await;
        chrome.quiet().await;
    }
}
