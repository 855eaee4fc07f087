use jiff::SignedDuration;
use mail_parser::{Message, MimeHeaders as _};

use super::bench::{after, composer, now, parsed};
use crate::credential::token::PlainToken;
use crate::directory::records::{
    AccountChange, ChangedBy, Mail, MailKind, MailState, Notice, Occasion,
};
use crate::mail::error::SendError;
use crate::mail::message::OutgoingMail;
use crate::mail::queue::OpenMail;

fn open(occasion: Occasion) -> OpenMail {
    let mail = Mail {
        occasion: occasion.into(),
        notice: None,
        user: "u1".into(),
        login: "ann@acme.example".to_owned(),
        organization_name: "Acme Ltd".to_owned(),
        to: "ann@acme.example".to_owned(),
        blind_copy: Some("admin@example.com".to_owned()),
        language: None,
        token: None,
        expires: now() + SignedDuration::from_hours(72),
        created: now(),
        state: MailState::Waiting { next: now() },
        attempts: 0,
        last_error: None,
    };
    OpenMail { id: "k3f9".into(), mail, token: Some(PlainToken::generate()) }
}

fn write(open: &OpenMail) -> OutgoingMail {
    composer("[branding]\nname = \"Example IT\"").compose(open, now()).unwrap()
}

fn message(written: &OutgoingMail) -> Message<'static> {
    parsed(&written.message.formatted())
}

fn header_names(message: &Message<'_>) -> Vec<String> {
    let mut names: Vec<String> =
        message.headers().iter().map(|header| header.name().to_lowercase()).collect();
    names.sort();
    names
}

#[test]
fn a_mail_has_both_parts_and_says_who_it_is_from() {
    let open = open(Occasion::Invitation);
    let message = message(&write(&open));
    let from = message.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("Example IT"), Some("portal@example.com")));
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some("ann@acme.example"));
    assert_eq!(
        message.subject(),
        Some("You've been invited to the Example IT portal for Acme Ltd")
    );
    assert_eq!(message.message_id(), Some("k3f9@example.com"));
    assert_eq!(message.date().unwrap().to_timestamp(), now().as_second());
    let link = format!(
        "https://portal.example/.portcullis/invitation/{}",
        open.token.as_ref().unwrap().expose()
    );
    assert!(message.body_text(0).unwrap().contains(&link));
    assert!(message.body_text(0).unwrap().contains("Acme Ltd"));
    let html = message.html_part(0).unwrap();
    assert!(html.is_content_type("text", "html"));
    assert!(message.body_html(0).unwrap().contains(open.token.as_ref().unwrap().expose()));
}

#[test]
fn the_address_is_whole_in_the_raw_mail() {
    let open = open(Occasion::Invitation);
    let raw = String::from_utf8(write(&open).message.formatted()).unwrap();
    let link = format!(
        "https://portal.example/.portcullis/invitation/{}",
        open.token.as_ref().unwrap().expose()
    );
    assert!(raw.contains(&format!("\r\n{link}\r\n")), "{raw}");
    // What is not plain is encoded.
    let umlauts = composer("[branding]\nname = \"Müller\"").compose(&open, now()).unwrap();
    assert!(umlauts.message.formatted().is_ascii());
    assert!(message(&umlauts).body_text(0).unwrap().contains("Müller"));
}

#[test]
fn r62_a_mail_has_the_operators_colours() {
    let settings = "[branding]\naccent = \"#ffee00\"";
    let written = composer(settings).compose(&open(Occasion::Reset), now()).unwrap();
    let html = message(&written).body_html(0).unwrap().into_owned();
    assert!(html.contains("background:#ffee00"), "{html}");
    assert!(!html.contains("color:#ffee00") && !html.contains("color:#ffffff"), "{html}");
}

#[test]
fn r33_a_reset_leads_to_its_page() {
    let open = open(Occasion::Reset);
    let text = message(&write(&open)).body_text(0).unwrap().into_owned();
    let link = format!(
        "https://portal.example/.portcullis/password/reset/{}",
        open.token.as_ref().unwrap().expose()
    );
    assert!(text.contains(&link), "{text}");
}

