//! Restarts under load, with sockets that the service manager keeps open: no request is refused, cut
//! off or answered with an error.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::support::client::within;
use crate::support::http1;
use crate::support::program::Home;
use crate::support::upstream::Upstream;

const ROUTES: &str = "[[route]]\nname = \"Open\"\npath = \"/open/{*rest}\"\naccess = \"public\"\n";

/// What the clients do, and how it went.
#[derive(Clone)]
struct Load {
    address: SocketAddr,
    stop: CancellationToken,
    answered: watch::Sender<usize>,
    longest: Arc<Mutex<Duration>>,
}

/// How many clients of each kind there are, and how long they take.
struct Clients {
    /// With a new connection for each request.
    fresh: usize,
    /// With a connection that stays open, and a pause between requests.
    slow: usize,
    pause: Duration,
    /// With a connection of HTTP/2, and a pause between requests.
    http2: usize,
    /// That send a body in ten pieces, with a pause before each.
    uploads: usize,
    piece: Duration,
}

type Outcome = Result<(), String>;

impl Load {
    fn note(&self, since: Instant) {
        let mut longest = self.longest.lock();
        *longest = since.elapsed().max(*longest);
        self.answered.send_modify(|count| *count += 1);
    }

    async fn connect(&self) -> Result<BufReader<TcpStream>, String> {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(|error| format!("not connected: {error}"))?;
        stream.set_nodelay(true).unwrap();
        Ok(BufReader::new(stream))
    }

    /// Reads an answer, which must be complete and 200. Returns whether it is the last one.
    async fn read(&self, stream: &mut BufReader<TcpStream>) -> Result<bool, String> {
        let head = http1::head(stream).await.map_err(|error| format!("no answer: {error}"))?;
        let head = head.ok_or("closed without an answer")?;
        if !head.first.starts_with("HTTP/1.1 200 ") {
            return Err(head.first);
        }
        let body = http1::body(stream, &head, true).await;
        body.map_err(|error| format!("cut off: {error}"))?;
        Ok(head.one("connection").is_some_and(|value| value == "close"))
    }

    async fn fresh(self) -> Outcome {
        while !self.stop.is_cancelled() {
            let since = Instant::now();
            let mut stream = self.connect().await?;
            let request = b"GET /open/fresh HTTP/1.1\r\nhost: portal.test\r\n\r\n";
            stream.write_all(request).await.map_err(|error| format!("not sent: {error}"))?;
            self.read(&mut stream).await?;
            self.note(since);
        }
        Ok(())
    }

    async fn slow(self, pause: Duration) -> Outcome {
        let mut stream = self.connect().await?;
        while !self.stop.is_cancelled() {
            // The connection may be closed between two requests, and a client sees that.
            let closed = tokio::time::timeout(pause, stream.fill_buf()).await;
            let mut since = Instant::now();
            if closed.is_ok() {
                stream = self.connect().await?;
                since = Instant::now();
            }
            let request = b"GET /open/slow HTTP/1.1\r\nhost: portal.test\r\n\r\n";
            stream.write_all(request).await.map_err(|error| format!("not sent: {error}"))?;
            let is_last = self.read(&mut stream).await?;
            self.note(since);
            if is_last {
                stream = self.connect().await?;
            }
        }
        Ok(())
    }

