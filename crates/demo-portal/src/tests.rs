use std::net::{SocketAddr, TcpListener};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

/// The portal on a socket of its own.
fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(super::serve(listener, async {
        let _ = stopped.await;
    }));
    Running { address, stop, served }
}

impl Running {
    /// Sends a request, with `headers` as complete lines, and returns the whole response.
    async fn ask(&self, line: &str, headers: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: portal\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        self.ask(&format!("GET {path}"), headers, b"").await
    }

    async fn post(&self, path: &str, headers: &str, form: &str) -> String {
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
        self.ask(&format!("POST {path}"), &headers, form.as_bytes()).await
    }
}

const ADA: &str = "Portcullis-User: ada\r\nPortcullis-Organization: acme\r\n";

#[tokio::test]
async fn every_section_has_a_page_with_the_visitor() {
    let portal = start();
    let home = portal.get("/", ADA).await;
    let sections: Vec<&str> = home
        .split("<nav")
        .nth(1)
        .unwrap()
        .split("</nav>")
        .next()
        .unwrap()
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(sections.len(), 15);
    for section in sections {
        let page = portal.get(section, ADA).await;
        assert!(page.starts_with("HTTP/1.1 200 "), "{section}: {page}");
        assert!(page.contains("<strong>ada</strong>"), "{section}");
        let nav = page.split("<nav").nth(1).unwrap().split("</nav>").next().unwrap();
        let marked = format!("href=\"{section}\" aria-current=\"page\"");
        assert!(nav.contains(&marked), "{section} is not marked in the navigation");
        assert_eq!(nav.matches("aria-current").count(), 1, "{section} is not alone");
    }
    assert!(portal.get("/nowhere", ADA).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn granted_permissions_select_mine_or_all() {
    let portal = start();
    let own = format!("{ADA}Portcullis-Granted: tickets.view_mine\r\n");
    let mine = portal.get("/tickets", &own).await;
    assert!(mine.contains("Set up my laptop") && !mine.contains("Ben Okafor"));
    let both = format!("{ADA}Portcullis-Granted: tickets.view_mine, tickets.view_all\r\n");
    let all = portal.get("/tickets", &both).await;
    assert!(all.contains("Set up my laptop") && all.contains("Ben Okafor"));
}

#[tokio::test]
async fn a_ticket_is_created_and_stays_in_its_organization() {
    let portal = start();
    let all = "Portcullis-Granted: tickets.view_all\r\n";
    let created = portal.post("/tickets", ADA, "subject=Broken+%3Cchair%3E&text=Help").await;
    assert!(created.starts_with("HTTP/1.1 201 "), "{created}");
    let acme = portal.get("/tickets", &format!("{ADA}{all}")).await;
    assert!(acme.contains("Broken &#60;chair&#62;"), "{acme}");
    let globex = format!("Portcullis-Organization: globex\r\n{all}");
    assert!(!portal.get("/api/tickets", &globex).await.contains("Broken"));
    assert!(portal.get("/api/tickets", &format!("{ADA}{all}")).await.contains("Broken <chair>"));
}

#[tokio::test]
async fn an_invoice_of_any_organization_can_be_paid() {
    let portal = start();
    assert!(portal.get("/invoices/7", ADA).await.contains("/organizations/acme/invoices/7/pay"));
    let paid = portal.post("/organizations/globex/invoices/7/pay", ADA, "").await;
    assert!(paid.starts_with("HTTP/1.1 303 "), "{paid}");
    assert!(portal.get("/invoices/7", ADA).await.contains("<dd>due</dd>"));
    let globex = portal.get("/invoices/7", "Portcullis-Organization: globex\r\n").await;
    assert!(globex.contains("paid by ada"));
    assert!(portal.post("/invoices/999/pay", ADA, "").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn documents_with_escaped_names_open() {
    let portal = start();
    let list = portal.get("/documentation", ADA).await;
    let links: Vec<&str> = list
        .split("href=\"")
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|href| href.starts_with("/documentation/"))
        .collect();
    assert_eq!(links.len(), 5);
    for link in links {
        assert!(portal.get(link, ADA).await.starts_with("HTTP/1.1 200 "), "{link}");
    }
}

#[tokio::test]
async fn a_small_upload_is_kept_and_a_large_one_counted() {
    let portal = start();
    let multipart = "Content-Type: multipart/form-data; boundary=B\r\n";
    let part = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n";
    for (size, status) in [(10, "200"), (5 << 20, "410")] {
        let mut body = part.as_bytes().to_vec();
        body.resize(part.len() + size, b'z');
        body.extend_from_slice(b"\r\n--B--\r\n");
        let headers = format!("{ADA}{multipart}");
        let answer = portal.ask("POST /attachments", &headers, &body).await;
        assert!(
            answer.starts_with("HTTP/1.1 201 ") && answer.contains("<td data-head=\"Name\">x<")
        );
        let list = portal.get("/attachments", ADA).await;
        let link = list.rsplit("href=\"/attachments/").next().unwrap().split('"').next().unwrap();
        let file = portal.get(&format!("/attachments/{link}"), ADA).await;
        assert!(file.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {file:.200}");
        assert_eq!(file.ends_with("\r\n\r\nzzzzzzzzzz"), size == 10);
    }
    for (headers, body) in [
        (multipart, "--B\r\nnonsense".to_owned()),
        (multipart, format!("{}\r\n--B--\r\n", part.replace("\"x\"", "\"\""))),
        (multipart, "--B--\r\n".to_owned()),
        ("", "file=x".to_owned()),
    ] {
        let broken = portal.ask("POST /attachments", headers, body.as_bytes()).await;
        assert!(broken.starts_with("HTTP/1.1 400 ") && broken.contains("<h1>Not"), "{broken}");
    }
    assert_eq!(portal.get("/attachments", ADA).await.matches("data-head=\"Name\"").count(), 2);
}

#[tokio::test]
async fn the_name_of_a_file_is_decoded() {
    let portal = start();
    let body = "--B\r\nContent-Disposition: form-data; name=\"file\"; \
                filename=\"Gr\u{f6}\u{df}e 5%22 100%25.txt\"\r\n\r\nz\r\n--B--\r\n";
    let headers = format!("{ADA}Content-Type: multipart/form-data; boundary=B\r\n");
    let answer = portal.ask("POST /attachments", &headers, body.as_bytes()).await;
    assert!(answer.contains(">Gr\u{f6}\u{df}e 5&#34; 100%25.txt<"), "{answer}");
}

#[tokio::test]
async fn invalid_input_gets_a_page() {
    let portal = start();
    for path in ["/tickets/abc", "/invoices/-1", "/assets/x/remote", "/attachments/99999999999"] {
        let page = portal.get(path, ADA).await;
        assert!(page.starts_with("HTTP/1.1 404 "), "{path}: {page}");
        assert!(page.contains("This page does not exist."), "{path}: {page}");
    }
    for (path, form) in [("/tickets", "text=x"), ("/contacts", "name=x"), ("/appointments", "")] {
        let page = portal.post(path, ADA, form).await;
        assert!(page.starts_with("HTTP/1.1 400 "), "{path}: {page}");
        assert!(page.contains("A field of the form is missing."), "{path}: {page}");
    }
}

#[tokio::test]
async fn an_estimate_is_decided_once() {
    let portal = start();
    assert!(portal.get("/estimates/1", ADA).await.contains("Approve</button>"));
    let approved = portal.post("/estimates/1/approve", ADA, "").await;
    assert!(approved.starts_with("HTTP/1.1 303 "), "{approved}");
    let again = portal.post("/estimates/1/decline", ADA, "").await;
    assert!(again.starts_with("HTTP/1.1 409 ") && again.contains("already approved"), "{again}");
    let page = portal.get("/estimates/1", ADA).await;
    assert!(page.contains("<dd>approved</dd>") && !page.contains("<button"), "{page}");
}

#[tokio::test]
async fn a_requested_visit_is_confirmed_without_the_list() {
    let portal = start();
    let form = "day=2026-12-01&subject=New+%3Cprinter%3E";
    let answer = portal.post("/appointments", ADA, form).await;
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("2026-12-01"), "{answer}");
    assert!(answer.contains("New &#60;printer&#62;"), "{answer}");
    assert!(portal.get("/appointments", ADA).await.contains("New &#60;printer&#62;"));
}

#[tokio::test]
async fn people_are_shown_by_name() {
    let portal = start();
    let ada = format!("{ADA}Portcullis-End-User: 2856a1\r\n");
    let all = format!("{ada}Portcullis-Granted: tickets.view_all, assets.view_all\r\n");
    let mine = format!("{ada}Portcullis-Granted: tickets.view_mine\r\n");
    let main = |page: &str| {
        page.split("<main").nth(1).unwrap().split("</main>").next().unwrap().to_owned()
    };
    for path in ["/tickets", "/assets", "/profile"] {
        let page = main(&portal.get(path, &all).await);
        assert!(page.contains("ada") && !page.contains("2856a1"), "{path}: {page}");
    }
    portal.post("/profile", &ada, "display_name=Ada+Admin&telephone=1").await;
    let page = main(&portal.get("/tickets", &mine).await);
    assert!(page.contains("<td data-head=\"From\">Ada Admin</td>"), "{page}");
}

#[tokio::test]
async fn home_links_to_actions_and_sign_out() {
    let portal = start();
    let home = portal.get("/", ADA).await;
    for address in ["/tickets/new", "/appointments/new", "/.portcullis/sign-out"] {
        assert!(home.contains(&format!("href=\"{address}\"")), "{address}: {home}");
    }
}

#[tokio::test]
async fn a_download_has_the_requested_length() {
    let portal = start();
    let (head, body) = {
        let answer = portal.get("/downloads/1MiB", ADA).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.len())
    };
    assert!(head.contains("content-length: 1048576"), "{head}");
    assert_eq!(body, 1 << 20);
    for wrong in ["/downloads/", "/downloads/-1", "/downloads/1TB", "/downloads/99999999999GiB"] {
        assert!(portal.get(wrong, ADA).await.starts_with("HTTP/1.1 404 "), "{wrong}");
    }
}

#[tokio::test]
async fn a_chat_reaches_only_its_organization() {
    let portal = start();
    let open = async |user: &str, organization: &str| {
        let url = format!("ws://{}/chat/socket", portal.address);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("portcullis-user", user.parse().unwrap());
        request.headers_mut().insert("portcullis-organization", organization.parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().starts_with("Welcome"));
        socket
    };
    let (mut ada, mut ben) = (open("ada", "acme").await, open("ben", "acme").await);
    let mut eve = open("eve", "globex").await;
    ada.send(Message::text("hello")).await.unwrap();
    for socket in [&mut ada, &mut ben] {
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("ada: hello"));
    }
    // Eve's first message is her own: none of the other organization came before it.
    eve.send(Message::text("me")).await.unwrap();
    assert_eq!(eve.next().await.unwrap().unwrap(), Message::text("eve: me"));
    assert!(portal.get("/chat/socket", ADA).await.starts_with("HTTP/1.1 426 "));
}

#[tokio::test]
async fn shutdown_ends_event_streams_and_chats() {
    let portal = start();
    let mut events = TcpStream::connect(portal.address).await.unwrap();
    events.write_all(b"GET /events/stream HTTP/1.1\r\nHost: portal\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("event: tick") {
        let mut buffer = [0; 1024];
        let length = events.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "the stream ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    assert!(seen.contains("text/event-stream"), "{seen}");
    let url = format!("ws://{}/chat/socket", portal.address);
    let (mut chat, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    chat.next().await.unwrap().unwrap();

    portal.stop.send(()).unwrap();
    let mut rest = Vec::new();
    events.read_to_end(&mut rest).await.unwrap();
    assert!(matches!(chat.next().await, Some(Ok(Message::Close(_)))));
    drop(chat);
    portal.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn static_files_have_their_types() {
    let portal = start();
    for (file, media_type) in [("portal.css", "text/css"), ("chat.js", "text/javascript")] {
        let answer = portal.get(&format!("/assets/static/{file}"), "").await;
        assert!(answer.contains(&format!("content-type: {media_type}")), "{answer:.200}");
    }
    assert!(portal.get("/assets/static/other", "").await.starts_with("HTTP/1.1 404 "));
}