#[test]
fn r41_the_blind_copy_is_beside_the_message_and_in_no_header() {
    let written = write(&open(Occasion::Invitation));
    let to: Vec<String> = written.envelope.to().iter().map(ToString::to_string).collect();
    assert_eq!(to, ["ann@acme.example"]);
    assert_eq!(written.blind_copy.unwrap().to_string(), "admin@example.com");
    let raw = String::from_utf8(written.message.formatted()).unwrap();
    assert!(!raw.contains("admin@example.com"), "{raw}");
}

#[test]
fn a_blind_copy_to_no_address_does_not_keep_the_mail_back() {
    let mut open = open(Occasion::Invitation);
    open.mail.blind_copy = Some("somebody".to_owned());
    let written = write(&open);
    assert_eq!((written.envelope.to().len(), written.blind_copy), (1, None));
}

#[test]
fn a_domain_beyond_ascii_is_written_as_dns_has_it() {
    let mut open = open(Occasion::Invitation);
    open.mail.to = "info@müller.example".to_owned();
    let envelope = write(&open).envelope;
    let to: Vec<_> = envelope.to().iter().map(ToString::to_string).collect();
    assert_eq!(to, ["info@xn--mller-kva.example"]);
}

#[test]
fn who_gets_the_mail_gets_no_blind_copy_of_it() {
    let mut open = open(Occasion::Invitation);
    open.mail.blind_copy = Some(open.mail.to.clone());
    assert_eq!(write(&open).blind_copy, None);
}

#[test]
fn a_letter_to_no_address_is_never_sent() {
    for to in ["", "ann", "ann@", "a@b\r\nRCPT TO:<x@example.com>", "a b@example.com", "a@b>"] {
        let mut open = open(Occasion::Invitation);
        open.mail.to = to.to_owned();
        let refused = composer("").compose(&open, now()).unwrap_err();
        assert!(matches!(refused, SendError::Permanent(_)), "{to:?}: {refused:?}");
    }
}

#[test]
fn no_name_adds_a_header_or_a_line_to_one() {
    let plain = header_names(&message(&write(&open(Occasion::Invitation))));
    for evil in [
        "x\r\nBcc: evil@example.com",
        "x\nX-Evil: 1\n\n<script>",
        "x\rX-Evil: 1",
        "x\u{2028}X-Evil: 1",
        "x\u{85}X-Evil: 1",
        "x\0y",
        "\u{202e}gro.live@nna",
        "=?utf-8?q?x=0d=0aX-Evil:_1?=",
        "Ünïcödé 組織 \u{1f3e2} with a very long name that must be folded somewhere in the header",
        "\"; <evil@example.com>, ",
    ] {
        let mut open = open(Occasion::Invitation);
        open.mail.login = evil.to_owned();
        open.mail.organization_name = evil.to_owned();
        // In the subject too, through the business name, where the settings let it in.
        // A JSON string is a TOML string too.
        let business = serde_json::to_string(evil).unwrap();
        let written =
            composer(&format!("[branding]\nname = {business}")).compose(&open, now()).unwrap();
        let message = message(&written);
        assert_eq!(header_names(&message), plain, "{evil:?}");
        assert_eq!(message.from().unwrap().first().unwrap().address(), Some("portal@example.com"));
        assert_eq!(written.envelope.to().len(), 1, "{evil:?}");
        let raw = String::from_utf8(written.message.formatted()).unwrap();
        let (head, _) = raw.split_once("\r\n\r\n").unwrap();
        assert!(head.is_ascii() && head.lines().all(|line| line.len() < 998), "{head}");
        for line in head.lines() {
            let evil = line.to_lowercase();
            assert!(!evil.starts_with("x-evil") && !evil.starts_with("bcc"), "{head}");
        }
    }
}

#[test]
fn the_same_letter_makes_the_same_message() {
    let open = open(Occasion::Invitation);
    assert_eq!(write(&open).message.formatted(), write(&open).message.formatted());
}

#[test]
fn a_mail_that_is_late_tells_the_time_that_is_left() {
    let open = open(Occasion::Invitation);
    for (late, expected) in [
        (0, "(in 72 hours)"),
        (20, "(in 72 hours)"),
        (70 * 3600, "(in 2 hours)"),
        (71 * 3600, "(in 1 hour)"),
        (71 * 3600 + 1800, "(in 30 minutes)"),
        (72 * 3600 - 1, "(in 1 minute)"),
    ] {
        let written = composer("").compose(&open, after(late)).unwrap();
        let text = message(&written).body_text(0).unwrap().into_owned();
        assert!(text.contains(expected), "after {late} s: {text}");
    }
}

