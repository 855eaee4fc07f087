use std::path::PathBuf;

use http::header::HeaderValue;

use crate::portal_pages::texts::{SHIPPED, Texts};
use crate::web::text::TextProblems;

fn shipped() -> Texts {
    Texts::load(&SHIPPED, None).unwrap()
}

fn over(files: &[(&str, &str)]) -> Result<Texts, TextProblems> {
    let files = files.iter().map(|(tag, text)| {
        ((*tag).to_owned(), PathBuf::from(format!("texts/{tag}.toml")), (*text).to_owned())
    });
    Texts::over(&SHIPPED, files.collect())
}

fn german() -> HeaderValue {
    HeaderValue::from_static("de-AT, en;q=0.5")
}

#[test]
fn shipped_languages_are_complete_and_english_is_first() {
    let texts = shipped();
    assert_eq!(texts.languages().collect::<Vec<_>>(), ["en", "de"]);
    assert_eq!(texts.accepted(Some(&german())).sign_in.title.as_str(), "Anmelden");
    assert_eq!(texts.accepted(None).sign_in.title.as_str(), "Sign in");
}

#[test]
fn a_folder_changes_texts_and_adds_languages() {
    let texts = over(&[
        ("de", "[sign_in]\ntitle = \"Willkommen\""),
        ("fr", "[sign_in]\ntitle = \"Connexion\""),
    ])
    .unwrap();
    assert_eq!(texts.languages().collect::<Vec<_>>(), ["en", "de", "fr"]);
    let german = texts.accepted(Some(&german()));
    assert_eq!(german.sign_in.title.as_str(), "Willkommen");
    assert_eq!(german.sign_in.submit.as_str(), "Anmelden", "the rest stays German");
    let french = texts.accepted(Some(&HeaderValue::from_static("fr-CH")));
    assert_eq!(french.sign_in.title.as_str(), "Connexion");
    assert_eq!(french.sign_in.submit.as_str(), "Sign in", "the rest is English");
}

#[test]
fn all_problems_are_reported_with_file_and_key() {
    let problems = over(&[
        ("de", "[sign_in]\ntitel = \"x\""),
        ("fr", "[link]\nopen = \"Ouvrir {organisation}\""),
        ("it", "[sign_in\n"),
        ("nl", "[sign_in]\ntitle = \" \""),
        ("pl", "sign_in = 7"),
        ("sv", "[sign_in]\ntitle = \"{login}\""),
        ("tr", "[link]\nopen = \"{organization\""),
    ])
    .unwrap_err();
    let message = problems.to_string();
    for part in [
        "texts/de.toml: sign_in.titel: unknown field `titel`",
        "texts/fr.toml: link.open: there is no value `{organisation}` here, but `{organization}`",
        "texts/it.toml: ",
        "texts/nl.toml: sign_in.title: a text cannot be empty",
        "texts/pl.toml: sign_in: ",
        "texts/sv.toml: sign_in.title: there is no value `{login}` here: this text takes none",
        "texts/tr.toml: link.open: `{` is not closed",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert_eq!(problems.0.len(), 7, "{message}");
}

#[test]
fn text_files_are_named_by_language() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("pt-BR.toml"), "[sign_in]\ntitle = \"Entrar\"").unwrap();
    std::fs::write(folder.path().join("README.md"), "ours").unwrap();
    let texts = Texts::load(&SHIPPED, Some(folder.path())).unwrap();
    assert_eq!(texts.languages().collect::<Vec<_>>(), ["en", "de", "pt-BR"]);

    std::fs::write(folder.path().join("my texts.toml"), "").unwrap();
    let message = Texts::load(&SHIPPED, Some(folder.path())).unwrap_err().to_string();
    assert!(message.contains("my texts.toml: is not named by a language"), "{message}");

    let message = Texts::load(&SHIPPED, Some(&folder.path().join("none"))).unwrap_err().to_string();
    assert!(message.contains("none: cannot be read"), "{message}");
}

#[test]
fn values_are_escaped_and_emphasized() {
    let texts = shipped();
    let english = texts.accepted(None);
    let filled = english.link.lead.with("<ada>", "Acme & Söhne");
    assert_eq!(
        filled.to_string(),
        "You&#39;re signed in as <strong>&#60;ada&#62;</strong>. This link opens the \
         portal for <strong>Acme &#38; Söhne</strong> and signs you out of your account."
    );
    assert_eq!(
        filled.plain(),
        "You're signed in as <ada>. This link opens the portal for Acme & Söhne and signs you out of \
         your account."
    );
    assert!(english.link.open.with("<b>").to_string().contains("portal for &#60;b&#62;"));
}

#[test]
fn the_operators_texts_are_escaped_too() {
    let texts = over(&[("en", "[sign_out]\nperson = \"<script> {login} 2 * 3\"")]).unwrap();
    let filled = texts.accepted(None).sign_out.person.with("ada").to_string();
    assert_eq!(filled, "&#60;script&#62; ada 2 * 3");
}
