//! django-helpdesk behind the gateway, with the policy of `policies/examples/helpdesk`.

use data_encoding::BASE64;
use http::Method;
use serde_json::json;

use super::program::{Mask, Person, Program, Setup, Upload};
use crate::support::admin::PASSWORD;
use crate::support::chrome::Chrome;

pub(super) static HELPDESK: Setup = Setup {
    name: "helpdesk",
    settings: &[
        ("upstream.readings", r#"["slash", "suffix"]"#),
        ("session.portal_cookies", r#"["sessionid", "csrftoken", "messages"]"#),
        ("identity.email", "true"),
    ],
    ready: "/kb/",
    masks: MASKS,
    fields: &[],
};

/// Tokens against forged requests, ids of sessions, what a new ticket gets (a number and a key), and
/// how long ago something happened.
const MASKS: &[Mask] = &[
    ("csrfmiddlewaretoken\" value=\"", "\""),
    ("csrftoken=", ";"),
    ("sessionid=", ";"),
    ("expires=", ";"),
    ("?ticket=printers-", "&"),
    ("&key=", "&\""),
    (".m. (", ")"),
    (".m.'>", "<"),
];

const PICTURE: Upload<'static> = Upload {
    field: "attachment",
    name: "Büro 1.png",
    kind: "image/png",
    bytes: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89",
};

/// Submits a ticket with a file; the address at which the customer sees it.
async fn submit_ticket(customer: &mut Person, email: &str, title: &str) -> String {
    customer.reads("/tickets/submit/", "Summary of the problem").await;
    let fields = [
        ("queue", "1"),
        ("title", title),
        ("body", "It jams – every time."),
        ("priority", "3"),
        ("submitter_email", email),
    ];
    let created = customer.upload("/tickets/submit/", &fields, &PICTURE).await;
    assert_eq!(created.status, 302, "{}", created.text());
    let location = created.header("location").unwrap().to_owned();
    assert!(location.starts_with("/view/?ticket=printers-"), "{location}");
    location
}

#[tokio::test]
async fn helpdesk_customer_submits_and_agent_answers() {
    let helpdesk = Program::start(&HELPDESK).await;
    let mut customer = helpdesk.person("ann@acme.test", "limited").await;
    let mut agent = helpdesk.person("bea@acme.test", "admin").await;
    let mut visitor = helpdesk.visitor();
    visitor.reads("/kb/", "Printing").await;
    visitor.reads("/kb/printing/?kbitem=1", "Open the rear flap.").await;
    let style = visitor.get("/static/helpdesk/css/sb-admin.css").await;
    assert_eq!(style.status, 200);
    customer.reads("/", "Submit a Ticket").await;

    let ticket = submit_ticket(&mut customer, "ann@acme.test", "Printer & paper").await;
    let page = customer.reads(&ticket, "Printer &amp; paper").await;
    assert!(page.text().contains("It jams – every time."), "{}", page.text());
    customer.reads("/tickets/my-tickets/", "My Tickets").await;
    let mine = customer.fetch("/api/user_tickets/").await;
    let mine: serde_json::Value = serde_json::from_slice(&mine.body).unwrap();
    assert_eq!(mine["count"], 2, "one through the gateway, one sent directly: {mine}");

    // The file is downloaded as it was uploaded, whole and in part.
    let file = page.text().split("href='").chain(page.text().split("href=\""));
    let file = file.map(|rest| rest.split(['\'', '"']).next().unwrap());
    let file = file.filter(|link| link.starts_with("/media/")).last().unwrap().to_owned();
    assert_eq!(&*customer.get(&file).await.body, PICTURE.bytes);
    assert_eq!(&*agent.get(&file).await.body, PICTURE.bytes);
    visitor.refused(Method::GET, &file, 401, "sign-in-required").await;
    let head = customer.send(Method::HEAD, &file, &[], |_| Vec::new()).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("image/png")));
    let modified = head.header("last-modified").unwrap().to_owned();
    let headers = [("if-modified-since", modified.as_str())];
    let same = customer.send(Method::GET, &file, &headers, |_| Vec::new()).await;
    assert_eq!(same.status, 304);

    agent.reads("/dashboard/", "Printer &amp; paper").await;
    agent.reads("/tickets/", "ticketTable").await;
    agent.reads("/tickets/1/", "It jams – every time.").await;
    agent.reads("/reports/", "Reports").await;
    agent.reads("/rss/unassigned/", "<rss").await;
    let redirected = agent.get("/tickets/1").await;
    assert_eq!(redirected.header("location"), Some("/tickets/1/"), "{redirected:?}");
    let answer = [("comment", "A technician – on the way."), ("public", "1"), ("new_status", "3")];
    let more = [("title", "Printer & paper"), ("priority", "3"), ("queue", "1"), ("owner", "0")];
    let answered = agent.submit("/tickets/1/update/", &[&answer[..], &more[..]].concat()).await;
    assert_eq!(answered.status, 302, "{}", answered.text());
    customer.reads(&ticket, "A technician – on the way.").await;
    customer.refused(Method::POST, "/tickets/1/update/", 403, "missing-permission").await;

    // A GET that would close the ticket does not reach the program.
    customer.refused(Method::GET, &format!("{ticket}&close"), 403, "ambiguous-query").await;
    let held = agent.submit("/tickets/1/hold/", &[]).await;
    assert_eq!(held.status, 302, "{held:?}");
    agent.refused(Method::GET, "/tickets/1/unhold/", 403, "method-not-allowed").await;

    let token = agent.browser.cookies["csrftoken"].clone();
    let headers = [("content-type", "application/json"), ("x-csrftoken", &token)];
    let tickets = agent.fetch("/api/tickets/").await;
    assert_eq!(tickets.status, 200, "{tickets:?}");
    let patch = json!({ "title": "Paper" }).to_string();
    let patched = agent.browser.send(Method::PATCH, "/api/tickets/1/", &headers, patch).await;
    assert_eq!(patched.status, 200, "{patched:?}");
    agent.reads("/tickets/1/", "Paper").await;
    helpdesk.only_allowed_requests_arrived("/kb/").await;
}

