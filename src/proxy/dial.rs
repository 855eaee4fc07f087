//! Connecting to the portal's servers: TCP, TLS or a Unix socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};

use super::tls_refusal::{Presented, TlsRefusal};
use super::upstream_tls::{UpstreamTlsClient, UpstreamTlsError};
use crate::config::{Transport, Upstream, UpstreamServer};
use portcullis_http1::{Stream, socket};

/// Connects to the portal's servers. Clones share the certificates.
#[derive(Debug, Clone)]
pub struct Dialer {
    /// `None` if no server is `https://`.
    tls: Option<Arc<UpstreamTlsClient>>,
    /// The name that certificates must have, if it is not that of the server's URL.
    name: Option<ServerName<'static>>,
    presented: Presented,
    within: Duration,
}

/// Why there is no connection to a server.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It did not accept the connection, or did not finish the handshake, in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The system refuses the connection, or the server closed it during the handshake.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The TLS handshake failed.
    #[error(transparent)]
    Tls(TlsRefusal),
}

impl Dialer {
    /// Reads the files of `upstream.tls`, if a server needs them.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(settings: &Upstream) -> Result<Self, UpstreamTlsError> {
        let has_https = settings.groups().flatten().any(UpstreamServer::is_https);
        let tls = has_https.then(|| UpstreamTlsClient::read(&settings.tls)).transpose()?;
        Ok(Self {
            tls: tls.map(Arc::new),
            name: settings.tls.name.clone(),
            presented: Presented::by(&settings.tls),
            within: settings.connect_timeout,
        })
    }

    /// The same with another time limit.
    #[must_use]
    pub fn within(&self, within: Duration) -> Self {
        Self { within, ..self.clone() }
    }

    /// The certificates of connections to `https://` servers; `None` without such a server.
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<UpstreamTlsClient>> {
        self.tls.as_ref()
    }

    /// Connects to a server, with the TLS handshake if there is one.
    ///
    /// # Errors
    /// When that fails or takes longer than the time limit.
    pub async fn connect(&self, server: &UpstreamServer) -> Result<Stream, DialError> {
        tokio::time::timeout(self.within, self.connect_untimed(server))
            .await
            .unwrap_or(Err(DialError::TimedOut(self.within)))
    }

    async fn connect_untimed(&self, server: &UpstreamServer) -> Result<Stream, DialError> {
        match &server.transport {
            Transport::Unix(path) => Ok(UnixStream::connect(path).await?.into()),
            Transport::Http => Ok(tcp(&server.address).await?.into()),
            Transport::Https(host) => {
                let stream = tcp(&server.address).await?;
                // Unreachable: one `https://` server is enough for a configuration.
                let Some(tls) = &self.tls else {
                    return Err(io::Error::from(io::ErrorKind::Unsupported).into());
                };
                let name = self.name.as_ref().unwrap_or(host);
                let connected = tls.connector().connect(name.clone(), stream).await;
                connected.map(Into::into).map_err(|error| self.explained(error))
            }
        }
    }

    /// The error of a connection, explained if it is one of TLS.
    #[must_use]
    pub fn explained(&self, error: io::Error) -> DialError {
        self.refusal(&error).map_or(DialError::Io(error), DialError::Tls)
    }

    /// What was wrong with the TLS connection, if that is the reason for this error. A server with
    /// TLS 1.3 refuses the gateway's certificate only after the handshake.
    pub(super) fn refusal(&self, error: &io::Error) -> Option<TlsRefusal> {
        TlsRefusal::of(error, &self.presented)
    }
}

async fn tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    socket::set_keepalive(&SockRef::from(&stream))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;
    use crate::config::Settings;

    fn dialer(server: &str) -> Dialer {
        let text = format!(
            "server.public_url = \"https://portal.example\"\nupstream.servers = [{server:?}]\n"
        );
        let settings = Settings::parse(&text, Path::new("p.toml"), &HashMap::new()).unwrap();
        Dialer::new(&settings.upstream).unwrap()
    }

    #[tokio::test]
    async fn connecting_takes_no_longer_than_allowed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let [plain, https] =
            ["http", "https"].map(|scheme| format!("{scheme}://{address}").parse().unwrap());
        let dialer = dialer(&format!("https://{address}"));
        let dialer = dialer.within(Duration::from_millis(50));
        // The system accepts connections; a handshake needs an answer.
        assert!(dialer.connect(&plain).await.is_ok());
        let error = dialer.connect(&https).await.unwrap_err();
        assert!(matches!(error, DialError::TimedOut(_)), "{error}");
    }
}
