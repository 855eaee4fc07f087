use tempfile::TempDir;
use tokio::net::TcpListener;

use super::bench::{Bench, parsed, settings};
use super::smtp::{Certificate, MailServer, PASSWORD, USER};
use crate::config::{MailTransport, Settings, Smtp};
use crate::directory::fixture::by_operator_at;
use crate::directory::records::Occasion;
use crate::mail::queue::MailQueue;
use crate::mail::queue::MailView;
use crate::mail::smtp::Server;
use crate::mail::{MailError, Mailer};

/// Settings for a server on this machine.
fn chosen(port: u16, more: &str) -> Settings {
    settings(&format!(
        "[mail]\ntransport = \"smtp\"\n[mail.smtp]\nhost = \"localhost\"\nport = {port}\n{more}"
    ))
}

fn smtp(port: u16, more: &str) -> Smtp {
    match chosen(port, more).mail.transport {
        MailTransport::Smtp(smtp) => smtp,
        MailTransport::Directory(_) => panic!("smtp is chosen"),
    }
}

fn server(port: u16, more: &str) -> Server {
    Server::new(&smtp(port, more), &"portal.example".parse().unwrap()).unwrap()
}

/// The keys to trust a certificate and to sign in.
fn trusting(certificate: &Certificate, password: &str) -> String {
    let path = certificate.certificate.display();
    format!("ca_file = \"{path}\"\nusername = \"{USER}\"\npassword = \"{password}\"\n")
}

fn certificate() -> (TempDir, Certificate) {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::write(folder.path(), "mail");
    (folder, certificate)
}

/// Tries one letter; answers what went wrong.
async fn tried(bench: &Bench, id: &str, server: Server) -> Option<String> {
    bench.write(id, Occasion::Invitation).await;
    bench.outbox(server).round_at(0).await;
    let letter = bench.letter(id).await;
    assert_eq!(letter.state.name(), if letter.last_error.is_some() { "waiting" } else { "sent" });
    letter.last_error
}

#[tokio::test]
async fn mails_go_to_a_server_over_starttls_and_over_tls() {
    let (_folder, certificate) = certificate();
    for security in ["starttls", "tls"] {
        let bench = Bench::new().await;
        let mut there = MailServer::start(&certificate, security, 0).await;
        let keys = trusting(&certificate, PASSWORD) + &format!("security = \"{security}\"");
        let outbox = bench.outbox(server(there.port, &keys));
        // Two, so that the second goes over the connection of the first.
        bench.write("one", Occasion::Invitation).await;
        bench.write("two", Occasion::Reset).await;
        outbox.round_at(0).await;
        for id in ["two", "one"] {
            assert_eq!(bench.letter(id).await.last_error, None, "{security}");
            let mail = there.next_report().await;
            assert_eq!(mail["from"], "portal@example.com");
            // R41: in the envelope, and nowhere else.
            assert_eq!(mail["to"], serde_json::json!(["ann@acme.example"]));
            let copy = there.next_report().await;
            assert_eq!(copy["to"], serde_json::json!(["admin@example.com"]));
            assert_eq!(copy["data"], mail["data"]);
            assert_eq!(mail["hello"], "portal.example");
            let data = mail["data"].as_str().unwrap();
            assert!(!data.contains("admin@example.com"), "{data}");
            let message = parsed(data.as_bytes());
            assert_eq!(message.message_id(), Some(&*format!("{id}@example.com")));
            assert!(message.body_text(0).unwrap().contains("https://portal.example/"));
            assert!(message.body_html(0).unwrap().contains("https:&#x2f;&#x2f;portal.example"));
        }
    }
}