#[tokio::test]
async fn helpdesk_denied_requests_never_arrive() {
    let helpdesk = Program::start(&HELPDESK).await;
    let mut customer = helpdesk.person("ann@acme.test", "limited").await;
    let mut agent = helpdesk.person("bea@acme.test", "admin").await;
    let mut visitor = helpdesk.visitor();
    for target in ["/", "/tickets/submit/", "/dashboard/", "/tickets/1/", "/api/tickets/"] {
        visitor.refused(Method::GET, target, 401, "sign-in-required").await;
    }
    for target in ["/dashboard/", "/tickets/", "/tickets/1/", "/reports/", "/api/tickets/"] {
        customer.refused(Method::GET, target, 403, "missing-permission").await;
    }
    for target in ["/tickets/1/delete/", "/tickets/1/update/", "/tickets/update/", "/settings/"] {
        customer.refused(Method::POST, target, 403, "missing-permission").await;
    }
    // To the program, these are the pages of agents too.
    for target in ["/dashboard", "/tickets/1", "/api/tickets.json", "/api/tickets"] {
        let reply = customer.browser.open(target).await;
        assert_eq!(reply.status, 403, "{target}: {reply:?}");
    }
    // A visitor does not learn that they are closed.
    let (closed, asked) = ((403, "route-closed"), (401, "sign-in-required"));
    for (person, (status, problem)) in
        [(&mut visitor, asked), (&mut customer, closed), (&mut agent, closed)]
    {
        for target in ["/admin/", "/admin/auth/user/add/", "/login/", "/system_settings/"] {
            person.refused(Method::GET, target, status, problem).await;
            person.refused(Method::POST, target, status, problem).await;
        }
        person.refused(Method::POST, "/api/users/", status, problem).await;
        person.refused(Method::GET, "/tickets//1/", 400, "empty-segment").await;
    }
    // Signing out of Django is signing out of the gateway.
    let out = agent.browser.post("/logout/", &[("origin", "http://portal.test")], "").await;
    assert_eq!((out.status, out.header("location")), (302, Some("/.portcullis/sign-out")));
    // The same requests directly: it is the gateway that refuses them.
    customer.reads("/tickets/submit/", "Summary").await;
    agent.reads("/tickets/", "ticketTable").await;
    helpdesk.only_allowed_requests_arrived("/kb/").await;
}

