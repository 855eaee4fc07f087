//! Whose connection it is, where a load balancer names the client with the PROXY protocol.
//!
//! Every listener reads the header before anything else, a TLS handshake included.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::AsyncRead;

use super::connection_tracker::ConnectionGuard;
use super::proxy_header::{self, HeaderError};
use super::read_ahead::ReadAhead;
use crate::config::PeerSet;
use crate::web::peer::Peer;

/// The load balancers whose connections to a listener begin with a header; empty by default.
#[derive(Debug, Clone, Default)]
pub struct ProxyProtocol {
    peers: PeerSet,
    /// The setting that names them.
    setting: &'static str,
    header_timeout: Duration,
}

/// Why a connection has no usable header.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the connection ended within the header: {0}")]
    Connection(#[from] io::Error),
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl ProxyProtocol {
    /// Expects headers from these peers, which `setting` names, and each within `header_timeout`.
    #[must_use]
    pub const fn new(peers: PeerSet, setting: &'static str, header_timeout: Duration) -> Self {
        Self { peers, setting, header_timeout }
    }

    /// Whether connections from `peer` begin with a header.
    pub(super) fn applies_to(&self, peer: Peer) -> bool {
        peer.is_in(&self.peers)
    }

    /// Whose connection it is: the peer's, or that of the client which the header of a load balancer
    /// names. Nothing of what follows the header is taken from the stream. `None` if the connection
    /// cannot be used.
    pub(super) async fn client<S: AsyncRead + Unpin>(
        &self,
        stream: &mut ReadAhead<S>,
        peer: Peer,
        guard: &ConnectionGuard,
    ) -> Option<Peer> {
        if !self.applies_to(peer) {
            return Some(peer);
        }
        let read = tokio::select! {
            read = tokio::time::timeout(self.header_timeout, read(stream)) => read,
            () = guard.shutdown_without_request() => return None,
        };
        match read {
            Ok(Ok(client)) => Some(client.map_or(peer, Peer::from)),
            // Balancers also connect to find out whether the gateway is there.
            Ok(Err(ReadError::Connection(error))) => {
                tracing::debug!(%error, client.address = %peer, "no header of the PROXY protocol");
                None
            }
            Ok(Err(error @ ReadError::Header(_))) => {
                tracing::warn!(
                    %error,
                    client.address = %peer,
                    "connection refused: a header of the PROXY protocol is required ({})",
                    self.setting
                );
                None
            }
            Err(_) => {
                tracing::warn!(
                    client.address = %peer,
                    "connection refused: the header of the PROXY protocol did not come in time ({})",
                    self.setting
                );
                None
            }
        }
    }
}

/// Reads the header and takes it away. Returns the client that it names.
async fn read<S: AsyncRead + Unpin>(
    stream: &mut ReadAhead<S>,
) -> Result<Option<IpAddr>, ReadError> {
    loop {
        if stream.read_more(proxy_header::LONGEST).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some(header) = proxy_header::parse(stream.ahead())? {
            stream.skip(header.length);
            return Ok(header.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;
    use crate::config::Settings;
    use crate::net::connection_tracker::ConnectionTracker;

    const HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 443\r\n";
    const TIMEOUT: Duration = Duration::from_secs(10);

    /// The balancers of `server.proxy_protocol`, with this value.
    fn balancers(peers: &str) -> ProxyProtocol {
        let text = format!(
            "server.public_url = \"http://a\"\nserver.proxy_protocol = {peers}\n\
             upstream.servers = [\"http://b\"]"
        );
        let settings = Settings::parse(&text, Path::new("test.toml"), &HashMap::new()).unwrap();
        ProxyProtocol::new(settings.server.proxy_protocol, "server.proxy_protocol", TIMEOUT)
    }

    fn address(text: &str) -> Peer {
        text.parse::<IpAddr>().unwrap().into()
    }

    /// Whose connection it is that sends these pieces from `peer`, and what follows the header.
    async fn client(peer: Peer, pieces: &[&[u8]]) -> (Option<Peer>, Vec<u8>) {
        let guard = ConnectionTracker::new(1).try_open().unwrap();
        let (mut sender, stream) = tokio::io::duplex(1000);
        let mut stream = ReadAhead::new(stream);
        let sending = async {
            for piece in pieces {
                sender.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(sender);
        };
        let reading = async {
            let balancers = balancers(r#"["10.0.0.0/8", "2001:db8::/32", "unix:"]"#);
            let client = balancers.client(&mut stream, peer, &guard).await;
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            (client, rest)
        };
        tokio::join!(sending, reading).1
    }

    #[tokio::test]
    async fn client_is_the_one_that_the_header_names() {
        let body = b"\x16\x03\x01 a handshake";
        let whole = [HEADER, body].concat();
        let bytes: Vec<_> = whole.chunks(1).collect();
        let peers = ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"].map(address);
        for pieces in [&[&whole[..]][..], &[HEADER, body], &bytes] {
            for peer in peers.into_iter().chain([Peer::Unix]) {
                let (client, rest) = client(peer, pieces).await;
                assert_eq!(client, Some(address("192.0.2.7")), "{peer}");
                assert_eq!(rest, body, "{peer}");
            }
        }
        for peer in [address("10.0.0.1"), Peer::Unix] {
            assert_eq!(client(peer, &[b"PROXY UNKNOWN\r\n"]).await.0, Some(peer));
        }
    }

    #[tokio::test]
    async fn header_from_elsewhere_is_not_read() {
        let stranger = address("192.0.2.9");
        assert_eq!(client(stranger, &[HEADER]).await, (Some(stranger), HEADER.to_vec()));
        for peers in ["[]", r#"["0.0.0.0/0", "::/0"]"#] {
            assert!(!balancers(peers).applies_to(Peer::Unix), "{peers}");
        }
    }

    #[tokio::test]
    async fn connection_without_a_header_is_not_used() {
        for pieces in [&[&b"GET / HTTP/1.1\r\n"[..]][..], &[b"PROXY TCP4 192"], &[b""], &[]] {
            assert_eq!(client(address("10.0.0.1"), pieces).await.0, None, "{pieces:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn header_has_a_timeout() {
        let guard = ConnectionTracker::new(1).try_open().unwrap();
        let (mut sender, stream) = tokio::io::duplex(1000);
        sender.write_all(&HEADER[..20]).await.unwrap();
        let began = Instant::now();
        let mut stream = ReadAhead::new(stream);
        let balancers = balancers(r#"["10.0.0.0/8"]"#);
        assert_eq!(balancers.client(&mut stream, address("10.0.0.1"), &guard).await, None);
        assert!((TIMEOUT..TIMEOUT * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}
