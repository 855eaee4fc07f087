//! Connecting to the portal's servers: TCP, TLS or a Unix socket.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::tls_refusal::{Presented, TlsRefusal};
use crate::config::{Transport, Upstream, UpstreamServer, UpstreamTls};
use crate::credential::{authorities, pem};
use portcullis_http1::{Stream, socket};

/// The only protocol that is spoken to the portal.
const HTTP_1: &[u8] = b"http/1.1";

/// A file of `upstream.tls` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("upstream.tls{0}")]
pub struct UpstreamTlsError(String);

/// Connects to the portal's servers.
#[derive(Clone)]
pub struct Dialer {
    /// `None` if no server is `https://`.
    tls: Option<TlsConnector>,
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
        let tls = has_https.then(|| config(&settings.tls)).transpose()?;
        Ok(Self {
            tls: tls.map(|config| TlsConnector::from(Arc::new(config))),
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
                let connected = tls.connect(name.clone(), stream).await;
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

/// TLS 1.2 and 1.3. Certificates are always verified.
fn config(settings: &UpstreamTls) -> Result<ClientConfig, UpstreamTlsError> {
    let authorities = match &settings.ca {
        Some(file) => {
            let mut authorities = RootCertStore::empty();
            authorities::add_file(&mut authorities, file)
                .map_err(|cause| UpstreamTlsError(format!(".ca: {}: {cause}", file.display())))?;
            authorities
        }
        None => authorities::of_system(),
    };
    let unusable = |error: rustls::Error| UpstreamTlsError(format!(": cannot be used: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(authorities);
    let mut config = match &settings.client {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let wrong = |key: &str, file: &Path, cause: String| {
                UpstreamTlsError(format!(".{key}: {}: {cause}", file.display()))
            };
            let no_certificate = |cause| wrong("certificate", &files.certificate, cause);
            let chain = pem::read(&files.certificate).map_err(no_certificate)?;
            let chain = pem::certificates(&chain).map_err(no_certificate)?;
            let no_key = |cause| wrong("key", &files.key, cause);
            let key = pem::read(&files.key).map_err(no_key)?;
            let key = pem::private_key(&key).map_err(no_key)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => no_key(format!(
                    "does not belong to the first certificate in {}",
                    files.certificate.display()
                )),
                error => unusable(error),
            })?
        }
    };
    config.alpn_protocols = vec![HTTP_1.to_vec()];
    Ok(config)
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::Settings;

    fn dialer(servers: &str, tls: &str) -> Result<Dialer, String> {
        let text = format!(
            "server.public_url = \"https://portal.example\"\n[upstream]\nservers = [{servers:?}]\n\
             {tls}\n"
        );
        let settings = Settings::parse(&text, Path::new("p.toml"), &HashMap::new()).unwrap();
        Dialer::new(&settings.upstream).map_err(|error| error.to_string())
    }

    #[test]
    fn unusable_files_are_named_with_their_setting() {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let generate = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (ours, other) = (generate("gateway.example"), generate("other.example"));
        let certificate = file("gateway.crt", &ours.cert.pem());
        let key = file("gateway.key", &ours.signing_key.serialize_pem());
        let other_key = file("other.key", &other.signing_key.serialize_pem());
        let missing = folder.path().join("missing.pem");
        let ca = |path: &Path| format!("tls.ca = {path:?}");
        let client = |certificate: &Path, key: &Path| {
            format!("tls.certificate = {certificate:?}\ntls.key = {key:?}")
        };
        let https = "https://portal.internal";
        for tls in [ca(&certificate), client(&certificate, &key)] {
            assert!(dialer(https, &tls).is_ok(), "{tls}");
        }
        for (tls, setting, cause) in [
            (ca(&missing), "ca", "missing.pem: does not exist"),
            (ca(&key), "ca", "gateway.key: has a private key and no certificate"),
            (client(&missing, &key), "certificate", "missing.pem: does not exist"),
            (client(&certificate, &missing), "key", "missing.pem: does not exist"),
            (client(&certificate, &certificate), "key", "gateway.crt: has a certificate and no"),
            (
                client(&certificate, &other_key),
                "key",
                "other.key: does not belong to the first certificate in ",
            ),
        ] {
            let error = dialer(https, &tls).unwrap_err();
            assert!(error.starts_with(&format!("upstream.tls.{setting}: ")), "{error}");
            assert!(error.contains(cause), "{error}");
        }
    }

    #[tokio::test]
    async fn connecting_takes_no_longer_than_allowed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let [plain, https] =
            ["http", "https"].map(|scheme| format!("{scheme}://{address}").parse().unwrap());
        let dialer = dialer(&format!("https://{address}"), "").unwrap();
        let dialer = dialer.within(Duration::from_millis(50));
        // The system accepts connections; a handshake needs an answer.
        assert!(dialer.connect(&plain).await.is_ok());
        let error = dialer.connect(&https).await.unwrap_err();
        assert!(matches!(error, DialError::TimedOut(_)), "{error}");
    }
}