#[test]
fn a_mail_about_a_change_says_what_who_when_and_whom_to_ask() {
    for (by, who) in [
        (ChangedBy::User, "In the portal, after signing in"),
        (ChangedBy::Link, "With the link from an email"),
        (ChangedBy::Administrator, "An administrator of Example IT"),
    ] {
        let mut open = open(Occasion::Reset);
        open.mail.occasion = MailKind::AccountChanged;
        open.mail.notice = Some(Notice { changed: AccountChange::Password, by });
        open.token = None;
        let settings = "[branding]\nname = \"Example IT\"\ncontact = \"help@example.com\"";
        let message = message(&composer(settings).compose(&open, now()).unwrap());
        assert_eq!(message.subject(), Some("Example IT: Your password was changed"));
        for text in [message.body_text(0).unwrap(), message.body_html(0).unwrap()] {
            for part in ["ann@acme.example", "22 November 2026, 08:00 UTC", "help@example.com", who]
            {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(!text.contains("/.portcullis/"), "no link to click: {text}");
        }
    }
}

/// All kinds of mails in a language: the texts of both parts.
fn both_parts(language: &str, settings: &str) -> Vec<[String; 2]> {
    let kinds =
        [MailKind::Invitation, MailKind::Reset, MailKind::AccountChanged, MailKind::Impersonation];
    let parts = kinds.map(|kind| {
        let mut open = open(Occasion::Reset);
        let changed = kind == MailKind::AccountChanged;
        let notice = Notice { changed: AccountChange::Password, by: ChangedBy::User };
        open.mail.notice = changed.then_some(notice);
        open.mail.occasion = kind;
        open.mail.language = Some(language.to_owned());
        let message = message(&composer(settings).compose(&open, now()).unwrap());
        [message.body_text(0).unwrap().into_owned(), message.body_html(0).unwrap().into_owned()]
    });
    parts.into()
}

#[test]
fn every_mail_ends_with_the_contact_and_the_links() {
    let settings = "[branding]\ncontact = { address = \"help@example.com\", text = \"IT help\" }\n\
                    links = [{ url = \"https://a.example/p\", name = { en = \"Privacy\", de = \
                    \"Datenschutz\" } }, { url = \"https://a.example/i\", name = \"Imprint\" }]";
    for (language, contact, privacy) in
        [("en", "Contact", "Privacy"), ("de", "Kontakt", "Datenschutz")]
    {
        for [plain, html] in both_parts(language, settings) {
            let plain = plain.replace("\r\n", "\n");
            let foot = format!(
                "\n\n{contact}: IT help (help@example.com)\n{privacy}: \
                 https://a.example/p\nImprint: https://a.example/i"
            );
            assert!(plain.trim_end().ends_with(&foot), "{plain}");
            assert!(!plain.contains("\n\n\n"), "{plain}");
            assert!(html.contains(">IT help</a><br><a href="), "{html}");
            assert!(html.contains(&format!(">{privacy}</a> · <a href=")), "{html}");
        }
        for [plain, html] in both_parts(language, "") {
            assert!(!plain.contains(contact) && !html.contains(contact), "{plain}");
            assert!(!plain.ends_with("\n\n"), "{plain:?}");
        }
    }
}

#[test]
fn a_contact_is_shown_with_its_address_in_plain_text() {
    for (contact, shown) in [
        ("\"help@example.com\"", "Contact: help@example.com\r\n"),
        ("\"+49 30 123456\"", "Contact: +49 30 123456\r\n"),
        ("\"https://www.example.com/help\"", "Contact: https://www.example.com/help\r\n"),
        ("{ address = \"+49 30 123456\", text = \"Desk\" }", "Contact: Desk (+4930123456)\r\n"),
    ] {
        let settings = format!("[branding]\ncontact = {contact}");
        for [plain, _] in both_parts("en", &settings) {
            let plain = format!("{}\r\n", plain.trim_end());
            assert!(plain.ends_with(shown), "{plain}");
        }
    }
}

#[test]
fn a_mail_has_its_dates_as_its_language_writes_them() {
    for (language, until) in
        [("en", "25 November 2026, 08:00 UTC"), ("de", "25. November 2026, 08:00 UTC")]
    {
        for [plain, html] in both_parts(language, "").iter().take(2) {
            assert!(plain.contains(until) && html.contains(until), "{plain}");
        }
    }
}
