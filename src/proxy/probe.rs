//! A request of the gateway itself to a server of the portal: whether it responds, and how.

use std::io;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::dial::{DialError, Dialer};
use crate::config::UpstreamServer;

/// `HTTP/1.1 200`: what a response begins with (RFC 9112, section 4).
const STATUS_LINE: usize = 12;

/// What is requested.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The method.
    pub method: Method,
    /// `Host`.
    pub host: String,
    /// The path and query.
    pub target: String,
    /// How long the response may take, after connecting.
    pub within: Duration,
}

impl Probe {
    /// Sends the request over a connection of its own. The rest of the response is not read.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not respond with HTTP/1 in time.
    pub async fn send(
        &self,
        server: &UpstreamServer,
        dialer: &Dialer,
    ) -> Result<StatusCode, DialError> {
        let Self { method, host, target, within } = self;
        let mut stream = dialer.connect(server).await?;
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Portcullis\r\nConnection: \
             close\r\n\r\n"
        );
        let mut begin = [0; STATUS_LINE];
        let answered = async {
            stream.write_all(request.as_bytes()).await?;
            stream.flush().await?;
            stream.read_exact(&mut begin).await
        };
        match tokio::time::timeout(*within, answered).await {
            Ok(answered) => answered.map_err(|error| dialer.explained(closed(error)))?,
            Err(_) => {
                return Err(io::Error::other(format!("no response within {within:?}")).into());
            }
        };
        status(&begin).ok_or_else(|| io::Error::other("what it sends is not HTTP/1.1").into())
    }
}

fn status(begin: &[u8]) -> Option<StatusCode> {
    let (version, code) = std::str::from_utf8(begin).ok()?.split_once(' ')?;
    version.starts_with("HTTP/1.").then(|| code.parse().ok())?
}

fn closed(error: io::Error) -> io::Error {
    match error.kind() {
        // TLS has a text of its own for this.
        io::ErrorKind::UnexpectedEof => io::Error::other("it closes the connection"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_that_of_an_http_1_response() {
        for (begin, expected) in [
            ("HTTP/1.1 200", Some(200)),
            ("HTTP/1.0 503", Some(503)),
            ("HTTP/2.0 200", None),
            ("HTTP/1.1 2x0", None),
            ("SSH-2.0-Open", None),
            ("HTTP/1.1  20", None),
        ] {
            assert_eq!(status(begin.as_bytes()).map(|status| status.as_u16()), expected, "{begin}");
        }
        assert_eq!(status(&[0xff; STATUS_LINE]), None);
    }
}
