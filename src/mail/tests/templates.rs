use std::fs;

use tempfile::TempDir;

use crate::directory::records::Occasion;
use crate::mail::templates::{
    ContactVariables, TemplateProblems, Templates, Text, Valid, Variables,
};

const LINK: &str = "https://portal.example/.portcullis/invitation/token";

fn facts() -> Variables<'static> {
    Variables {
        business: "Example & Sons",
        login: "ann <ann@acme.example>",
        organization_name: "Acme",
        link: LINK,
        until: "25 November 2026, 08:00 UTC",
        valid: Valid { count: 1, unit: "hour" },
        notice: None,
        at: "24 November 2026, 08:00 UTC",
        contact: ContactVariables::default(),
        links: &[],
        accent: "#0f5499",
        on_accent: "#ffffff",
        accent_text: "#0f5499",
    }
}

fn rendered(templates: &Templates, occasion: Occasion, language: Option<&str>) -> Text {
    let language = templates.language(occasion.into(), language);
    templates.text(occasion.into(), &language, &facts()).unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn problems(files: &[(&str, &str)]) -> TemplateProblems {
    Templates::load(Some(folder(files).path())).unwrap_err()
}

#[test]
fn the_built_in_templates_are_whole_in_both_languages() {
    let templates = Templates::load(None).unwrap();
    for occasion in [Occasion::Invitation, Occasion::Reset] {
        for language in ["en", "de"] {
            let text = rendered(&templates, occasion, Some(language));
            assert!(text.subject.contains("Example & Sons"), "{text:?}");
            assert!(text.plain.contains(LINK), "{text:?}");
            assert!(text.plain.contains("25 November 2026, 08:00 UTC"), "{text:?}");
            assert!(!text.plain.contains("\n\n\n"), "{text:?}");
            assert!(text.html.starts_with("<!doctype html>"), "{text:?}");
            assert!(text.html.contains(&format!("<html lang=\"{language}\">")), "{text:?}");
            assert!(text.html.contains("Example &amp; Sons"), "{text:?}");
            // Nothing is fetched when it is read.
            assert!(!text.html.contains("src=") && !text.html.contains("url("), "{text:?}");
        }
    }
}

#[test]
fn what_names_hold_is_text_in_html() {
    let templates = Templates::load(None).unwrap();
    let text = rendered(&templates, Occasion::Invitation, None);
    assert!(text.html.contains("ann &lt;ann@acme.example&gt;"), "{}", text.html);
    assert!(text.plain.contains("ann <ann@acme.example>"), "{}", text.plain);
}

#[test]
fn time_is_told_in_the_language_with_its_number() {
    let templates = Templates::load(None).unwrap();
    let hours = Variables { valid: Valid { count: 72, unit: "hour" }, ..facts() };
    for (language, one, many) in
        [("en", "in 1 hour)", "in 72 hours)"), ("de", "1 Stunde)", "72 Stunden)")]
    {
        assert!(rendered(&templates, Occasion::Reset, Some(language)).plain.contains(one));
        let text = templates.text(Occasion::Reset.into(), language, &hours).unwrap();
        assert!(text.plain.contains(many) && text.html.contains(many), "{text:?}");
    }
}

#[test]
fn a_mail_is_in_the_language_that_suits_the_reader_best() {
    let templates = Templates::load(None).unwrap();
    let german = rendered(&templates, Occasion::Reset, Some("de")).subject;
    let english = rendered(&templates, Occasion::Reset, None).subject;
    assert_ne!(german, english);
    for tag in ["de-AT", "DE", "de-Latn-CH", "fr, de", "fr;q=0.5, de"] {
        assert_eq!(rendered(&templates, Occasion::Reset, Some(tag)).subject, german, "{tag}");
    }
    for tag in ["fr", "", "de/../en", "deutsch"] {
        assert_eq!(rendered(&templates, Occasion::Reset, Some(tag)).subject, english, "{tag}");
    }
}

#[test]
fn r41_the_operators_files_replace_and_add_to_the_built_in_ones() {
    let folder = folder(&[
        ("reset.en.txt", "Subject: Ours\n{{ link }}\n"),
        ("reset.fr.txt", "Subject: Le vôtre\n\n{{ link }}"),
        ("reset.fr.html", "<a href=\"{{ link }}\">{{ login }}</a>"),
        ("README.md", "not a template"),
    ]);
    let templates = Templates::load(Some(folder.path())).unwrap();
    let text = rendered(&templates, Occasion::Reset, Some("en"));
    assert_eq!((&*text.subject, text.plain.trim()), ("Ours", LINK));
    assert!(text.html.starts_with("<!doctype html>"));
    assert_eq!(rendered(&templates, Occasion::Reset, Some("fr-CA")).subject, "Le vôtre");
    // There is no invitation in French.
    let english = rendered(&templates, Occasion::Invitation, Some("fr")).subject;
    assert!(english.starts_with("You've been invited"), "{english}");
}

#[test]
fn a_template_that_is_wrong_is_told_with_file_and_line() {
    for (name, text, line, expected) in [
        ("reset.en.txt", "Subject: a\n\n{{ link }}\n{% if %}", Some(4), "syntax"),
        ("reset.en.html", "\n{{ link }} {{ token }}", Some(2), "unknown variable"),
        ("reset.en.txt", "Hello\n{{ link }}", Some(1), "Subject"),
        ("reset.en.txt", "Subject: \n{{ link }}", Some(1), "Subject"),
        ("reset.en.html", "<p>Hello</p>", None, "{{ link }}"),
        ("reset.fr.txt", "Subject: a\n{{ link }}", None, "reset.fr.html"),
        ("resets.en.txt", "Subject: a\n{{ link }}", None, "not the name of a mail template"),
        ("reset.txt", "Subject: a\n{{ link }}", None, "not the name of a mail template"),
    ] {
        let found = problems(&[(name, text)]);
        let [problem] = &found.0[..] else { panic!("{name}: {found}") };
        assert!(problem.file.ends_with(name), "{found}");
        assert_eq!(problem.line, line, "{found}");
        assert!(problem.message.contains(expected), "{found}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let found = problems(&[("reset.en.txt", "{% if"), ("invitation.de.html", "{{ nobody }}")]);
    assert_eq!(found.0.len(), 2, "{found}");
    let nowhere = Templates::load(Some(std::path::Path::new("/nowhere"))).unwrap_err();
    assert!(nowhere.to_string().starts_with("/nowhere: cannot be read"), "{nowhere}");
}
