//! Sends spans to a collector of OpenTelemetry (OTLP over HTTP, Protocol Buffers).

use std::io;
use std::str::FromStr;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Bytes of a response that are read; its content does not matter.
const MOST_READ: usize = 64 * 1024;

/// A collector in clear text: one on this host, which encrypts what it passes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    url: Uri,
    address: String,
}

/// Why the URL of a collector is not usable; completes the sentence "`URL` …".
#[derive(Debug, thiserror::Error)]
#[error("is not an http URL with a path (e.g. `http://127.0.0.1:4318/v1/traces`)")]
pub struct InvalidUrl;

/// Why spans could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The collector cannot be reached.
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
        if url.scheme() != Some(&Scheme::HTTP) || !has_path || authority.as_str().contains('@') {
            return Err(InvalidUrl);
        }
        let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        Ok(Self { url, address })
    }
}

impl Collector {
    /// Sends an `ExportTraceServiceRequest` on a connection of its own.
    ///
    /// # Errors
    /// When the collector cannot be reached, or refuses.
    pub async fn post(&self, body: Vec<u8>) -> Result<(), SendError> {
        let stream = TcpStream::connect(&self.address).await.map_err(SendError::Connect)?;
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
    use super::*;

    #[test]
    fn collector_is_an_http_url_with_a_path() {
        for text in ["http://127.0.0.1:4318/v1/traces", "http://[::1]:4318/v1/traces"] {
            assert!(text.parse::<Collector>().is_ok(), "{text}");
        }
        for text in
            ["https://otel.example/v1/traces", "http://otel.example", "otel", "http://a@b/v1", ""]
        {
            assert!(text.parse::<Collector>().is_err(), "{text}");
        }
    }
}
