//! Whether the portal responds, for `check --connect`.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Builder;

use super::warning::Warning;
use crate::config::{Settings, UpstreamServer, WarningName};
use crate::proxy::dial::{DialError, Dialer};

/// What every response of HTTP/1.1 begins with (RFC 9112, section 4).
const STATUS_LINE: &[u8] = b"HTTP/1.";
/// The longest wait for each step.
const LONGEST: Duration = Duration::from_secs(5);

/// The servers that do not respond to a request. None if `upstream.tls` cannot be used, which is an
/// error of the check.
pub(super) fn warnings(settings: &Settings) -> Vec<Warning> {
    let timeout = settings.upstream.connect_timeout.min(LONGEST);
    let host = settings.server.public_url.host().to_string();
    let Ok(dialer) = Dialer::new(&settings.upstream) else { return Vec::new() };
    let dialer = dialer.within(timeout);
    let others = settings.upstream.others.iter();
    let others = others.map(|(name, servers)| (format!("upstream.others.{name}"), servers));
    let all = std::iter::once(("upstream.servers".to_owned(), &settings.upstream.servers));
    all.chain(others)
        .flat_map(|(key, servers)| servers.iter().map(move |server| (key.clone(), server)))
        .filter_map(|(key, server)| {
            let error = probe(server, &host, &dialer, timeout).err()?;
            let detail = format!(
                "{key}: {server} does not respond: {error}. Start the portal, or correct the address"
            );
            Some(Warning::new(WarningName::PortalUnreachable, detail))
        })
        .collect()
}

/// Sends a request for the head of the start page. Any response will do.
fn probe(
    server: &UpstreamServer,
    host: &str,
    dialer: &Dialer,
    timeout: Duration,
) -> Result<(), DialError> {
    let probe = async {
        let mut stream = dialer.connect(server).await?;
        let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut begin = [0; STATUS_LINE.len()];
        let answered = async {
            stream.write_all(request.as_bytes()).await?;
            stream.flush().await?;
            stream.read_exact(&mut begin).await
        };
        match tokio::time::timeout(timeout, answered).await {
            Ok(answered) => answered.map_err(|error| dialer.explained(closed(error)))?,
            Err(_) => {
                let seconds = timeout.as_secs();
                return Err(io::Error::other(format!("no response within {seconds} s")).into());
            }
        };
        if begin == *STATUS_LINE {
            Ok(())
        } else {
            Err(io::Error::other("what it sends is not HTTP/1.1").into())
        }
    };
    Builder::new_current_thread().enable_all().build()?.block_on(probe)
}

fn closed(error: io::Error) -> io::Error {
    match error.kind() {
        // TLS has a text of its own for this.
        io::ErrorKind::UnexpectedEof => io::Error::other("it closes the connection"),
        _ => error,
    }
}