    async fn http2(self, pause: Duration) -> Outcome {
        while !self.stop.is_cancelled() {
            let stream = TokioIo::new(self.connect().await?);
            let connecting = http2::handshake(TokioExecutor::new(), stream).await;
            let (mut sender, connection) = connecting.map_err(|error| error.to_string())?;
            let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
            // After GOAWAY, it is not ready.
            while !self.stop.is_cancelled() && sender.ready().await.is_ok() {
                let since = Instant::now();
                let request = Request::get("http://portal.test/open/http2");
                let request = request.body(Empty::<Bytes>::new()).unwrap();
                match sender.send_request(request).await {
                    Ok(response) if response.status() == 200 => {
                        let body = response.into_body().collect().await;
                        body.map_err(|error| format!("cut off: {error}"))?;
                    }
                    Ok(response) => return Err(response.status().to_string()),
                    // A client sends again what was not processed (RFC 9113, section 6.8).
                    Err(error) if error.is_canceled() || is_going_away(&error) => break,
                    Err(error) => return Err(format!("no answer: {error:?}")),
                }
                self.note(since);
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }

    async fn upload(self, piece: Duration) -> Outcome {
        while !self.stop.is_cancelled() {
            let mut stream = self.connect().await?;
            let head =
                b"POST /open/upload HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 10\r\n\r\n";
            stream.write_all(head).await.map_err(|error| format!("not sent: {error}"))?;
            for _ in 0..10 {
                tokio::time::sleep(piece).await;
                stream.write_all(b"a").await.map_err(|error| format!("not sent: {error}"))?;
            }
            let since = Instant::now();
            self.read(&mut stream).await?;
            self.note(since);
        }
        Ok(())
    }
}

/// Whether a stream was not processed, because it was opened after the last one of a GOAWAY.
fn is_going_away(error: &hyper::Error) -> bool {
    format!("{error:?}").contains("GoAway(b\"\", NO_ERROR, Remote)")
}

/// Restarts the gateway this often under load, and returns the longest wait for an answer.
async fn restart(times: usize, clients: Clients) -> (usize, Duration) {
    let portal = Upstream::start().await;
    let home = Home::new(portal.address, ROUTES);
    let sockets =
        ["gateway", "admin"].map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap()));
    let address = sockets[0].1.local_addr().unwrap();
    let start = || async {
        let passed = [0, 1].map(|at| (sockets[at].0, sockets[at].1.try_clone().unwrap().into()));
        let mut command = home.activated(passed);
        command.env("PORTCULLIS__SERVER__SHUTDOWN_GRACE", "20s");
        // All clients have one address.
        command.env("PORTCULLIS__SERVER__LIMITS__ADDRESS_REQUESTS", "10000");
        home.serving(&mut command).await.unwrap()
    };
    let mut program = start().await;
    let load = Load {
        address,
        stop: CancellationToken::new(),
        answered: watch::Sender::new(0),
        longest: Arc::default(),
    };
    let mut running = JoinSet::new();
    for _ in 0..clients.fresh {
        running.spawn(load.clone().fresh());
    }
    for _ in 0..clients.slow {
        running.spawn(load.clone().slow(clients.pause));
    }
    for _ in 0..clients.http2 {
        running.spawn(load.clone().http2(clients.pause));
    }
    for _ in 0..clients.uploads {
        running.spawn(load.clone().upload(clients.piece));
    }
    let mut answered = load.answered.subscribe();
    for _ in 0..times {
        let enough = *answered.borrow() + 5 * (clients.fresh + clients.slow);
        let serving = answered.wait_for(|count| *count >= enough);
        tokio::select! {
            waited = async { drop(within("answers", serving).await.unwrap()) } => waited,
            Some(ended) = running.join_next() => panic!("{ended:?}"),
        }
        program.stop().await;
        program = start().await;
    }
    let enough = *answered.borrow() + clients.fresh + clients.slow;
    within("answers", answered.wait_for(|count| *count >= enough)).await.unwrap();
    load.stop.cancel();
    let ended = within("the end of the clients", running.join_all()).await;
    let failed: Vec<_> = ended.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{failed:?}");
    program.stop().await;
    let longest = *load.longest.lock();
    (*load.answered.borrow(), longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_fail_no_request() {
    let clients = Clients {
        fresh: 2,
        slow: 10,
        pause: Duration::from_millis(50),
        http2: 4,
        uploads: 2,
        piece: Duration::from_millis(50),
    };
    let (answered, longest) = restart(3, clients).await;
    assert!(answered > 100, "{answered}");
    assert!(longest < Duration::from_secs(15), "{longest:?}");
}

#[tokio::test]
async fn connection_waits_while_no_gateway_runs() {
    let portal = Upstream::start().await;
    let home = Home::new(portal.address, ROUTES);
    let sockets =
        ["gateway", "admin"].map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap()));
    let address = sockets[0].1.local_addr().unwrap();
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let request = b"GET /open/a HTTP/1.1\r\nhost: portal.test\r\nconnection: close\r\n\r\n";
    waiting.write_all(request).await.unwrap();
    let passed = sockets.map(|(name, listener)| (name, listener.into()));
    let program = home.serving(&mut home.activated(passed)).await.unwrap();
    let mut answer = String::new();
    within("an answer", waiting.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    program.stop().await;
    // The sockets were the program's alone, so nothing listens now.
    assert!(TcpStream::connect(address).await.is_err());
}

/// Ten restarts with 500 slow connections. `make soak` runs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make soak"]
async fn soak_ten_restarts_under_load_fail_no_request() {
    let clients = Clients {
        fresh: 4,
        slow: 500,
        pause: Duration::from_millis(200),
        http2: 50,
        uploads: 10,
        piece: Duration::from_millis(200),
    };
    let (answered, longest) = restart(10, clients).await;
    println!("10 restarts, {answered} requests, none failed, longest wait {longest:?}");
}
