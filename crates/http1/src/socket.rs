//! Options of TCP sockets, to clients and to servers.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Idle time before the first keepalive probe.
const KEEPALIVE_TIME: Duration = Duration::from_secs(45);
/// Time between probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Unanswered probes after which the connection is closed.
const KEEPALIVE_PROBES: u32 = 3;
/// Most unsent bytes that the system buffers for a socket.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 64 * 1024;

/// Enables TCP keepalive, which closes a connection 90 seconds after the last packet of a peer that
/// has disappeared.
///
/// # Errors
/// When the system refuses the option.
pub fn set_keepalive(socket: &SockRef<'_>) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)
}

/// Sets options on a listening socket that the connections it accepts inherit: [`set_keepalive`],
/// `TCP_NODELAY`, and on Linux two more. `TCP_USER_TIMEOUT` closes a connection when sent data is
/// not acknowledged for 90 s or for `stalled`, whichever is longer. `TCP_NOTSENT_LOWAT` bounds the
/// unsent data in the system, so that what has been written has almost been sent.
///
/// # Errors
/// When the system refuses an option.
pub fn configure_listener(listener: &SockRef<'_>, stalled: Duration) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    set_keepalive(listener)?;
    #[cfg(target_os = "linux")]
    {
        let dead = KEEPALIVE_TIME + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES;
        listener.set_tcp_user_timeout(Some(dead.max(stalled)))?;
        listener.set_tcp_notsent_lowat(MAX_UNSENT)?;
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
    fn i12_accepted_connections_detect_a_dead_client() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        configure_listener(&SockRef::from(&listener), Duration::from_secs(60)).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        assert!(accepted.keepalive().unwrap());
        assert!(accepted.tcp_nodelay().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), KEEPALIVE_TIME);
        assert_eq!(accepted.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(accepted.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(Duration::from_secs(90)));
        assert_eq!(accepted.tcp_notsent_lowat().unwrap(), MAX_UNSENT);
    }
}
