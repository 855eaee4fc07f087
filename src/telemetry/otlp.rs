//! Sends spans to a collector of OpenTelemetry (OTLP over HTTP, Protocol Buffers).

use std::io;
use std::str::FromStr;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes of a response that are read; its content does not matter.
const MOST_READ: usize = 64 * 1024;

/// A collector, at an `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    url: Uri,
    address: String,
    /// The name in its certificate; `None` in clear text.
    name: Option<ServerName<'static>>,
}

/// Why the URL of a collector is not usable; completes the sentence "`URL` …".
#[derive(Debug, thiserror::Error)]
#[error("is not an http or https URL with a path (e.g. `http://127.0.0.1:4318/v1/traces`)")]
pub struct InvalidUrl;

/// Why spans could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The collector cannot be reached, or its certificate is not valid.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection failed.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The collector refuses.
    #[error("the collector answered with {0}")]
    Refused(StatusCode),
}

impl FromStr for Collector {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let url: Uri = text.parse().map_err(|_| InvalidUrl)?;
        let authority = url.authority().ok_or(InvalidUrl)?;
        let has_path = url.path() != "/" && url.query().is_none();
        let is_https = url.scheme() == Some(&Scheme::HTTPS);
        let has_scheme = is_https || url.scheme() == Some(&Scheme::HTTP);
        if !has_scheme || !has_path || authority.as_str().contains('@') {
            return Err(InvalidUrl);
        }
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let address = format!("{}:{port}", authority.host());
        let name = authority.host().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|_| InvalidUrl)?;
        Ok(Self { url, address, name: is_https.then_some(name) })
    }
}

impl Collector {
    /// Whether connections to it use TLS.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.name.is_some()
    }

    /// Sends an `ExportTraceServiceRequest` on a connection of its own, which `tls` makes if the URL
    /// is `https`.
    ///
    /// # Errors
    /// When the collector cannot be reached, or refuses.
    pub async fn post(&self, tls: Option<&TlsConnector>, body: Vec<u8>) -> Result<(), SendError> {
        let stream = TcpStream::connect(&self.address).await.map_err(SendError::Connect)?;
        let Some(name) = self.name.clone() else { return self.exchange(stream, body).await };
        let no_tls = || SendError::Connect(io::ErrorKind::Unsupported.into());
        let connecting = tls.ok_or_else(no_tls)?.connect(name, stream);
        let stream = connecting.await.map_err(SendError::Connect)?;
        self.exchange(stream, body).await
    }

    async fn exchange<S>(&self, stream: S, body: Vec<u8>) -> Result<(), SendError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.path().parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, const { media_type() });
        if let Ok(host) = self.address.parse() {
            headers.insert(header::HOST, host);
        }
        let exchange = async move {
            let response = sender.send_request(request).await?;
            let status = response.status();
            // Whatever it says; a longer answer is cut off with the connection.
            drop(Limited::new(response.into_body(), MOST_READ).collect().await);
            if status.is_success() { Ok(()) } else { Err(SendError::Refused(status)) }
        };
        // The connection must be polled for the exchange to make progress; it ends with it.
        let (sent, _) = tokio::join!(exchange, connection);
        sent
    }
}

const fn media_type() -> http::HeaderValue {
    http::HeaderValue::from_static("application/x-protobuf")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::crypto::ring;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    #[test]
    fn collector_is_a_url_with_a_path() {
        for (text, address) in [
            ("http://127.0.0.1:4318/v1/traces", "127.0.0.1:4318"),
            ("http://[::1]/v1/traces", "[::1]:80"),
            ("https://otel.example/v1/traces", "otel.example:443"),
        ] {
            let collector = text.parse::<Collector>().unwrap();
            assert_eq!(collector.address, address);
            assert_eq!(collector.is_https(), text.starts_with("https"));
        }
        for text in ["ftp://otel.example/v1", "https://otel.example", "otel", "http://a@b/v1", ""] {
            assert!(text.parse::<Collector>().is_err(), "{text}");
        }
    }

    /// A collector over TLS that answers one request with 200, and its authority.
    async fn over_tls() -> (Collector, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/v1/traces", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate ends the handshake.
            let accepted = TlsAcceptor::from(Arc::new(config)).accept(stream).await;
            let Ok(mut stream) = accepted else { return };
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        });
        (url.parse().unwrap(), certificate)
    }

    fn trusting(authority: Option<CertificateDer<'static>>) -> TlsConnector {
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(authority);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(authorities)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    #[tokio::test]
    async fn certificate_of_a_collector_is_verified() {
        let (collector, authority) = over_tls().await;
        let tls = trusting(Some(authority));
        assert!(collector.post(Some(&tls), Vec::new()).await.is_ok());
        let (collector, _) = over_tls().await;
        let refused = collector.post(Some(&trusting(None)), Vec::new()).await;
        assert!(matches!(refused, Err(SendError::Connect(_))), "{refused:?}");
        let (collector, _) = over_tls().await;
        assert!(collector.post(None, Vec::new()).await.is_err(), "never in clear text");
    }
}
