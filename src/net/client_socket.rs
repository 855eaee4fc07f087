//! The sockets of portal traffic: TCP, and Unix sockets for proxies on the same machine.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::config::ListenAddress;
use crate::web::peer::Peer;
use portcullis_http1::socket;

/// A socket that listens, in non-blocking mode.
#[derive(Debug)]
pub enum ListeningSocket {
    /// On a TCP address.
    Tcp(TcpListener),
    /// At this path. The system may name another, because a socket is renamed after it was bound.
    Unix(UnixListener, PathBuf),
}

/// A listening socket that connections are accepted from.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// A connection that belongs to no thread.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// The connection of a client. One type for both, because the code that serves it is large.
#[derive(Debug)]
pub(super) enum ClientSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl ListeningSocket {
    /// A Unix socket that was passed.
    #[must_use]
    pub fn passed(listener: UnixListener) -> Self {
        let address = listener.local_addr().ok();
        // A socket in the abstract namespace has no path.
        let path = address.and_then(|address| address.as_pathname().map(PathBuf::from));
        Self::Unix(listener, path.unwrap_or_default())
    }

    /// Where it listens. `None` if the system does not say.
    #[must_use]
    pub fn address(&self) -> Option<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(ListenAddress::Tcp),
            Self::Unix(_, path) => Some(ListenAddress::Unix(path.clone())),
        }
    }

    /// Registers it with the event loop of this thread. A TCP connection that is accepted detects a
    /// client that is gone, and one that takes nothing for `stalled`.
    pub(super) fn attach(self, stalled: Duration) -> io::Result<Listener> {
        match self {
            Self::Tcp(listener) => {
                if let Err(error) = socket::configure_listener(&SockRef::from(&listener), stalled) {
                    tracing::warn!(
                        %error,
                        "cannot set socket options; connections of clients that are gone stay open \
                         longer"
                    );
                }
                tokio::net::TcpListener::from_std(listener).map(Listener::Tcp)
            }
            Self::Unix(listener, _) => {
                tokio::net::UnixListener::from_std(listener).map(Listener::Unix)
            }
        }
    }
}

impl Listener {
    /// Accepts the next connection.
    pub(super) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Accepted::Tcp(stream.into_std()?), address.ip().into()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream.into_std()?), Peer::Unix))
            }
        }
    }
}

impl Accepted {
    /// Registers it with the event loop of this thread.
    pub(super) fn attach(self) -> io::Result<ClientSocket> {
        match self {
            Self::Tcp(stream) => {
                // On Linux, connections inherit this from the listening socket.
                #[cfg(not(target_os = "linux"))]
                stream.set_nodelay(true)?;
                TcpStream::from_std(stream).map(ClientSocket::Tcp)
            }
            Self::Unix(stream) => UnixStream::from_std(stream).map(ClientSocket::Unix),
        }
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }
}