#[tokio::test]
async fn helpdesk_user_and_group_are_the_gateways() {
    let helpdesk = Program::start(&HELPDESK).await;
    let jorg = helpdesk.gate.admin.user(&helpdesk.organization, "jörg@acme.test", "limited").await;
    let mut browser = helpdesk.visitor().browser;
    assert_eq!(browser.sign_in("jörg@acme.test", PASSWORD).await.status, 303);
    // The login is UTF-8 in the field, and Latin-1 to WSGI.
    let page = browser.open("/tickets/my-tickets/").await;
    assert!(page.text().contains("jörg@acme.test"), "{}", page.text());
    assert!(!page.text().contains("All Tickets"), "a customer has no menu of agents");

    // Names that a client sends are removed, in every spelling.
    for name in ["portcullis-user", "Portcullis_User", "PORTCULLIS-USER", "portcullis.user"] {
        let headers = [(name, "root"), ("portcullis-group", "admin"), ("accept", "text/html")];
        let reply = browser.send(Method::GET, "/tickets/my-tickets/", &headers, "").await;
        assert!(reply.text().contains("jörg@acme.test"), "{name}: {}", reply.text());
        assert!(!reply.text().contains("All Tickets"), "{name}");
        let reply = helpdesk.visitor().browser.send(Method::GET, "/kb/", &headers, "").await;
        assert!(!reply.text().contains("Logout"), "{name}: {}", reply.text());
    }

    // Another group at the gateway is another role in the helpdesk, in the same session.
    assert_eq!(browser.open("/dashboard/").await.status, 403);
    let group = json!({ "group": "admin" });
    helpdesk.gate.admin.patch(&format!("/api/v1/users/{jorg}"), group).await.ok();
    assert_eq!(browser.open("/dashboard/").await.status, 200);
    assert!(browser.open("/tickets/my-tickets/").await.text().contains("All Tickets"));
    let group = json!({ "group": "limited" });
    helpdesk.gate.admin.patch(&format!("/api/v1/users/{jorg}"), group).await.ok();
    assert_eq!(browser.open("/dashboard/").await.status, 403);
    helpdesk.only_allowed_requests_arrived("/kb/").await;
}

