//! What is set on TCP sockets, to clients and to the portal.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Silence after which a peer is asked whether it is still there.
const ASKED_AFTER: Duration = Duration::from_secs(45);
/// Time between these questions.
const ASKED_EVERY: Duration = Duration::from_secs(15);
/// Questions without an answer, after which the connection is closed.
const ASKED: u32 = 3;
/// Bytes that the system takes before it has sent what it has.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 64 * 1024;

/// Closes a connection whose peer is gone without having said so, 90 seconds after it was last
/// heard of.
///
/// # Errors
/// When the system does not take the setting.
pub fn keep_alive(socket: &SockRef<'_>) -> io::Result<()> {
    let questions =
        TcpKeepalive::new().with_time(ASKED_AFTER).with_interval(ASKED_EVERY).with_retries(ASKED);
    socket.set_tcp_keepalive(&questions)
}

/// What the connections that a listening socket accepts have from their beginning:
/// [`keep_alive`], no delay (TCP_NODELAY), an end when what has been sent is not acknowledged for as long as that or for
/// `stalled`, whichever is longer, and a bound on what the system takes without sending it. With
/// that bound, what has been written has nearly been sent.
///
/// # Errors
/// When the system does not take a setting.
pub fn before_accepting(listener: &SockRef<'_>, stalled: Duration) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    keep_alive(listener)?;
    #[cfg(target_os = "linux")]
    {
        let gone = ASKED_AFTER + ASKED_EVERY * ASKED;
        listener.set_tcp_user_timeout(Some(gone.max(stalled)))?;
        listener.set_tcp_notsent_lowat(UNSENT)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stalled;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn i12_accepted_connections_notice_a_client_that_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        before_accepting(&SockRef::from(&listener), Duration::from_secs(60)).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        assert!(accepted.keepalive().unwrap());
        assert!(accepted.tcp_nodelay().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), ASKED_AFTER);
        assert_eq!(accepted.tcp_keepalive_interval().unwrap(), ASKED_EVERY);
        assert_eq!(accepted.tcp_keepalive_retries().unwrap(), ASKED);
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(Duration::from_secs(90)));
        assert_eq!(accepted.tcp_notsent_lowat().unwrap(), UNSENT);
    }
}
