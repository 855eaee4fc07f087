//! Whether the portal responds, for `check --connect`.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::warning::Warning;
use crate::config::{Settings, UpstreamServer, WarningName};

/// What every response of HTTP/1.1 begins with (RFC 9112, section 4).
const STATUS_LINE: &[u8] = b"HTTP/1.";
/// The longest wait for each step.
const LONGEST: Duration = Duration::from_secs(5);

/// The servers that do not respond to a request.
pub(super) fn warnings(settings: &Settings) -> Vec<Warning> {
    let timeout = settings.upstream.connect_timeout.min(LONGEST);
    let host = settings.server.public_url.host().to_string();
    let others = settings.upstream.others.iter();
    let others = others.map(|(name, servers)| (format!("upstream.others.{name}"), servers));
    let all = std::iter::once(("upstream.servers".to_owned(), &settings.upstream.servers));
    all.chain(others)
        .flat_map(|(key, servers)| servers.iter().map(move |server| (key.clone(), server)))
        .filter_map(|(key, server)| {
            let error = probe(server, &host, timeout).err()?;
            let detail = format!(
                "{key}: http://{} does not respond: {error}. Start the portal, or correct the \
                 address",
                server.authority
            );
            Some(Warning::new(WarningName::PortalUnreachable, detail))
        })
        .collect()
}

/// Sends a request for the head of the start page. Any response will do.
fn probe(server: &UpstreamServer, host: &str, timeout: Duration) -> io::Result<()> {
    let mut last = io::Error::other("the name has no address");
    let mut stream = None;
    for address in server.authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(connected) => {
                stream = Some(connected);
                break;
            }
            Err(error) => last = error,
        }
    }
    let Some(mut stream) = stream else { return Err(last) };
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(stream, "HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut begin = [0; STATUS_LINE.len()];
    stream.read_exact(&mut begin).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::other(format!("no response within {} s", timeout.as_secs()))
        }
        io::ErrorKind::UnexpectedEof => io::Error::other("it closes the connection"),
        _ => error,
    })?;
    if begin == *STATUS_LINE {
        Ok(())
    } else {
        Err(io::Error::other("what it sends is not HTTP/1.1"))
    }
}
