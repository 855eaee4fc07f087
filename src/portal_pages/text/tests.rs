use std::path::PathBuf;

use http::header::HeaderValue;

use super::{TextProblems, Texts};

fn over(files: &[(&str, &str)]) -> Result<Texts, TextProblems> {
    let files = files.iter().map(|(tag, text)| {
        ((*tag).to_owned(), PathBuf::from(format!("texts/{tag}.toml")), (*text).to_owned())
    });
    Texts::over(files.collect())
}

fn german() -> HeaderValue {
    HeaderValue::from_static("de-AT, en;q=0.5")
}

#[test]
fn what_ships_is_whole_and_begins_with_english() {
    let texts = Texts::load(None).unwrap();
    assert_eq!(texts.languages().collect::<Vec<_>>(), ["en", "de"]);
    assert_eq!(texts.accepted(Some(&german())).sign_in.title.as_str(), "Anmelden");
    assert_eq!(texts.accepted(None).sign_in.title.as_str(), "Sign in");
}

#[test]
fn a_folder_changes_single_texts_and_adds_languages() {
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
fn what_is_wrong_is_told_by_file_and_key_all_at_once() {
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
    let told = problems.to_string();
    for part in [
        "texts/de.toml: sign_in.titel: unknown field `titel`",
        "texts/fr.toml: link.open: there is no value `{organisation}` here, but `{organization}`",
        "texts/it.toml: ",
        "texts/nl.toml: sign_in.title: a text cannot be empty",
        "texts/pl.toml: sign_in: ",
        "texts/sv.toml: sign_in.title: there is no value `{login}` here: this text takes none",
        "texts/tr.toml: link.open: `{` is not closed",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert_eq!(problems.0.len(), 7, "{told}");
}

#[test]
fn a_folder_is_read_by_the_names_of_its_files() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("pt-BR.toml"), "[sign_in]\ntitle = \"Entrar\"").unwrap();
    std::fs::write(folder.path().join("README.md"), "ours").unwrap();
    let texts = Texts::load(Some(folder.path())).unwrap();
    assert_eq!(texts.languages().collect::<Vec<_>>(), ["en", "de", "pt-BR"]);

    std::fs::write(folder.path().join("my texts.toml"), "").unwrap();
    let told = Texts::load(Some(folder.path())).unwrap_err().to_string();
    assert!(told.contains("my texts.toml: is not named by a language"), "{told}");

    let told = Texts::load(Some(&folder.path().join("none"))).unwrap_err().to_string();
    assert!(told.contains("none: cannot be read"), "{told}");
}

#[test]
fn values_are_escaped_and_emphasized_where_the_text_says_so() {
    let texts = Texts::load(None).unwrap();
    let english = texts.accepted(None);
    let filled = english.link.lead.with("<ada>", "Acme & Söhne");
    assert_eq!(
        filled.to_string(),
        "You are signed in as <strong>&#60;ada&#62;</strong>. This link opens the portal of \
         <strong>Acme &#38; Söhne</strong>, and signs you out here."
    );
    assert_eq!(
        filled.plain(),
        "You are signed in as <ada>. This link opens the portal of Acme & Söhne, and signs you \
         out here."
    );
    assert!(english.link.open.with("<b>").to_string().ends_with("portal of &#60;b&#62;"));
}

#[test]
fn a_text_of_the_operators_is_no_html_either() {
    let texts = over(&[("en", "[sign_out]\nperson = \"<script> {login} 2 * 3\"")]).unwrap();
    let filled = texts.accepted(None).sign_out.person.with("ada").to_string();
    assert_eq!(filled, "&#60;script&#62; ada 2 * 3");
}
