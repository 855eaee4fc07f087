//! The same bytes read by hyper's client, to compare with.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{Method, Request, StatusCode};
use http_body::Body as _;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};

/// More turns than any message takes.
const TURNS: usize = 5_000;

/// A server that answers a request with these bytes and closes the connection.
struct Server<'d> {
    bytes: &'d [u8],
    asked: bool,
}

impl Read for Server<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            return Poll::Pending;
        }
        let (now, later) = self.bytes.split_at(self.bytes.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

impl Write for Server<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper's client reads in response to a request with this method: status and body.
pub(crate) fn read(
    bytes: &[u8],
    method: &Method,
) -> Result<(StatusCode, Vec<u8>), Box<dyn std::error::Error>> {
    let cx = &mut Context::from_waker(Waker::noop());
    let server = Server { bytes, asked: false };
    let Poll::Ready(client) = pin!(http1::handshake::<_, String>(server)).poll(cx) else {
        return Err("there is nothing to wait for in a handshake".into());
    };
    let (mut client, connection) = client?;
    let mut connection = pin!(connection);
    let request = Request::builder().method(method).uri("/").header("host", "a");
    let mut response = pin!(client.send_request(request.body(String::new())?));
    let mut body = None;
    let mut read = Vec::new();
    for _ in 0..TURNS {
        let _ = connection.as_mut().poll(cx);
        let Some((_, body)) = &mut body else {
            if let Poll::Ready(response) = response.as_mut().poll(cx) {
                let response = response?;
                body = Some((response.status(), response.into_body()));
            }
            continue;
        };
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(frame)) => {
                read.extend_from_slice(&frame?.into_data().unwrap_or_default());
            }
            Poll::Ready(None) => break,
            Poll::Pending => {}
        }
    }
    let (status, _) = body.ok_or("no response")?;
    Ok((status, read))
}
