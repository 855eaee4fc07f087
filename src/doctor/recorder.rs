//! A stand-in for the portal: it answers every request with 200, and keeps what arrives of doctor's.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use memchr::memmem;
use parking_lot::Mutex;

use super::client::USER_AGENT;

/// The most bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;
/// The most requests that are kept between two questions.
const MAX_KEPT: usize = 16;
/// The longest time for one read.
const LONGEST: Duration = Duration::from_secs(5);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 33\r\n\
    Connection: close\r\n\r\nportcullis doctor was asked here.\n";

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    stopped: AtomicBool,
}

/// A request as the portal would get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) method: String,
    pub(super) target: String,
    /// Names as they were sent.
    fields: Vec<(String, String)>,
}

impl Recorder {
    /// Listens at `host:port`.
    ///
    /// # Errors
    /// When something else listens there, or it is not an address of this machine.
    pub(super) fn listen(at: &str) -> io::Result<Self> {
        let addresses: Vec<_> = at.to_socket_addrs()?.collect();
        let listener = TcpListener::bind(&*addresses)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let serving = std::thread::spawn(move || serve(&listener, &for_thread));
        Ok(Self { address, shared, serving: Some(serving) })
    }

    /// What has arrived while a question was asked: the first request of it.
    pub(super) fn during<T>(&self, ask: impl FnOnce() -> T) -> (T, Option<Arrived>) {
        self.shared.arrived.lock().clear();
        let answer = ask();
        let arrived = self.shared.arrived.lock().first().cloned();
        (answer, arrived)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Ends the wait for a connection.
        let woken = TcpStream::connect_timeout(&self.address, LONGEST).is_ok();
        if let Some(serving) = self.serving.take().filter(|_| woken) {
            let _ = serving.join();
        }
    }
}

impl Arrived {
    fn of_head(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ').map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        Some(Self { method, target, fields: lines.filter_map(field).collect() })
    }

    /// The fields, with names as they were sent.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of the fields with a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(field, _): &(&str, &str)| field.eq_ignore_ascii_case(name);
        self.fields().filter(named).map(|(_, value)| value)
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // One that says nothing must not keep the others waiting.
        std::thread::spawn(move || {
            let _ = answer(stream, &shared);
        });
    }
}

fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(LONGEST))?;
    stream.set_write_timeout(Some(LONGEST))?;
    let mut bytes = Vec::new();
    let mut part = [0; 8 * 1024];
    let end = loop {
        if let Some(end) = memmem::find(&bytes, b"\r\n\r\n") {
            break end;
        }
        let count = stream.read(&mut part)?;
        if count == 0 || bytes.len() > MAX_HEAD {
            return Ok(());
        }
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
    };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    // Others ask too: proxies, whether the portal responds.
    if let Some(arrived) = Arrived::of_head(&head)
        && arrived.all("user-agent").any(|agent| agent == USER_AGENT)
    {
        let mut kept = shared.arrived.lock();
        if kept.len() < MAX_KEPT {
            kept.push(arrived);
        }
    }
    stream.write_all(ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::client::{Ask, Client, Endpoint};

    #[test]
    fn requests_of_doctor_are_kept_and_others_are_not() {
        let recorder = Recorder::listen("127.0.0.1:0").unwrap();
        let server = format!("http://{}", recorder.address).parse().unwrap();
        let endpoint = Endpoint::portal(&server, "portal.test").unwrap();
        let client = Client::within(LONGEST);
        let ask = Ask::get("/a//b").with("X_User", "a").with("X_User", "b");
        let (answer, arrived) = recorder.during(|| client.ask(&endpoint, &ask));
        assert_eq!(answer.unwrap().status, 200);
        let arrived = arrived.unwrap();
        assert_eq!((&*arrived.method, &*arrived.target), ("GET", "/a//b"));
        assert_eq!(arrived.all("x_user").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(arrived.all("x-user").count(), 0);

        let ((), nothing) = recorder.during(|| {
            let mut other = TcpStream::connect(recorder.address).unwrap();
            other.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
            other.read_to_end(&mut Vec::new()).unwrap();
        });
        assert_eq!(nothing, None);
    }

    #[test]
    fn address_is_free_again_when_the_recorder_is_dropped() {
        let recorder = Recorder::listen("127.0.0.1:0").unwrap();
        let address = recorder.address.to_string();
        assert!(Recorder::listen(&address).is_err());
        drop(recorder);
        assert!(Recorder::listen(&address).is_ok());
    }
}
