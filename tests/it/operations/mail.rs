//! Mails that are really sent: into a folder, and to a real mail server with TLS and a password;
//! when the server is away, when the program is killed, when the templates are wrong.

use std::collections::BTreeSet;
use std::path::PathBuf;

use mail_parser::{Message, MessageParser, MimeHeaders as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::admin::Admin;
use crate::support::browser::Browser;
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program};
use crate::support::smtp::{Certificate, MailServer, PASSWORD, USER};
use crate::support::upstream::Upstream;

const ROUTES: &str = "[[route]]\nname = \"Open\"\npath = \"/\"\naccess = \"public\"\n";
/// How often the program is killed.
const ROUNDS: usize = 4;

async fn home() -> Home {
    let upstream = Upstream::start().await;
    Home::new(upstream.address, ROUTES)
}

/// A program that hands mail to a server on this port, whose certificate it trusts.
fn through_server(home: &Home, certificate: &Certificate, port: u16) {
    std::fs::write(home.path("smtp.password"), format!("{PASSWORD}\n")).unwrap();
    home.settings(&format!(
        "mail.transport = \"smtp\"\nmail.from = \"Portal <portal@example.test>\"\n\
         mail.smtp.host = \"localhost\"\nmail.smtp.port = {port}\n\
         mail.smtp.username = \"{USER}\"\nmail.smtp.password_file = \"smtp.password\"\n\
         mail.smtp.ca_file = \"{}\"\n",
        certificate.certificate.display()
    ));
}

/// A port where a mail server was, and none is now.
async fn port_of_a_server_that_is_away(certificate: &Certificate) -> u16 {
    MailServer::start(certificate, "starttls", 0).await.port
}

/// Makes an organization and invites a person; answers the person's id.
async fn invite(admin: &Admin, login: &str) -> String {
    let acme = admin.organization("Acme Ltd").await;
    let user = json!({
        "organization": acme, "login": login, "invite": true, "blind_copy": "boss@example.test",
    });
    admin.post("/api/v1/users", user).await.created()
}

/// The only mail there is, as the API tells it.
async fn only_mail(admin: &Admin) -> Value {
    let mut list = admin.get("/api/v1/mail").await.ok();
    let items = list["items"].as_array_mut().unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}

fn parsed(message: &[u8]) -> Message<'static> {
    MessageParser::default().parse(message).unwrap().into_owned()
}

fn files(home: &Home) -> Vec<PathBuf> {
    let folder = home.path("mail");
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect()
}

fn is_an_invitation(message: &Message<'_>, login: &str) {
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some(login));
    let text = message.body_text(0).unwrap();
    assert!(text.contains(login) && text.contains("Acme Ltd"), "{text}");
    assert!(text.contains(&format!("http://{HOST}/.portcullis/invitation/")), "{text}");
    assert!(message.html_part(0).unwrap().is_content_type("text", "html"));
}

#[tokio::test]
async fn r41_invitation_file_names_its_blind_copy() {
    let home = home().await;
    let program = home.serve().await;
    invite(&program.admin, "ann@acme.test").await;
    program.logged("an email was sent", 1).await;
    let [file] = &files(&home)[..] else { panic!("one mail was to be sent") };
    let message = parsed(&std::fs::read(file).unwrap());
    is_an_invitation(&message, "ann@acme.test");
    assert_eq!(message.bcc().unwrap().first().unwrap().address(), Some("boss@example.test"));
    let mail = only_mail(&program.admin).await;
    assert_eq!(
        (&mail["state"], &mail["blind_copy"]),
        (&"sent".into(), &"boss@example.test".into())
    );
    // No link is in what operators see or in the log.
    let text = message.body_text(0).unwrap().into_owned();
    let token = text.split("/invitation/").nth(1).unwrap().split_whitespace().next().unwrap();
    let seen = mail.to_string() + &home.run(&["mail", "list"]).await.done();
    assert!(!seen.contains(token));
    assert!(!program.logged("an email was sent", 1).await.contains(token));
}

#[tokio::test]
async fn r41_smtp_blind_copy_is_only_in_the_envelope() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let mut server = MailServer::start(&certificate, "starttls", 0).await;
    through_server(&home, &certificate, server.port);
    let program = home.serve().await;
    invite(&program.admin, "ann@acme.test").await;
    let mail = server.next_report().await;
    assert_eq!(mail["to"], json!(["ann@acme.test"]));
    let copy = server.next_report().await;
    assert_eq!((&copy["to"], &copy["data"]), (&json!(["boss@example.test"]), &mail["data"]));
    assert_eq!((&mail["from"], &mail["hello"]), (&"portal@example.test".into(), &HOST.into()));
    let data = mail["data"].as_str().unwrap();
    assert!(!data.contains("boss@example.test"), "{data}");
    let message = parsed(data.as_bytes());
    is_an_invitation(&message, "ann@acme.test");
    assert_eq!(message.from().unwrap().first().unwrap().name(), Some("Portal"));
}

