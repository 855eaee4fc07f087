//! The portal of the tests: records every request as received, and sends the configured responses.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::support::http1::{self, Body, Head};

/// Answers on a port of its own until dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Arc<Seen>>>,
    connections: AtomicUsize,
    complaints: Mutex<Vec<String>>,
    answers: Mutex<HashMap<String, Answer>>,
    changed: Notify,
}

type Answered = io::Result<Option<Exchange>>;
type Answer = Arc<dyn Fn(Exchange) -> BoxFuture<'static, Answered> + Send + Sync>;

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) head: Head,
    pub(crate) method: String,
    pub(crate) target: String,
    body: OnceLock<Body>,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) seen: Arc<Seen>,
    pub(crate) stream: BufReader<TcpStream>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Starts it at this address.
    pub(crate) async fn listen(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let mut connections = Vec::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let shared = Arc::clone(&shared);
                    connections.push(AbortOnDropHandle::new(tokio::spawn(async move {
                        // Not those that only ask whether the portal is there.
                        if stream.peek(&mut [0]).await.is_ok_and(|length| length > 0) {
                            shared.connections.fetch_add(1, Ordering::SeqCst);
                        }
                        shared.serve(stream).await;
                    })));
                }
            }
        });
        Self { address, shared, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Answers requests for a path (without query) so. The answer gives the exchange back to go on
    /// with the connection, and keeps or drops it to end it.
    pub(crate) fn answer<F, Fut>(&self, path: &str, answer: F)
    where
        F: Fn(Exchange) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answered> + Send + 'static,
    {
        let answer: Answer = Arc::new(move |exchange| Box::pin(answer(exchange)));
        self.shared.answers.lock().insert(path.to_owned(), answer);
    }

    /// Answers requests for a path with these very bytes, after having read the request's body,
    /// and ends the connection.
    pub(crate) fn answer_bytes(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        self.answer(path, move |mut exchange| {
            let bytes = bytes.clone();
            async move {
                exchange.body().await?;
                exchange.write(&bytes).await?;
                Ok(None)
            }
        });
    }

    /// Answers requests for a path with the first bytes, and with the rest once notified.
    pub(crate) fn answer_in_parts(
        &self,
        path: &str,
        first: &'static str,
        rest: &'static str,
    ) -> Arc<Notify> {
        let go_on = Arc::new(Notify::new());
        let notified = Arc::clone(&go_on);
        self.answer(path, move |mut exchange| {
            let notified = Arc::clone(&notified);
            async move {
                exchange.write(first.as_bytes()).await?;
                notified.notified().await;
                exchange.write(rest.as_bytes()).await?;
                Ok(Some(exchange))
            }
        });
        go_on
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Arc<Seen>> {
        self.shared.seen.lock().clone()
    }

    /// Forgets the requests so far.
    pub(crate) fn forget(&self) {
        self.shared.seen.lock().clear();
    }

    /// The one request since the last time, taken.
    pub(crate) fn take_one(&self) -> Arc<Seen> {
        let mut seen = std::mem::take(&mut *self.shared.seen.lock());
        assert_eq!(seen.len(), 1, "not one request but {seen:?}");
        seen.remove(0)
    }

    /// Notified when the next request is there.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.shared.changed.notified()
    }

    /// Waits until a request for the path is there.
    pub(crate) async fn arrived(&self, path: &str) -> Arc<Seen> {
        loop {
            let changed = self.shared.changed.notified();
            if let Some(seen) = self.seen().into_iter().find(|seen| seen.path() == path) {
                return seen;
            }
            changed.await;
        }
    }

    /// How many connections there have been that carried something.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// What should never have been sent to a portal.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.shared.complaints.lock().clone()
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let head = match http1::head(&mut stream).await {
                Ok(Some(head)) => head,
                Ok(None) => return,
                Err(error) => return self.complain(format!("a head broke off: {error}")),
            };
            let mut words = head.first.split(' ').map(str::to_owned);
            let (Some(method), Some(target), Some("HTTP/1.1"), None) =
                (words.next(), words.next(), words.next().as_deref(), words.next())
            else {
                return self.complain(format!("a request line: {:?}", head.first));
            };
            self.inspect(&head, &target);
            let seen = Arc::new(Seen { head, method, target, body: OnceLock::new() });
            self.seen.lock().push(Arc::clone(&seen));
            self.changed.notify_waiters();
            let answer = self.answers.lock().get(seen.path()).cloned();
            let exchange = Exchange { seen, stream };
            let answered = match answer {
                Some(answer) => answer(exchange).await,
                None => exchange.hello().await,
            };
            match answered {
                Ok(Some(exchange)) => stream = exchange.stream,
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// What must hold of every request that any test lets through.
    fn inspect(&self, head: &Head, target: &str) {
        for ambiguity in head.ambiguities() {
            self.complain(format!("{ambiguity}: {target}"));
        }
        if head.all("host").len() != 1 {
            self.complain(format!("hosts {:?}: {target}", head.all("host")));
        }
        if !target.starts_with('/') || target.contains('#') {
            self.complain(format!("a target: {target:?}"));
        }
        // I4: the session token never leaves the gateway.
        let ours = ["portcullis=", "__Host-portcullis="];
        let mut cookies = head.all("cookie").into_iter().flat_map(|line| line.split(';'));
        if cookies.any(|cookie| ours.iter().any(|name| cookie.trim().starts_with(name))) {
            self.complain(format!("our cookie: {target}"));
        }
        let mut identities: Vec<String> = head
            .fields
            .iter()
            .map(|(name, _)| folded(name))
            .filter(|name| name.starts_with("portcullis"))
            .collect();
        identities.sort();
        if identities.windows(2).any(|pair| pair[0] == pair[1]) {
            self.complain(format!("identity given twice: {:?}", head.fields));
        }
    }

    fn complain(&self, complaint: String) {
        self.complaints.lock().push(complaint);
    }
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The body, once the answer has read it.
    pub(crate) fn body(&self) -> &Body {
        self.body.get().expect("the body was not read whole")
    }

    /// The values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.head.all(name)
    }

    /// The value of a field that may be there once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.head.one(name)
    }
}

impl Exchange {
    /// Reads the request's body.
    pub(crate) async fn body(&mut self) -> io::Result<&Body> {
        let body = http1::body(&mut self.stream, &self.seen.head, false).await?;
        Ok(self.seen.body.get_or_init(|| body))
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes).await
    }

    /// Answers 200 with a text, and goes on.
    pub(crate) async fn reply(mut self, text: &str) -> Answered {
        let length = text.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n"
        );
        self.write(head.as_bytes()).await?;
        if self.seen.method != "HEAD" {
            self.write(text.as_bytes()).await?;
        }
        Ok(Some(self))
    }

    /// Reads on until the gateway closes the connection.
    pub(crate) async fn closed(&mut self) {
        let mut sink = [0; 1024];
        while !matches!(self.stream.read(&mut sink).await, Ok(0) | Err(_)) {}
    }

    async fn hello(mut self) -> Answered {
        self.body().await?;
        let text = format!("the portal saw {} {}", self.seen.method, self.seen.target);
        self.reply(&text).await
    }
}

/// Reads and discards a body of known length. Returns the number of bytes read.
pub(crate) async fn drain<R: AsyncRead + Unpin>(from: &mut R, length: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut read = 0;
    while read < length {
        match from.read(&mut buffer).await? {
            0 => break,
            count => read += count as u64,
        }
    }
    Ok(read)
}

/// A field's name as portals compare it that take dashes, underscores and dots for the same.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
