//! Traefik's `ForwardAuth` (`pkg/middlewares/auth/forward.go`, 3.7), spoken by these tests, because no
//! package of it is to be had: what it asks, what it takes from the answer, and what it passes on.

use std::net::SocketAddr;

use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::proxy::example;
use crate::support::http1::{self, Head};
use crate::support::wire::status;

/// What Traefik removes from the question and from refusals: fields of one connection.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a proxy before another program removes, besides what it sets itself.
const REMOVED: [&str; 4] =
    ["forwarded", "x-forwarded-protocol", "x-forwarded-scheme", "x-forwarded-ssl"];

/// The middleware's settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where it asks; the path of `address`.
    path: String,
    /// `None`: the address of the gate.
    asked: Option<SocketAddr>,
    /// `authResponseHeaders`
    taken: Vec<String>,
    /// `authResponseHeadersRegex`, of which the tests know `(?i)^(PREFIX|PREFIX)`.
    prefixes: Vec<String>,
}

/// The proxy. It ends when this is dropped.
pub(crate) struct Traefik {
    pub(crate) address: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
}

impl Settings {
    /// Those of the example that ships, which is held to what makes it safe.
    pub(crate) fn of_example() -> Self {
        let text = example("traefik/portal.yaml");
        let value = |name: &str| {
            let line =
                text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            let value = line.unwrap_or_else(|| panic!("`{name}` is not in the example"));
            value.split(" #").next().unwrap().trim().trim_matches('"').to_owned()
        };
        // Otherwise clients choose what is asked about.
        assert_eq!(value("trustForwardHeader"), "false");
        let regex = value("authResponseHeadersRegex");
        let listed = regex.strip_prefix("(?i)^(").and_then(|regex| regex.strip_suffix(')'));
        let prefixes = listed.expect("the form that the tests know").split('|');
        let (_, list) = text.split_once("authResponseHeaders:\n").expect("a list");
        let taken = list.lines().map_while(|line| line.trim().strip_prefix("- "));
        let address: Uri = value("address").parse().unwrap();
        Self {
            path: address.path().to_owned(),
            asked: None,
            taken: taken.map(str::to_owned).collect(),
            prefixes: prefixes.map(str::to_owned).collect(),
        }
    }

    /// For the endpoint of another program.
    pub(crate) fn for_endpoint(endpoint: &str, fields: &[String]) -> Self {
        let url: Uri = endpoint.parse().unwrap_or_else(|error| panic!("{endpoint}: {error}"));
        let asked = url.authority().and_then(|authority| authority.as_str().parse().ok());
        let asked = Some(asked.unwrap_or_else(|| panic!("{endpoint}: http://ADDRESS:PORT/…")));
        let path = url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Self { path, asked, taken: fields.to_vec(), prefixes: REMOVED.map(str::to_owned).to_vec() }
    }

    /// Starts it before a portal, to ask at the endpoint of [`for_endpoint`](Self::for_endpoint).
    pub(crate) async fn start_for(self, portal: SocketAddr) -> Traefik {
        let asked = self.asked.expect("an endpoint");
        self.start((asked, portal)).await
    }

