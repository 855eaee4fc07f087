//! An HTTP client for the admin socket.

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

use crate::web::problem::TYPE_PREFIX;

/// Maximum time for the next part of a response, so that a command does not hang if the gateway does.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Everything except the unreserved characters (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Calls the API of a running gateway.
#[derive(Debug)]
pub(super) struct Client {
    socket: PathBuf,
    runtime: Runtime,
    patience: Duration,
}

/// The gateway accepts the connection and does not respond in time.
#[derive(Debug, thiserror::Error)]
#[error("the gateway at {} did not respond within {} s", .socket.display(), .patience.as_secs())]
pub(super) struct Silent {
    socket: PathBuf,
    patience: Duration,
}

/// An error response of the API. Displayed as the `detail` of its problem document.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct ApiError {
    kind: String,
    detail: String,
    current: Value,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, problem: &Value) -> Self {
        let text = |name| problem.get(name).and_then(Value::as_str);
        Self {
            kind: text("type").unwrap_or_default().to_owned(),
            detail: text("detail").unwrap_or(status.as_str()).to_owned(),
            current: problem.get("current").cloned().unwrap_or_default(),
        }
    }

    /// The record as it is now, if it was changed since it was read; otherwise `null`.
    pub(super) fn current(&self) -> &Value {
        &self.current
    }

    /// Whether the `type` of the problem has this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.kind.strip_prefix(TYPE_PREFIX) == Some(name)
    }
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { socket, runtime, patience: TIMEOUT })
    }

    /// The same, waiting no longer than this for the next part of a response.
    pub(super) fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Waits before the gateway is asked again.
    pub(super) fn pause(&self, duration: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(duration).await });
    }

    /// Sends a request and returns the document of the response, `null` if it has none.
    ///
    /// # Errors
    /// If the gateway cannot be reached, or responds with an error ([`ApiError`]).
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
        self.answered(request.body(Full::new(Bytes::from(body)))?)
    }

    /// Posts a file of this media type and returns the document of the response.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) fn post_file(
        &self,
        path: &str,
        media_type: &str,
        file: Bytes,
    ) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "admin.socket")
            .header(header::CONTENT_TYPE, media_type);
        self.answered(request.body(Full::new(file))?)
    }

    /// The document of the response to a request.
    fn answered(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Value> {
        let mut body = Vec::new();
        let status = self.exchange(request, &mut |_, part| {
            body.extend_from_slice(part);
            Ok(())
        })?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let document = self.document(&body)?;
        if !status.is_success() {
            return Err(ApiError::new(status, &document).into());
        }
        Ok(document)
    }

    /// Sends a GET request and passes the body of the response to `take`, part by part.
    ///
    /// # Errors
    /// As [`Self::send`]; also if the response is cut off, and the errors of `take`.
    pub(super) fn read(
        &self,
        path: &str,
        take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let request = Request::builder().uri(path).header(header::HOST, "admin.socket");
        let mut problem = Vec::new();
        let status = self.exchange(request.body(Full::default())?, &mut |status, part| {
            if status.is_success() {
                return take(part);
            }
            problem.extend_from_slice(part);
            Ok(())
        })?;
        if status.is_success() {
            return Ok(());
        }
        Err(ApiError::new(status, &self.document(&problem)?).into())
    }

    fn document(&self, body: &[u8]) -> anyhow::Result<Value> {
        serde_json::from_slice(body)
            .with_context(|| format!("{} is not a Portcullis admin socket", self.socket.display()))
    }

    fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        take: &mut Take<'_>,
    ) -> anyhow::Result<StatusCode> {
        self.runtime.block_on(exchange((self.socket.as_path(), self.patience), request, take))
    }
}

/// Appends the command that helps to an error response of this type.
pub(super) fn with_command(error: anyhow::Error, kind: &str, command: &str) -> anyhow::Error {
    match error.downcast_ref::<ApiError>() {
        Some(refused) if refused.is(kind) => anyhow!("{refused}: `{command}`"),
        _ => error,
    }
}