#[tokio::test]
async fn r18_impersonated_users_get_a_mail_if_preferred() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let mut server = MailServer::start(&certificate, "starttls", 0).await;
    through_server(&home, &certificate, server.port);
    let program = home.serve().await;
    let admin = &program.admin;
    let acme = admin.organization("Acme Ltd").await;
    let ann = admin.user(&acme, "ann@acme.test", "limited").await;
    let open = async |path: &str, body: Value| {
        let link = admin.post(&format!("/api/v1/{path}"), body).await.ok();
        let mut staff = Browser::new(program.gateway, HOST);
        let target = staff.local(link["url"].as_str().unwrap());
        assert_eq!(staff.open(&target).await.status, 303);
    };
    let impersonate = || json!({ "user": ann, "reason": "Ticket 7" });
    open("impersonations", impersonate()).await;
    assert_eq!(admin.get("/api/v1/mail").await.ok()["items"], json!([]), "off by default");
    home.run(&["preferences", "set", "--notify-impersonated", "true"]).await.done();
    open("views", json!({ "organization": acme, "reason": "Ticket 7" })).await;
    assert_eq!(admin.get("/api/v1/mail").await.ok()["items"], json!([]), "a view is of nobody");
    open("impersonations", impersonate()).await;
    let mail = server.next_report().await;
    assert_eq!(mail["to"], json!(["ann@acme.test"]));
    let message = parsed(mail["data"].as_str().unwrap().as_bytes());
    let text = message.body_text(0).unwrap();
    assert!(text.contains("opened the portal with your account"), "{text}");
    assert!(text.contains("ann@acme.test") && !text.contains("Ticket"), "{text}");
    assert_eq!(only_mail(admin).await["occasion"], "impersonation");
}

#[tokio::test]
async fn mail_is_retried_until_the_server_is_back() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let port = port_of_a_server_that_is_away(&certificate).await;
    through_server(&home, &certificate, port);
    let program = home.serve().await;
    invite(&program.admin, "ann@acme.test").await;
    program.logged("an email was not sent", 1).await;
    let list = home.run(&["mail", "list", "--state", "waiting"]).await.done();
    assert!(list.contains("ann@acme.test") && list.contains("cannot connect"), "{list}");
    // Mail or no mail, the gateway is ready.
    assert_eq!(program.admin.get("/readyz").await.status, 200);

    let mut server = MailServer::start(&certificate, "starttls", port).await;
    let id = only_mail(&program.admin).await["id"].as_str().unwrap().to_owned();
    let told = home.run(&["mail", "retry", &id]).await.done();
    assert!(told.contains("ann@acme.test"), "{told}");
    is_an_invitation(
        &parsed(server.next_report().await["data"].as_str().unwrap().as_bytes()),
        "ann@acme.test",
    );
    program.logged("an email was sent", 1).await;
    let shown = home.run(&["mail", "show", &id]).await.done();
    assert!(shown.contains("sent") && shown.contains("attempts      2"), "{shown}");
    let refused = home.run(&["mail", "retry", &id]).await.refused();
    assert!(refused.contains("send a new invitation"), "{refused}");
}

#[tokio::test]
async fn unconfirmed_mail_is_resent_only_by_command() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let mut server = MailServer::answering(&certificate, "starttls", 0, "hangup").await;
    through_server(&home, &certificate, server.port);
    let program = home.serve().await;
    invite(&program.admin, "ann@acme.test").await;
    program.logged("an email may have been sent", 1).await;
    let list = home.run(&["mail", "list", "--state", "unconfirmed"]).await.done();
    assert!(list.contains("ann@acme.test") && list.contains("end of the message"), "{list}");
    let id = only_mail(&program.admin).await["id"].as_str().unwrap().to_owned();
    let first = server.next_report().await;
    home.run(&["mail", "retry", &id]).await.done();
    assert_eq!(
        server.next_report().await["data"],
        first["data"],
        "the same message, for the second time"
    );
}

