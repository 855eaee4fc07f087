//! A connection spoken over in bytes, to say what no HTTP library would.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use crate::support::client::within;
use crate::support::http1::{self, Body, Head};

/// What bytes go over: clear text or TLS.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// One connection to the gateway.
pub(crate) struct Wire(pub(crate) BufReader<Box<dyn Io>>);

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct WireReply {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Body,
}

impl Wire {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends what the gateway may refuse to read to its end.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        let stream = self.0.get_mut();
        stream.write_all(bytes.as_ref()).await?;
        stream.flush().await
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        // The gateway may have closed already.
        let _ = self.0.get_mut().shutdown().await;
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&mut self) -> Head {
        let head = within("the head of an answer", http1::head(&mut self.0)).await;
        head.unwrap().expect("an answer, but the connection was closed")
    }

    /// Reads an answer to a request that was not HEAD.
    pub(crate) async fn reply(&mut self) -> WireReply {
        let head = self.head().await;
        let status = status(&head);
        let bodiless = matches!(status, 100..=199 | 204 | 304);
        let body = if bodiless {
            Body::default()
        } else {
            within("a body", http1::body(&mut self.0, &head, true)).await.unwrap()
        };
        WireReply { status, head, body }
    }

    /// Reads to the end of the connection, which must come; a reset is an end too.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // What came before a reset counts.
        let _ = within("the end of a connection", self.0.read_to_end(&mut rest)).await;
        rest
    }
}

impl WireReply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body.bytes).into_owned()
    }
}

/// The status of an answer.
pub(crate) fn status(head: &Head) -> u16 {
    let status = head.first.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("a status line: {:?}", head.first))
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
pub(crate) fn http2_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