#[tokio::test]
async fn a_server_with_an_untrusted_certificate_gets_nothing() {
    let (folder, certificate) = certificate();
    let other = Certificate::write(folder.path(), "other");
    let bench = Bench::new().await;
    for security in ["starttls", "tls"] {
        let there = MailServer::start(&certificate, security, 0).await;
        let keys = trusting(&other, PASSWORD) + &format!("security = \"{security}\"");
        let error = tried(&bench, security, server(there.port, &keys)).await.unwrap();
        assert!(error.contains("certificate"), "{error}");
        // The right one, but for another name.
        let keys = trusting(&certificate, PASSWORD) + &format!("security = \"{security}\"");
        let mut smtp = smtp(there.port, &keys);
        smtp.host = "127.0.0.1".to_owned();
        let renamed = Server::new(&smtp, &"portal.example".parse().unwrap()).unwrap();
        let error = tried(&bench, &format!("{security}-name"), renamed).await.unwrap();
        assert!(error.contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_offer_tls_gets_nothing() {
    let (_folder, certificate) = certificate();
    let there = MailServer::start(&certificate, "none", 0).await;
    let bench = Bench::new().await;
    let keys = trusting(&certificate, PASSWORD);
    assert!(tried(&bench, "letter", server(there.port, &keys)).await.is_some());
}

#[tokio::test]
async fn a_wrong_password_is_told_without_being_repeated() {
    let (_folder, certificate) = certificate();
    let there = MailServer::start(&certificate, "starttls", 0).await;
    let bench = Bench::new().await;
    let error =
        tried(&bench, "letter", server(there.port, &trusting(&certificate, "hunter2"))).await;
    let error = error.unwrap();
    assert!(error.contains("535") && !error.contains("hunter2"), "{error}");
}

/// What becomes of an invitation when the server refuses an address with these words.
async fn refused(address: &str, reply: &str) -> (MailView, MailServer) {
    let (_folder, certificate) = certificate();
    let there = MailServer::refusing(&certificate, "starttls", 0, &[(address, reply)]).await;
    let bench = Bench::new().await;
    bench.write("letter", Occasion::Invitation).await;
    bench.outbox(server(there.port, &trusting(&certificate, PASSWORD))).round_at(0).await;
    (bench.letter("letter").await, there)
}

#[tokio::test]
async fn r41_a_blind_copy_that_is_refused_does_not_keep_the_mail_back() {
    for reply in ["550 5.1.1 no such mailbox", "450 4.2.0 come again"] {
        let (letter, mut there) = refused("admin@example.com", reply).await;
        assert_eq!((letter.state.name(), letter.attempts), ("sent", 1), "{letter:?}");
        assert_eq!(there.next_report().await["to"], serde_json::json!(["ann@acme.example"]));
    }
}

#[tokio::test]
async fn a_mail_to_a_permanently_refused_address_fails_at_once() {
    let (letter, _) = refused("ann@acme.example", "550 5.1.1 no such mailbox").await;
    assert_eq!(letter.state.name(), "failed");
    assert!(letter.last_error.unwrap().contains("no such mailbox"));
}

#[tokio::test]
async fn a_mail_is_retried_after_a_transient_or_fixable_error() {
    for (address, reply) in [
        ("ann@acme.example", "450 4.1.1 come again"),
        ("ann@acme.example", "550 5.7.1 no relaying"),
        // Of what kind it is is not said.
        ("ann@acme.example", "550 no"),
        ("portal@example.com", "550 5.7.1 not your address"),
        ("portal@example.com", "553 5.1.8 no such domain"),
    ] {
        let (letter, _) = refused(address, reply).await;
        assert_eq!(letter.state.name(), "waiting", "{reply}");
        assert!(letter.last_error.unwrap().contains(&reply[4..]), "{reply}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_given_up_for_now() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let bench = Bench::new().await;
    let quick = "timeout = \"50ms\"\n";
    let error = tried(&bench, "silent", server(port, quick)).await.unwrap();
    let expected = "the greeting: the server did not answer within 50ms";
    assert_eq!(error, format!("localhost:{port}: {expected}"));
    drop(silent);
    let error = tried(&bench, "away", server(port, "")).await.unwrap();
    assert!(error.starts_with(&format!("localhost:{port}: cannot connect: ")), "{error}");
}

#[tokio::test]
async fn a_mail_is_sent_whatever_the_bytes_of_the_replies_are() {
    let (_folder, certificate) = certificate();
    let bench = Bench::new().await;
    for how in ["latin1", "bare"] {
        let mut there = MailServer::answering(&certificate, "starttls", 0, how).await;
        let server = server(there.port, &trusting(&certificate, PASSWORD));
        assert_eq!(tried(&bench, how, server).await, None, "{how}");
        assert_eq!(there.next_report().await["to"], serde_json::json!(["ann@acme.example"]));
    }
}

/// The server takes longer over a mail than over anything else.
#[tokio::test]
async fn a_mail_that_is_taken_late_is_sent_once() {
    let (_folder, certificate) = certificate();
    let mut there = MailServer::answering(&certificate, "tls", 0, "late").await;
    let keys = trusting(&certificate, PASSWORD) + "security = \"tls\"\ntimeout = \"500ms\"\n";
    let bench = Bench::new().await;
    assert_eq!(tried(&bench, "late", server(there.port, &keys)).await, None);
    assert_eq!(there.next_report().await["to"], serde_json::json!(["ann@acme.example"]));
}

#[tokio::test]
async fn a_mail_that_may_have_been_taken_is_not_sent_again() {
    let (_folder, certificate) = certificate();
    let mut there = MailServer::answering(&certificate, "starttls", 0, "hangup").await;
    let bench = Bench::new().await;
    bench.write("letter", Occasion::Invitation).await;
    let outbox = bench.outbox(server(there.port, &trusting(&certificate, PASSWORD)));
    assert_eq!(outbox.round_at(0).await, None, "nothing is due later either");
    let letter = bench.letter("letter").await;
    assert_eq!((letter.state.name(), letter.attempts), ("unconfirmed", 1));
    assert!(letter.last_error.unwrap().contains("the end of the message: "));
    let first = there.next_report().await;
    // Somebody who knows that it did not arrive has it sent again: the same message.
    let change = by_operator_at(super::bench::after(60));
    MailQueue::new(bench.directory.clone()).retry(&"letter".into(), &change).await.unwrap();
    outbox.round_at(60).await;
    assert_eq!(there.next_report().await["data"], first["data"]);
    assert_eq!(bench.letter("letter").await.attempts, 2);
}

/// The result of a test mail, in JSON.
async fn tested(settings: &Settings) -> serde_json::Value {
    let tester = Mailer::new(settings).unwrap().tester();
    let test = tester.send("ann@acme.example", super::bench::now()).await.unwrap();
    serde_json::to_value(test).unwrap()
}

#[tokio::test]
async fn a_failed_test_mail_names_its_stage_and_the_setting() {
    let (folder, certificate) = certificate();
    let sender = [("portal@example.com", "553 5.7.1 not your address")];
    let trusted = trusting(&certificate, PASSWORD);
    let untrusted = trusting(&Certificate::write(folder.path(), "other"), PASSWORD);
    for (security, keys, stage, parts) in [
        (
            "starttls",
            &trusted,
            "sender",
            ["refused the sender portal@example.com: 553", "mail.from"],
        ),
        ("starttls", &untrusted, "tls", ["certificate", "mail.smtp.ca_file"]),
        ("none", &trusted, "tls", ["does not offer STARTTLS", "mail.smtp.security"]),
    ] {
        let there = MailServer::refusing(&certificate, security, 0, &sender).await;
        let result = tested(&chosen(there.port, keys)).await;
        assert_eq!((&result["sent"], &result["stage"]), (&false.into(), &stage.into()), "{result}");
        for (field, part) in ["error", "advice"].iter().zip(parts) {
            assert!(result[field].as_str().unwrap().contains(part), "{result}");
        }
    }
}

#[tokio::test]
async fn an_unconfirmed_test_mail_may_arrive() {
    let (_folder, certificate) = certificate();
    let there = MailServer::answering(&certificate, "starttls", 0, "hangup").await;
    let result = tested(&chosen(there.port, &trusting(&certificate, PASSWORD))).await;
    assert_eq!((&result["sent"], &result["stage"]), (&false.into(), &"data".into()), "{result}");
    assert!(result["advice"].as_str().unwrap().contains("may arrive"), "{result}");
}

#[tokio::test]
async fn a_test_mail_into_a_folder_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mail");
    let settings = settings(&format!("[mail]\ndirectory = \"{}\"", mails.display()));
    let result = tested(&settings).await;
    assert_eq!((&result["sent"], &result["stage"]), (&false.into(), &serde_json::Value::Null));
    assert!(result["error"].as_str().unwrap().starts_with("mail.directory: "), "{result}");
    std::fs::create_dir(&mails).unwrap();
    let result = tested(&settings).await;
    assert_eq!((&result["sent"], &result["transport"]), (&true.into(), &"directory".into()));
    let message = parsed(&std::fs::read(result["via"].as_str().unwrap()).unwrap());
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some("ann@acme.example"));
}

#[tokio::test]
async fn certificates_to_trust_that_are_none_are_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for file in [empty, folder.path().join("missing.pem")] {
        let error = Mailer::new(&chosen(25, &format!("ca_file = \"{}\"", file.display())));
        let error = error.unwrap_err();
        assert!(matches!(error, MailError::Trust { .. }), "{error}");
        assert!(error.to_string().contains(&*file.display().to_string()), "{error}");
    }
}