    /// Starts it, to ask at the first address before a portal at the second.
    pub(crate) async fn start(self, (asked, portal): (SocketAddr, SocketAddr)) -> Traefik {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            let mut connections = Vec::new();
            loop {
                let (stream, client) = listener.accept().await.unwrap();
                let settings = self.clone();
                connections.push(AbortOnDropHandle::new(tokio::spawn(async move {
                    let served = settings.serve(stream, client, (asked, portal)).await;
                    // The client may have gone.
                    drop(served);
                })));
            }
        });
        Traefik { address, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// One request, which ends the connection.
    async fn serve(
        &self,
        stream: TcpStream,
        client: SocketAddr,
        (asked, portal): (SocketAddr, SocketAddr),
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let Some(head) = http1::head(&mut stream).await? else { return Ok(()) };
        let target = head.first.split(' ').nth(1).unwrap_or_default().to_owned();
        // The routers of the example.
        let refused = ["/.portcullis/verify", "/.portcullis/answer"];
        if refused.iter().any(|path| target.starts_with(path)) {
            return stream
                .get_mut()
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
        let forwarded = forwarded(&head, client);
        if target.starts_with("/.portcullis/") {
            return relay(stream, &head, &forwarded, asked).await;
        }
        let question = self.question(&head, &forwarded, asked);
        let exchange = async {
            let mut authority = BufReader::new(TcpStream::connect(asked).await?);
            authority.get_mut().write_all(question.as_bytes()).await?;
            let answer =
                http1::head(&mut authority).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
            let body = http1::body(&mut authority, &answer, true).await?;
            Ok::<_, std::io::Error>((answer, body))
        };
        // Traefik waits for 30 seconds; the tests do not.
        let exchange = tokio::time::timeout(std::time::Duration::from_secs(3), exchange).await;
        let Ok(Ok((answer, body))) = exchange else {
            let failed = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
            return stream.get_mut().write_all(failed).await;
        };
        if !(200..300).contains(&status(&answer)) {
            let mut refusal = format!("{}\r\n", answer.first);
            for (name, value) in without(&answer.fields, &HOP_BY_HOP) {
                refusal.push_str(&format!("{name}: {value}\r\n"));
            }
            let is_head = head.first.starts_with("HEAD ");
            let body = if is_head { &[][..] } else { &body.bytes };
            return stream.get_mut().write_all(&[refusal.as_bytes(), b"\r\n", body].concat()).await;
        }
        let mut allowed = forwarded;
        self.take(&answer, &mut allowed);
        relay(stream, &head, &allowed, portal).await
    }

    /// The question: GET, every field of the client, and the fields about the request.
    fn question(&self, head: &Head, forwarded: &[(String, String)], asked: SocketAddr) -> String {
        let mut words = head.first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut question = format!("GET {} HTTP/1.1\r\nhost: {asked}\r\n", self.path);
        let own = ["host", "content-length", "x-forwarded-method", "x-forwarded-uri"];
        for (name, value) in without(forwarded, &[&own[..], &HOP_BY_HOP].concat()) {
            question.push_str(&format!("{name}: {value}\r\n"));
        }
        question + &format!("x-forwarded-method: {method}\r\nx-forwarded-uri: {target}\r\n\r\n")
    }

    /// Takes the listed fields of the answer in place of the client's.
    fn take(&self, answer: &Head, fields: &mut Vec<(String, String)>) {
        let matches = |name: &str| {
            let name = name.to_ascii_lowercase();
            self.prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        let listed = |name: &str| self.taken.iter().any(|taken| taken.eq_ignore_ascii_case(name));
        fields.retain(|(name, _)| !listed(name) && !matches(name));
        let taken = answer.fields.iter().filter(|(name, _)| listed(name) || matches(name));
        fields.extend(taken.cloned());
    }
}

/// The request's fields as the entry point makes them: it believes no client about itself.
fn forwarded(head: &Head, client: SocketAddr) -> Vec<(String, String)> {
    let own = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-server",
        "x-forwarded-uri",
        "x-forwarded-method",
        "x-real-ip",
    ];
    let mut fields: Vec<(String, String)> = without(&head.fields, &own).cloned().collect();
    let host = head.one("host").unwrap_or_default();
    let websocket = head.one("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    for (name, value) in [
        ("x-forwarded-for", client.ip().to_string()),
        ("x-forwarded-proto", if websocket { "ws" } else { "http" }.to_owned()),
        ("x-forwarded-host", host.to_owned()),
        ("x-forwarded-port", "80".to_owned()),
        ("x-forwarded-server", "proxy".to_owned()),
        ("x-real-ip", client.ip().to_string()),
    ] {
        fields.push((name.to_owned(), value));
    }
    fields
}

/// The fields but for these.
fn without<'a>(
    fields: &'a [(String, String)],
    names: &'a [&'a str],
) -> impl Iterator<Item = &'a (String, String)> {
    let listed = |name: &str| names.iter().any(|listed| listed.eq_ignore_ascii_case(name));
    fields.iter().filter(move |(name, _)| !listed(name))
}

/// Sends the request on with these fields, and everything else as it comes.
async fn relay(
    mut client: BufReader<TcpStream>,
    head: &Head,
    fields: &[(String, String)],
    to: SocketAddr,
) -> std::io::Result<()> {
    let websocket = head.one("upgrade").is_some();
    let mut text = format!("{}\r\n", head.first);
    let connection = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"];
    for (name, value) in without(fields, &connection) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if websocket {
        text.push_str("connection: Upgrade\r\nupgrade: websocket\r\n");
    }
    let mut server = BufReader::new(TcpStream::connect(to).await?);
    server.get_mut().write_all(format!("{text}\r\n").as_bytes()).await?;
    if websocket {
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    // The answer is complete when the server has it: what the client still sends goes on.
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let upload = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        std::future::pending::<()>().await;
    };
    let download = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from_server.read(&mut buffer).await? {
                0 => return Ok(()),
                count => to_client.write_all(&buffer[..count]).await?,
            }
        }
    };
    tokio::select! {
        () = upload => Ok(()),
        ended = download => ended,
    }
}