#[tokio::test]
async fn wrong_smtp_password_is_listed_and_can_be_fixed() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let mut server = MailServer::start(&certificate, "starttls", 0).await;
    through_server(&home, &certificate, server.port);
    std::fs::write(home.path("smtp.password"), "hunter2\n").unwrap();
    let program = home.serve().await;
    invite(&program.admin, "ann@acme.test").await;
    let log = program.logged("an email was not sent", 1).await;
    let list = home.run(&["mail", "list"]).await.done();
    assert!(list.contains("535") && list.contains("waiting"), "{list}");
    assert!(!(log + &list).contains("hunter2"), "{list}");
    let id = only_mail(&program.admin).await["id"].as_str().unwrap().to_owned();
    program.stop().await;

    std::fs::write(home.path("smtp.password"), PASSWORD).unwrap();
    let _program = home.serve().await;
    home.run(&["mail", "retry", &id]).await.done();
    assert_eq!(server.next_report().await["to"][0], "ann@acme.test");
}

#[tokio::test]
async fn test_mail_shows_the_reply_and_is_not_recorded() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let mut server = MailServer::start(&certificate, "starttls", 0).await;
    through_server(&home, &certificate, server.port);
    let program = home.serve().await;
    let shown = home.run(&["mail", "test", "ann@acme.test"]).await.done();
    let server_name = format!("localhost:{}", server.port);
    assert_eq!(shown, format!("Sent to ann@acme.test. {server_name} answered: 250 taken\n"));
    let mail = server.next_report().await;
    let addresses = (&mail["from"], &mail["to"]);
    assert_eq!(addresses, (&"portal@example.test".into(), &json!(["ann@acme.test"])));
    let message = parsed(mail["data"].as_str().unwrap().as_bytes());
    assert!(message.subject().unwrap().starts_with("Test email from "));
    assert!(message.body_text(0).unwrap().contains(&format!("http://{HOST}")));
    assert_eq!(program.admin.get("/api/v1/mail").await.ok()["items"], json!([]));
    let refused = home.run(&["mail", "test", "ann"]).await.refused();
    assert!(refused.contains("`ann` is not an email address"), "{refused}");
}