#[tokio::test]
async fn helpdesk_programs_use_tokens() {
    let helpdesk = Program::start(&HELPDESK).await;
    let agent = helpdesk.token("agent", "admin").await;
    let customer = helpdesk.token("ann@acme.test", "limited").await;
    let basic = |login: &str, token: &str| {
        format!("Basic {}", BASE64.encode(format!("{login}:{token}").as_bytes()))
    };
    let mut feeds = helpdesk.visitor().browser;
    let script = ("accept", "application/rss+xml");
    let asked = feeds.send(Method::GET, "/rss/unassigned/", &[script], "").await;
    assert_eq!(asked.status, 401, "{asked:?}");
    assert!(asked.header("www-authenticate").unwrap().starts_with("Basic "), "{asked:?}");
    let fields = [script, ("authorization", &*basic("agent", &agent))];
    let feed = feeds.send(Method::GET, "/rss/unassigned/", &fields, "").await;
    assert_eq!(feed.status, 200, "{feed:?}");
    assert!(feed.text().contains("<rss"), "{}", feed.text());
    let fields = [script, ("authorization", &*basic("ann@acme.test", &customer))];
    let refused = feeds.send(Method::GET, "/rss/unassigned/", &fields, "").await;
    assert_eq!((refused.status, refused.reason()), (403, "missing-permission".to_owned()));

    // Without a cookie, and so without a token against forged requests.
    let ticket = json!({
        "queue": 1, "title": "From a program", "description": "Out of paper", "priority": 3,
        "submitter_email": "ann@acme.test",
    });
    for (token, status) in [(&*agent, 201), (&*customer, 403), ("portcullis_user_invalid", 401)] {
        let token = format!("Bearer {token}");
        let fields = [("authorization", &*token), ("content-type", "application/json")];
        let mut program = helpdesk.visitor().browser;
        let body = ticket.to_string();
        let reply = program.send(Method::POST, "/api/tickets/", &fields, body).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let mut person = helpdesk.person("bea@acme.test", "admin").await;
    person.reads("/tickets/1/", "From a program").await;
    // A session needs the program's token against forged requests.
    let fields = [("origin", "http://portal.test"), ("content-type", "application/json")];
    let body = ticket.to_string().into_bytes();
    let forged = person.send(Method::POST, "/api/tickets/", &fields, |_| body.clone()).await;
    assert_eq!(forged.status, 403, "{forged:?}");
    assert!(forged.text().contains("CSRF"), "{}", forged.text());
    helpdesk.only_allowed_requests_arrived("/kb/").await;
}

#[tokio::test]
async fn helpdesk_works_in_a_browser() {
    let helpdesk = Program::start_tls(&HELPDESK).await;
    let gate = &helpdesk.gate;
    gate.admin.user(&helpdesk.organization, "ann@acme.test", "limited").await;
    gate.admin.user(&helpdesk.organization, "bea@acme.test", "admin").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photo.png");
    std::fs::write(&file, PICTURE.bytes).unwrap();

    let customer = Chrome::open(gate).await;
    customer.goto("/tickets/submit/").await;
    customer.sign_in("ann@acme.test", PASSWORD).await;
    customer.arrives("/tickets/submit/").await;
    customer.fill("title", "No toner").await;
    customer.fill("body", "The light is red.").await;
    customer.fill("submitter_email", "ann@acme.test").await;
    customer.ask("document.querySelector('[name=queue]').value = '1'").await;
    customer.find("[name=\"attachment\"]").await.send_keys(file.to_str().unwrap()).await.unwrap();
    customer.ask("document.querySelector('button.btn-block').click()").await;
    customer.sees("The light is red.").await;
    customer.sees("photo.png").await;
    let download = "return fetch(document.querySelector('a[href^=\"/media/\"]').href)\
        .then(response => response.arrayBuffer())\
        .then(bytes => Array.from(new Uint8Array(bytes)))";
    assert_eq!(customer.ask(download).await, json!(PICTURE.bytes));
    // The page's script reads the tickets from the API.
    customer.goto("/tickets/my-tickets/").await;
    customer.sees("No toner").await;
    assert_eq!(helpdesk.refused(), [""; 0], "the policy allows everything that the pages load");
    customer.goto("/tickets/1/").await;
    customer.sees("Your account doesn't have access to this").await;

    let agent = Chrome::open(gate).await;
    agent.goto("/tickets/").await;
    agent.sign_in("bea@acme.test", PASSWORD).await;
    agent.arrives("/tickets/").await;
    agent.sees("No toner").await;
    agent.goto("/tickets/1/").await;
    agent.sees("The light is red.").await;
    agent.ask("document.querySelector('form[action$=\"/logout/\"]').submit()").await;
    agent.arrives("/.portcullis/sign-out").await;
    helpdesk.only_allowed_requests_arrived("/kb/").await;
}
