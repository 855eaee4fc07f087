//! A small HTTP client for the admin socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

/// How long an answer may take: a command must not hang on a gateway that does.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// What stands for itself in a path or query (RFC 3986, 2.3); everything else is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A way to the running gateway.
#[derive(Debug)]
pub(super) struct Client {
    socket: PathBuf,
    runtime: Runtime,
}

/// What the gateway said to a request that it did not do.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Refused {
    kind: String,
    detail: String,
}

impl Refused {
    fn new(status: StatusCode, problem: &Value) -> Self {
        let text = |name| problem.get(name).and_then(Value::as_str);
        Self {
            kind: text("type").unwrap_or_default().to_owned(),
            detail: text("detail").unwrap_or(status.as_str()).to_owned(),
        }
    }

    /// Whether it is a problem of this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.kind.strip_prefix("urn:portcullis:problem:") == Some(name)
    }
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { socket, runtime })
    }

    /// Sends a request; the document that is answered, `null` if there is none.
    ///
    /// # Errors
    /// When no gateway answers, or it refuses: in its own words.
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        version: Option<u64>,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "admin.socket")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(version) = version {
            request = request.header(header::IF_MATCH, format!("\"{version}\""));
        }
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)))?;
        let answer = self.runtime.block_on(async {
            tokio::time::timeout(ANSWERED_WITHIN, exchange(&self.socket, request)).await
        });
        let (status, body) = answer.map_err(|_| {
            anyhow!("the gateway at {} has not answered in time", self.socket.display())
        })??;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let document: Value = serde_json::from_slice(&body)
            .with_context(|| format!("what answers at {} is no gateway", self.socket.display()))?;
        if !status.is_success() {
            return Err(Refused::new(status, &document).into());
        }
        Ok(document)
    }
}

async fn exchange(
    socket: &Path,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = UnixStream::connect(socket).await.map_err(|error| no_gateway(socket, &error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>((status, body))
    };
    // The connection carries the exchange, and ends with it.
    let (answer, _) = tokio::join!(exchange, connection);
    answer.with_context(|| format!("the gateway at {} broke off", socket.display()))
}

fn no_gateway(socket: &Path, error: &io::Error) -> anyhow::Error {
    let at = socket.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            anyhow!("{at} is not for you: run this as the user whom the gateway runs as")
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow!(
            "no gateway answers at {at}; start it with `portcullis serve`, or name the socket of \
             another with --socket"
        ),
        _ => anyhow!("the gateway at {at} cannot be reached: {error}"),
    }
}

/// The path of a resource from its segments.
pub(super) fn path(segments: &[&str]) -> String {
    let mut path = "/api/v1".to_owned();
    for segment in segments {
        path.push('/');
        path.extend(utf8_percent_encode(segment, ESCAPED));
    }
    path
}

/// The same with parameters, those that have a value.
pub(super) fn path_with(segments: &[&str], params: &[(&str, Option<&str>)]) -> String {
    let mut path = path(segments);
    for (name, value) in params {
        let Some(value) = value else { continue };
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(name);
        path.push('=');
        path.extend(utf8_percent_encode(value, ESCAPED));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_id_holds_stays_one_segment() {
        assert_eq!(path(&["users", "a/b?c#d e%"]), "/api/v1/users/a%2Fb%3Fc%23d%20e%25");
    }

    #[test]
    fn parameters_without_a_value_are_left_out() {
        let params = [("a", None), ("b", Some("x&y=z")), ("c", Some(""))];
        assert_eq!(path_with(&["users"], &params), "/api/v1/users?b=x%26y%3Dz&c=");
    }

    #[test]
    fn without_a_gateway_the_error_names_the_socket_and_the_way_out() {
        let socket = tempfile::tempdir().unwrap().path().join("admin.sock");
        let client = Client::new(socket.clone()).unwrap();
        let error = client.send(Method::GET, "/", None, None).unwrap_err().to_string();
        assert!(error.contains(&socket.display().to_string()), "{error}");
        assert!(error.contains("portcullis serve"), "{error}");
    }
}