/// Sends a test mail that must fail; checks the result in JSON and for people.
async fn failed_test(home: &Home, to: &str, (stage, code): (&str, Value), parts: [&str; 2]) {
    let ran = home.run(&["mail", "test", to, "--json"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let found = (&result["sent"], &result["stage"], &result["code"]);
    assert_eq!(found, (&false.into(), &stage.into(), &code), "{result}");
    let shown = home.run(&["mail", "test", to]).await.refused();
    assert!(shown.contains("the test email was not sent: localhost:"), "{shown}");
    for part in parts {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[tokio::test]
async fn failed_test_mail_names_the_stage_and_what_to_check() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let (unknown, later) = ("550 5.1.1 no such mailbox", "451 4.7.1 come back");
    let refused = [("bob@acme.test", unknown), ("cid@acme.test", later)];
    let server = MailServer::refusing(&certificate, "starttls", 0, &refused).await;
    through_server(&home, &certificate, server.port);
    let program = home.serve().await;
    let parts = ["refused the recipient: 550 5.1.1 no such mailbox", "Check the address"];
    failed_test(&home, "bob@acme.test", ("recipient", 550.into()), parts).await;
    let parts = ["refused the recipient: 451 4.7.1 come back", "try again in a few minutes"];
    failed_test(&home, "cid@acme.test", ("recipient", 451.into()), parts).await;
    program.stop().await;

    std::fs::write(home.path("smtp.password"), "hunter2\n").unwrap();
    let program = home.serve().await;
    let parts = ["refused the sign-in: 535", "mail.smtp.username and mail.smtp.password"];
    failed_test(&home, "ann@acme.test", ("sign-in", 535.into()), parts).await;
    drop(server);
    let parts = ["cannot connect: ", "Check mail.smtp.host and mail.smtp.port"];
    failed_test(&home, "ann@acme.test", ("connect", Value::Null), parts).await;
    assert!(!program.logged("a test email was not sent", 4).await.contains("hunter2"));
}

#[tokio::test]
async fn r40_mail_of_a_withdrawn_invitation_is_not_sent() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    let port = port_of_a_server_that_is_away(&certificate).await;
    through_server(&home, &certificate, port);
    let program = home.serve().await;
    let admin = &program.admin;
    let ann = invite(admin, "ann@acme.test").await;
    program.logged("an email was not sent", 1).await;
    let first = only_mail(admin).await["id"].as_str().unwrap().to_owned();
    // Again: the older one is not sent even if somebody wants it to be.
    admin.post(&format!("/api/v1/users/{ann}/invitation"), json!({})).await.created();
    program.logged("an email was not sent", 2).await;
    let mut server = MailServer::start(&certificate, "starttls", port).await;
    let list = admin.get("/api/v1/mail?state=waiting").await.ok();
    let ids = list["items"].as_array().unwrap().iter().map(|mail| mail["id"].as_str().unwrap());
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.sort_by_key(|id| *id != first);
    assert_eq!(ids.len(), 2);
    for id in &ids {
        home.run(&["mail", "retry", id]).await.done();
    }
    let mail = server.next_report().await;
    let message = parsed(mail["data"].as_str().unwrap().as_bytes());
    assert_eq!(message.message_id(), Some(&*format!("{}@example.test", ids[1])));
    program.logged("an email was sent", 1).await;
    let older = admin.get(&format!("/api/v1/mail/{first}")).await.ok();
    assert_eq!(older["state"], "not_needed");
}

#[tokio::test]
async fn waiting_mail_is_sent_once_after_kill_9() {
    let home = home().await;
    let certificate = Certificate::write(&home.path(""), "mail");
    // A server that takes the connection and says nothing: the first letter hangs, the rest wait.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    through_server(&home, &certificate, port);
    let program = home.serve().await;
    let logins: BTreeSet<String> =
        ["ann", "bob", "cid", "dan"].map(|name| format!("{name}@acme.test")).into();
    for login in &logins {
        invite(&program.admin, login).await;
    }
    let _connection = within("the gateway's connection", silent.accept()).await.unwrap();
    program.kill().await;
    drop(silent);

    let mut server = MailServer::start(&certificate, "starttls", port).await;
    let program = home.serve().await;
    let mut arrived = BTreeSet::new();
    for _ in &logins {
        let mail = server.next_report().await;
        let copy = server.next_report().await;
        assert_eq!(copy["to"], json!(["boss@example.test"]));
        assert!(arrived.insert(mail["to"][0].as_str().unwrap().to_owned()), "{mail}");
    }
    assert_eq!(arrived, logins);
    program.logged("an email was sent", logins.len()).await;
    // Nothing more is owed after another start.
    program.kill().await;
    let program = home.serve().await;
    let list = program.admin.get("/api/v1/mail?state=waiting").await.ok();
    assert_eq!(list["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_invitation_is_one_mail_despite_kill_9() {
    let home = home().await;
    for round in 0..ROUNDS {
        let program = home.serve().await;
        let acme = program.admin.organization("Acme Ltd").await;
        let admin = Admin { socket: program.admin.socket.clone() };
        let writer = tokio::spawn(async move {
            for number in 0.. {
                let login = format!("p{round}-{number}@acme.test");
                let user = json!({ "organization": acme, "login": login, "invite": true });
                let post = admin.try_call(http::Method::POST, "/api/v1/users", Some(user));
                if post.await.is_err() {
                    return;
                }
            }
        });
        program.logged("an email was sent", 3 + 4 * round).await;
        program.kill().await;
        within("the writer", writer).await.unwrap();
    }
    let program = home.serve().await;
    let users = all_users(&program).await;
    let sent = async {
        loop {
            let waiting = program.admin.get("/api/v1/mail?state=waiting").await.ok();
            if waiting["items"] == json!([]) {
                return;
            }
        }
    };
    within("the rest of the mails", sent).await;
    let to: Vec<String> = files(&home)
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "eml"))
        .map(|file| {
            let message = parsed(&std::fs::read(file).unwrap());
            message.to().unwrap().first().unwrap().address().unwrap().to_owned()
        })
        .collect();
    assert_eq!(to.len(), users.len(), "one mail each");
    assert_eq!(to.into_iter().collect::<BTreeSet<_>>(), users);
}

async fn all_users(program: &Program) -> BTreeSet<String> {
    let list = program.admin.get("/api/v1/users?limit=1000").await.ok();
    let users = list["items"].as_array().unwrap();
    users.iter().map(|user| user["login"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn invalid_mail_templates_prevent_start() {
    let home = home().await;
    let folder = home.path("mails");
    std::fs::create_dir(&folder).unwrap();
    home.settings("mail.templates = \"mails\"\n");
    std::fs::write(folder.join("reset.en.txt"), "Subject: Yours\n\n{{ link }}\n").unwrap();
    assert!(home.run(&["check"]).await.done().contains("are valid"));
    std::fs::write(folder.join("reset.en.txt"), "Subject: Yours\n\n{{ lnik }}\n").unwrap();
    for command in ["check", "serve"] {
        let said = home.run(&[command]).await.refused();
        assert!(said.contains("mails/reset.en.txt:3: "), "{said}");
    }
}
