//! R62: the operator's name, logo, colours and texts on the pages, and the errors for those that
//! cannot be used.

use http::Method;

use crate::support::browser::{Browser, SIGN_IN};
use crate::support::client::Reply;
use crate::support::gate::{HOST, TestGate};
use crate::support::program::{Home, Program};
use crate::support::upstream::Upstream;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand so on";

async fn home(branding: &str) -> Home {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "");
    let settings = home.path("portcullis.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{text}[branding]\n{branding}")).unwrap();
    home
}

async fn page(program: &Program, language: &str) -> Reply {
    let headers = [("accept", "text/html"), ("accept-language", language)];
    Browser::new(program.gateway, HOST).send(Method::GET, SIGN_IN, &headers, "").await
}

#[tokio::test]
async fn r62_an_unreadable_colour_is_adjusted_and_reported() {
    let home = home("name = \"Example IT\"\naccent = \"#ffee00\"").await;
    let said = home.run(&["check"]).await.done();
    let note = said.lines().find(|line| line.contains("branding.accent ")).unwrap();
    let used = note
        .strip_prefix("warning[adjusted-colour]: branding.accent #ffee00 is too light for text on light pages; ")
        .and_then(|rest| rest.strip_suffix(" is used there."))
        .unwrap();
    let program = home.serve().await;
    program.logged(&format!("{used} is used there"), 1).await;
    let page = page(&program, "en").await;
    assert!(page.text().contains("<title>Sign in – Example IT</title>"));
    assert!(!page.text().contains("Portcullis"));
    let style = page.text().split('"').find(|text| text.ends_with(".css")).unwrap();
    let style = Browser::new(program.gateway, HOST).open(style).await;
    let colours = format!("--fill:#ffee00;--fill-strong:#fff128;--fill-edge:{used};");
    assert!(style.text().contains(&colours), "{}", style.text());
    assert!(style.text().contains(&format!("--on-fill:#000000;--accent:{used};")));
    program.stop().await;
}

#[tokio::test]
async fn r62_a_readable_colour_is_not_reported() {
    let home = home("accent = \"#0f5499\"\naccent_dark = \"#85b8ee\"").await;
    let said = home.run(&["check"]).await.done();
    assert!(!said.contains("branding."), "{said}");
    let home = self::home("accent = \"blue\"\naccent_dark = \"#12345\"").await;
    let said = home.run(&["check"]).await.refused();
    assert!(said.contains("branding.accent: `blue` is not a colour"), "{said}");
    assert!(said.contains("branding.accent_dark: `#12345` is not a colour"), "{said}");
}

#[tokio::test]
async fn r62_the_logo_is_recognized_by_its_content() {
    let home = home("name = \"Example IT\"\nlogo = \"logo.svg\"").await;
    let logo = home.path("logo.svg");
    for (content, cause) in [
        (None, "logo.svg: cannot be read: "),
        (Some(b"GIF89a".to_vec()), "logo.svg: is not an SVG, PNG, JPEG or WebP picture"),
        (Some([PNG, &[0; 256 * 1024]].concat()), "logo.svg: is larger than 256 KiB"),
    ] {
        if let Some(content) = content {
            std::fs::write(&logo, content).unwrap();
        }
        for command in ["check", "serve"] {
            let said = home.run(&[command]).await.refused();
            assert!(said.contains("branding.logo: ") && said.contains(cause), "{command}: {said}");
        }
    }
    std::fs::write(&logo, PNG).unwrap();
    home.run(&["check"]).await.done();
    let program = home.serve().await;
    let page = page(&program, "en").await;
    let address = page.text().split('"').find(|text| text.ends_with(".png")).unwrap();
    let picture = Browser::new(program.gateway, HOST).open(address).await;
    assert_eq!((picture.status, &*picture.body), (200, PNG));
    assert_eq!(picture.header("content-type"), Some("image/png"));
    assert!(picture.header("content-security-policy").unwrap().contains("sandbox"));
    program.stop().await;
}

#[tokio::test]
async fn pages_use_the_readers_language_and_the_operators_texts() {
    let home = home("texts = \"texts\"").await;
    let folder = home.path("texts");
    let said = home.run(&["check"]).await.refused();
    assert!(said.contains("branding.texts:") && said.contains("cannot be read"), "{said}");

    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("de.toml"), "[sign_in]\ntitel = \"Hallo\"").unwrap();
    std::fs::write(folder.join("fr.toml"), "[sign_in]\ntitle = \"{nom}\"").unwrap();
    for command in ["check", "serve"] {
        let said = home.run(&[command]).await.refused();
        assert!(said.contains("texts/de.toml: sign_in.titel: unknown field"), "{said}");
        assert!(said.contains("texts/fr.toml: sign_in.title: "), "{said}");
    }

    std::fs::write(folder.join("de.toml"), "[sign_in]\ntitle = \"Guten Tag\"").unwrap();
    std::fs::write(folder.join("fr.toml"), "[sign_in]\ntitle = \"Connexion\"").unwrap();
    let said = home.run(&["check"]).await.done();
    assert!(said.contains("Languages of the pages: en, de, fr."), "{said}");
    let program = home.serve().await;
    for (accepted, language, title, submit) in [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Guten Tag", "Anmelden"),
        ("fr-CH, de;q=0.5", "fr", "Connexion", "Sign in"),
        ("en;q=0.1, de;q=0.05", "en", "Sign in", "Sign in"),
        ("ja", "en", "Sign in", "Sign in"),
    ] {
        let page = page(&program, accepted).await;
        assert_eq!(page.header("content-language"), Some(language), "{accepted}");
        assert_eq!(page.header("vary"), Some("accept-language"));
        assert!(page.text().contains(&format!("<html lang=\"{language}\">")), "{accepted}");
        assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{accepted}");
        assert!(page.text().contains(&format!("<button type=\"submit\">{submit}</button>")));
    }
    program.stop().await;
}

#[tokio::test]
async fn r61_a_denial_is_german_for_a_german_browser() {
    let gate = TestGate::start().await;
    let headers = [("accept", "text/html"), ("accept-language", "de")];
    let page = Browser::at(&gate).send(Method::POST, "/read-only", &headers, "").await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("So lässt sich diese Seite nicht verwenden"), "{}", page.text());
    let script = [("accept", "application/json"), ("accept-language", "de")];
    let answer = Browser::at(&gate).send(Method::POST, "/read-only", &script, "").await;
    assert_eq!(answer.problem()["title"], "This page can't be used that way");
}