/// Names the option instead of the field of the API in an error response.
pub(super) fn with_option(error: anyhow::Error, field: &str, option: &str) -> anyhow::Error {
    match error.downcast_ref::<ApiError>() {
        Some(refused) => {
            let detail = refused.to_string().replace(&format!("`{field}`"), &format!("`{option}`"));
            match detail.strip_prefix(&format!("{field}: ")) {
                Some(message) => anyhow!("{option}: {message}"),
                None => anyhow!(detail),
            }
        }
        None => error,
    }
}

/// Receives each part of a body, with the status of the response.
type Take<'a> = dyn FnMut(StatusCode, &[u8]) -> anyhow::Result<()> + 'a;

async fn exchange(
    (socket, patience): (&Path, Duration),
    request: Request<Full<Bytes>>,
    take: &mut Take<'_>,
) -> anyhow::Result<StatusCode> {
    let stream =
        UnixStream::connect(socket).await.map_err(|error| cannot_connect(socket, &error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let closed = || format!("{} closed the connection", socket.display());
    let exchange = async move {
        let sent = sender.send_request(request);
        let response = in_time(socket, patience, sent).await?.with_context(closed)?;
        let status = response.status();
        let mut body = response.into_body();
        while let Some(frame) = in_time(socket, patience, body.frame()).await? {
            if let Some(part) = frame.with_context(closed)?.data_ref() {
                take(status, part)?;
            }
        }
        Ok(status)
    };
    // The connection must be polled for the exchange to make progress; it ends with it.
    let (response, _) = tokio::join!(exchange, connection);
    response
}

/// The next part of a response.
async fn in_time<F: Future>(
    socket: &Path,
    patience: Duration,
    part: F,
) -> Result<F::Output, Silent> {
    let in_time = tokio::time::timeout(patience, part).await;
    in_time.map_err(|_| Silent { socket: socket.to_owned(), patience })
}

fn cannot_connect(socket: &Path, error: &io::Error) -> anyhow::Error {
    let at = socket.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            anyhow!("permission denied: {at}; run this as the user that runs the gateway")
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow!(
            "no gateway is running at {at}; start it with `portcullis serve`, or use --socket to \
             name another socket"
        ),
        _ => anyhow!("cannot connect to {at}: {error}"),
    }
}

/// The path of a resource, with its segments percent-encoded.
pub(super) fn path(segments: &[&str]) -> String {
    let mut path = "/api/v1".to_owned();
    for segment in segments {
        path.push('/');
        path.extend(utf8_percent_encode(segment, ESCAPED));
    }
    path
}

/// The same with a query of the parameters that have a value.
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
    fn an_id_is_always_one_segment() {
        assert_eq!(path(&["users", "a/b?c#d e%"]), "/api/v1/users/a%2Fb%3Fc%23d%20e%25");
    }

    #[test]
    fn parameters_without_a_value_are_omitted() {
        let params = [("a", None), ("b", Some("x&y=z")), ("c", Some(""))];
        assert_eq!(path_with(&["users"], &params), "/api/v1/users?b=x%26y%3Dz&c=");
    }

    #[test]
    fn a_gateway_that_says_nothing_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let client = Client::new(socket.clone()).unwrap().within(Duration::from_millis(50));
        let error = client.send(Method::GET, "/", None, None).unwrap_err();
        let silent = error.downcast_ref::<Silent>().unwrap().to_string();
        assert!(silent.contains(&socket.display().to_string()), "{silent}");
    }

    #[test]
    fn a_missing_gateway_is_reported_with_its_socket() {
        let socket = tempfile::tempdir().unwrap().path().join("admin.sock");
        let client = Client::new(socket.clone()).unwrap();
        let error = client.send(Method::GET, "/", None, None).unwrap_err().to_string();
        assert!(error.contains(&socket.display().to_string()), "{error}");
        assert!(error.contains("portcullis serve"), "{error}");
    }
}
